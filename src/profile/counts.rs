//! What is counted of an object while its members are passed.

/// How often an element has been met in an object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ElementCount {
    pub(super) count: u32,
    /// Which of the types of a choice it was, counted from 1; 0 is none yet
    pub(super) choice: u16,
}

/// How often a slice was met, and how often nobody could say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SliceCount {
    pub(super) met: u32,
    pub(super) unknown: u32,
}
