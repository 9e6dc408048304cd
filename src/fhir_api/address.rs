//! What the path of a FHIR request names: a type, a resource, a version
//! (<https://hl7.org/fhir/R4/http.html#styleguide>). A type that R4 does not know answers 404, as the standard says,
//! with the name that was probably meant.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts as Head;

use crate::definitions::Definitions;
use crate::error::{Category, Error, Result};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Issue, Key, ResourceKey, primitive};

use crate::server::app_state::AppState;
use crate::server::reply::Refusal;

/// A resource type of R4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind(pub(super) String);

/// A resource, by type and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item(pub(super) ResourceKey);

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(pub(super) ResourceKey, pub(super) u64);

impl FromRequestParts<AppState> for Kind {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(kind(&parameter(head, app_state, "type").await?, app_state.checker.definitions())?))
    }
}

impl FromRequestParts<AppState> for Item {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        let kind = kind(&parameter(head, app_state, "type").await?, app_state.checker.definitions())?;
        Ok(Self(item(kind, parameter(head, app_state, "id").await?)?))
    }
}

impl FromRequestParts<AppState> for Version {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Refusal> {
        let Item(key) = Item::from_request_parts(head, app_state).await?;
        let version = parameter(head, app_state, "version").await?;
        let number = version.parse().map_err(|_| Error::not_found(format!("this version of {key}")))?;
        Ok(Self(key, number))
    }
}

async fn parameter(head: &mut Head, app_state: &AppState, name: &str) -> Result<String> {
    let parameters = RawPathParams::from_request_parts(head, app_state).await;
    let parameters = parameters.map_err(|_| Error::incorrect(Key::Parameter, "the path is not UTF-8"))?;
    let found = parameters.iter().find(|(of, _)| *of == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Error::fault(format!("the route has no {name}")))
}

fn kind(name: &str, definitions: &Definitions) -> Result<String> {
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

fn item(kind: String, id: String) -> Result<ResourceKey> {
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
