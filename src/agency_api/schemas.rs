//! `GET /agency/v1/schemas`: the types of program records, with the words that each uses (phases, roles, reviews, closures)
//! and what it keeps private; and `GET /agency/v1/schemas/{type}`: the JSON Schema (2020-12) of one, complete in itself, with
//! a filled record among its `examples`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::error::Error;
use crate::security::Caller;

use crate::server::app_state::{AppState, Base};
use crate::server::reply::{self, Answer};

/// The types, each with the address of its schema.
pub(crate) async fn list(State(app_state): State<AppState>, _: Caller, base: Base) -> Answer {
    let types: Vec<Value> = app_state
        .programs
        .iter()
        .map(|program| {
            let schema = format!("{}/agency/v1/schemas/{}", base.url(), program.kind);
            json!({
                "type": program.kind,
                "title": program.title,
                "description": program.description,
                "needCategories": program.need_categories,
                "schema": schema,
                "about": program.about,
            })
        })
        .collect();
    Ok(reply::json(&json!({ "types": types })))
}

/// The schema of one type.
pub(crate) async fn one(State(app_state): State<AppState>, _: Caller, Path(kind): Path<String>) -> Answer {
    let Some(program) = app_state.programs.iter().find(|program| program.kind == kind) else {
        let known: Vec<&str> = app_state.programs.iter().map(|program| program.kind.as_str()).collect();
        return Err(Error::not_found(format!("this record type (there are {})", known.join(", "))).into());
    };
    Ok(reply::body(StatusCode::OK, "application/schema+json", program.schema_json().to_string()))
}
