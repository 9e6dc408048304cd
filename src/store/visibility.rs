//! For whom a read is made, by the database's ids: what it may find.

/// A scope by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// Everything
    All,
    /// What this Organization sees
    Of(i64),
}

/// The Organization that is not even named: it sees what is public. Not 0, which is the author of the gateway's own.
pub(super) const NOBODY: i64 = -1;
