//! One value of a document: what kind it is, and where its text stands.

use std::fmt;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as written
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// One value. `start..end` is its text (with quotes or brackets); `after` is the index of the first node that is not
/// part of it, so a sibling is one step away whatever lies between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// The string holds an escape and has to be decoded; for other kinds false.
    pub(super) escaped: bool,
    /// Length of the member name (0 outside objects).
    pub(super) name_length: u16,
    pub(super) name: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) after: u32,
}
