//! Program records as a file: one, a list of them, or one behind the other, as on the lines of NDJSON. They are read one
//! at a time, so that a file may be larger than memory.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Limits, SourcePosition};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// The records of a file, one after the other; none behind one that cannot be read.
///
/// Where each value ends is found first; what it holds is read as everything is that comes from outside.
pub(super) struct RecordReader<R> {
    input: R,
    /// What was read, and is not told yet
    held: Vec<u8>,
    /// Where `held` begins
    start: SourcePosition,
    is_end: bool,
    place: Place,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Beginning,
    /// A record, or a list of them
    Outside,
    /// In a list: the first record, or its end
    ListBegun,
    /// In a list: a record
    BehindComma,
    /// In a list: a comma, or its end
    BehindItem,
    Over,
}

impl<R: Read> RecordReader<R> {
    /// A reader that begins here.
    pub(super) fn new(input: R) -> Self {
        let start = SourcePosition { line: 1, column: 1 };
        Self { input, held: Vec::new(), start, is_end: false, place: Place::Beginning }
    }

    /// Reads on. Is there more?
    fn fill(&mut self) -> Result<bool> {
        if self.is_end {
            return Ok(false);
        }
        let before = self.held.len();
        let read = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.held);
        let read = read.map_err(|error| Error::unreadable_file(Path::new("the records"), &error))?;
        self.is_end = read == 0;
        Ok(self.held.len() > before)
    }

    /// Takes bytes that were looked at.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.held.split_off(count);
        let taken = std::mem::replace(&mut self.held, rest);
        self.start = self.start.after(&taken);
        taken
    }

    /// The next byte that is no white space, which stays.
    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let blank = self.held.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.take(blank);
            if let Some(byte) = self.held.first() {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next value.
    fn value(&mut self) -> Result<Value> {
        let mut end = ValueEnd::default();
        let length = loop {
            if let Some(length) = end.find(&self.held) {
                break length;
            }
            // What is longer than a document may be is told by its reader.
            if self.held.len() > Limits::default().bytes || !self.fill()? {
                break self.held.len();
            }
        };
        let start = self.start;
        let text = String::from_utf8(self.take(length));
        let text = text.map_err(|_| Error::incorrect(Key::JsonSyntax, "the records are not UTF-8"))?;
        let document = Document::parse_within(text, Limits::default());
        Ok(document.map_err(|issue| Box::new(located(*issue, start)))?.root().to_value())
    }

    fn expected(&self, what: &str) -> Error {
        Box::new(Issue::fatal(Key::JsonSyntax, "", format!("expected {what}")).at(self.start)).into()
    }

    fn read(&mut self) -> Result<Option<Value>> {
        loop {
            let next = self.peek()?;
            match (self.place, next) {
                (Place::Beginning, _) => {
                    self.place = Place::Outside;
                    while self.held.len() < 3 && self.fill()? {}
                    if self.held.starts_with(b"\xef\xbb\xbf") {
                        self.held.drain(..3);
                    }
                }
                (Place::Over, _) | (Place::Outside, None) => return Ok(None),
                (Place::Outside, Some(b'[')) => {
                    self.take(1);
                    self.place = Place::ListBegun;
                }
                (Place::ListBegun | Place::BehindItem, Some(b']')) => {
                    self.take(1);
                    self.place = Place::Outside;
                }
                (Place::BehindItem, Some(b',')) => {
                    self.take(1);
                    self.place = Place::BehindComma;
                }
                (Place::BehindItem, _) => return Err(self.expected("a comma or the end of the list behind a record")),
                (Place::ListBegun | Place::BehindComma, None | Some(b',' | b']')) => {
                    return Err(self.expected("a record"));
                }
                (Place::ListBegun | Place::BehindComma, Some(_)) => {
                    self.place = Place::BehindItem;
                    return self.value().map(Some);
                }
                (Place::Outside, Some(_)) => return self.value().map(Some),
            }
        }
    }
}

impl<R: Read> Iterator for RecordReader<R> {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.place = Place::Over;
        }
        read
    }
}

/// Looks for the end of a JSON value, going on where it stopped when there is more of it.
#[derive(Default)]
struct ValueEnd {
    looked_at: usize,
    depth: usize,
    is_text: bool,
    is_escaped: bool,
}

impl ValueEnd {
    /// How long the value is that begins here. None: it goes on behind these bytes.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(byte) = bytes.get(self.looked_at) {
            let is_over = match byte {
                _ if self.is_escaped => {
                    self.is_escaped = false;
                    false
                }
                b'\\' if self.is_text => {
                    self.is_escaped = true;
                    false
                }
                b'"' => {
                    self.is_text = !self.is_text;
                    self.depth == 0 && !self.is_text
                }
                _ if self.is_text => false,
                b'{' | b'[' => {
                    self.depth += 1;
                    false
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    self.depth == 0
                }
                // A number or a word ends before what is no part of it.
                b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 && self.looked_at > 0 => {
                    return Some(self.looked_at);
                }
                _ => false,
            };
            self.looked_at += 1;
            if is_over {
                return Some(self.looked_at);
            }
        }
        None
    }
}

/// A finding about a value that begins there, with its place in the whole.
fn located(issue: Issue, start: SourcePosition) -> Issue {
    let Some(position) = issue.position else { return issue };
    let column = if position.line == 1 { start.column + position.column - 1 } else { position.column };
    issue.at(SourcePosition { line: start.line + position.line - 1, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow pipe would.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    fn read(text: &str) -> Result<Vec<Value>> {
        let whole: Vec<Result<Value>> = RecordReader::new(text.as_bytes()).collect();
        let slow: Vec<Result<Value>> = RecordReader::new(Slow(text.as_bytes())).collect();
        assert_eq!(format!("{whole:?}"), format!("{slow:?}"));
        whole.into_iter().collect()
    }

    #[test]
    fn reads_one_a_list_and_one_behind_the_other() {
        let ids =
            |text: &str| -> Vec<String> { read(text).unwrap().iter().map(|record| record["id"].to_string()).collect() };
        assert_eq!(ids("{\"id\":1.10}"), ["1.10"]);
        assert_eq!(ids("[{\"id\":1},{\"id\":2}]"), ["1", "2"]);
        assert_eq!(ids("{\"id\":1}\n{\n \"id\":2}\n[{\"id\":3}]\n"), ["1", "2", "3"]);
        assert_eq!(ids("\u{feff}{\"id\":\"]}\\\"\"}{\"id\":[{}]} [ ]"), ["\"]}\\\"\"", "[{}]"]);
        assert_eq!(ids(" \n"), Vec::<String>::new());
        let long = "x".repeat(3 * CHUNK);
        assert_eq!(ids(&format!("[{{\"id\":\"{long}\"}}, {{\"id\":2}}]")), [format!("\"{long}\""), "2".to_owned()]);
    }

    #[test]
    fn what_is_wrong_has_its_place_in_the_file() {
        for (text, key, position) in [
            ("{\"id\":1}\n{\"id\":{\"$serde_json::private::Number\":\"1\"}}", Key::ReservedMember, (2, 8)),
            ("{\"id\":1} {\"id\":1e9999}", Key::NumberRange, (1, 16)),
            ("{\"id\":1}\n{\"id\":}", Key::JsonSyntax, (2, 7)),
            ("{\"a\":1,\"a\":2}", Key::DuplicateMember, (1, 8)),
            ("[{\"id\":1},\n {\"id\":\u{e9}}]", Key::JsonSyntax, (2, 8)),
            ("[{\"id\":1}\n {\"id\":2}]", Key::JsonSyntax, (2, 2)),
            ("[{\"id\":1},]", Key::JsonSyntax, (1, 11)),
            ("[{\"id\":1}", Key::JsonSyntax, (1, 10)),
            ("{\"id\":1}}", Key::JsonSyntax, (1, 9)),
            ("{\"id\":1", Key::JsonSyntax, (1, 8)),
        ] {
            let issue = read(text).unwrap_err().issues.remove(0);
            let position = SourcePosition { line: position.0, column: position.1 };
            assert_eq!((issue.key, issue.position), (key, Some(position)), "{text}");
        }
    }

    #[test]
    fn a_list_is_read_item_by_item() {
        let mut records = RecordReader::new("[{\"id\":1}, {\"id\":".as_bytes());
        assert_eq!(records.next().unwrap().unwrap()["id"].to_string(), "1");
        assert!(records.next().unwrap().is_err() && records.next().is_none());
    }
}
