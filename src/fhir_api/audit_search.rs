//! What the audit log is searched by (<https://hl7.org/fhir/R4/auditevent.html#search>): when, who, what, and what became
//! of it.

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::query_string::whole_number;
use crate::fhir::{Issue, Key, ResourceKey};
use crate::fhirpath::Temporal;
use crate::referral::plan::AuditOutcome;
use crate::store::AuditQuery;

use super::audit_forms::{EVENTS, EventForm};
use super::search_page::{CURSOR, is_about_form, left_out};

/// How many are on a page, where the client does not say.
const PAGE: usize = 50;

/// The parameters, each with its type and its definition.
pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("_id", "token"),
    ("date", "date"),
    ("agent", "reference"),
    ("altid", "token"),
    ("entity", "reference"),
    ("patient", "reference"),
    ("type", "token"),
    ("subtype", "token"),
    ("action", "token"),
    ("outcome", "token"),
];

/// A search as it was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuditSearch {
    pub(super) query: AuditQuery,
    /// The one row that may match
    pub(super) id: Option<String>,
    /// Only their number is wanted: `_count=0`
    pub(super) count_only: bool,
}

impl AuditSearch {
    /// Reads the parameters.
    ///
    /// # Errors
    /// For one that is not known or cannot be read.
    pub(super) fn read(parameters: &[(String, String)]) -> Result<Self> {
        let query = AuditQuery { descending: true, limit: PAGE, ..AuditQuery::default() };
        let mut search = Self { query, id: None, count_only: false };
        // Events that are left, where what they are is asked for.
        let mut events: Option<Vec<&EventForm>> = None;
        let mut issues = Vec::new();
        for (name, value) in parameters.iter().filter(|(name, _)| !is_about_form(name)) {
            let read = match name.as_str() {
                "type" | "subtype" | "action" => {
                    let of = |form: &&EventForm| value.split(',').any(|value| is_event(form, name, value));
                    let left = events.take().unwrap_or_else(|| EVENTS.iter().collect());
                    events = Some(left.into_iter().filter(of).collect());
                    Ok(())
                }
                _ => search.take(name, value),
            };
            issues.extend(read.err());
        }
        if let Some(events) = events {
            search.query.actions = events.iter().map(|form| form.event.to_owned()).collect();
            if events.is_empty() {
                // No event is named so: nothing matches.
                search.query.actions.push(String::new());
            }
        }
        if issues.is_empty() { Ok(search) } else { Err(Error { category: Category::Incorrect, issues }) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Issue> {
        let query = &mut self.query;
        let expected = |what: &str| issue(name, format!("'{value:.60}' cannot be read; expected {what}"));
        match name {
            "_id" => self.id = Some(value.to_owned()),
            "_count" => {
                query.limit = whole_number(value).ok_or_else(|| expected("a whole number"))?;
                self.count_only = query.limit == 0;
            }
            CURSOR => query.cursor = Some(value.parse().map_err(|_| expected("the cursor of a link"))?),
            "_sort" => {
                query.descending = match value {
                    "date" => false,
                    "-date" => true,
                    _ => return Err(expected("date or -date")),
                }
            }
            "date" => date(query, value).ok_or_else(|| {
                expected(
                    "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ, with eq, gt, ge, lt, le, sa or eb before it",
                )
            })?,
            "agent" => {
                let organization = key(value, "Organization").ok_or_else(|| expected("Organization/ID"))?;
                query.organization = Some(organization.id);
            }
            "altid" => query.client = Some(value.to_owned()),
            "patient" => query.subject = Some(key(value, "Patient").ok_or_else(|| expected("Patient/ID, or its id"))?),
            "entity" => query.subject = Some(ResourceKey::parse(value).ok_or_else(|| expected("TYPE/ID"))?),
            "outcome" => {
                query.outcome = Some(match value.rsplit('|').next() {
                    Some("0") => AuditOutcome::Done,
                    Some("4") => AuditOutcome::Refused,
                    _ => return Err(expected("0 (done) or 4 (refused)")),
                });
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

/// Takes out the parameters that are not known, and says which they were.
pub(super) fn leave_out_unknown(parameters: &mut Vec<(String, String)>) -> Vec<Issue> {
    let mut ignored = Vec::new();
    parameters.retain(|(name, _)| {
        let is_known = is_about_form(name)
            || matches!(name.as_str(), "_count" | "_sort" | CURSOR)
            || PARAMETERS.iter().any(|(known, _)| known == name);
        if !is_known {
            ignored.push(left_out(unknown(name)));
        }
        is_known
    });
    ignored
}

fn unknown(name: &str) -> Issue {
    let known: Vec<&str> = PARAMETERS.iter().map(|(name, _)| *name).collect();
    let text = format!(
        "AuditEvent is not searched by {name:.40}; it is by {}, with _count and _sort=date or -date",
        known.join(", ")
    );
    issue(name, text)
}

/// Is the event told with this code?
fn is_event(form: &EventForm, parameter: &str, value: &str) -> bool {
    let (system, code) = value.split_once('|').map_or((None, value), |(system, code)| (Some(system), code));
    match parameter {
        "type" => form.kind.code == code && system.is_none_or(|system| system == form.kind.system),
        "action" => form.action == code,
        _ => form.event == code || (form.interaction().is_some_and(|interaction| interaction.code == code)),
    }
}

/// A reference to a resource of this type; the id alone is one, too.
fn key(value: &str, kind: &str) -> Option<ResourceKey> {
    if !value.contains('/') && crate::fhir::primitive::is_id(value) {
        return Some(ResourceKey::new(kind, value));
    }
    ResourceKey::parse(value).filter(|key| key.kind == kind)
}

/// Narrows the time that is asked for.
fn date(query: &mut AuditQuery, value: &str) -> Option<()> {
    let (prefix, text) = match value.get(..2) {
        Some(prefix @ ("eq" | "gt" | "ge" | "lt" | "le" | "sa" | "eb")) => (prefix, &value[2..]),
        _ => ("eq", value),
    };
    // A plus sign that was not encoded arrives as a space.
    let (low, high) = Temporal::parse_date_time(&text.replace(' ', "+"))?.interval();
    let (since, until) = match prefix {
        "ge" => (Some(low), None),
        "gt" | "sa" => (Some(high + 1), None),
        "le" => (None, Some(high)),
        "lt" | "eb" => (None, Some(low - 1)),
        _ => (Some(low), Some(high)),
    };
    let moment = |milliseconds: i64| Timestamp::from_millisecond(milliseconds).ok();
    if let Some(since) = since {
        query.since = query.since.max(moment(since));
    }
    if let Some(until) = until.and_then(moment) {
        query.until = Some(query.until.map_or(until, |known| known.min(until)));
    }
    Some(())
}

fn issue(name: &str, message: impl Into<String>) -> Issue {
    Issue::error(Key::Parameter, name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<AuditQuery> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        AuditSearch::read(&pairs).map(|search| search.query)
    }

    #[test]
    fn reads_what_is_asked_for() {
        let query = read(&[("date", "ge2026-11-21"), ("date", "lt2026-11-22"), ("agent", "Organization/a")]).unwrap();
        assert_eq!(query.since, Some("2026-11-21T00:00:00Z".parse().unwrap()));
        assert_eq!(query.until, Some("2026-11-21T23:59:59.999Z".parse().unwrap()));
        assert_eq!((query.organization.as_deref(), query.descending, query.limit), (Some("a"), true, PAGE));
        assert_eq!(read(&[("patient", "7")]).unwrap().subject, Some(ResourceKey::new("Patient", "7")));
        assert_eq!(read(&[("subtype", "disclosed")]).unwrap().actions, ["disclosed"]);
        assert_eq!(read(&[("subtype", "vread,history-instance")]).unwrap().actions, ["vread", "history"]);
        assert_eq!(read(&[("action", "D")]).unwrap().actions, ["pruned"]);
        assert_eq!(read(&[("action", "D"), ("subtype", "read")]).unwrap().actions, [""]);
        assert_eq!(read(&[("outcome", "4"), ("_sort", "date")]).unwrap().outcome, Some(AuditOutcome::Refused));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for (name, value) in [
            ("date", "yesterday"),
            ("date", "ne2026"),
            ("agent", "Patient/1"),
            ("patient", "Task/1"),
            ("outcome", "8"),
            ("_count", "-1"),
            ("_sort", "agent"),
            ("name", "Doe"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!((error.category, error.issues[0].key), (Category::Incorrect, Key::Parameter), "{name}={value}");
        }
    }
}
