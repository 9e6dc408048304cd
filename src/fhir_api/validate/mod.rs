//! `$validate` (<https://hl7.org/fhir/R4/resource-operation-validate.html>): what is wrong with a resource, without
//! storing it. With `mode` create or update, also what would become of it if this client sent it now.
//!
//! Findings are the answer, so it is 200 however many there are; anything else means that nothing was checked. A profile
//! that is not at hand is a finding too, an information.

mod content;
mod refusal;
mod request;
mod stored;

pub(super) use stored::StoredValidation;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use self::content::check_content;
use self::refusal::{absent, misplaced, needless};
use self::request::{Mode, ValidateRequest};
use super::address::{Item, Kind};
use crate::error::{Error, Result};
use crate::fhir::authored::operation_outcome;
use crate::fhir::issue::any_error;
use crate::fhir::{Document, Issue, Key, Node, ResourceKey};
use crate::security::Caller;
use crate::server::app_state::AppState;
use crate::server::body::Resource;
use crate::server::condition::{self, IF_NONE_EXIST};
use crate::server::reply::{self, Answer, FHIR_JSON};

/// `POST [base]/$validate`: a resource of any type.
pub(in crate::fhir_api) async fn any(
    State(app_state): State<AppState>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    unstored_resource(&app_state, &caller, None, &uri, &headers, document).await
}

/// `POST [base]/[type]/$validate`: a resource of this type.
pub(in crate::fhir_api) async fn typed(
    State(app_state): State<AppState>,
    caller: Caller,
    Kind(kind): Kind,
    uri: Uri,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    unstored_resource(&app_state, &caller, Some(&kind), &uri, &headers, document).await
}

/// `POST [base]/[type]/[id]/$validate`: what is sent as a version of this resource, or the resource as it is stored.
pub(in crate::fhir_api) async fn instance(
    State(app_state): State<AppState>,
    caller: Caller,
    Item(key): Item,
    uri: Uri,
    headers: HeaderMap,
    body: Option<Resource>,
) -> Answer {
    let document = body.map(|Resource(document)| Arc::new(document));
    let request = ValidateRequest::read(document.as_deref(), uri.query())?;
    let conditions = condition::preconditions(&headers)?;
    if request.mode != Mode::Update && !conditions.is_empty() {
        return Err(needless("If-Match and its like", Mode::Update).into());
    }
    let (Some(document), Some(resource)) = (&document, request.resource) else {
        return stored_resource(&app_state, &caller, key, &request).await;
    };
    match request.mode {
        Mode::General => {
            Ok(answer(&check_content(&app_state.exchange, Some(&key.kind), &request.profiles, resource).await))
        }
        Mode::Update => {
            let found = check_content(&app_state.exchange, Some(&key.kind), &request.profiles, resource).await;
            let sent =
                async || app_state.exchange.try_update(&caller, &key, document, resource, conditions.clone()).await;
            Ok(answer(&dry_run(found, resource, sent).await?))
        }
        Mode::Delete => stored_resource(&app_state, &caller, key, &request).await,
        Mode::Create => Err(misplaced(Mode::Create, "the type, as in POST [base]/Task/$validate").into()),
        Mode::Profile => {
            let message = "mode=profile checks the resource as it is stored; send no other one";
            Err(Error::incorrect(Key::Parameter, message).into())
        }
    }
}

/// A resource that is not stored yet.
async fn unstored_resource(
    app_state: &AppState,
    caller: &Caller,
    kind: Option<&str>,
    uri: &Uri,
    headers: &HeaderMap,
    document: Document,
) -> Answer {
    let document = Arc::new(document);
    let request = ValidateRequest::read(Some(&document), uri.query())?;
    if !matches!(request.mode, Mode::General | Mode::Create) {
        return Err(misplaced(request.mode, "a stored resource, as in POST [base]/Task/[id]/$validate").into());
    }
    let resource = request.resource.ok_or_else(|| absent("resource"))?;
    let condition = condition::text(headers, IF_NONE_EXIST)?;
    if request.mode == Mode::General && condition.is_some() {
        return Err(needless("If-None-Exist", Mode::Create).into());
    }
    let found = check_content(&app_state.exchange, kind, &request.profiles, resource).await;
    if request.mode == Mode::General {
        return Ok(answer(&found));
    }
    let sent = async || app_state.exchange.try_create(caller, &document, resource, condition).await;
    Ok(answer(&dry_run(found, resource, sent).await?))
}

/// A resource that is stored; only what the caller may see is there.
async fn stored_resource(
    app_state: &AppState,
    caller: &Caller,
    key: ResourceKey,
    request: &ValidateRequest<'_>,
) -> Answer {
    let validation = StoredValidation::new(key, request)?;
    let stored = app_state.exchange.read(caller, &validation.key, None).await?;
    let issues = validation.issues(&app_state.exchange, &stored).await;
    Ok(answer(&issues))
}

/// What was found, and if nothing stands in the way so far, what is said when it is sent.
async fn dry_run(
    mut found: Vec<Issue>,
    resource: Node<'_>,
    sent: impl AsyncFnOnce() -> Result<Vec<Issue>>,
) -> Result<Vec<Issue>> {
    if any_error(&found) {
        return Ok(found);
    }
    let root = resource.path();
    let kind = resource.str("resourceType").unwrap_or_default();
    for mut issue in sent().await? {
        // Paths begin at the resource, also where it came inside Parameters.
        if let Some(inner) = issue.path.strip_prefix(&root).filter(|inner| inner.is_empty() || inner.starts_with('.')) {
            issue.path = format!("{kind}{inner}");
        }
        if !found.contains(&issue) {
            found.push(issue);
        }
    }
    Ok(found)
}

fn answer(issues: &[Issue]) -> Response {
    reply::body(StatusCode::OK, FHIR_JSON, operation_outcome::to_text(issues))
}
