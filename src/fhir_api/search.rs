//! `GET [base]/[type]?...` and `POST [base]/[type]/_search` (<https://hl7.org/fhir/R4/http.html#search>,
//! <https://hl7.org/fhir/R4/search.html>).
//!
//! A parameter that is not known is refused, with those that are, unless `Prefer: handling=ignoring_unknown` asks to leave it
//! out; the link `self` says what was used.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use crate::error::Result;
use crate::fhir::authored::bundle::{BundleWriter, SearchMode};
use crate::fhir::{Issue, query_string};
use crate::security::Caller;
use crate::store::Stored;
use crate::store::query::Query;

use super::address::Kind;
use super::bundle;
use crate::server::app_state::{AppState, Base};
use crate::server::body::FormBody;
use crate::server::condition::Prefer;
use crate::server::reply::{self, Answer, FHIR_JSON};

/// Parameters about the answer's form; they choose nothing.
const ABOUT_FORM: &[&str] = &["_format", "_pretty"];

/// The parameter in which the address of a further page carries where to go on.
pub(super) const CURSOR: &str = "_cursor";

/// Searches by GET.
pub(crate) async fn get(
    State(app_state): State<AppState>,
    caller: Caller,
    Kind(kind): Kind,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let parameters = query_string::parse(uri.query().unwrap_or_default())?;
    Ok(search(&app_state, &caller, &kind, &base, &headers, parameters).await?)
}

/// Searches by POST: the parameters are a form, and those of the address count as well.
pub(crate) async fn post(
    State(app_state): State<AppState>,
    caller: Caller,
    Kind(kind): Kind,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
    FormBody(form): FormBody,
) -> Answer {
    let mut parameters = query_string::parse(uri.query().unwrap_or_default())?;
    parameters.extend(query_string::parse(&form)?);
    Ok(search(&app_state, &caller, &kind, &base, &headers, parameters).await?)
}

async fn search(
    app_state: &AppState,
    caller: &Caller,
    kind: &str,
    base: &Base,
    headers: &HeaderMap,
    mut parameters: Vec<(String, String)>,
) -> Result<Response> {
    let mut ignored = Vec::new();
    if Prefer::read(headers).lenient {
        parameters.retain(|pair| {
            let unknown = Query::read(&app_state.parameters, kind, std::slice::from_ref(pair)).unknown;
            let known = unknown.is_empty();
            ignored.extend(unknown);
            known
        });
    }
    let page = app_state.exchange.search(caller, kind, &parameters).await?;
    let elements = if parameters.iter().any(|(name, _)| name == "_elements") {
        Query::read(&app_state.parameters, kind, &parameters).query.elements
    } else {
        Vec::new()
    };
    let found = SearchPage {
        total: page.total,
        matches: page.matches.iter().collect(),
        included: page.included.iter().collect(),
        next: page.next,
    };
    self::page(&base.fhir(), kind, &parameters, &found, &elements, &ignored)
}

/// What a page holds.
pub(super) struct SearchPage<'s> {
    /// How many match in all, where it is known
    pub(super) total: Option<u64>,
    /// What matches
    pub(super) matches: Vec<&'s Stored>,
    /// What comes with it
    pub(super) included: Vec<&'s Stored>,
    /// Where to go on
    pub(super) next: Option<String>,
}

/// A page of results. Of matches only `elements` are shown, if any are named.
pub(super) fn page(
    base: &str,
    kind: &str,
    parameters: &[(String, String)],
    found: &SearchPage<'_>,
    elements: &[String],
    ignored: &[Issue],
) -> Result<Response> {
    let links = links(&format!("{base}/{kind}"), parameters, found.next.as_deref());
    let links: Vec<(&str, &str)> = links.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let mut bundle = BundleWriter::searchset(found.total, &links)?;
    for stored in &found.matches {
        bundle::add_found(&mut bundle, base, stored, SearchMode::Match, elements)?;
    }
    for stored in &found.included {
        bundle::add_found(&mut bundle, base, stored, SearchMode::Include, &[])?;
    }
    if !ignored.is_empty() {
        bundle.add_outcome(ignored)?;
    }
    Ok(reply::body(StatusCode::OK, FHIR_JSON, bundle.finish()))
}

/// The address of this page as it was understood, and of the next one.
fn links(address: &str, parameters: &[(String, String)], next: Option<&str>) -> Vec<(&'static str, String)> {
    let kept = || {
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !ABOUT_FORM.contains(name))
    };
    let to = |query: String| if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") };
    let mut links = vec![("self", to(query_string::write(kept())))];
    if let Some(cursor) = next {
        let before = kept().filter(|(name, _)| *name != CURSOR);
        links.push(("next", to(query_string::write(before.chain([(CURSOR, cursor)])))));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_repeat_what_was_asked_and_lead_on() {
        let parameters = [("status", "requested"), ("_count", "2"), ("_format", "json"), ("_cursor", "1")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let links = links("http://a/fhir/Task", &parameters, Some("2"));
        assert_eq!(links[0], ("self", "http://a/fhir/Task?status=requested&_count=2&_cursor=1".to_owned()));
        assert_eq!(links[1], ("next", "http://a/fhir/Task?status=requested&_count=2&_cursor=2".to_owned()));
        assert_eq!(super::links("http://a/fhir/Task", &[], None), [("self", "http://a/fhir/Task".to_owned())]);
    }
}
