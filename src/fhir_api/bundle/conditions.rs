//! What the request of an entry makes its effect depend on
//! (<https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.ifMatch> and its like). Each method takes what
//! the request alone takes; any other condition is refused, and never passed over.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::fhir::precondition::VersionTags;
use crate::fhir::{Key, Node, Preconditions};
use crate::server::entity_tag;

use super::located::located;

/// Every condition that the request of an entry may have.
const CONDITIONS: &[&str] = &["ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist"];

/// The conditions of a GET.
///
/// # Errors
/// For one that is not taken or cannot be read.
pub(super) fn of_read(request: Node<'_>) -> Result<Preconditions> {
    check_taken(request, &["ifMatch", "ifNoneMatch", "ifModifiedSince"])?;
    let modified_since = match request.get("ifModifiedSince") {
        None => None,
        Some(node) => Some(time(node)?),
    };
    Ok(Preconditions { modified_since, ..versions(request)? })
}

/// The conditions of a PUT.
///
/// # Errors
/// As [`of_read`].
pub(super) fn of_update(request: Node<'_>) -> Result<Preconditions> {
    check_taken(request, &["ifMatch", "ifNoneMatch"])?;
    versions(request)
}

/// The search that must find nothing, of a POST.
///
/// # Errors
/// As [`of_read`].
pub(super) fn of_create(request: Node<'_>) -> Result<Option<String>> {
    check_taken(request, &["ifNoneExist"])?;
    // One that is no text is refused where the Bundle's form is checked.
    Ok(request.str("ifNoneExist").map(Cow::into_owned))
}

fn check_taken(request: Node<'_>, taken: &[&str]) -> Result<()> {
    // What no request of a Bundle has is refused where the Bundle's form is checked.
    let is_condition = |name: &str| CONDITIONS.contains(&name) && !taken.contains(&name);
    match request.members().find(|member| is_condition(member.name())) {
        None => Ok(()),
        Some(other) => {
            let method = request.str("method").unwrap_or_default();
            let text = format!("{:.40} is not evaluated for a {method}; it takes {}", other.name(), taken.join(", "));
            Err(at(other, &text))
        }
    }
}

fn versions(request: Node<'_>) -> Result<Preconditions> {
    let (is_version, is_no_version) = (tags(request, "ifMatch")?, tags(request, "ifNoneMatch")?);
    Ok(Preconditions { is_version, is_no_version, ..Preconditions::default() })
}

/// Entity tags as `W/"3"` or `"3"`, lists of them, `*`; or the number alone, which many clients write here.
fn tags(request: Node<'_>, name: &str) -> Result<Option<VersionTags>> {
    let Some(node) = request.get(name) else { return Ok(None) };
    let text = node.as_str().unwrap_or_default();
    let alone = entity_tag::version(text.trim()).map(|version| VersionTags::OneOf(vec![version]));
    let tags = alone.or_else(|| entity_tag::read_list(&text));
    tags.map(Some).ok_or_else(|| at(node, "expected a version, as W/\"3\", a list of them, or *"))
}

/// A time. HTTP writes whole seconds, and so it is compared.
fn time(node: Node<'_>) -> Result<Timestamp> {
    let time = node.as_str().unwrap_or_default().parse();
    time.map_err(|_| at(node, "expected a time, as 2026-11-21T10:00:00Z"))
}

fn at(node: Node<'_>, text: &str) -> Error {
    located(Error::incorrect(Key::Parameter, text), node)
}
