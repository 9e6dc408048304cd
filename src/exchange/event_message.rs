//! What an agency reports: an event on a referral, as JSON.
//!
//! `{"event": CODE, "at"?, "reason"?: {"code", "text"}, "note"?, "service"?: ServiceEvent, "appointment"?,
//! "enrollment"?, "outcome"?}`; the objects are those of the program record. Instead of the event, or beside it, an
//! agency may say its own status: `"sourceStatus": {"system", "version"?, "code", "text"?, "at"?}`.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Kind, Node, primitive};
use crate::referral::reason::Reason;
use crate::referral::state::{Event, State, TABLE};
use crate::referral::task_edits::StatusReason;
use crate::referral::{Party, SourceStatus};

/// Members of an event, with the kind of value that each has.
const MEMBERS: &[(&str, Kind)] = &[
    ("event", Kind::String),
    ("at", Kind::String),
    ("reason", Kind::Object),
    ("note", Kind::String),
    ("service", Kind::Object),
    ("appointment", Kind::Object),
    ("enrollment", Kind::Object),
    ("outcome", Kind::Object),
    ("sourceStatus", Kind::Object),
];

/// Members of a status in somebody else's words, with the primitive type that each has.
const STATUS: &[(&str, &str)] =
    &[("system", "uri"), ("version", "string"), ("code", "code"), ("text", "string"), ("at", "dateTime")];

/// An event, read.
#[derive(Debug, Clone)]
pub(super) struct EventMessage {
    /// What happened; a remark where only a status was said, until it is judged
    pub event: Event,
    /// Was the event said?
    pub is_explicit: bool,
    /// When, where it is said; else it happens now
    pub at: Option<Timestamp>,
    /// Why
    pub status_reason: StatusReason,
    /// A remark
    pub note: Option<String>,
    /// What was done for the person
    pub service: Option<Value>,
    /// When and where they meet
    pub appointment: Option<Value>,
    /// The person's place in the program
    pub enrollment: Option<Value>,
    /// What came of it
    pub outcome: Option<Value>,
    /// What the agency's own system says
    pub source: Option<SourceStatus>,
    /// The state that a completion leads to, where a status said it
    pub completion_state: Option<State>,
}

impl EventMessage {
    /// Reads an event.
    ///
    /// # Errors
    /// All findings, with their places: not an object, unknown members, wrong kinds, unknown codes.
    pub(super) fn read(node: Node<'_>) -> Result<Self> {
        if !node.is_object() {
            let text = format!("expected an event as an object, found {}", node.kind());
            return Err(Error::unprocessable(vec![Issue::error_at(Key::WrongType, node, text)]));
        }
        let mut issues = shape(node);
        let events: Vec<&str> = reportable().map(Event::code).collect();
        let event = code(node, "event", readable, &events, &mut issues);
        let source = node.get("sourceStatus").and_then(|status| read_status(status, &mut issues));
        if node.get("event").is_none() && node.get("sourceStatus").is_none() {
            let text = "an event needs the member event with its code, or sourceStatus";
            issues.push(Issue::error(Key::Missing, "event", text).at(node.position()));
        }
        let at = node.get("at").and_then(|at| time(at, &mut issues));
        let status_reason =
            node.get("reason").map_or_else(StatusReason::default, |reason| read_reason(reason, &mut issues));
        match event.or(source.is_some().then_some(Event::Note)) {
            Some(known) if issues.is_empty() => Ok(Self {
                event: known,
                is_explicit: event.is_some(),
                at,
                status_reason,
                note: text(node, "note"),
                service: node.get("service").map(Node::to_value),
                appointment: node.get("appointment").map(Node::to_value),
                enrollment: node.get("enrollment").map(Node::to_value),
                outcome: node.get("outcome").map(Node::to_value),
                source,
                completion_state: None,
            }),
            _ => Err(Error::unprocessable(issues)),
        }
    }

    /// Does it say something in words, which stay with the referral?
    pub(super) fn has_words(&self) -> bool {
        self.note.is_some() || self.source.is_some() || self.status_reason.text.is_some()
    }

    /// The event alone, as a Task says it that somebody wrote.
    pub(super) fn of_move(event: Event, status_reason: StatusReason) -> Self {
        Self {
            event,
            is_explicit: true,
            at: None,
            status_reason,
            note: None,
            service: None,
            appointment: None,
            enrollment: None,
            outcome: None,
            source: None,
            completion_state: None,
        }
    }

    /// The state that a completion leads to by what is said of its outcome: `achieved` means that the need is met,
    /// `partially-achieved` in part; without one it is not said.
    pub(super) fn completion_state(&self) -> Option<State> {
        match self.outcome.as_ref().and_then(|outcome| outcome.get("status")?.as_str()) {
            Some("achieved") => Some(State::NeedMet),
            Some("partially-achieved") => Some(State::NeedPartiallyMet),
            _ => self.completion_state,
        }
    }
}

/// The event with this code. A draft is sent by writing its Task, which is routed then: that is no event to report.
fn readable(code: &str) -> Option<Event> {
    Event::from_code(code).filter(|event| *event != Event::Send)
}

/// The events that may be reported: those of a party.
fn reportable() -> impl Iterator<Item = Event> {
    let is_of_party = |event: Event| {
        let mut rows = TABLE.iter().filter(move |row| row.event == event);
        rows.any(|row| [Party::Owner, Party::Requester].iter().any(|party| row.by.contains(&(*party).into())))
    };
    Event::ALL.iter().copied().filter(move |event| *event != Event::Send && is_of_party(*event))
}

fn shape(node: Node<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for member in node.members() {
        match MEMBERS.iter().find(|(name, _)| *name == member.name()) {
            None => {
                let names: Vec<&str> = MEMBERS.iter().map(|(name, _)| *name).collect();
                let text = format!("an event has no member \"{}\"; it has {}", member.name(), names.join(", "));
                issues.push(Issue::error(Key::UnknownElement, path(member), text).at(member.name_position()));
            }
            Some((_, kind)) if *kind != member.kind() => {
                let text = format!("expected {kind}, found {}", member.kind());
                issues.push(Issue::error(Key::WrongType, path(member), text).at(member.position()));
            }
            Some(_) => {}
        }
    }
    issues
}

fn read_reason(node: Node<'_>, issues: &mut Vec<Issue>) -> StatusReason {
    for member in node.members().filter(|member| !matches!(member.name(), "code" | "text")) {
        let text = format!("a reason has no member \"{}\"; it has code and text", member.name());
        issues.push(Issue::error(Key::UnknownElement, path(member), text).at(member.name_position()));
    }
    let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    StatusReason { reason: code(node, "code", Reason::from_code, &codes, issues), text: text(node, "text") }
}

fn read_status(node: Node<'_>, issues: &mut Vec<Issue>) -> Option<SourceStatus> {
    for member in node.members() {
        let Some((_, kind)) = STATUS.iter().find(|(name, _)| *name == member.name()) else {
            let names: Vec<&str> = STATUS.iter().map(|(name, _)| *name).collect();
            let text = format!("a status has no member \"{}\"; it has {}", member.name(), names.join(", "));
            issues.push(Issue::error(Key::UnknownElement, path(member), text).at(member.name_position()));
            continue;
        };
        if !member.as_str().is_some_and(|text| primitive::is_valid(kind, &text)) {
            let text = format!("expected {}", primitive::describe(kind));
            issues.push(Issue::error(Key::PrimitiveFormat, path(member), text).at(member.position()));
        }
    }
    for name in ["system", "code"].into_iter().filter(|name| node.get(name).is_none()) {
        let text = format!("a status needs the member {name}");
        issues.push(Issue::error(Key::Missing, format!("{}.{name}", path(node)), text).at(node.position()));
    }
    Some(SourceStatus {
        system: text(node, "system")?,
        version: text(node, "version"),
        code: text(node, "code")?,
        text: text(node, "text"),
        at: text(node, "at"),
    })
}

/// A code of ours in the member `name`; an unknown one is an issue that lists those there are.
fn code<T>(
    node: Node<'_>,
    name: &str,
    read: fn(&str) -> Option<T>,
    all: &[&str],
    issues: &mut Vec<Issue>,
) -> Option<T> {
    let member = node.get(name)?;
    let code = member.as_str()?;
    let found = read(&code);
    if found.is_none() {
        let text = format!("unknown code; expected one of {}", all.join(", "));
        issues.push(Issue::error(Key::UnknownCode, path(member), text).at(member.position()));
    }
    found
}

fn time(node: Node<'_>, issues: &mut Vec<Issue>) -> Option<Timestamp> {
    let text = node.as_str()?;
    let found = primitive::is_valid("instant", &text).then(|| text.parse().ok()).flatten();
    if found.is_none() {
        let text = format!("expected {}", primitive::describe("instant"));
        issues.push(Issue::error(Key::PrimitiveFormat, path(node), text).at(node.position()));
    }
    found
}

fn text(node: Node<'_>, name: &str) -> Option<String> {
    node.str(name).filter(|text| !text.trim().is_empty()).map(std::borrow::Cow::into_owned)
}

/// The path inside the event: without the root's own name.
fn path(node: Node<'_>) -> String {
    node.path().trim_start_matches("$this").trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    fn read(text: &str) -> Result<EventMessage> {
        let document = Document::parse(text).unwrap();
        EventMessage::read(document.root())
    }

    #[test]
    fn reads_an_event() {
        let message =
            read(r#"{"event":"decline","reason":{"code":"at-capacity","text":"full until May"},"note":" "}"#).unwrap();
        assert_eq!(message.event, Event::Decline);
        assert_eq!(message.status_reason, StatusReason::new(Reason::AtCapacity, "full until May"));
        assert_eq!(message.note, None);
    }

    #[test]
    fn reads_a_status_in_place_of_an_event() {
        let message = read(r#"{"sourceStatus":{"system":"urn:x","code":"Got help"}}"#).unwrap();
        assert_eq!((message.event, message.is_explicit), (Event::Note, false));
        assert_eq!(message.source.map(|status| status.code).as_deref(), Some("Got help"));
        let message =
            read(r#"{"event":"accept","sourceStatus":{"system":"urn:x","code":"1","at":"2026-11"}}"#).unwrap();
        assert_eq!((message.event, message.is_explicit), (Event::Accept, true));
        let error = read(r#"{"sourceStatus":{"code":" 1","when":"now","at":"yesterday"}}"#).unwrap_err();
        let found: Vec<(Key, &str)> = error.issues.iter().map(|issue| (issue.key, issue.path.as_str())).collect();
        assert_eq!(
            found,
            [
                (Key::PrimitiveFormat, "sourceStatus.code"),
                (Key::UnknownElement, "sourceStatus.when"),
                (Key::PrimitiveFormat, "sourceStatus.at"),
                (Key::Missing, "sourceStatus.system"),
            ]
        );
    }

    #[test]
    fn finds_everything_at_once() {
        let error =
            read("{\"event\":\"acept\",\n \"reson\":{},\"note\":1,\"at\":\"today\",\"reason\":{\"code\":\"x\"}}")
                .unwrap_err();
        let found: Vec<(Key, &str)> = error.issues.iter().map(|issue| (issue.key, issue.path.as_str())).collect();
        assert_eq!(
            found,
            [
                (Key::UnknownElement, "reson"),
                (Key::WrongType, "note"),
                (Key::UnknownCode, "event"),
                (Key::PrimitiveFormat, "at"),
                (Key::UnknownCode, "reason.code"),
            ]
        );
        assert_eq!(read("[]").unwrap_err().issues[0].key, Key::WrongType);
        assert_eq!(read("{}").unwrap_err().issues[0].key, Key::Missing);
    }
}
