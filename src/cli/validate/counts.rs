//! How much was found in how many resources, for the last lines of a report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::streams::Exit;
use crate::fhir::issue::any_error;
use crate::fhir::{Issue, Key, Severity};

/// What was found, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResultCounts {
    /// Files that were read
    pub(super) files: usize,
    /// Files that could not be read
    pub(super) unreadable: usize,
    /// Resources that were checked
    pub(super) resources: usize,
    /// Those of them that have errors
    pub(super) invalid: usize,
    found: SeverityCounts,
    keys: BTreeMap<Key, SeverityCounts>,
}

/// How many of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SeverityCounts {
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl SeverityCounts {
    fn add(&mut self, other: Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.notes += other.notes;
    }

    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Fatal | Severity::Error => Self { errors: 1, ..Self::default() },
            Severity::Warning => Self { warnings: 1, ..Self::default() },
            Severity::Information => Self { notes: 1, ..Self::default() },
        }
    }

    /// `2 errors, 1 note`; nothing where there is nothing.
    fn text(self) -> String {
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        counts.map(|(count, what)| plural(*count, what)).collect::<Vec<_>>().join(", ")
    }

    fn value(self) -> Value {
        json!({ "errors": self.errors, "warnings": self.warnings, "information": self.notes })
    }
}

impl ResultCounts {
    /// Counts what was found in a resource.
    pub(super) fn of(issues: &[Issue]) -> Self {
        let mut tally = Self { resources: 1, invalid: usize::from(any_error(issues)), ..Self::default() };
        for issue in issues {
            let counts = SeverityCounts::of(issue.severity);
            tally.found.add(counts);
            tally.keys.entry(issue.key).or_default().add(counts);
        }
        tally
    }

    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.unreadable += other.unreadable;
        self.resources += other.resources;
        self.invalid += other.invalid;
        self.found.add(other.found);
        for (key, counts) in &other.keys {
            self.keys.entry(*key).or_default().add(*counts);
        }
    }

    /// What the process answers.
    pub(super) fn exit(&self) -> Exit {
        match (self.unreadable, self.invalid) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Invalid,
            _ => Exit::Failed,
        }
    }

    /// About one file: `not valid, 2 errors`, `not valid, 2 of 100 resources, 3 errors`.
    pub(super) fn verdict(&self) -> String {
        let mut text = if self.invalid == 0 { "valid".to_owned() } else { "not valid".to_owned() };
        if self.resources != 1 {
            let resources = plural(self.resources, "resource");
            let _ = match self.invalid {
                0 => write!(text, ", {resources}"),
                invalid => write!(text, ", {invalid} of {resources}"),
            };
        }
        let found = self.found.text();
        if found.is_empty() { text } else { text + ", " + &found }
    }

    /// About all files: how many are valid, and what was found how often.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        if self.resources != self.files {
            let _ = write!(text, "{} in ", plural(self.resources, "resource"));
        }
        let valid = self.resources - self.invalid;
        let _ = write!(text, "{}: {valid} valid, {} not", plural(self.files, "file"), self.invalid);
        if self.unreadable > 0 {
            let _ = write!(text, "; {} could not be read", plural(self.unreadable, "file"));
        }
        text.push('\n');
        let width = self.keys.keys().map(|key| key.name().len()).max().unwrap_or_default();
        let mut rows: Vec<(&Key, &SeverityCounts)> = self.keys.iter().collect();
        // The keys are in the order of the table, which stays where counts are equal.
        rows.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.errors, counts.warnings, counts.notes)));
        for (key, counts) in rows {
            let _ = writeln!(text, "  {:width$}  {}", key.name(), counts.text());
        }
        text
    }

    /// The same for programs.
    pub(super) fn value(&self) -> Value {
        let keys: serde_json::Map<String, Value> =
            self.keys.iter().map(|(key, counts)| (key.name().to_owned(), counts.value())).collect();
        let mut value = json!({
            "files": self.files,
            "unreadable": self.unreadable,
            "resources": self.resources,
            "valid": self.resources - self.invalid,
            "invalid": self.invalid,
        });
        if let (Some(members), Value::Object(found)) = (value.as_object_mut(), self.found.value()) {
            members.extend(found);
            members.insert("keys".to_owned(), Value::Object(keys));
        }
        value
    }
}

/// `1 file`, `2 files`.
pub(super) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_resources_and_findings() {
        let issues = [
            Issue::error(Key::Missing, "", "a"),
            Issue::error(Key::Missing, "", "b"),
            Issue::warning(Key::Empty, "", "c"),
        ];
        let mut tally = ResultCounts { files: 1, ..ResultCounts::of(&issues) };
        assert_eq!((tally.verdict().as_str(), tally.exit()), ("not valid, 2 errors, 1 warning", Exit::Invalid));
        tally.add(&ResultCounts::of(&[]));
        assert_eq!(tally.verdict(), "not valid, 1 of 2 resources, 2 errors, 1 warning");
        tally.add(&ResultCounts { files: 1, ..ResultCounts::of(&[Issue::information(Key::NotChecked, "", "d")]) });
        let summary = "3 resources in 2 files: 2 valid, 1 not\n  missing      2 errors\n  empty        1 warning\n  not-checked  1 note\n";
        assert_eq!(tally.summary(), summary);
        assert_eq!(tally.value()["keys"]["missing"], json!({ "errors": 2, "warnings": 0, "information": 0 }));
        tally.add(&ResultCounts { unreadable: 1, ..ResultCounts::default() });
        assert!(tally.summary().contains("1 not; 1 file could not be read\n"));
        assert_eq!((tally.exit(), ResultCounts::of(&[]).exit()), (Exit::Failed, Exit::Done));
    }
}
