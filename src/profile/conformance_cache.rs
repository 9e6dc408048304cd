//! Which resources are known to meet which profiles: every answer is kept, so that it is worked out once however many ask.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::slicing::SliceMatch;

/// The answers so far.
#[derive(Debug, Default)]
pub(super) struct ConformanceCache {
    /// By document, node and profile; nothing while it is being worked out
    pub(super) answers: RefCell<HashMap<(usize, u32, String), Option<Conformance>>>,
    /// How many answers are being worked out, one within the other
    pub(super) depth: Cell<u32>,
}

/// What is known of a resource and a profile.
#[derive(Debug, Clone)]
pub(super) struct Conformance {
    pub(super) result: SliceMatch,
    /// The first thing that is wrong
    pub(super) first_error: Option<String>,
    /// How many errors there are
    pub(super) errors: usize,
}
