//! What is said about methods and paths that are in no table of routes.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

/// Why nothing is deleted.
pub(crate) const NO_DELETE: &str =
    "DELETE is not served: what was sent is kept; set the status to entered-in-error instead";

/// A method that its path does not serve.
pub(crate) fn method(name: &str) -> Error {
    let message = match name {
        "DELETE" => NO_DELETE,
        "PATCH" => "PATCH is not served: read the resource, change it, and PUT it with If-Match",
        _ => "the method is not served here; the Allow header lists those that are",
    };
    Error::new(Category::Unsupported, Issue::error(Key::NotSupported, "", message))
}

/// A path that is not served.
pub(crate) fn path() -> Error {
    let issue = Issue::error(Key::NotFound, "", "there is nothing at this address")
        .hint("FHIR is served under /fhir (see /fhir/metadata), the agency API under /agency/v1 (see /agency/v1/openapi.json)");
    Error::new(Category::NotFound, issue)
}
