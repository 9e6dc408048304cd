//! Is a value in a slice, does it meet a profile: yes, no, or nobody can say.

/// See the module head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::profile) enum SliceMatch {
    No,
    /// It cannot be known here
    Unknown,
    Yes,
}

impl SliceMatch {
    /// Yes or no, where it is known.
    pub(in crate::profile) fn as_bool(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}
