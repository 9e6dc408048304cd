//! `GET [base]/AuditEvent` and `GET [base]/AuditEvent/[id]` (<https://hl7.org/fhir/R4/auditevent.html>): the audit log, for
//! auditors. A row becomes an AuditEvent when it is asked for; nobody writes one.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};

use crate::error::{Error, Result};
use crate::fhir::authored::audit_event;
use crate::fhir::authored::bundle::{BundleWriter, Entry, SearchMode};
use crate::fhir::query_string;
use crate::referral::plan::AuditOutcome;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::body::FormBody;
use crate::server::condition::Prefer;
use crate::server::reply::Answer;
use crate::store::AuditQuery;
use crate::store::audit_chain::AuditRow;
use crate::store::query::check_limits;

use super::address;
use super::audit_forms::{EVENTS, OTHER};
use super::audit_search::{self, AuditSearch};
use super::count;
use super::rendered::Rendered;
use super::search_by_post;
use super::search_page::links;

/// `GET [base]/AuditEvent`: the rows that match, a page of them.
pub(super) async fn search(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let parameters = query_string::parse(uri.query().unwrap_or_default())?;
    page(&app_state, &caller, &base, &headers, parameters).await
}

/// `POST [base]/AuditEvent/_search`: as [`search`].
pub(super) async fn search_by_post(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
    FormBody(form): FormBody,
) -> Answer {
    let parameters = search_by_post::parameters(&uri, &form)?;
    page(&app_state, &caller, &base, &headers, parameters).await
}

async fn page(
    app_state: &AppState,
    caller: &Caller,
    base: &Base,
    headers: &HeaderMap,
    mut parameters: Vec<(String, String)>,
) -> Answer {
    let limits = app_state.exchange.limits();
    check_limits(&parameters, limits)?;
    count::cap(&mut parameters, limits.count);
    let ignored =
        if Prefer::read(headers).lenient { audit_search::leave_out_unknown(&mut parameters) } else { Vec::new() };
    let AuditSearch { query, id, count_only } = AuditSearch::read(&parameters)?;
    let trail = app_state.exchange.audit_trail();
    let mut total = None;
    let (rows, next) = match id {
        None if count_only => {
            // Of a page alone they are not counted.
            total = Some(trail.count(caller, &AuditQuery { cursor: None, ..query }).await?);
            (Vec::new(), None)
        }
        Some(id) => {
            let row = row(app_state, caller, &id).await?;
            let found: Vec<AuditRow> = row.into_iter().filter(|row| query.matches(row)).collect();
            total = Some(found.len() as u64);
            (if count_only { Vec::new() } else { found }, None)
        }
        None => {
            let page = trail.rows(caller, &query).await?;
            (page.rows, page.next.map(|cursor| cursor.to_string()))
        }
    };
    // A page that would be too large ends earlier.
    let mut next = next;
    let mut bytes = 0_usize;
    let mut events: Vec<(String, String)> = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in &rows {
        let event = text(row)?;
        bytes = bytes.saturating_add(event.len());
        if bytes > limits.answer_bytes && last.is_some() {
            next = last.map(|position: u64| position.to_string());
            break;
        }
        events.push((id_of(row), event));
        last = Some(row.position);
    }
    let fhir = base.fhir();
    let links = links(&format!("{fhir}/AuditEvent"), &parameters, next.as_deref());
    let links: Vec<(&str, &str)> = links.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let mut bundle = BundleWriter::searchset(total, &links)?;
    for (id, event) in &events {
        bundle.add(&Entry {
            full_url: Some(format!("{fhir}/AuditEvent/{id}")),
            resource: Some(event),
            search: Some(SearchMode::Match),
            ..Entry::default()
        })?;
    }
    if !ignored.is_empty() {
        bundle.add_outcome(&ignored)?;
    }
    Ok(Rendered::ok(bundle.finish()).into_response(base))
}

/// `GET [base]/AuditEvent/[id]`.
pub(super) async fn read(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    Path(id): Path<String>,
) -> Answer {
    let id = address::item("AuditEvent".to_owned(), id)?.id;
    let found = row(&app_state, &caller, &id).await?;
    let row = found.ok_or_else(|| Error::not_found("this AuditEvent"))?;
    Ok(Rendered::ok(text(&row)?).into_response(&base))
}

async fn row(app_state: &AppState, caller: &Caller, id: &str) -> Result<Option<AuditRow>> {
    let Some((chain, number)) = id.rsplit_once('.') else { return Ok(None) };
    let Ok(number) = number.parse() else { return Ok(None) };
    app_state.exchange.audit_trail().row(caller, chain, number).await
}

fn id_of(row: &AuditRow) -> String {
    format!("{}.{}", row.chain, row.number)
}

/// A row as an AuditEvent.
fn text(row: &AuditRow) -> Result<String> {
    let entry = &row.entry;
    let form = EVENTS.iter().find(|form| form.event == entry.action).unwrap_or(&OTHER);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (client, organization, request) = (some(&entry.client), some(&entry.organization), some(&entry.request));
    let is_refused = entry.outcome != AuditOutcome::Done;
    let is_known = !form.event.is_empty();
    let detail = if is_known { some(&entry.detail).filter(|_| !is_refused) } else { some(&entry.action) };
    let value = audit_event::to_value(&audit_event::Parts {
        id: id_of(row),
        kind: form.kind,
        interaction: form.interaction(),
        event: is_known.then_some(form.event),
        action: form.action,
        recorded: entry.at,
        refused: is_refused.then_some(entry.detail.as_str()),
        client: client.as_deref(),
        organization: organization.as_deref(),
        chain: &row.chain,
        request: request.as_deref(),
        correlation: entry.correlation.as_deref(),
        entities: entry.subject.iter().chain(&entry.entities).collect(),
        detail: detail.as_deref(),
    })?;
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::{Document, ResourceKey};
    use crate::profile::Checker;
    use crate::referral::plan::AuditEntry;
    use crate::store::audit_chain::ChainEnd;

    #[test]
    fn every_event_is_a_valid_audit_event() {
        let checker = Checker::new(Arc::new(Definitions::shipped().unwrap()));
        for form in EVENTS {
            for outcome in [AuditOutcome::Done, AuditOutcome::Refused] {
                let entry = AuditEntry {
                    at: "2026-11-21T10:00:00.120Z".parse().unwrap(),
                    action: form.event.into(),
                    outcome,
                    client: "c1".to_owned(),
                    organization: "lantern-housing".to_owned(),
                    request: "r-1".to_owned(),
                    correlation: Some("theirs".to_owned()),
                    subject: Some(ResourceKey::new("Task", "1")),
                    entities: vec![ResourceKey::new("Patient", "2")],
                    detail: "not-found".to_owned(),
                };
                let row = AuditRow::following(&ChainEnd::start("00ff"), entry);
                let text = text(&row).unwrap();
                assert!(text.contains("\"recorded\":\"2026-11-21T10:00:00.120Z\""), "{text}");
                let document = Document::parse(text).unwrap();
                let issues = checker.check(document.root());
                let errors: Vec<_> = issues.iter().filter(|issue| issue.is_error()).collect();
                assert!(errors.is_empty(), "{errors:?} in {}", document.text());
            }
        }
    }

    #[test]
    fn a_row_of_nobody_is_valid_too() {
        let at = Timestamp::UNIX_EPOCH;
        let entry = AuditEntry::of_nobody("unheard-of", AuditOutcome::Refused, String::new(), at);
        let text = text(&AuditRow::following(&ChainEnd::start("a"), entry)).unwrap();
        let document = Document::parse(text).unwrap();
        let issues = Checker::new(Arc::new(Definitions::shipped().unwrap())).check(document.root());
        assert!(!issues.iter().any(crate::fhir::Issue::is_error), "{issues:?}");
    }
}
