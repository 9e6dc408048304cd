//! What an answer should be read with: findings that did not stand in the way. They name places, rules and codes.

use serde_json::{Value, json};

use crate::fhir::Issue;

/// Remarks as documents: `{"key", "path", "text", "fix"}`, with `mend` as the former name of `fix`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks(Vec<Value>);

impl Remarks {
    /// These findings.
    pub fn of(issues: &[Issue]) -> Self {
        let document = |issue: &Issue| {
            let (key, fix) = (issue.key.name(), issue.fix());
            json!({ "key": key, "path": issue.path, "text": issue.text, "mend": fix, "fix": fix })
        };
        Self(issues.iter().map(document).collect())
    }

    /// Adds these findings.
    pub(super) fn add(&mut self, issues: impl IntoIterator<Item = Issue>) {
        let issues: Vec<Issue> = issues.into_iter().collect();
        self.0.extend(Self::of(&issues).0);
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
