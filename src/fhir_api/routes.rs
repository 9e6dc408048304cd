//! The routes of the FHIR API: each row of the table of paths with the handler of its action.

use axum::handler::Handler;

use crate::server::Endpoint;
use crate::server::app_state::AppState;
use crate::server::body::BodyKind;
use crate::server::condition;
use crate::server::load::Load;

use super::path::{Action, PATHS, ServedPath};
use super::{audit_event, bundle, create, get, search_by_post, update, validate};

/// Every route of the FHIR API.
pub fn routes() -> Vec<Endpoint> {
    PATHS.iter().map(endpoint).collect()
}

fn endpoint(served: &ServedPath) -> Endpoint {
    let endpoint = handled(served);
    match served.action {
        Action::SearchByPost | Action::SearchDefinitionsByPost | Action::SearchAuditByPost => {
            endpoint.takes(BodyKind::Form).costs(Load::List)
        }
        Action::Search | Action::SearchDefinitions | Action::SearchAudit | Action::History => {
            endpoint.costs(Load::List)
        }
        Action::ValidateAny | Action::ValidateTyped | Action::ValidateInstance | Action::ValidateStored => {
            endpoint.costs(Load::Long)
        }
        Action::Bundle
        | Action::Create
        | Action::Update
        | Action::Capabilities
        | Action::Read
        | Action::Vread
        | Action::ReadDefinition
        | Action::ReadAudit => endpoint,
    }
}

fn handled(served: &ServedPath) -> Endpoint {
    match served.action {
        Action::Capabilities => with(served, get::capabilities),
        Action::Bundle => with(served, bundle::post),
        Action::Create => with(served, create::create),
        Action::Update => with(served, update::update),
        Action::SearchByPost | Action::SearchDefinitionsByPost => with(served, search_by_post::search),
        Action::SearchAudit => with(served, audit_event::search),
        Action::SearchAuditByPost => with(served, audit_event::search_by_post),
        Action::ReadAudit => with(served, audit_event::read),
        Action::ValidateAny => with(served, validate::any),
        Action::ValidateTyped => with(served, validate::typed),
        Action::ValidateInstance => with(served, validate::instance),
        Action::Search
        | Action::Read
        | Action::History
        | Action::Vread
        | Action::ValidateStored
        | Action::SearchDefinitions
        | Action::ReadDefinition => with(served, get::get),
    }
}

fn with<T: 'static>(served: &ServedPath, handler: impl Handler<T, AppState>) -> Endpoint {
    match served.method {
        "GET" => Endpoint::get(served.access, served.pattern, handler),
        "PUT" => Endpoint::put(served.access, served.pattern, handler).depending_on(conditions(served.action)),
        _ => Endpoint::post(served.access, served.pattern, handler).depending_on(conditions(served.action)),
    }
}

/// What an action that is no GET may depend on. `$validate` of what is going to be sent takes what the sending does.
fn conditions(action: Action) -> &'static [&'static str] {
    match action {
        Action::Update | Action::ValidateInstance => condition::OF_CHANGES,
        Action::Create | Action::ValidateAny | Action::ValidateTyped => condition::OF_CREATES,
        _ => &[],
    }
}
