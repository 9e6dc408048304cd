//! Program records as a file: one, a list of them, or one behind the other, as on the lines of NDJSON.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Limits, SourcePosition};

/// The records of a file.
///
/// # Errors
/// What is no JSON, and JSON that is not taken from others, with its place.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Value>> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Error::incorrect(Key::JsonSyntax, "the records are not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Vec::new();
    // Where each value ends is found first; what it holds is read as everything is that comes from outside.
    let mut ends = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut start = 0;
    while let Some(value) = ends.next() {
        // What is no JSON is told by the reader, from where the value begins.
        let end = value.map_or(text.len(), |_| ends.byte_offset());
        let document = Document::parse_within(&text[start..end], Limits::default());
        let document = document.map_err(|issue| Box::new(located(*issue, text, start)))?;
        match document.root().to_value() {
            Value::Array(items) => records.extend(items),
            record => records.push(record),
        }
        start = end;
    }
    Ok(records)
}

/// A finding about a part of the text that begins at `start`, with its place in the whole.
fn located(issue: Issue, text: &str, start: usize) -> Issue {
    let Some(position) = issue.position else { return issue };
    let before = SourcePosition::of_offset(text, start);
    let column = if position.line == 1 { before.column + position.column - 1 } else { position.column };
    issue.at(SourcePosition { line: before.line + position.line - 1, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_a_list_and_one_behind_the_other() {
        let ids = |text: &str| -> Vec<String> {
            read(text.as_bytes()).unwrap().iter().map(|record| record["id"].to_string()).collect()
        };
        assert_eq!(ids("{\"id\":1.10}"), ["1.10"]);
        assert_eq!(ids("[{\"id\":1},{\"id\":2}]"), ["1", "2"]);
        assert_eq!(ids("{\"id\":1}\n{\n \"id\":2}\n[{\"id\":3}]\n"), ["1", "2", "3"]);
        assert_eq!(ids(" \n"), Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_has_its_place_in_the_file() {
        for (text, key, position) in [
            ("{\"id\":1}\n{\"id\":{\"$serde_json::private::Number\":\"1\"}}", Key::ReservedMember, (2, 8)),
            ("{\"id\":1} {\"id\":1e9999}", Key::NumberRange, (1, 16)),
            ("{\"id\":1}\n{\"id\":}", Key::JsonSyntax, (2, 7)),
            ("{\"a\":1,\"a\":2}", Key::DuplicateMember, (1, 8)),
        ] {
            let issue = read(text.as_bytes()).unwrap_err().issues.remove(0);
            let position = SourcePosition { line: position.0, column: position.1 };
            assert_eq!((issue.key, issue.position), (key, Some(position)), "{text}");
        }
    }
}
