//! One finding for people, as the Rust compiler writes them: what is wrong, where, the line of the source with the place
//! marked, the rule, how to mend it, and where else.

use std::fmt::Write as _;

use super::excerpt::SourceText;
use crate::fhir::fold::Fold;
use crate::fhir::{Issue, Severity};

/// So many further places of a finding are named; the rest is counted.
const MAX_PLACES: usize = 5;
/// Longer rules are cut; whoever wants to read them whole finds them in the profile.
const MAX_RULE_CHARACTERS: usize = 300;

/// How to colour what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours {
    /// Is the output a terminal that shows colours?
    pub(super) colour: bool,
}

impl Colours {
    const BOLD: &str = "1";
    const MARGIN: &str = "1;34";

    fn with(self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// In the colour of this severity.
    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        let colour = match severity {
            Severity::Fatal | Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Information => "1;36",
        };
        self.with(colour, text)
    }
}

/// Writes a finding about a file. `first` is the line of the file that the source begins with.
pub(super) fn format_finding(
    fold: &Fold<'_>,
    file: &str,
    source: Option<&mut SourceText<'_>>,
    first: u32,
    colours: Colours,
) -> String {
    let issue = fold.issue;
    let position = |issue: &Issue| issue.position.map(|at| format!("{}:{}", at.line + first - 1, at.column));
    let excerpt = issue.position.and_then(|at| Some((at.line + first - 1, source?.excerpt(at)?)));
    let width =
        excerpt.as_ref().map_or(1, |(line, excerpt)| (line + u32::from(excerpt.next.is_some())).to_string().len());
    let margin = |number: &str| colours.with(Colours::MARGIN, &format!("{number:width$} |"));

    let head = colours.severity(issue.severity, &format!("{}[{}]", issue.severity.code(), issue.key.name()));
    let mut block = format!("{head}: {}\n", strip_controls(&issue.text));
    let at = position(issue).map_or_else(|| file.to_owned(), |position| format!("{file}:{position}"));
    let path =
        if issue.path.is_empty() { String::new() } else { format!("  {}", colours.with(Colours::BOLD, &issue.path)) };
    let _ = writeln!(block, "{:width$}{} {at}{path}", "", colours.with(Colours::MARGIN, "-->"));
    if let Some((line, excerpt)) = excerpt {
        let mark = colours.severity(issue.severity, &excerpt.mark);
        let (empty, number) = (margin(""), margin(&line.to_string()));
        let _ = write!(block, "{empty}\n{number} {}\n{empty} {mark}\n", excerpt.line);
        if let Some(next) = excerpt.next {
            let _ = writeln!(block, "{} {next}", margin(&(line + 1).to_string()));
        }
    }
    let mut note = |name: &str, text: &str| {
        let sign = colours.with(Colours::MARGIN, "=");
        let _ = writeln!(block, "{:width$} {sign} {}: {text}", "", colours.with(Colours::BOLD, name));
    };
    if let Some(rule) = issue.rule() {
        note(if issue.origin.is_some() { "rule" } else { "expected" }, &shortened(&strip_controls(&rule)));
    }
    note("mend", &strip_controls(issue.fix()));
    for other in fold.others.iter().take(MAX_PLACES) {
        note("also", &[position(other).as_deref().unwrap_or(file), "  ", &other.path].concat());
    }
    if fold.others.len() > MAX_PLACES {
        note("also", &format!("{} more places", fold.others.len() - MAX_PLACES));
    }
    block.push('\n');
    block
}

/// On one line, without what steers a terminal: definitions and expressions of others stand in our texts.
fn strip_controls(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_RULE_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::fold::fold;
    use crate::fhir::{Key, RuleSource, SourcePosition};

    const TEXT: &str = "{\n  \"output\": [\n    {\n      \"type\": 1\n    }]}";

    fn issue(entry: usize, line: u32) -> Issue {
        let origin = RuleSource {
            profile: "https://example.org/StructureDefinition/warm|1.0".to_owned(),
            element: "Task.output:done.value[x]".to_owned(),
            constraint: None,
        };
        let path = format!("Task.output[{entry}].value[x]");
        let mut issue = Issue::error(Key::Missing, path, "there is no value[x]").from(origin.into());
        issue.expected = Some("cardinality 1..1".into());
        issue.at(SourcePosition { line, column: 5 })
    }

    #[test]
    fn says_everything_about_a_finding() {
        let issues: Vec<Issue> = (0..8).map(|entry| issue(entry, 3 + entry as u32)).collect();
        let folds = fold(&issues);
        let block =
            format_finding(&folds[0], "a.ndjson", Some(&mut SourceText::new(TEXT)), 7, Colours { colour: false });
        let expected = "\
error[missing]: there is no value[x]
  --> a.ndjson:9:5  Task.output[0].value[x]
   |
9  |     {
   |     ^
10 |       \"type\": 1
   = rule: warm|1.0, Task.output:done.value[x]: cardinality 1..1
   = mend: add the element
   = also: 10:5  Task.output[1].value[x]
   = also: 11:5  Task.output[2].value[x]
   = also: 12:5  Task.output[3].value[x]
   = also: 13:5  Task.output[4].value[x]
   = also: 14:5  Task.output[5].value[x]
   = also: 2 more places

";
        assert_eq!(block, expected);
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let issues = [issue(0, 3)];
        let fold = &fold(&issues)[0];
        let [plain, coloured] = [false, true]
            .map(|colour| format_finding(fold, "a.json", Some(&mut SourceText::new(TEXT)), 1, Colours { colour }));
        assert!(!plain.contains('\x1b') && coloured.starts_with("\x1b[1;31merror[missing]\x1b[0m: there"));
        let mut without = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, behind)) = rest.split_once("\x1b[") {
            without.push_str(before);
            rest = behind.split_once('m').unwrap().1;
        }
        assert_eq!(without + rest, plain);
    }

    #[test]
    fn bears_texts_of_others() {
        let mut issue = Issue::error(Key::Missing, "", "no \x1b[2Jfocus");
        issue.expected = Some(format!("a\nb{}", "c".repeat(1_000)).into());
        let block = format_finding(&fold(&[issue])[0], "-", None, 1, Colours { colour: false });
        assert!(!block.contains('\x1b') && block.lines().all(|line| line.len() < 350), "{block}");
        assert!(block.contains("\n --> -\n") && block.contains("  = expected: a bccc"), "{block}");
    }
}
