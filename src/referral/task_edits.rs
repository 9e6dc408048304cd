//! How a step changes the Task: status, businessStatus, statusReason, lastModified, notes, outputs, owner; as splices of
//! its text, so that everything else stays as it came.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fhir::Node;
use crate::fhir::edit::{Edits, instant, quote};

use super::reason::{self, Reason};
use super::source_status::{SourceStatus, StatusMatch};
use super::state::{self, Position, State};

/// Extension of Task: the program (HealthcareService) that the referral was routed to.
pub const PROGRAM: &str = "urn:handoff:fhir:StructureDefinition:program";
/// Extension of Task: the type of that program, which decides the shape of its record.
pub const PROGRAM_TYPE: &str = "urn:handoff:fhir:StructureDefinition:program-type";

/// Extension of a note of a Task: the organization whose client wrote it, where the note itself names somebody else, or a
/// person in words.
pub const NOTE_ORGANIZATION: &str = "urn:handoff:fhir:StructureDefinition:note-organization";

/// Extension of Task: a status in the words of another system.
pub const SOURCE_STATUS: &str = "urn:handoff:fhir:StructureDefinition:source-status";

/// Why a Task stands where it stands: a code of ours, words, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusReason {
    /// The coded reason
    pub reason: Option<Reason>,
    /// Words of whoever gave it; without them the reason's own text is written
    pub text: Option<String>,
}

impl StatusReason {
    /// For this coded reason, in these words.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason: Some(reason), text: Some(text.into()) }
    }

    /// Is there a reason or a text?
    pub fn is_present(&self) -> bool {
        self.reason.is_some() || self.text.is_some()
    }

    /// The CodeableConcept.
    fn concept(&self) -> Value {
        let text = self.text.as_deref().or(self.reason.map(Reason::text)).unwrap_or_default();
        match self.reason {
            Some(reason) => json!({ "coding": [{ "system": reason::SYSTEM, "code": reason.code() }], "text": text }),
            None => json!({ "text": text }),
        }
    }
}

/// Puts the Task at `position`, because of `status_reason`, at this time. A reason speaks about the current status (SDOHCC
/// 3.0.0), so an older one goes; it stays in the Task's history.
pub fn set_position_and_reason<'t>(
    edits: &mut Edits<'t>,
    task: Node<'t>,
    position: Position,
    status_reason: &StatusReason,
    at: Timestamp,
) {
    set_position(edits, task, position, at);
    if status_reason.is_present() {
        edits.set(task, "statusReason", status_reason.concept().to_string());
    } else {
        edits.remove(task, "statusReason");
    }
}

/// Lets the reason that somebody wrote into the Task say what the event would write: its code, and words.
pub fn complete_reason<'t>(edits: &mut Edits<'t>, task: Node<'t>, reason: Option<Reason>) {
    let (Some(concept), Some(reason)) = (task.get("statusReason"), reason) else { return };
    let is_ours = |coding: Node<'_>| coding.get("system").is_some_and(|system| system.is_str(reason::SYSTEM));
    if !concept.list("coding").any(is_ours) {
        let coding = json!({ "system": reason::SYSTEM, "code": reason.code() });
        edits.append(concept, "coding", &coding.to_string());
    }
    if concept.get("text").is_none() {
        edits.set(concept, "text", quote(reason.text()));
    }
}

/// Puts the Task at `position` and leaves the reason to whoever wrote it.
pub fn set_position<'t>(edits: &mut Edits<'t>, task: Node<'t>, position: Position, at: Timestamp) {
    edits.set(task, "status", quote(position.status.code()));
    set_state(edits, task, position.state);
    edits.set(task, "lastModified", quote(&instant(at)));
}

/// Writes the state into businessStatus, beside codes that others have put there.
fn set_state<'t>(edits: &mut Edits<'t>, task: Node<'t>, state: State) {
    let coding = json!({ "system": state::SYSTEM, "code": state.code() });
    let Some(concept) = task.get("businessStatus").filter(|concept| concept.is_object()) else {
        edits.set(task, "businessStatus", json!({ "coding": [coding] }).to_string());
        return;
    };
    let mut codings = concept.list("coding");
    match codings.find(|coding| coding.get("system").is_some_and(|system| system.is_str(state::SYSTEM))) {
        Some(ours) => edits.set(ours, "code", quote(state.code())),
        None => edits.append(concept, "coding", &coding.to_string()),
    }
}

/// Adds a remark of `organization` (its id), or of the gateway where none is named.
pub fn note<'t>(edits: &mut Edits<'t>, task: Node<'t>, organization: Option<&str>, text: &str, at: Timestamp) {
    let time = instant(at);
    let note = match organization {
        Some(id) => {
            let author = json!({ "reference": format!("Organization/{id}") });
            json!({ "authorReference": author, "time": time, "text": text })
        }
        None => json!({ "authorString": "Handoff", "time": time, "text": text }),
    };
    edits.append(task, "note", &note.to_string());
}

/// How a note names who wrote it, or the organization that did: a reference.
pub fn note_author(note: Node<'_>) -> Option<std::borrow::Cow<'_, str>> {
    let signed = extension(note, NOTE_ORGANIZATION).and_then(|it| it.get("valueReference")?.str("reference"));
    signed.or_else(|| note.get("authorReference")?.str("reference"))
}

/// Says which organization wrote a note, whomever it names itself.
pub fn sign_note<'t>(edits: &mut Edits<'t>, note: Node<'t>, organization: &str) {
    let own = format!("Organization/{organization}");
    let reference = json!({ "reference": own });
    let is_named = note.members().any(|member| member.name().trim_start_matches('_').starts_with("author"));
    if !is_named {
        edits.set(note, "authorReference", reference.to_string());
    } else if note_author(note).as_deref() != Some(&own) {
        set_extension(edits, note, NOTE_ORGANIZATION, "valueReference", &reference);
    }
}

/// Keeps a status in the words of another system, and how it fits the state.
pub fn record_source_status<'t>(
    edits: &mut Edits<'t>,
    task: Node<'t>,
    status: &SourceStatus,
    status_match: &StatusMatch,
    at: Timestamp,
) {
    let coding = match &status.version {
        Some(version) => json!({ "system": status.system, "version": version, "code": status.code }),
        None => json!({ "system": status.system, "code": status.code }),
    };
    let mut parts = vec![json!({ "url": "status", "valueCoding": coding })];
    parts.extend(status.text.as_deref().map(|text| json!({ "url": "text", "valueString": text })));
    let at = status.at.clone().unwrap_or_else(|| instant(at));
    parts.push(json!({ "url": "at", "valueDateTime": at }));
    parts.push(json!({ "url": "result", "valueCode": status_match.code() }));
    edits.append(task, "extension", &json!({ "url": SOURCE_STATUS, "extension": parts }).to_string());
}

/// Is this status the last one that was heard in its system? Then it says nothing new.
pub fn is_last_source_status(task: Node<'_>, status: &SourceStatus) -> bool {
    let part = |extension: Node<'_>, name: &str, member: &str| {
        let mut parts = extension.list("extension");
        parts.find(|part| part.get("url").is_some_and(|url| url.is_str(name)))?.get(member).map(Node::to_value)
    };
    let coding = |extension: Node<'_>| part(extension, "status", "valueCoding").unwrap_or_default();
    let recorded = task.list("extension").filter(|it| it.get("url").is_some_and(|url| url.is_str(SOURCE_STATUS)));
    let last = recorded.filter(|it| coding(*it)["system"] == status.system.as_str()).last();
    last.is_some_and(|last| {
        let same = |value: Option<Value>, own: Option<&str>| value.as_ref().and_then(Value::as_str) == own;
        let coding = coding(last);
        same(coding.get("code").cloned(), Some(&status.code))
            && same(coding.get("version").cloned(), status.version.as_deref())
            && same(part(last, "text", "valueString"), status.text.as_deref())
            && (status.at.is_none() || same(part(last, "at", "valueDateTime"), status.at.as_deref()))
    })
}

/// Names the organization that has to act, and its program.
pub fn assign<'t>(edits: &mut Edits<'t>, task: Node<'t>, owner: &str, program: Option<&str>, program_type: &str) {
    if task.get("owner").is_none() {
        edits.set(task, "owner", json!({ "reference": format!("Organization/{owner}") }).to_string());
    }
    if let Some(program) = program {
        let reference = json!({ "reference": format!("HealthcareService/{program}") });
        set_extension(edits, task, PROGRAM, "valueReference", &reference);
    }
    set_extension(edits, task, PROGRAM_TYPE, "valueCode", &json!(program_type));
}

/// Puts back which program the Task was routed to, where whoever wrote it left that out.
pub fn keep_routed<'t>(edits: &mut Edits<'t>, task: Node<'t>, program: Option<&str>, program_type: Option<&str>) {
    if let Some(id) = program.filter(|_| extension(task, PROGRAM).is_none()) {
        let reference = json!({ "reference": format!("HealthcareService/{id}") });
        set_extension(edits, task, PROGRAM, "valueReference", &reference);
    }
    if let Some(code) = program_type.filter(|_| extension(task, PROGRAM_TYPE).is_none()) {
        set_extension(edits, task, PROGRAM_TYPE, "valueCode", &json!(code));
    }
}

/// Gives the extension with this URL this value; the extension is made where it is missing.
fn set_extension<'t>(edits: &mut Edits<'t>, task: Node<'t>, url: &str, member: &str, value: &Value) {
    let json = value.to_string();
    match extension(task, url) {
        Some(there) if there.get(member).is_some_and(|value| value.text() == json) => {}
        Some(there) => edits.set(there, member, json),
        None => edits.append(task, "extension", &json!({ "url": url, member: value }).to_string()),
    }
}

fn extension<'t>(task: Node<'t>, url: &str) -> Option<Node<'t>> {
    task.list("extension").find(|extension| extension.get("url").is_some_and(|of| of.is_str(url)))
}

/// The type of the program that the Task was routed to.
pub fn program_type(task: Node<'_>) -> Option<String> {
    Some(extension(task, PROGRAM_TYPE)?.str("valueCode")?.into_owned())
}

/// The id of the program (HealthcareService) that the Task was routed to.
pub fn program(task: Node<'_>) -> Option<String> {
    let named = extension(task, PROGRAM)?.get("valueReference")?.str("reference")?;
    named.strip_prefix("HealthcareService/").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;
    use crate::referral::state::TaskStatus;

    #[test]
    fn places_a_task_and_keeps_what_others_wrote() {
        let text = r#"{"resourceType":"Task","status":"requested","statusReason":{"text":"old"},"businessStatus":{"coding":[{"system":"x","code":"3.0"}],"_text":{"id":"a"}},"x":1.10}"#;
        let document = Document::parse(text).unwrap();
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut edits = Edits::new(document.root());
        let to = Position { status: TaskStatus::Accepted, state: State::Accepted };
        set_position_and_reason(&mut edits, document.root(), to, &StatusReason::default(), at);
        note(&mut edits, document.root(), Some("o1"), "called \"twice\"", at);
        assert_eq!(
            edits.finish(),
            r#"{"resourceType":"Task","status":"accepted","businessStatus":{"coding":[{"system":"x","code":"3.0"},{"system":"urn:handoff:fhir:CodeSystem:referral-state","code":"accepted"}],"_text":{"id":"a"}},"x":1.10,"lastModified":"2026-11-21T10:00:00.000Z","note":[{"authorReference":{"reference":"Organization/o1"},"time":"2026-11-21T10:00:00.000Z","text":"called \"twice\""}]}"#
        );
    }

    #[test]
    fn hears_a_status_once() {
        let document = Document::parse(r#"{"resourceType":"Task"}"#).unwrap();
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let status = |code: &str| SourceStatus {
            system: "urn:x".to_owned(),
            version: None,
            code: code.to_owned(),
            text: None,
            at: None,
        };
        let mut edits = Edits::new(document.root());
        record_source_status(&mut edits, document.root(), &status("Pending"), &StatusMatch::Agrees, at);
        let after = Document::parse(edits.finish()).unwrap();
        assert_eq!(
            after.text(),
            r#"{"resourceType":"Task","extension":[{"url":"urn:handoff:fhir:StructureDefinition:source-status","extension":[{"url":"status","valueCoding":{"system":"urn:x","code":"Pending"}},{"url":"at","valueDateTime":"2026-11-21T10:00:00.000Z"},{"url":"result","valueCode":"agrees"}]}]}"#
        );
        assert!(is_last_source_status(after.root(), &status("Pending")));
        assert!(!is_last_source_status(after.root(), &status("Done")));
        let later = SourceStatus { at: Some("2026-11-22T10:00:00Z".to_owned()), ..status("Pending") };
        assert!(!is_last_source_status(after.root(), &later));
    }

    #[test]
    fn assigns_once() {
        let document = Document::parse(r#"{"resourceType":"Task","owner":{"reference":"Organization/a"}}"#).unwrap();
        let mut edits = Edits::new(document.root());
        assign(&mut edits, document.root(), "a", Some("p"), "generic");
        let after = Document::parse(edits.finish()).unwrap();
        assert_eq!(program_type(after.root()).as_deref(), Some("generic"));
        let mut again = Edits::new(after.root());
        assign(&mut again, after.root(), "a", Some("p"), "generic");
        assert!(again.is_empty());
    }
}
