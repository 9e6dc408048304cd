//! `POST [base]/[type]` (<https://hl7.org/fhir/R4/http.html#create>), conditional with If-None-Exist
//! (<https://hl7.org/fhir/R4/http.html#ccreate>) or, as some client libraries ask for the same, with the condition in the
//! address: `POST Patient?identifier=...`. A referral Task that is created `requested` is taken in at once. Sent again
//! under the same `Idempotency-Key`, it is answered alike and nothing is made.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::error::{Error, Result};
use crate::fhir::{Key, query_string};
use crate::security::Caller;

use super::address::KeptKind;
use super::{search_page, written};
use crate::server::app_state::{AppState, Base};
use crate::server::body::Resource;
use crate::server::condition::{self, Prefer};
use crate::server::reply::Answer;

/// Stores a new resource under an id of ours.
pub(crate) async fn create(
    State(app_state): State<AppState>,
    caller: Caller,
    KeptKind(kind): KeptKind,
    base: Base,
    uri: Uri,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    let condition = create_condition(&headers, uri.query())?;
    let key = condition::idempotency_key(&headers)?;
    let written = app_state.exchange.create(&caller, &kind, document, condition.as_deref(), key).await?;
    Ok(written::render(&written, Prefer::read(&headers).returned).into_response(&base))
}

/// The search that must find nothing, from the header or from the address. What an address says of the answer's form is no
/// part of it.
///
/// # Errors
/// If both name one, or one cannot be read.
fn create_condition(headers: &HeaderMap, query: Option<&str>) -> Result<Option<String>> {
    let in_header = condition::text(headers, condition::IF_NONE_EXIST)?;
    let parameters = query_string::parse(query.unwrap_or_default())?;
    let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let in_address = query_string::write(pairs.filter(|(name, _)| !search_page::is_about_form(name)));
    match (in_header, in_address.is_empty()) {
        (Some(_), false) => {
            let text = "the condition stands in If-None-Exist and in the address; say it in one of them";
            Err(Error::incorrect(Key::Parameter, text))
        }
        (in_header, true) => Ok(in_header.map(str::to_owned)),
        (None, false) => Ok(Some(in_address)),
    }
}
