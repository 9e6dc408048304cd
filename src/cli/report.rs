//! What was found in a file, for people: as the Rust compiler does, with the line of the source and the place marked.

use super::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::fhir::{Issue, Place, Severity};

/// More of a line than this does not fit on a screen.
const WIDTH: usize = 100;

/// How much was found in how many files.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) files: usize,
    pub(super) unreadable: usize,
    invalid: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Summary {
    /// Counts what was found in a file.
    pub(super) fn add(&mut self, issues: &[Issue]) {
        self.files += 1;
        let errors = issues.iter().filter(|issue| issue.is_error()).count();
        self.invalid += usize::from(errors > 0);
        self.errors += errors;
        self.warnings += issues.iter().filter(|issue| issue.severity == Severity::Warning).count();
        self.notes += issues.iter().filter(|issue| issue.severity == Severity::Information).count();
    }

    /// What the process answers.
    pub(super) fn exit(&self) -> Exit {
        match (self.unreadable, self.invalid) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Invalid,
            _ => Exit::Failed,
        }
    }

    /// The last line of a report about several files.
    pub(super) fn write(&self, streams: &mut Streams<'_>) -> Result<()> {
        if self.files > 1 {
            let valid = self.files - self.invalid;
            let counts = counts(self.errors, self.warnings, self.notes);
            writeln!(streams.out, "{} files, {valid} valid, {} not: {counts}", self.files, self.invalid)
                .map_err(unwritable)?;
        }
        Ok(())
    }
}

/// Writes what was found in a file; `text` is its content.
pub(super) fn file(name: &str, text: Option<&str>, issues: &[Issue], streams: &mut Streams<'_>) -> Result<()> {
    for issue in issues {
        write_issue(name, text, issue, streams)?;
    }
    let mut summary = Summary::default();
    summary.add(issues);
    let verdict = if summary.invalid == 0 { "valid" } else { "not valid" };
    let counts = counts(summary.errors, summary.warnings, summary.notes);
    writeln!(streams.out, "{name}: {verdict}{}{counts}", if counts.is_empty() { "" } else { ", " }).map_err(unwritable)
}

fn write_issue(name: &str, text: Option<&str>, issue: &Issue, streams: &mut Streams<'_>) -> Result<()> {
    let is_terminal = streams.is_terminal;
    let paint = |colour: &str, text: &str| {
        if is_terminal { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let colour = match issue.severity {
        Severity::Fatal | Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Information => "1;36",
    };
    let head = paint(colour, &format!("{}[{}]", issue.severity.code(), issue.key.name()));
    let place = issue.place.map_or_else(|| name.to_owned(), |place| format!("{name}:{place}"));
    let path = if issue.path.is_empty() { String::new() } else { format!("  {}", paint("1", &issue.path)) };
    let number = issue.place.map_or_else(String::new, |place| place.line.to_string());
    let margin = " ".repeat(number.len());
    let shown = issue.place.and_then(|place| excerpt(text?, place)).map_or_else(String::new, |(line, mark)| {
        format!("{margin} |\n{number} | {line}\n{margin} | {}\n", paint(colour, &mark))
    });
    let (text, mend) = (&issue.text, issue.mend());
    write!(streams.out, "{head}: {text}\n  --> {place}{path}\n{shown}{margin} = mend: {mend}\n\n").map_err(unwritable)
}

/// The line at a place, cut to what fits, and the mark below it.
fn excerpt(text: &str, place: Place) -> Option<(String, String)> {
    let line = text.lines().nth(place.line as usize - 1)?;
    let characters: Vec<char> = line.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    let at = (place.column as usize - 1).min(characters.len());
    let length = token_length(&characters[at..]);
    let first = if characters.len() <= WIDTH { 0 } else { at.saturating_sub(WIDTH / 3) };
    let last = characters.len().min(first + WIDTH);
    let (before, after) = (if first > 0 { "..." } else { "" }, if last < characters.len() { "..." } else { "" });
    let shown: String = characters[first..last].iter().collect();
    let length = length.min(last.saturating_sub(at)).max(1);
    Some((
        format!("{before}{shown}{after}"),
        format!("{}{}", " ".repeat(before.len() + at - first), "^".repeat(length)),
    ))
}

/// How long the JSON token is that begins here: a string to its closing quote, a word or number to its end.
fn token_length(characters: &[char]) -> usize {
    match characters.first() {
        Some('"') => {
            let mut escaped = false;
            let end = characters.iter().skip(1).position(|one| {
                let closes = *one == '"' && !escaped;
                escaped = *one == '\\' && !escaped;
                closes
            });
            end.map_or(characters.len(), |end| end + 2)
        }
        Some(first) if first.is_alphanumeric() || *first == '-' => {
            characters.iter().take_while(|one| one.is_alphanumeric() || matches!(one, '-' | '+' | '.')).count()
        }
        _ => 1,
    }
}

fn counts(errors: usize, warnings: usize, notes: usize) -> String {
    let said = [(errors, "error"), (warnings, "warning"), (notes, "note")];
    let said = said.iter().filter(|(count, _)| *count > 0);
    said.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, line: u32, column: u32) -> (String, String) {
        excerpt(text, Place { line, column }).unwrap()
    }

    #[test]
    fn marks_the_token() {
        let text = "{\n  \"sta\\\"tus\": -1.5e3\n}";
        assert_eq!(at(text, 2, 3), ("  \"sta\\\"tus\": -1.5e3".to_owned(), "  ^^^^^^^^^^".to_owned()));
        assert_eq!(at(text, 2, 15).1, format!("{}^^^^^^", " ".repeat(14)));
        assert_eq!(at(text, 1, 1).1, "^");
    }

    #[test]
    fn cuts_long_lines_around_the_place() {
        let text = format!("[{}\"here\"{}]", "1,".repeat(500), ",2".repeat(500));
        let (line, mark) = at(&text, 1, 1002);
        assert!(line.starts_with("...") && line.ends_with("...") && line.len() == WIDTH + 6);
        assert_eq!(&line[mark.find('^').unwrap()..=mark.rfind('^').unwrap()], "\"here\"");
    }
}
