//! What the path of a FHIR request names: a type, a resource, a version
//! (<https://hl7.org/fhir/R4/http.html#styleguide>). A type that R4 does not know answers 404, as the standard says,
//! with the name that was probably meant.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts as Head;
use percent_encoding::percent_decode_str;

use crate::definitions::Definitions;
use crate::error::{Category, Error, Result};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Issue, Key, ResourceKey, primitive};
use crate::referral::kept_types;

use crate::server::app_state::AppState;
use crate::server::reply::Refusal;

/// A resource type of R4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind(pub(super) String);

/// A resource type that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptKind(pub(super) String);

/// A resource, by its type, which is taken in, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item(pub(super) ResourceKey);

impl FromRequestParts<AppState> for Kind {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(kind(&type_segment(head, app_state).await?, app_state.checker.definitions())?))
    }
}

impl FromRequestParts<AppState> for KeptKind {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(kept_kind(&parameter(head, app_state, "type").await?, app_state.checker.definitions())?))
    }
}

impl FromRequestParts<AppState> for Item {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        let kind = kept_kind(&parameter(head, app_state, "type").await?, app_state.checker.definitions())?;
        Ok(Self(item(kind, parameter(head, app_state, "id").await?)?))
    }
}

/// The type in the path: a parameter of the route, or a segment of it.
async fn type_segment(head: &mut Head, app_state: &AppState) -> Result<String> {
    match parameter(head, app_state, "type").await {
        Ok(named) => Ok(named),
        Err(_) => decode(head.uri.path().split('/').nth(2).unwrap_or_default()),
    }
}

async fn parameter(head: &mut Head, app_state: &AppState, name: &str) -> Result<String> {
    let parameters = RawPathParams::from_request_parts(head, app_state).await;
    let parameters = parameters.map_err(|_| Error::incorrect(Key::Parameter, "the path is not UTF-8"))?;
    let found = parameters.iter().find(|(of, _)| *of == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Error::fault(format!("the route has no {name}")))
}

/// The type with this name.
///
/// # Errors
/// 404 for one that R4 does not have, with the name that was probably meant.
pub(super) fn kind(name: &str, definitions: &Definitions) -> Result<String> {
    if definitions.is_resource_type(name) {
        return Ok(name.to_owned());
    }
    let message = format!("\"{}\" is no resource type of FHIR R4", excerpt(name));
    let mut issue = Issue::error(Key::UnknownType, "", message);
    if let Some(nearest) = nearest(name, definitions.resource_types().iter().map(String::as_str)) {
        issue = issue.hint(format!("did you mean {nearest}?"));
    }
    Err(Error::new(Category::NotFound, issue))
}

/// The type with this name, of which resources are taken in.
///
/// # Errors
/// 404 for one that R4 does not have, and for one of which nothing is here
/// (<https://hl7.org/fhir/R4/http.html#create>: resource type not supported).
pub(super) fn kept_kind(name: &str, definitions: &Definitions) -> Result<String> {
    let kind = kind(name, definitions)?;
    if kept_types::is_kept(&kind) {
        return Ok(kind);
    }
    let message = format!("a {kind} is not taken in, and none is here: {}", kept_types::why_not(&kind));
    let issue = Issue::error(Key::NotSupported, "", message)
        .hint(format!("taken in are {}", kept_types::KEPT_TYPES.join(", ")));
    Err(Error::new(Category::NotFound, issue))
}

/// The resource of this type with this id.
///
/// # Errors
/// 404 for what is no id.
pub(super) fn item(kind: String, id: String) -> Result<ResourceKey> {
    if id == "_history" {
        let message = "the history of a whole type is not served; that of one resource is";
        return Err(Error::new(Category::NotFound, Issue::error(Key::NotSupported, "", message)));
    }
    if primitive::is_id(&id) {
        return Ok(ResourceKey { kind, id });
    }
    let message = format!("\"{}\" is no id; no {kind} has it", excerpt(&id));
    Err(Error::new(Category::NotFound, Issue::error(Key::InvalidId, "", message)))
}

/// The version of a resource with this number.
///
/// # Errors
/// 404 for what is no number.
pub(super) fn version(key: &ResourceKey, number: &str) -> Result<u64> {
    number.parse().map_err(|_| Error::not_found(format!("this version of {key}")))
}

/// A segment of a path, decoded.
///
/// # Errors
/// If what it stands for is not UTF-8.
pub(super) fn decode(segment: &str) -> Result<String> {
    let decoded = percent_decode_str(segment).decode_utf8();
    Ok(decoded.map_err(|_| Error::incorrect(Key::Parameter, "the path is not UTF-8"))?.into_owned())
}

/// What the client wrote, short and printable.
fn excerpt(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let known = ["Patient", "Practitioner", "ServiceRequest", "Task"];
        for (name, expected) in [
            ("task", Some("Task")),
            ("Patients", Some("Patient")),
            ("ServiceReqest", Some("ServiceRequest")),
            ("Dog", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn an_id_has_the_form_of_one() {
        assert_eq!(item("Task".to_owned(), "a-1".to_owned()).unwrap(), ResourceKey::new("Task", "a-1"));
        for id in ["a_b", "", "_history", &"x".repeat(65)] {
            assert_eq!(item("Task".to_owned(), id.to_owned()).unwrap_err().category, Category::NotFound, "{id}");
        }
    }
}
