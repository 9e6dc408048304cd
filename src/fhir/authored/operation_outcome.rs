//! Issues as an OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>), the form in which FHIR speaks of what
//! is wrong.
//!
//! Every issue has a code of our own too, which stays the same whatever the text says. Line and column, the profile that
//! asks for it and the key of its invariant stand in the extensions that the reference validator uses
//! (<https://hl7.org/fhir/extensions/extension-registry.html>). The same finding at several places is one issue with
//! several expressions.

use std::cmp::Reverse;

use fhir_sdk::BuilderError;
use fhir_sdk::r4b::codes::{IssueSeverity, IssueType};
use fhir_sdk::r4b::resources::{OperationOutcome, OperationOutcomeIssue};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Extension, ExtensionValue};
use serde_json::Value;

use crate::fhir::fold::{Fold, fold};
use crate::fhir::issue::{Issue, Severity};

use super::code_system::ISSUE_CODE_SYSTEM;

/// Line of the first place; counted from 1, as the column is
const LINE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line";
const COLUMN: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col";
/// The element that brings the rule, in its profile
const SOURCE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source";
/// Which rule it is: `PROFILE#KEY` of an invariant, else our own key
const MESSAGE_ID: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id";
/// The profile that was checked against
const CONTEXT: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-context";

/// The issues as an OperationOutcome; no issues at all are one that says so.
pub fn to_value(issues: &[Issue]) -> Value {
    let outcome = build(issues).map_err(|error| error.to_string());
    outcome
        .and_then(|outcome| serde_json::to_value(outcome).map_err(|error| error.to_string()))
        .unwrap_or_else(build_failure)
}

/// The OperationOutcome as text.
pub fn to_text(issues: &[Issue]) -> String {
    let outcome = build(issues).map_err(|error| error.to_string());
    let text = outcome.and_then(|outcome| serde_json::to_string(&outcome).map_err(|error| error.to_string()));
    text.unwrap_or_else(|why| build_failure(why).to_string())
}

/// What is answered should the builder ever refuse: an outcome that says so.
#[allow(clippy::needless_pass_by_value)] // the shape that unwrap_or_else wants
fn build_failure(why: String) -> Value {
    serde_json::json!({
        "resourceType": "OperationOutcome",
        "issue": [{ "severity": "fatal", "code": "exception", "diagnostics": why }],
    })
}

/// The OperationOutcome itself.
pub(super) fn build(issues: &[Issue]) -> Result<OperationOutcome, BuilderError> {
    let listed = match issues {
        [] => vec![Some(nothing_found()?)],
        issues => {
            let mut folds = fold(issues);
            // Whoever reads only the first of them reads the worst.
            folds.sort_by_key(|fold| Reverse(fold.issue.severity));
            folds.iter().map(|fold| issue_of(fold).map(Some)).collect::<Result<_, _>>()?
        }
    };
    OperationOutcome::builder().issue(listed).build()
}

fn nothing_found() -> Result<OperationOutcomeIssue, BuilderError> {
    let text = CodeableConcept::builder().text("all ok".to_owned()).build()?;
    OperationOutcomeIssue::builder()
        .severity(IssueSeverity::Information)
        .code(IssueType::Informational)
        .details(text)
        .build()
}

/// One finding, with all its positions.
fn issue_of(fold: &Fold<'_>) -> Result<OperationOutcomeIssue, BuilderError> {
    let issue = fold.issue;
    let coding = Coding::builder()
        .system(ISSUE_CODE_SYSTEM.to_owned())
        .code(issue.key.name().to_owned())
        .display(issue.key.what().to_owned())
        .build()?;
    let details = CodeableConcept::builder().coding(vec![Some(coding)]).text(issue.text.clone()).build()?;
    let mut builder = OperationOutcomeIssue::builder()
        .extension(extensions(issue)?)
        .severity(severity(issue.severity))
        .code(issue.key.code().parse().unwrap_or(IssueType::Processing))
        .details(details)
        .diagnostics(diagnostics(fold));
    let paths = std::iter::once(issue).chain(fold.others.iter().copied()).map(|issue| &issue.path);
    let paths: Vec<_> = paths.filter(|path| !path.is_empty()).map(|path| Some(path.clone())).collect();
    if !paths.is_empty() {
        builder = builder.expression(paths);
    }
    builder.build()
}

fn extensions(issue: &Issue) -> Result<Vec<Extension>, BuilderError> {
    let mut extensions = Vec::new();
    if let Some(position) = issue.position {
        extensions.extend([with_integer(LINE, position.line)?, with_integer(COLUMN, position.column)?]);
    }
    let invariant = issue.origin.as_ref().and_then(|origin| origin.invariant());
    extensions.push(with_string(MESSAGE_ID, invariant.unwrap_or_else(|| issue.key.name().to_owned()))?);
    if let Some(origin) = &issue.origin {
        extensions.extend([with_string(SOURCE, origin.address())?, with_string(CONTEXT, origin.profile.clone())?]);
    }
    Ok(extensions)
}

/// `the code is not in the value set ... (line 3, column 5); did you mean "requested"?`
fn diagnostics(fold: &Fold<'_>) -> String {
    let issue = fold.issue;
    let others = match fold.others.len() {
        0 => String::new(),
        1 => ", and one more place".to_owned(),
        count => format!(", and {count} more places"),
    };
    let position =
        issue.position.map_or_else(String::new, |at| format!(" (line {}, column {}{others})", at.line, at.column));
    let rule = issue.rule().map_or_else(String::new, |rule| format!("; rule: {rule}"));
    format!("{}{position}{rule}; {}", issue.text, issue.fix())
}

fn with_integer(url: &str, value: u32) -> Result<Extension, BuilderError> {
    let value = ExtensionValue::Integer(i32::try_from(value).unwrap_or(i32::MAX));
    Extension::builder().url(url.to_owned()).value(value).build()
}

fn with_string(url: &str, value: String) -> Result<Extension, BuilderError> {
    Extension::builder().url(url.to_owned()).value(ExtensionValue::String(value)).build()
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
    use crate::fhir::{Key, RuleSource, SourcePosition};

    #[test]
    fn says_what_where_and_how_to_mend() {
        let issue = Issue::error(Key::Binding, "Task.status", "the code is not in the value set")
            .at(SourcePosition { line: 3, column: 5 })
            .hint("did you mean \"requested\"?");
        assert_eq!(
            to_value(&[issue]),
            serde_json::json!({
                "resourceType": "OperationOutcome",
                "issue": [{
                    "extension": [
                        { "url": LINE, "valueInteger": 3 },
                        { "url": COLUMN, "valueInteger": 5 },
                        { "url": MESSAGE_ID, "valueString": "binding" },
                    ],
                    "severity": "error",
                    "code": "code-invalid",
                    "details": {
                        "coding": [{
                            "system": ISSUE_CODE_SYSTEM,
                            "code": "binding",
                            "display": "A code outside a required value set",
                        }],
                        "text": "the code is not in the value set",
                    },
                    "diagnostics": "the code is not in the value set (line 3, column 5); did you mean \"requested\"?",
                    "expression": ["Task.status"],
                }],
            })
        );
    }

    #[test]
    fn says_which_rule_of_which_profile() {
        let origin = |constraint: Option<&str>| RuleSource {
            profile: "https://example.org/StructureDefinition/warm|1.0".to_owned(),
            element: "Task.output:done".to_owned(),
            constraint: constraint.map(str::to_owned),
        };
        let mut first = Issue::error(Key::Missing, "Task.output[0]", "there is no type").from(origin(None).into());
        first.expected = Some("cardinality 1..1".into());
        let mut second = first.clone().at(SourcePosition { line: 9, column: 1 });
        second.path = "Task.output[1]".to_owned();
        let third = Issue::error(Key::Missing, "Task", "there is no focus").from(origin(Some("warm-1")).into());
        let value = to_value(&[first.at(SourcePosition { line: 3, column: 5 }), second, third]);
        let issue = &value["issue"][0];
        assert_eq!(issue["expression"], serde_json::json!(["Task.output[0]", "Task.output[1]"]));
        assert_eq!(
            issue["diagnostics"],
            "there is no type (line 3, column 5, and one more place); \
             rule: warm|1.0, Task.output:done: cardinality 1..1; add the element"
        );
        let source = "https://example.org/StructureDefinition/warm|1.0#Task.output:done";
        assert_eq!(issue["extension"][3], serde_json::json!({ "url": SOURCE, "valueString": source }));
        assert_eq!(issue["extension"][4]["valueString"], "https://example.org/StructureDefinition/warm|1.0");
        let message = &value["issue"][1]["extension"][0];
        assert_eq!(message["valueString"], "https://example.org/StructureDefinition/warm#warm-1");
    }

    #[test]
    fn knows_every_issue_type_of_the_table() {
        for key in Key::ALL {
            assert!(key.code().parse::<IssueType>().is_ok(), "{} has the issue type {}", key.name(), key.code());
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let issues = [
            Issue::information(Key::NotChecked, "Task.a", "first"),
            Issue::warning(Key::Markup, "Task.b", "second"),
            Issue::error(Key::Missing, "Task.c", "third"),
            Issue::error(Key::Binding, "Task.d", "fourth"),
        ];
        let value = to_value(&issues);
        let texts: Vec<&str> =
            value["issue"].as_array().unwrap().iter().filter_map(|issue| issue["details"]["text"].as_str()).collect();
        assert_eq!(texts, ["third", "fourth", "second", "first"]);
    }

    #[test]
    fn nothing_wrong_is_said_too() {
        let value = to_value(&[]);
        assert_eq!(value["issue"][0]["severity"], "information");
        assert_eq!(value["issue"][0]["details"]["text"], "all ok");
    }
}
