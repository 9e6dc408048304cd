//! What a check found, and how much of it is told.

use std::fmt;

/// How many findings of one part are told; behind these they are counted.
const MAX_TOLD: usize = 20;

/// The parts of a store that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The file: its pages, and that it is all of the store
    File,
    /// What rows say of other rows
    References,
    /// What is kept as a sum, or as the newest of many
    Counts,
    /// The newest version of each resource
    Documents,
    /// What resources are found by
    Index,
    /// The audit log
    Audit,
}

impl Part {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::References => "references",
            Self::Counts => "counts",
            Self::Documents => "documents",
            Self::Index => "index",
            Self::Audit => "audit log",
        }
    }
}

/// Something that is not as it should be. It names resources, tables and numbers, and nothing of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFinding {
    /// Where
    pub part: Part,
    /// What is wrong
    pub text: String,
}

impl fmt::Display for StoreFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part.name(), self.text)
    }
}

/// The findings of one part, as they come.
#[derive(Debug)]
pub(in crate::store) struct Findings {
    part: Part,
    told: Vec<StoreFinding>,
    more: u64,
}

impl Findings {
    pub(in crate::store) fn of(part: Part) -> Self {
        Self { part, told: Vec::new(), more: 0 }
    }

    pub(in crate::store) fn add(&mut self, text: String) {
        if self.told.len() < MAX_TOLD {
            self.told.push(StoreFinding { part: self.part, text });
        } else {
            self.more += 1;
        }
    }

    /// All of them; of those that are too many, how many there are.
    pub(in crate::store) fn finish(mut self) -> Vec<StoreFinding> {
        if self.more > 0 {
            let text = format!("and {} findings more", self.more);
            self.told.push(StoreFinding { part: self.part, text });
        }
        self.told
    }
}
