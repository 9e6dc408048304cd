//! `GET /agency/v1/vocabularies`: the statuses of other systems that an event may say as its `sourceStatus`, each with the
//! referral states that it may mean; and `GET /agency/v1/referrals/{id}/status?vocabulary=NAME`: where a referral stands,
//! in their words.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::ETAG;
use serde_json::{Value, json};

use crate::error::Error;
use crate::fhir::Key;
use crate::referral::State as ReferralState;
use crate::referral::vocabulary::{StatusWord, Vocabulary};
use crate::security::Caller;

use super::query::parameters;
use crate::server::app_state::AppState;
use crate::server::entity_tag;
use crate::server::reply::{self, Answer};

/// The vocabularies.
pub(crate) async fn list(State(app_state): State<AppState>, _: Caller) -> Answer {
    let body: Vec<Value> = app_state.programs.vocabularies().iter().map(describe).collect();
    Ok(reply::json(&json!({ "vocabularies": body })))
}

fn describe(vocabulary: &Vocabulary) -> Value {
    let words: Vec<Value> = vocabulary
        .words()
        .iter()
        .map(|word| {
            let states: Vec<&str> = word.states.iter().map(|state| state.code()).collect();
            json!({
                "code": word.code,
                "text": word.text(),
                "states": states,
                "alone": word.own.map(ReferralState::code),
            })
        })
        .collect();
    json!({
        "name": vocabulary.name,
        "system": vocabulary.system,
        "version": vocabulary.version,
        "unverified": vocabulary.unverified,
        "statuses": words,
    })
}

/// Where one referral stands, in every vocabulary or in the one that is named.
pub(crate) async fn status(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Answer {
    let wanted = parameters(uri.query(), &["vocabulary"])?;
    let vocabularies = app_state.programs.vocabularies();
    if let Some((_, name)) = wanted.iter().find(|(_, name)| vocabularies.named(name).is_none()) {
        let known: Vec<&str> = vocabularies.iter().map(|vocabulary| vocabulary.name.as_str()).collect();
        let message = format!("there is no vocabulary {name:.40}; there are {}", known.join(", "));
        return Err(Error::incorrect(Key::Parameter, message).into());
    }
    let (state, version) = app_state.exchange.state(&caller, &id).await?;
    let is_asked =
        |vocabulary: &&Vocabulary| wanted.is_empty() || wanted.iter().any(|(_, name)| *name == vocabulary.name);
    let statuses: Vec<Value> = vocabularies
        .iter()
        .filter(is_asked)
        .map(|vocabulary| {
            let word = vocabulary.word_for(state);
            json!({
                "vocabulary": vocabulary.name,
                "system": vocabulary.system,
                "version": vocabulary.version,
                "code": word.map(|word| word.code.as_str()),
                "text": word.map(StatusWord::text),
                // Does the word say as much as the state?
                "exact": word.is_some_and(|word| word.own == Some(state)),
            })
        })
        .collect();
    let body = json!({ "id": id, "state": state.code(), "statuses": statuses });
    Ok(reply::with(reply::json(&body), ETAG, &entity_tag::write(version)))
}
