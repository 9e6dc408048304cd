//! How much requests cost.

/// How much a request may cost at most, which decides where it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// A millisecond at most
    Short,
    /// What it costs to check and to store a few resources
    Write,
    /// As much as there is to find and to render, up to a page
    List,
    /// As much as a client sends
    Long,
}
