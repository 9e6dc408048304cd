//! Cases of eligibility rules: given what a referral says, what a rule has to answer. They are how a program type's
//! `eligibility.yaml` is tested by whoever writes it, and how those that come with the program are.
//!
//! ```yaml
//! eligibility: nfp                       # the type whose rules are asked
//! at: 2026-06-15                         # as of when
//! names: { LOINC: http://loinc.org }     # short words for systems
//! person: { birthDate: "2004-02-03" }    # the Patient of all cases
//! cases:
//!   - rule: first-birth                  # the id of a rule; with preset: of one of that preset
//!     expect: unknown                    # yes, no or unknown
//!     missing: LOINC 11977-6             # where it is unknown: part of what is said to be missing
//!     says: nobody counted them          # for people
//!     person: {}                         # what is different in this case (RFC 7396), and so request: and task:
//!     given:                             # other resources about the person
//!       - { resourceType: Observation, code: LOINC|11977-6, valueInteger: 0 }
//! ```
//! In `given`, `SYSTEM|CODE` stands for a CodeableConcept, and what every resource needs (status, subject) is filled in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::args::Format;
use crate::cli::case_files::{merge_patch, yaml_files};
use crate::cli::sources;
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, SourcePosition};
use crate::referral::{Graph, Referral};
use crate::routing::eligibility::{Check, word};
use crate::routing::rule::Rule;
use crate::routing::{Facts, Rulebook, judge};
use crate::yaml;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    eligibility: Spanned<String>,
    at: Spanned<String>,
    #[serde(default)]
    names: HashMap<String, String>,
    #[serde(default = "no_change")]
    person: Value,
    cases: Vec<Spanned<Case>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    preset: Option<String>,
    expect: String,
    missing: Option<String>,
    #[serde(default)]
    says: String,
    #[serde(default = "no_change")]
    person: Value,
    #[serde(default = "no_change")]
    request: Value,
    #[serde(default = "no_change")]
    task: Value,
    #[serde(default)]
    given: Vec<Map<String, Value>>,
}

/// The patch of a case that does not change the resource.
fn no_change() -> Value {
    json!({})
}

/// What came of one case.
struct CaseOutcome {
    file: String,
    line: u64,
    rule: String,
    expected: String,
    found: String,
    says: String,
    is_right: bool,
}

/// Runs the cases in a file or folder. Wrong ones make the input invalid.
pub(super) fn run(rulebook: &Rulebook, path: &Path, format: Format, streams: &mut Streams<'_>) -> Result<Exit> {
    let mut outcomes = Vec::new();
    for file in yaml_files(path)? {
        let name = file.display().to_string();
        outcomes.extend(run_file(rulebook, &name, &sources::bytes(&file)?)?);
    }
    let wrong = outcomes.iter().filter(|outcome| !outcome.is_right).count();
    let text = match format {
        Format::Json => {
            let rows: Vec<Value> = outcomes.iter().map(CaseOutcome::to_value).collect();
            format!("{:#}\n", json!({ "cases": rows.len(), "wrong": wrong, "outcomes": rows }))
        }
        Format::Human => {
            let wrong_ones = outcomes.iter().filter(|outcome| !outcome.is_right);
            let mut lines: Vec<String> = wrong_ones.map(ToString::to_string).collect();
            lines.push(format!("{} cases, {wrong} wrong\n", outcomes.len()));
            lines.join("\n")
        }
    };
    write!(streams.out, "{text}").map_err(unwritable)?;
    Ok(if wrong == 0 { Exit::Done } else { Exit::Invalid })
}

impl CaseOutcome {
    fn to_value(&self) -> Value {
        json!({
            "file": self.file, "line": self.line, "rule": self.rule, "says": self.says,
            "expected": self.expected, "found": self.found, "right": self.is_right,
        })
    }
}

impl std::fmt::Display for CaseOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, rule, expected, found, says, .. } = self;
        write!(f, "{file}:{line}: {rule}: expected {expected}, found {found}")?;
        if says.is_empty() { Ok(()) } else { write!(f, " ({says})") }
    }
}

fn run_file(rulebook: &Rulebook, name: &str, bytes: &[u8]) -> Result<Vec<CaseOutcome>> {
    let refuse = |at: Option<SourcePosition>, message: String| {
        Error::new(Category::Unprocessable, Issue::error(Key::MapInvalid, name, message).maybe_at(at))
    };
    let file: File = yaml::read(name, bytes).map_err(|issue| Error::unprocessable(vec![*issue]))?;
    let at = parse_instant(&file.at.value).ok_or_else(|| {
        let at = file.at.referenced;
        refuse(SourcePosition::counted(at.line(), at.column()), "at is a date or an instant".to_owned())
    })?;
    let kind = &file.eligibility.value;
    let mut outcomes = Vec::new();
    for case in &file.cases {
        let (position, case) = (case.referenced, &case.value);
        let refuse = |message: String| refuse(SourcePosition::counted(position.line(), position.column()), message);
        let rules = match &case.preset {
            None => rulebook.rules(kind),
            Some(preset) => {
                rulebook.preset(kind, preset).ok_or_else(|| refuse(format!("there is no preset {preset}")))?
            }
        };
        let rule = rules.iter().find(|rule| rule.id.as_deref() == Some(&*case.rule));
        let rule = rule.ok_or_else(|| refuse(format!("{kind} has no rule {}", case.rule)))?;
        if !matches!(&*case.expect, "yes" | "no" | "unknown") {
            return Err(refuse("expect is yes, no or unknown".to_owned()));
        }
        let bundle = bundle(&file, case, at).map_err(&refuse)?;
        let found = run_rule(rulebook, rule, &bundle, at)?;
        let is_right = found.0 == case.expect
            && case.missing.as_ref().is_none_or(|part| found.1.iter().any(|missing| missing.contains(part)));
        let mut expected = case.expect.clone();
        if let Some(missing) = &case.missing {
            expected = format!("{expected} for want of {missing}");
        }
        let (mut found_answer, missing) = found;
        if !missing.is_empty() {
            found_answer = format!("{found_answer} for want of {}", missing.join("; "));
        }
        outcomes.push(CaseOutcome {
            file: name.to_owned(),
            line: position.line(),
            rule: case.rule.clone(),
            expected,
            found: found_answer,
            says: case.says.clone(),
            is_right,
        });
    }
    Ok(outcomes)
}

/// A day is its noon.
fn parse_instant(text: &str) -> Option<Timestamp> {
    let day = || {
        let noon = text.parse::<Date>().ok()?.at(12, 0, 0, 0);
        noon.to_zoned(TimeZone::UTC).ok().map(|noon| noon.timestamp())
    };
    text.parse().ok().or_else(day)
}

fn run_rule(rulebook: &Rulebook, rule: &Arc<Rule>, bundle: &Value, at: Timestamp) -> Result<(String, Vec<String>)> {
    let graph = Graph::from_bundle(&Arc::new(Document::from_value(bundle)?))?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    let facts = Facts::of(&referral, rulebook.facts(), at);
    let judged = judge(&facts, std::slice::from_ref(rule));
    let Some(Check { verdict, missing, .. }) = judged.checks.first() else {
        return Ok(("not asked, since it is not in force".to_owned(), Vec::new()));
    };
    Ok((word(*verdict).to_owned(), missing.iter().map(ToString::to_string).collect()))
}

// === the referral of a case

fn bundle(file: &File, case: &Case, at: Timestamp) -> std::result::Result<Value, String> {
    let mut person = json!({ "resourceType": "Patient", "id": "person" });
    merge_patch(&mut person, &file.person);
    merge_patch(&mut person, &case.person);
    let subject = json!({ "reference": "Patient/person" });
    let mut request = json!({
        "resourceType": "ServiceRequest", "id": "request", "status": "active", "intent": "order", "subject": subject,
        "authoredOn": at.to_string(),
    });
    merge_patch(&mut request, &case.request);
    let mut task = json!({
        "resourceType": "Task", "id": "task", "status": "requested", "intent": "order",
        "focus": { "reference": "ServiceRequest/request" }, "for": subject, "authoredOn": at.to_string(),
    });
    merge_patch(&mut task, &case.task);
    let mut resources = vec![person, request, task];
    for (number, given) in case.given.iter().enumerate() {
        let mut resource = Value::Object(given.clone());
        let kind = given.get("resourceType").and_then(Value::as_str).ok_or("a given resource has no resourceType")?;
        fill_defaults(&mut resource, kind, number, &subject);
        resources.push(resource);
    }
    for resource in &mut resources {
        expand_codes(resource, &file.names)?;
    }
    let entries: Vec<Value> = resources.into_iter().map(|resource| json!({ "resource": resource })).collect();
    Ok(json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }))
}

/// What every resource of this kind needs and the case does not say.
fn fill_defaults(resource: &mut Value, kind: &str, number: usize, subject: &Value) {
    let status = match kind {
        "Observation" => Some("final"),
        "Coverage" => Some("active"),
        "QuestionnaireResponse" => Some("completed"),
        _ => None,
    };
    let about = match kind {
        "Coverage" => "beneficiary",
        "RelatedPerson" => "patient",
        _ => "subject",
    };
    let mut set = |name: &str, value: Value| {
        if resource.get(name).is_none() {
            resource[name] = value;
        }
    };
    set("id", json!(format!("given-{}", number + 1)));
    set(about, subject.clone());
    if let Some(status) = status {
        set("status", json!(status));
    }
}

/// Writes `SYSTEM|CODE` out where a CodeableConcept stands.
fn expand_codes(value: &mut Value, names: &HashMap<String, String>) -> std::result::Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| expand_codes(item, names)),
        Value::Object(members) => members.iter_mut().try_for_each(|(name, member)| {
            let is_concept =
                matches!(name.as_str(), "code" | "type" | "category" | "clinicalStatus" | "verificationStatus")
                    || name.ends_with("CodeableConcept");
            match member.as_str().filter(|_| is_concept).and_then(|text| text.split_once('|')) {
                None => expand_codes(member, names),
                Some((system, code)) => {
                    let system = match names.get(system) {
                        Some(system) => system.as_str(),
                        None if system.contains(':') => system,
                        None => return Err(format!("{system} is no name of names: and no URI")),
                    };
                    let concept = json!({ "coding": [{ "system": system, "code": code }] });
                    *member = if name == "category" { json!([concept]) } else { concept };
                    Ok(())
                }
            }
        }),
        _ => Ok(()),
    }
}
