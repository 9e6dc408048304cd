//! `$validate` (<https://hl7.org/fhir/R4/resource-operation-validate.html>): what is wrong with a resource, without
//! storing it. The resource is the body itself, or the part `resource` of Parameters; `profile` names what to check it
//! against besides what it claims; with `mode` create or update also what the gateway
//! demands of what is sent. Findings are the answer, so it is 200 however many there are.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::{StatusCode, Uri};

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Node, outcome};
use crate::security::Caller;

use super::address::Kind;
use crate::http::body::Resource;
use crate::http::edge::Edge;
use crate::http::query;
use crate::http::reply::{self, Answer, FHIR_JSON};

/// `POST [base]/$validate`: a resource of any type.
pub(in crate::http) async fn any(
    State(edge): State<Edge>,
    _: Caller,
    uri: Uri,
    Resource(document): Resource,
) -> Answer {
    let issues = validate(&edge, &document, None, uri.query()).await?;
    Ok(reply::body(StatusCode::OK, FHIR_JSON, outcome::to_text(&issues)))
}

/// `POST [base]/[type]/$validate`: a resource of this type.
pub(in crate::http) async fn typed(
    State(edge): State<Edge>,
    _: Caller,
    Kind(kind): Kind,
    uri: Uri,
    Resource(document): Resource,
) -> Answer {
    let issues = validate(&edge, &document, Some(&kind), uri.query()).await?;
    Ok(reply::body(StatusCode::OK, FHIR_JSON, outcome::to_text(&issues)))
}

async fn validate(edge: &Edge, document: &Document, kind: Option<&str>, query: Option<&str>) -> Result<Vec<Issue>> {
    let mut profiles = Vec::new();
    let mut as_sent = false;
    for (name, value) in query::pairs(query.unwrap_or_default())? {
        match name.as_str() {
            "profile" => profiles.push(value),
            // Whoever is going to send it learns what is demanded of what is sent.
            "mode" => as_sent = is_sending(&value),
            "_format" | "_pretty" => {}
            _ => return Err(Error::incorrect(Key::Parameter, "$validate takes profile and mode")),
        }
    }
    let root = document.root();
    let resource = match wrapped(root) {
        Some(part) => {
            let parts = root.list("parameter").filter(|part| is_named(*part, "profile"));
            profiles.extend(parts.filter_map(profile));
            let mode =
                root.list("parameter").find(|part| is_named(*part, "mode")).and_then(|part| part.str("valueCode"));
            as_sent |= mode.is_some_and(|mode| is_sending(&mode));
            part
        }
        None => root,
    };
    let named = resource.str("resourceType").unwrap_or_default();
    if let Some(kind) = kind.filter(|kind| *kind != named) {
        let said = format!("expected a {kind}, as the URL says");
        let node = resource.get("resourceType").unwrap_or(resource);
        return Ok(vec![Issue::error_at(Key::NotAResource, node, said)]);
    }
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    Ok(edge.exchange.validate(resource, &profiles, as_sent).await)
}

fn is_sending(mode: &str) -> bool {
    matches!(mode, "create" | "update")
}

/// The resource inside the operation's own Parameters.
fn wrapped(root: Node<'_>) -> Option<Node<'_>> {
    if !root.get("resourceType")?.is_str("Parameters") {
        return None;
    }
    root.list("parameter").find(|part| is_named(*part, "resource"))?.get("resource")
}

fn profile(part: Node<'_>) -> Option<String> {
    ["valueUri", "valueCanonical", "valueUrl"].iter().find_map(|name| part.str(name)).map(Cow::into_owned)
}

fn is_named(part: Node<'_>, name: &str) -> bool {
    part.get("name").is_some_and(|of| of.is_str(name))
}
