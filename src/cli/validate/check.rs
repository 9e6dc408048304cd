//! From a job to what the report says about it. This runs on several threads at once, so it does all that can be done
//! before the order matters: reading, checking, and writing down what was found.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::block::{self, Colours};
use super::counts::ResultCounts;
use super::excerpt::SourceText;
use super::inputs::{Input, Job, LIMITS};
use super::terminology_client::TerminologyClient;
use crate::error::{Error, Result};
use crate::fhir::authored::operation_outcome;
use crate::fhir::fold::{Fold, element, fold};
use crate::fhir::{Document, Issue, Key, Resources, Severity};
use crate::fhirpath::Temporal;
use crate::profile::{Checker, Request};

/// Says in an OperationOutcome which file it is about.
const FILE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file";

/// What everything is checked with, and how it is told.
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub(super) struct Check {
    pub(super) checker: Checker,
    /// Who is asked what the definitions at hand cannot say
    pub(super) terminology: Option<TerminologyClient>,
    /// Profiles to check against besides those claimed
    pub(super) profiles: Vec<String>,
    /// Where references may lead
    pub(super) beside: Resources,
    pub(super) must_support: bool,
    pub(super) best_practice: bool,
    pub(super) no_html: bool,
    pub(super) no_examples: bool,
    /// What invariants take for the present
    pub(super) now: Option<Temporal>,
    /// What is less than this is counted and not shown
    pub(super) min_severity: Severity,
    /// What to write down of each resource
    pub(super) form: ReportDetail,
}

/// What to write down of each resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportDetail {
    /// Its findings, for people
    Blocks(Colours),
    /// One OperationOutcome, on one line or on several
    Outcome {
        /// On several lines
        indented: bool,
    },
    /// Nothing: counting is enough
    Nothing,
}

/// What is said about a job.
pub(super) struct CheckedJob {
    pub(super) file: Arc<str>,
    /// Nothing more of this file follows
    pub(super) is_last: bool,
    pub(super) counts: ResultCounts,
    /// In the order of the file
    pub(super) entries: Vec<ReportEntry>,
    /// Why it could not be read
    pub(super) unreadable: Option<Error>,
}

/// One thing to say.
pub(super) struct ReportEntry {
    pub(super) text: String,
    /// The finding, where it is one
    pub(super) finding: Option<Finding>,
}

/// A finding by what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    /// The same for the same finding about another resource
    pub(super) number: u64,
    /// It is about what is not at hand, and so about no resource more than about another
    pub(super) is_general: bool,
    /// At how many places of the resource it is found
    pub(super) places: usize,
}

impl Check {
    /// Does a job.
    pub(super) fn check_job(&self, job: Job) -> CheckedJob {
        let Job { file, input, is_last } = job;
        let mut answer =
            CheckedJob { file, is_last, counts: ResultCounts::default(), entries: Vec::new(), unreadable: None };
        match input {
            Input::File(path) => match bytes(&path) {
                Ok(bytes) => self.resource(&bytes, None, &mut answer),
                Err(error) => answer.unreadable = Some(error),
            },
            Input::Whole(bytes) => self.resource(&bytes, None, &mut answer),
            Input::Lines { first, bytes } => {
                for (line, bytes) in (first..).zip(bytes.split(|byte| *byte == b'\n')) {
                    if !bytes.trim_ascii().is_empty() {
                        self.resource(bytes, Some(line), &mut answer);
                    }
                }
            }
            Input::Unreadable(error) => answer.unreadable = Some(error),
        }
        let is_unreadable = answer.unreadable.is_some();
        answer.counts.unreadable = usize::from(is_unreadable);
        answer.counts.files = usize::from(is_last && !is_unreadable);
        answer
    }

    /// Checks a resource; `line` is the one on which it stands, if there are several in the file.
    fn resource(&self, bytes: &[u8], line: Option<u32>, answer: &mut CheckedJob) {
        let document = Document::parse_bytes(bytes, LIMITS);
        let mut issues = match &document {
            Ok(document) => self.issues(document),
            Err(issue) => vec![Issue::clone(issue)],
        };
        answer.counts.add(&ResultCounts::of(&issues));
        issues.retain(|issue| issue.severity >= self.min_severity);
        match self.form {
            ReportDetail::Nothing => {}
            ReportDetail::Blocks(colours) => {
                // What was not read has no text but its bytes.
                let lossy;
                let text = match &document {
                    Ok(document) => document.text(),
                    Err(_) => {
                        lossy = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
                        &lossy
                    }
                };
                let mut source = SourceText::new(text);
                for fold in fold(&issues) {
                    let text =
                        block::format_finding(&fold, &answer.file, Some(&mut source), line.unwrap_or(1), colours);
                    answer.entries.push(ReportEntry { text, finding: Some(finding(&fold)) });
                }
            }
            ReportDetail::Outcome { indented } => {
                let name = line.map_or_else(|| answer.file.to_string(), |line| format!("{}:{line}", answer.file));
                for position in issues.iter_mut().filter_map(|issue| issue.position.as_mut()) {
                    position.line += line.unwrap_or(1) - 1;
                }
                let value = of_file(&name, &issues);
                let text = if indented { format!("{value:#}") } else { value.to_string() };
                answer.entries.push(ReportEntry { text, finding: None });
            }
        }
    }

    fn issues(&self, document: &Document) -> Vec<Issue> {
        let profiles: Vec<&str> = self.profiles.iter().map(String::as_str).collect();
        let request = Request {
            profiles: &profiles,
            with: Some(&self.beside).filter(|beside| !beside.is_empty()),
            now: self.now,
            questions: self.terminology.is_some(),
            must_support: self.must_support,
            best_practice: self.best_practice,
            security: self.no_html,
            no_html: self.no_html,
            no_examples: self.no_examples,
            ..Request::default()
        };
        let report = self.checker.report(document.root(), &request);
        match &self.terminology {
            Some(terminology) => terminology.settle(report),
            None => report.settle(|_| None),
        }
    }
}

/// The content of a file, or enough of it to see that it is too long.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LIMITS.bytes as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error: std::io::Error| Error::unreadable_file(path, &error))
}

fn finding(fold: &Fold<'_>) -> Finding {
    let issue = fold.issue;
    let mut hasher = DefaultHasher::new();
    (issue.severity, issue.key, &issue.text, &issue.hint, &issue.expected, &issue.origin).hash(&mut hasher);
    let is_general = issue.key == Key::NotChecked;
    if !is_general {
        element(&issue.path).hash(&mut hasher);
    }
    Finding { number: hasher.finish(), is_general, places: 1 + fold.others.len() }
}

/// The OperationOutcome about a file, which it names.
fn of_file(name: &str, issues: &[Issue]) -> Value {
    let mut value = operation_outcome::to_value(issues);
    if let Some(members) = value.as_object_mut() {
        let file = serde_json::json!([{ "url": FILE, "valueString": name }]);
        members.shift_insert(1, "extension".to_owned(), file);
    }
    value
}
