//! What happened to a referral, for those who take part in it: who did what, when, through which door, what was decided and
//! why. It is told from the audit log, which holds codes and no words of a person's; the words are in the Task.
//!
//! A requester sees all of it. An owner sees what happened while it took part, and of the route only that it was chosen:
//! which other programs were looked at, and why not, is not its matter.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, AuditOutcome};
use crate::referral::reason::Reason;
use crate::referral::{Party, State};
use crate::routing;
use crate::security::Caller;
use crate::store::{AuditLog, AuditQuery, StoredReferral};

use super::referrals::Referrals;

/// How many rows are read at once.
const PAGE: usize = 500;

/// What is told of, of all that is remembered: reads and refusals are the auditor's.
const ACTIONS: &[&str] =
    &["stored", "delivered", "unrouted", "forbidden", "moved", "recorded", "consent", "disclosed", "withdrawn"];

/// Behind these, a detail says where a change led, why, and through which door it came.
const TO: &str = "; to ";
const REASON: &str = "; reason ";
const DOOR: &str = "; by ";

/// What tells it.
pub(super) struct Timeline {
    pub(super) referrals: Arc<Referrals>,
    pub(super) audit_log: Arc<dyn AuditLog>,
}

/// A detail with the door through which the change came: `fhir`, `event`, `record` or `sheet`.
pub(super) fn through(door: &str, detail: &str) -> String {
    format!("{detail}{DOOR}{door}")
}

/// A detail with where a referral stands then, and for what coded reason.
pub(super) fn leading_to(detail: &str, to: State, reason: Option<Reason>) -> String {
    let reason = reason.map(|reason| format!("{REASON}{}", reason.code())).unwrap_or_default();
    format!("{detail}{TO}{}{reason}", to.code())
}

/// What a detail says, taken apart.
#[derive(Default)]
struct Detail<'d> {
    /// The event, the route, the totals
    what: &'d str,
    to: Option<State>,
    reason: Option<Reason>,
    door: Option<&'d str>,
}

impl<'d> Detail<'d> {
    fn read(text: &'d str) -> Self {
        let split = |text: &'d str, mark: &str| text.rsplit_once(mark).map_or((text, None), |(a, b)| (a, Some(b)));
        let (rest, door) = split(text, DOOR);
        let (rest, reason) = split(rest, REASON);
        let (what, to) = split(rest, TO);
        Self { what, to: to.and_then(State::from_code), reason: reason.and_then(Reason::from_code), door }
    }
}

impl Timeline {
    /// The entries, oldest first.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub(super) async fn of(&self, caller: &Caller, key: &ResourceKey) -> Result<Value> {
        let stored = self.referrals.referral(caller, key).await?;
        let rows = self.rows(key).await?;
        let is_requester = stored.is_party(&caller.organization, Party::Requester)
            || stored.author.as_deref() == Some(&*caller.organization);
        let entries: Vec<Value> = rows
            .iter()
            .filter(|row| is_requester || concerns(row, &stored, caller))
            .map(|row| entry(row, is_requester))
            .collect();
        Ok(json!({ "referral": key.to_string(), "entries": entries }))
    }

    async fn rows(&self, key: &ResourceKey) -> Result<Vec<AuditEntry>> {
        let actions = ACTIONS.iter().map(|action| (*action).to_owned()).collect();
        let mut query = AuditQuery { subject: Some(key.clone()), actions, limit: PAGE, ..AuditQuery::default() };
        let mut rows = Vec::new();
        loop {
            let page = self.audit_log.audit_rows(&query).await?;
            rows.extend(page.rows.into_iter().map(|row| row.entry).filter(|row| row.subject.as_ref() == Some(key)));
            let Some(next) = page.next else { return Ok(rows) };
            query.cursor = Some(next);
        }
    }
}

/// Does it concern an owner: its own doings, what was decided about it, and what the requester did while it took part?
fn concerns(row: &AuditEntry, stored: &StoredReferral, caller: &Caller) -> bool {
    let named = row.entities.iter().filter(|key| key.kind == "Organization");
    let about_others = named.clone().any(|key| key.id != caller.organization);
    let about_caller = named.clone().any(|key| key.id == caller.organization);
    if about_others && !about_caller {
        return false;
    }
    let by_requester =
        stored.parties.iter().any(|part| part.organization == row.organization && part.party == Party::Requester);
    about_caller || row.organization == caller.organization || (by_requester && row.action != "consent")
}

/// An entry of the timeline.
fn entry(row: &AuditEntry, is_requester: bool) -> Value {
    let Detail { what, to, reason, door } = Detail::read(&row.detail);
    let mut entry = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value);
        }
    };
    let is_routed = matches!(row.action.as_ref(), "delivered" | "unrouted");
    let about: Vec<Value> = row.entities.iter().map(|key| key.to_string().into()).collect();
    set("at", Some(row.at.to_string().into()));
    set("by", Some(format!("Organization/{}", row.organization).into()));
    set("door", door.map(Value::from));
    set("what", Some(row.action.as_ref().into()));
    set("about", (!about.is_empty()).then(|| about.into()));
    set("text", Some(text(row, what).into()));
    set("route", (is_routed && is_requester).then(|| routing::trail_value(what)));
    set("event", (row.action == "moved").then(|| event(what).into()));
    set("state", to.map(|state| state.code().into()));
    set("reason", reason.map(|reason| json!({ "code": reason.code(), "text": reason.text() })));
    set("request", Some(row.request.as_str().into()));
    Value::Object(entry)
}

/// The event of a detail: `accept; source status moved`.
fn event(what: &str) -> &str {
    what.split(';').next().unwrap_or_default().trim()
}

/// What happened, in a sentence.
fn text(row: &AuditEntry, detail: &str) -> String {
    let about = row.entities.first().map(ToString::to_string).unwrap_or_default();
    let event = event(detail);
    match (row.action.as_ref(), row.outcome) {
        ("stored", _) => "the referral was stored, and is not sent yet".to_owned(),
        ("delivered", _) => "the referral was sent".to_owned(),
        ("unrouted", _) => "no program fits; the referral stays open".to_owned(),
        ("forbidden", _) => "consent does not permit the disclosure".to_owned(),
        ("moved", _) if event == "updated" => "the content was changed".to_owned(),
        ("moved", _) => format!("the event {event}"),
        ("recorded", _) => "the record was changed".to_owned(),
        ("consent", AuditOutcome::Refused) => format!("consent was asked for {about}: not permitted"),
        ("consent", _) => format!("consent was asked for {about}: permitted"),
        ("disclosed", _) => format!("{about} sees the referral from now on ({detail})"),
        ("withdrawn", _) => format!("{about} sees nothing newer of the referral from now on ({detail})"),
        (other, _) => other.to_owned(),
    }
}
