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

    /// The position behind these bytes, which begin here.
    #[must_use]
    pub(crate) fn after(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |position, byte| match byte {
            b'\n' => Self { line: position.line + 1, column: 1 },
            // Characters are counted, not bytes: continuation bytes do not count.
            0x80..=0xbf => position,
            _ => Self { column: position.column + 1, ..position },
        })
    }

    /// The position that a reader of another format tells; nothing where it tells none, which is line 0.
    pub fn counted(line: impl TryInto<u32>, column: impl TryInto<u32>) -> Option<Self> {
        let (line, column) = (line.try_into().ok()?, column.try_into().ok()?);
        (line > 0).then_some(Self { line, column })
    }
}

/// The positions of every so many bytes of a text, so that one that is asked for is counted from near by: a text in which
/// much is wrong is not read from its beginning for each finding.
#[derive(Debug)]
pub(super) struct PositionIndex(Vec<SourcePosition>);

impl PositionIndex {
    /// How far apart the known positions are, in bytes.
    const STEP: usize = 4096;

    /// The index of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut at = SourcePosition { line: 1, column: 1 };
        let mut known = vec![at];
        for chunk in text.as_bytes().chunks_exact(Self::STEP) {
            at = at.after(chunk);
            known.push(at);
        }
        Self(known)
    }

    /// Line and column of a byte offset of the text that the index was made of.
    pub(super) fn position(&self, text: &str, offset: usize) -> SourcePosition {
        let offset = offset.min(text.len());
        let near = (offset / Self::STEP).min(self.0.len() - 1);
        self.0[near].after(&text.as_bytes()[near * Self::STEP..offset])
    }
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_counts_as_the_text_read_from_its_beginning() {
        let text = "é\nab\u{1f3e0}c\n".repeat(2_000);
        let index = PositionIndex::of(&text);
        assert_eq!(index.0.len(), text.len() / PositionIndex::STEP + 1);
        for offset in (0..text.len() + 9).step_by(61).chain([PositionIndex::STEP, 2 * PositionIndex::STEP]) {
            let counted = SourcePosition::of_offset(&text, offset);
            assert_eq!(index.position(&text, offset), counted, "{offset}");
        }
    }
}
