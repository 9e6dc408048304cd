//! A step of a referral's history: a version of its Task by which it moved, without what grows with it. Notes, outputs and
//! inputs stand in the Task and in its versions; a history that held them all would be read whole with each event.

use crate::fhir::Node;
use crate::fhir::edit::quote;

/// The members of a Task that a step keeps, with what stands beside them (`_status`).
pub const KEPT: &[&str] = &[
    "resourceType",
    "id",
    "meta",
    "status",
    "statusReason",
    "businessStatus",
    "intent",
    "priority",
    "for",
    "focus",
    "owner",
    "requester",
    "executionPeriod",
    "authoredOn",
    "lastModified",
];

/// The members that tell where the referral stands.
const POSITION: &[&str] = &["status", "businessStatus", "statusReason"];

/// A version of a Task as a step of its history.
pub fn step_of(task: Node<'_>) -> String {
    let mut text = String::from("{");
    for member in task.members().filter(|member| KEPT.contains(&member.name().trim_start_matches('_'))) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&quote(member.name()));
        text.push(':');
        text.push_str(member.text());
    }
    text.push('}');
    text
}

/// Does the referral stand where it stood? Then the later of the two is no step of its history.
pub fn stands_alike(one: Node<'_>, other: Node<'_>) -> bool {
    let member = |task: Node<'_>, name: &str| task.get(name).map(Node::to_value);
    POSITION.iter().all(|name| member(one, name) == member(other, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn keeps_where_the_referral_stood_as_it_was_written() {
        let task = |status: &str, note: &str| {
            let text = format!(
                r#"{{"resourceType":"Task","id":"7", "status" : "{status}","_status":{{"id":"s"}},"lastModified":"2026","x":1.10,"note":[{{"text":"{note}"}}]}}"#
            );
            Document::parse(text).unwrap()
        };
        let (one, same, other) = (task("accepted", "a"), task("accepted", "b"), task("completed", "a"));
        let kept = r#"{"resourceType":"Task","id":"7","status":"accepted","_status":{"id":"s"},"lastModified":"2026"}"#;
        assert_eq!(step_of(one.root()), kept);
        assert!(stands_alike(one.root(), same.root()) && !stands_alike(one.root(), other.root()));
        let step = Document::parse(step_of(other.root())).unwrap();
        assert!(stands_alike(step.root(), other.root()));
    }
}
