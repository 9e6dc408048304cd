//! What an event brings into the record: services, the place in the program, outcomes. The objects are those of the
//! program record; what they leave out, the event knows.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::fhir::Node;
use crate::fhir::edit::instant;
use crate::referral::state::Event;
use crate::referral::task::SDOHCC_CODES;
use crate::security::Caller;

use super::draft::Draft;
use super::event_message::EventMessage;

/// The service that was given, with when and by whom where the agency did not say.
pub(super) fn service(message: &EventMessage, caller: &Caller, at: Timestamp) -> Option<Value> {
    let mut service = object(message.service.as_ref()?);
    or_insert(&mut service, "at", instant(message.at.unwrap_or(at)));
    if !service.contains_key("provider") {
        let organization = format!("Organization/{}", caller.organization);
        service.insert("provider".to_owned(), json!({ "organization": organization }));
    }
    Some(Value::Object(service))
}

/// The person's place in the program: what the event says of it, and for `enroll` that it begins.
pub(super) fn enrollment(message: &EventMessage, at: Timestamp) -> Option<Value> {
    if message.event != Event::Enroll {
        return message.enrollment.clone();
    }
    let mut enrollment = message.enrollment.as_ref().map(object).unwrap_or_default();
    or_insert(&mut enrollment, "status", "enrolled".to_owned());
    or_insert(&mut enrollment, "entryDate", date(message.at.unwrap_or(at)));
    Some(Value::Object(enrollment))
}

/// What came of it, dated where it is not.
pub(super) fn outcome(message: &EventMessage, at: Timestamp) -> Option<Value> {
    let mut outcome = object(message.outcome.as_ref()?);
    or_insert(&mut outcome, "achievedOn", date(message.at.unwrap_or(at)));
    Some(Value::Object(outcome))
}

/// A completed Task has an output (SDOHCC 3.0.0, refer-9). Where no service was reported, it says by code that what was
/// asked for was done.
pub(super) fn ensure_output(draft: &mut Draft) -> Result<()> {
    let code = {
        let referral = draft.referral()?;
        let results = |output: Node<'_>| {
            output.get("type").is_some_and(|kind| {
                kind.list("coding")
                    .any(|coding| coding.get("code").is_some_and(|code| code.is_str("resulting-activity")))
            })
        };
        if referral.task.node().list("output").any(results) {
            return Ok(());
        }
        let code = referral.request.node().get("code");
        code.map_or_else(|| json!({ "text": "the requested service" }), Node::to_value)
    };
    let kind = json!({ "system": SDOHCC_CODES, "code": "resulting-activity", "display": "Resulting Activity" });
    let output = json!({ "type": { "coding": [kind] }, "valueCodeableConcept": code }).to_string();
    draft.edit_task(|edits, task| edits.append(task, "output", &output))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn or_insert(object: &mut Map<String, Value>, name: &str, value: String) {
    object.entry(name).or_insert(Value::String(value));
}

fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}
