//! A record as it is written: JSON text that grows at its end and is cut back where nothing came of a beginning.
//!
//! Strings and numbers of a resource are taken over as they stand there, escapes and digits included.

use std::fmt::Write as _;

use serde_json::Value;

use crate::fhir::{Kind, Node};

/// JSON text that is being written.
#[derive(Debug, Default)]
pub(super) struct JsonWriter(String);

impl JsonWriter {
    /// As much text as most records are.
    pub(super) fn new() -> Self {
        Self(String::with_capacity(8 * 1024))
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// How long it is.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What was written from here on.
    pub(super) fn since(&self, start: usize) -> &str {
        self.0.get(start..).unwrap_or_default()
    }

    /// Takes back what was written from here on.
    pub(super) fn truncate(&mut self, start: usize) {
        self.0.truncate(start);
    }

    /// Writes text that is JSON already.
    pub(super) fn push(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// Begins an object or a list: `{`, `[`.
    pub(super) fn open(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// Ends an object or a list: `}`, `]`.
    pub(super) fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// What stands between this and what was written before it in the object or list.
    pub(super) fn next(&mut self) {
        if !self.0.ends_with(['{', '[']) && !self.0.is_empty() {
            self.0.push(',');
        }
    }

    /// Begins a member; `label` is its name as JSON has it before the value.
    pub(super) fn label(&mut self, label: &str) {
        self.next();
        self.0.push_str(label);
    }

    /// Begins a member with any name.
    pub(super) fn name(&mut self, name: &str) {
        self.next();
        self.string(name);
        self.0.push(':');
    }

    /// Writes a string.
    pub(super) fn string(&mut self, text: &str) {
        let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        if is_plain {
            self.0.reserve(text.len() + 2);
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            self.serialize(&Value::String(text.to_owned()));
        }
    }

    /// Writes a value.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Number(number) => self.0.push_str(number.as_str()),
            _ => self.serialize(value),
        }
    }

    fn serialize(&mut self, value: &Value) {
        // Writing into a text does not fail.
        let _ = write!(self.0, "{value}");
    }

    /// Writes what stands in a document, without the white space between its parts.
    pub(super) fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Array => {
                self.open('[');
                for item in node.items() {
                    self.next();
                    self.node(item);
                }
                self.close(']');
            }
            Kind::Object => {
                self.open('{');
                for member in node.members() {
                    self.next();
                    self.0.push('"');
                    self.0.push_str(member.name());
                    self.0.push_str("\":");
                    self.node(member);
                }
                self.close('}');
            }
            _ => self.0.push_str(node.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn takes_values_over_as_they_stand() {
        let source = "{ \"a\\u0041\" : [ 1.10 , \"\\u00e4 \\\"\", { }, [ ], null ], \"b\": { \"c\": true } }";
        let document = Document::parse(source).unwrap();
        let mut text = JsonWriter::new();
        text.node(document.root());
        assert_eq!(text.finish(), "{\"a\\u0041\":[1.10,\"\\u00e4 \\\"\",{},[],null],\"b\":{\"c\":true}}");
    }

    #[test]
    fn strings_are_escaped_where_they_need_it() {
        for message in ["plain", "", "a \"b\"", "back\\slash", "line\nbreak\u{1}", "ä€\u{7f}\u{85}"] {
            let mut text = JsonWriter::new();
            text.open('{');
            text.name(message);
            text.string(message);
            text.close('}');
            let read: Value = serde_json::from_str(&text.finish()).unwrap();
            assert_eq!(read.get(message), Some(&Value::from(message)));
        }
    }
}
