//! `GET [base]/[type]/[id]/_history` (<https://hl7.org/fhir/R4/http.html#history>): the versions of a resource, newest
//! first; `_count` bounds how many.

use axum::extract::State;
use axum::http::{StatusCode, Uri};

use crate::error::{Error, Result};
use crate::fhir::authored::bundle::BundleWriter;
use crate::fhir::{Key, query_string};
use crate::security::Caller;

use super::address::Item;
use super::bundle;
use crate::server::app_state::{AppState, Base};
use crate::server::reply::{self, Answer, FHIR_JSON};

/// How many versions are given where the client does not say, and at most.
const MAX_COUNT: usize = 1000;

/// The versions of a resource.
pub(crate) async fn history(
    State(app_state): State<AppState>,
    caller: Caller,
    Item(key): Item,
    base: Base,
    uri: Uri,
) -> Answer {
    let count = count(uri.query())?;
    let versions = app_state.exchange.history(&caller, &key, count).await?;
    let base = base.fhir();
    let link = format!("{base}/{key}/_history?_count={count}");
    // Versions are numbered from 1 without gaps, so the newest one says how many there are.
    let total = versions.first().map(|newest| newest.version);
    let mut bundle = BundleWriter::history(total, &[("self", &link)])?;
    for version in &versions {
        bundle::add_version(&mut bundle, &base, version)?;
    }
    Ok(reply::body(StatusCode::OK, FHIR_JSON, bundle.finish()))
}

fn count(query: Option<&str>) -> Result<usize> {
    let mut count = MAX_COUNT;
    for (name, value) in query_string::parse(query.unwrap_or_default())? {
        match name.as_str() {
            "_count" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                count = number.ok_or_else(|| Error::incorrect(Key::Parameter, "_count is a whole number above 0"))?;
            }
            "_format" | "_pretty" => {}
            _ => {
                let message = format!("_history has no parameter {name:.40}; it has _count");
                return Err(Error::incorrect(Key::Parameter, message));
            }
        }
    }
    Ok(count.min(MAX_COUNT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_count() {
        assert_eq!(count(None), Ok(MAX_COUNT));
        assert_eq!(count(Some("_count=2&_format=json")), Ok(2));
        for bad in ["_count=0", "_count=x", "_since=2026"] {
            assert!(count(Some(bad)).is_err(), "{bad}");
        }
    }
}
