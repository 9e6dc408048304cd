//! Where something stands in a source text.

use std::fmt;

/// A position in the source, counted from 1; columns count characters, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePosition {
    /// Line, from 1
    pub line: u32,
    /// Column, from 1
    pub column: u32,
}

impl SourcePosition {
    /// Line and column of a byte offset.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = before.split(|byte| *byte == b'\n').count() as u32;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
        // Characters, not bytes: continuation bytes are not counted.
        let column = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u32 + 1;
        Self { line, column }
    }

    /// The position that a reader of another format tells; nothing where it tells none, which is line 0.
    pub fn counted(line: impl TryInto<u32>, column: impl TryInto<u32>) -> Option<Self> {
        let (line, column) = (line.try_into().ok()?, column.try_into().ok()?);
        (line > 0).then_some(Self { line, column })
    }
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
