//! A statement in the making: its text, and the values for its question marks in their order. Equal searches of
//! different values have equal texts, so a connection prepares each once.

use rusqlite::types::Value;

/// See the module head.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// A statement that begins so.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Adds text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds text with one value: its question mark is in the text.
    pub(super) fn with(&mut self, text: &str, value: impl Into<Value>) -> &mut Self {
        self.text.push_str(text);
        self.values.push(value.into());
        self
    }

    /// Adds another piece.
    pub(super) fn append(&mut self, other: Sql) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
        self
    }

    /// Adds pieces with `between` them, in brackets; `none` where there are no pieces.
    pub(super) fn joined(&mut self, pieces: Vec<Sql>, between: &str, none: &str) -> &mut Self {
        if pieces.is_empty() {
            return self.push(none);
        }
        self.push("(");
        for (position, piece) in pieces.into_iter().enumerate() {
            if position > 0 {
                self.push(between);
            }
            self.append(piece);
        }
        self.push(")")
    }

    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The values so far.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}
