//! Cases of findings: a pair of files, `NAME.json` as somebody might send it, and `NAME.expect`, one line for each
//! finding: severity, line:column, key, path, and behind ` -- ` how to mend it, where that is to be held too.

use std::path::PathBuf;

use handoff::fhir::Issue;

/// The files of a folder with this extension, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort_unstable();
    files
}

/// The line of an `.expect` file that describes this issue.
pub(crate) fn line(issue: &Issue) -> String {
    let place = issue.position.map_or_else(|| "-".to_owned(), |place| place.to_string());
    let path = if issue.path.is_empty() { "-" } else { &issue.path };
    format!("{} {place} {} {path}", issue.severity.code(), issue.key.name())
}

/// What is expected and not found, or found and not expected.
pub(crate) fn differences(expected: &str, found: &[Issue]) -> Vec<String> {
    let expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
    let mut differences = Vec::new();
    for position in 0..expected.len().max(found.len()) {
        let wanted = expected.get(position).copied().unwrap_or_default();
        let got = found.get(position).map(|issue| (line(issue), issue.fix().to_owned())).unwrap_or_default();
        let (wanted_line, wanted_hint) = wanted.split_once(" -- ").unwrap_or((wanted, &got.1));
        if wanted_line != got.0 || wanted_hint != got.1 {
            differences.push(format!("  expected {wanted}\n  found    {} -- {}", got.0, got.1));
        }
    }
    differences
}
