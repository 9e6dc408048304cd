//! Issues as an OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>), the form in which FHIR speaks of what
//! is wrong.
//!
//! Every issue has a code of our own too, which stays the same whatever the text says, and line and column in the
//! extensions that the reference validator uses.

use fhir_sdk::BuilderError;
use fhir_sdk::r4b::codes::{IssueSeverity, IssueType};
use fhir_sdk::r4b::resources::{OperationOutcome, OperationOutcomeIssue};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Extension, ExtensionValue};
use serde_json::Value;

use super::issue::{Issue, Severity};

/// The code system of our issue keys.
pub const SYSTEM: &str = "urn:handoff:fhir:CodeSystem:issue";
const LINE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line";
const COLUMN: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col";

/// The issues as an OperationOutcome; no issues at all are one that says so.
pub fn to_value(issues: &[Issue]) -> Value {
    let outcome = outcome(issues).map_err(|error| error.to_string());
    outcome.and_then(|outcome| serde_json::to_value(outcome).map_err(|error| error.to_string())).unwrap_or_else(unbuilt)
}

/// The OperationOutcome as text.
pub fn to_text(issues: &[Issue]) -> String {
    to_value(issues).to_string()
}

/// What is answered should the builder ever refuse: an outcome that says so.
#[allow(clippy::needless_pass_by_value)] // the shape that unwrap_or_else wants
fn unbuilt(why: String) -> Value {
    serde_json::json!({
        "resourceType": "OperationOutcome",
        "issue": [{ "severity": "fatal", "code": "exception", "diagnostics": why }],
    })
}

fn outcome(issues: &[Issue]) -> Result<OperationOutcome, BuilderError> {
    let listed = match issues {
        [] => vec![Some(all_ok()?)],
        issues => issues.iter().map(|issue| one(issue).map(Some)).collect::<Result<_, _>>()?,
    };
    OperationOutcome::builder().issue(listed).build()
}

fn all_ok() -> Result<OperationOutcomeIssue, BuilderError> {
    let text = CodeableConcept::builder().text("all ok".to_owned()).build()?;
    OperationOutcomeIssue::builder()
        .severity(IssueSeverity::Information)
        .code(IssueType::Informational)
        .details(text)
        .build()
}

fn one(issue: &Issue) -> Result<OperationOutcomeIssue, BuilderError> {
    let coding = Coding::builder().system(SYSTEM.to_owned()).code(issue.key.name().to_owned()).build()?;
    let details = CodeableConcept::builder().coding(vec![Some(coding)]).text(issue.text.clone()).build()?;
    let mut builder = OperationOutcomeIssue::builder()
        .severity(severity(issue.severity))
        .code(issue.key.code().parse().unwrap_or(IssueType::Processing))
        .details(details)
        .diagnostics(diagnostics(issue));
    if !issue.path.is_empty() {
        builder = builder.expression(vec![Some(issue.path.clone())]);
    }
    if let Some(place) = issue.place {
        builder = builder.extension(vec![number(LINE, place.line)?, number(COLUMN, place.column)?]);
    }
    builder.build()
}

/// `the code is not in the value set ... (line 3, column 5); did you mean "requested"?`
fn diagnostics(issue: &Issue) -> String {
    let place = issue.place.map_or_else(String::new, |at| format!(" (line {}, column {})", at.line, at.column));
    format!("{}{place}; {}", issue.text, issue.mend())
}

fn number(url: &str, value: u32) -> Result<Extension, BuilderError> {
    let value = ExtensionValue::Integer(i32::try_from(value).unwrap_or(i32::MAX));
    Extension::builder().url(url.to_owned()).value(value).build()
}

fn severity(severity: Severity) -> IssueSeverity {
    match severity {
        Severity::Fatal => IssueSeverity::Fatal,
        Severity::Error => IssueSeverity::Error,
        Severity::Warning => IssueSeverity::Warning,
        Severity::Information => IssueSeverity::Information,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::{Key, Place};

    #[test]
    fn says_what_where_and_how_to_mend() {
        let issue = Issue::error(Key::Binding, "Task.status", "the code is not in the value set")
            .at(Place { line: 3, column: 5 })
            .hint("did you mean \"requested\"?");
        assert_eq!(
            to_value(&[issue]),
            serde_json::json!({
                "resourceType": "OperationOutcome",
                "issue": [{
                    "extension": [{ "url": LINE, "valueInteger": 3 }, { "url": COLUMN, "valueInteger": 5 }],
                    "severity": "error",
                    "code": "code-invalid",
                    "details": {
                        "coding": [{ "system": SYSTEM, "code": "binding" }],
                        "text": "the code is not in the value set",
                    },
                    "diagnostics": "the code is not in the value set (line 3, column 5); did you mean \"requested\"?",
                    "expression": ["Task.status"],
                }],
            })
        );
    }

    #[test]
    fn knows_every_issue_type_of_the_table() {
        for key in Key::ALL {
            assert!(key.code().parse::<IssueType>().is_ok(), "{} has the issue type {}", key.name(), key.code());
        }
    }

    #[test]
    fn nothing_wrong_is_said_too() {
        let value = to_value(&[]);
        assert_eq!(value["issue"][0]["severity"], "information");
        assert_eq!(value["issue"][0]["details"]["text"], "all ok");
    }
}
