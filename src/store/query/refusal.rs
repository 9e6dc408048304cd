//! Why a parameter of a search is refused.

/// Why a parameter was refused.
pub(super) enum Refusal {
    /// It is served and not well written
    Wrong(String),
    /// It is not served
    Unknown(String),
}

/// What was read, unless it was refused.
pub(super) type Read<T> = Result<T, Refusal>;

/// It is served and not well written.
pub(super) fn wrong<T>(message: impl Into<String>) -> Read<T> {
    Err(Refusal::Wrong(message.into()))
}

/// It is not served.
pub(super) fn unknown<T>(message: impl Into<String>) -> Read<T> {
    Err(Refusal::Unknown(message.into()))
}
