//! What an answer should be read with: findings that did not stand in the way. They name places, rules and codes.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::fhir::{Issue, Severity};

/// Remarks as documents: `{"severity", "key", "path", "text", "fix"}`, with `mend` as the former name of `fix`; the worst
/// first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks(Vec<Value>);

impl Remarks {
    /// These findings.
    pub fn of(issues: &[Issue]) -> Self {
        let document = |issue: &Issue| {
            let (severity, key, fix) = (issue.severity.code(), issue.key.name(), issue.fix());
            json!({ "severity": severity, "key": key, "path": issue.path, "text": issue.text, "mend": fix, "fix": fix })
        };
        let mut remarks = Self(issues.iter().map(document).collect());
        remarks.put_worst_first();
        remarks
    }

    fn put_worst_first(&mut self) {
        let severity = |remark: &Value| Severity::from_code(remark["severity"].as_str().unwrap_or_default());
        self.0.sort_by_key(|remark| Reverse(severity(remark)));
    }

    /// Adds these findings.
    pub(super) fn add(&mut self, issues: impl IntoIterator<Item = Issue>) {
        let issues: Vec<Issue> = issues.into_iter().collect();
        self.0.extend(Self::of(&issues).0);
        self.put_worst_first();
    }

    /// Adds those of another.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
        self.put_worst_first();
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What [`Remarks::to_text`] wrote; none where it is something else.
    pub(super) fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// All of them in one line; nothing where there are none.
    pub(super) fn to_text(&self) -> String {
        if self.0.is_empty() { String::new() } else { Value::from(self.0.clone()).to_string() }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }
}
