//! Changes to a document as splices of its text: what is not touched stays as it came, byte for byte.
//!
//! This is how a stored resource gets its id and version, how references of a transaction are resolved
//! (<https://hl7.org/fhir/R4/http.html#trules>) and how an event changes a Task, without building a tree of the rest.

use std::ops::Range;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::document::Node;

/// Splices against one value of a document; [`Edits::finish`] gives the new text of that value.
#[derive(Debug)]
pub struct Edits<'a> {
    root: Node<'a>,
    splices: Vec<(Range<usize>, String)>,
    /// Lists that these splices make: the object, the member, and the splice that holds the list
    new_lists: Vec<(u32, String, usize)>,
}

impl<'a> Edits<'a> {
    /// No change yet to `root`, which is usually a resource.
    pub fn new(root: Node<'a>) -> Self {
        Self { root, splices: Vec::new(), new_lists: Vec::new() }
    }

    /// Is there nothing to change?
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Puts this JSON text in the place of a value.
    pub fn replace(&mut self, node: Node<'a>, json: impl Into<String>) {
        self.splices.push((node.range(), json.into()));
    }

    /// Gives the member of `object` this JSON text, at its place or, where it is missing, at the end.
    pub fn set(&mut self, object: Node<'a>, name: &str, json: impl Into<String>) {
        match object.get(name) {
            Some(member) => self.replace(member, json),
            None => self.insert_last(object, &member(name, &json.into())),
        }
    }

    /// Adds an item to the list in the member `name` of `object`; the list is made where it is missing.
    pub fn append(&mut self, object: Node<'a>, name: &str, json: &str) {
        if let Some(list) = object.get(name).filter(|list| list.is_array()) {
            return self.insert_last(list, json);
        }
        let new_list = self.new_lists.iter().find(|(of, member, _)| *of == object.index() && member == name);
        match new_list.map(|(_, _, splice)| *splice) {
            Some(splice) => {
                let list = &mut self.splices[splice].1;
                list.truncate(list.len() - 1);
                *list = format!("{list},{json}]");
            }
            None => {
                self.new_lists.push((object.index(), name.to_owned(), self.splices.len()));
                self.set(object, name, format!("[{json}]"));
            }
        }
    }

    /// Takes the member `name` out of `object`, with the comma that tied it in.
    pub fn remove(&mut self, object: Node<'a>, name: &str) {
        let mut before: Option<Node<'a>> = None;
        let mut members = object.members().peekable();
        while let Some(member) = members.next() {
            if member.name() == name {
                let end = member.range().end;
                let range = match (before, members.peek()) {
                    (_, Some(next)) => member.name_start()..next.name_start(),
                    (Some(before), None) => before.range().end..end,
                    (None, None) => member.name_start()..end,
                };
                self.splices.push((range, String::new()));
                return;
            }
            before = Some(member);
        }
    }

    /// Adds text as the last child of an object or array.
    fn insert_last(&mut self, container: Node<'a>, json: &str) {
        let close = container.range().end - 1;
        let children = if container.is_array() { container.items() } else { container.members() };
        let (at, comma) = children.last().map_or((close, ""), |last| (last.range().end, ","));
        // Several insertions at one place keep their order; only the first into an empty container goes without a comma.
        let first = comma.is_empty() && !self.splices.iter().any(|(range, _)| *range == (at..at));
        self.splices.push((at..at, if first { json.to_owned() } else { format!(",{json}") }));
    }

    /// The new text. Splices must not overlap, which holds as long as no value is changed together with one inside it.
    pub fn finish(mut self) -> String {
        self.splices.sort_by_key(|(range, _)| (range.start, range.end));
        let text = self.root.document().text();
        let whole = self.root.range();
        let added: usize = self.splices.iter().map(|(_, json)| json.len()).sum();
        let mut result = String::with_capacity(whole.len() + added);
        let mut at = whole.start;
        for (range, json) in self.splices {
            if range.start >= at {
                result.push_str(&text[at..range.start]);
                result.push_str(&json);
                at = range.end;
            }
        }
        result.push_str(&text[at..whole.end]);
        result
    }

    /// Sets what the server owns (<https://hl7.org/fhir/R4/resource.html#Meta>): id, meta.versionId and
    /// meta.lastUpdated. A resource without id or meta gets them right behind its resourceType.
    pub fn stamp(&mut self, id: &str, version: u64, at: Timestamp) {
        let resource = self.root;
        let members = [("versionId", quote(&version.to_string())), ("lastUpdated", quote(&change_instant(at)))];
        let mut head = String::new();
        match resource.get("id") {
            Some(old) => self.replace(old, quote(id)),
            None => head = format!(",{}", member("id", &quote(id))),
        }
        match resource.get("meta").filter(|meta| meta.is_object()) {
            Some(meta) => {
                for (name, json) in members {
                    self.set(meta, name, json);
                }
            }
            None => {
                let members = members.map(|(name, json)| member(name, &json)).join(",");
                head = format!("{head},{}", member("meta", &format!("{{{members}}}")));
            }
        }
        if !head.is_empty() {
            let at = resource.get("resourceType").map_or(resource.range().start + 1, |kind| kind.range().end);
            self.splices.push((at..at, head));
        }
    }
}

/// How an instant is written: UTC, with so many digits of its second. A format string would be read anew for each.
const MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
const MICROSECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// An instant as we write it: UTC with milliseconds, always 24 characters.
pub fn instant(at: Timestamp) -> String {
    MILLISECONDS.timestamp_to_string(&at)
}

/// The time of a change of a resource, as `meta.lastUpdated` says it: UTC with microseconds, always 27 characters, so that the
/// later one is the greater text, too.
pub fn change_instant(at: Timestamp) -> String {
    MICROSECONDS.timestamp_to_string(&at)
}

/// A member of an object: its name and the JSON text of its value.
fn member(name: &str, json: &str) -> String {
    let mut member = String::with_capacity(name.len() + json.len() + 3);
    push_quoted(&mut member, name);
    member.push(':');
    member.push_str(json);
    member
}

/// A JSON string literal.
pub fn quote(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    push_quoted(&mut literal, text);
    literal
}

/// Writes a JSON string literal behind a text. Most of what is written has nothing to escape, and is copied as it stands.
pub fn push_quoted(to: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        to.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    to.push('"');
    to.push_str(text);
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    fn edit(text: &str, change: impl Fn(&mut Edits<'_>)) -> String {
        let document = Document::parse(text).unwrap();
        let mut edits = Edits::new(document.root());
        change(&mut edits);
        edits.finish()
    }

    #[test]
    fn touches_only_what_changes() {
        let text = "{ \"a\" : 1.10, \"l\":[ 1 ],\n \"e\":[], \"o\":{} }";
        let document = Document::parse(text).unwrap();
        let mut edits = Edits::new(document.root());
        edits.append(document.root(), "l", "2");
        edits.append(document.root(), "l", "3");
        edits.append(document.root(), "e", "4");
        edits.append(document.root(), "e", "5");
        edits.append(document.root(), "m", "6");
        edits.append(document.root(), "m", "7");
        edits.set(document.root(), "n", "true");
        edits.set(document.root().get("o").unwrap(), "p", "0");
        assert_eq!(
            edits.finish(),
            "{ \"a\" : 1.10, \"l\":[ 1,2,3 ],\n \"e\":[4,5], \"o\":{\"p\":0},\"m\":[6,7],\"n\":true }"
        );
    }

    #[test]
    fn removes_first_middle_last_and_only() {
        for (name, expected) in [("a", r#"{"b":2,"c":3}"#), ("b", r#"{"a":1,"c":3}"#), ("c", r#"{"a":1,"b":2}"#)] {
            let text = r#"{"a":1,"b":2,"c":3}"#;
            let document = Document::parse(text).unwrap();
            let mut edits = Edits::new(document.root());
            edits.remove(document.root(), name);
            assert_eq!(edits.finish(), expected);
        }
        let document = Document::parse(r#"{ "a":1 }"#).unwrap();
        let mut edits = Edits::new(document.root());
        edits.remove(document.root(), "a");
        assert_eq!(edits.finish(), "{  }");
    }

    #[test]
    fn a_literal_is_read_back_as_it_was() {
        for text in ["", "plain", "é 🏠 \u{7f}\u{2028}", "a\"b", "back\\slash", "line\nbreak", "\u{1f}"] {
            assert_eq!(quote(text), serde_json::Value::from(text).to_string(), "{text:?}");
            assert_eq!(serde_json::from_str::<String>(&quote(text)).unwrap(), text);
        }
    }

    #[test]
    fn an_instant_has_always_as_many_characters() {
        for (at, milliseconds, microseconds) in [
            ("2026-11-21T10:00:00.5Z", "2026-11-21T10:00:00.500Z", "2026-11-21T10:00:00.500000Z"),
            ("0099-01-02T03:04:05Z", "0099-01-02T03:04:05.000Z", "0099-01-02T03:04:05.000000Z"),
            ("2026-12-31T23:59:59.999999999Z", "2026-12-31T23:59:59.999Z", "2026-12-31T23:59:59.999999Z"),
            ("1969-12-31T23:59:59.1234567Z", "1969-12-31T23:59:59.123Z", "1969-12-31T23:59:59.123456Z"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!((instant(at).as_str(), change_instant(at).as_str()), (milliseconds, microseconds));
        }
    }

    #[test]
    fn stamps_with_and_without_meta() {
        let at: Timestamp = "2026-11-21T10:00:00.5Z".parse().unwrap();
        assert_eq!(
            edit(r#"{"resourceType":"Task","x":1}"#, |edits| edits.stamp("7", 2, at)),
            r#"{"resourceType":"Task","id":"7","meta":{"versionId":"2","lastUpdated":"2026-11-21T10:00:00.500000Z"},"x":1}"#
        );
        assert_eq!(
            edit(r#"{"id":"old","meta":{"profile":["p"],"versionId":"9"}}"#, |edits| edits.stamp("7", 2, at)),
            r#"{"id":"7","meta":{"profile":["p"],"versionId":"2","lastUpdated":"2026-11-21T10:00:00.500000Z"}}"#
        );
        assert_eq!(
            edit(r#"{"resourceType":"Task","meta":{}}"#, |edits| edits.stamp("7", 1, at)),
            r#"{"resourceType":"Task","id":"7","meta":{"versionId":"1","lastUpdated":"2026-11-21T10:00:00.500000Z"}}"#
        );
    }
}
