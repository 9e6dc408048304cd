//! Why nothing is checked.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

use super::request::Mode;

/// The mode has no meaning at this address.
pub(super) fn misplaced(mode: Mode, of: &str) -> Error {
    let issue = Issue::error(Key::Parameter, "", format!("mode={} is not asked of this address", mode.code()));
    Error::new(Category::Incorrect, issue.hint(format!("ask it of {of}")))
}

/// The operation cannot do without this parameter.
pub(super) fn absent(name: &str) -> Error {
    let issue = Issue::error(
        Key::Parameter,
        "",
        format!("the parameter {name} is absent, and nothing can be checked without it"),
    );
    Error::new(Category::Incorrect, issue.hint(format!("send {name}, in Parameters or as the operation allows")))
}

/// Nothing depends on a condition where nothing is going to be sent.
pub(super) fn needless(condition: &str, mode: Mode) -> Error {
    let text = format!("nothing depends on {condition} here; it belongs to mode={}", mode.code());
    Error::incorrect(Key::Parameter, text)
}
