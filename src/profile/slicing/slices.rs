//! A slicing, as it is compiled with its element.

use std::sync::Arc;

use super::condition::Condition;
use crate::fhir::RuleSource;
use crate::profile::part::Part;

/// One slicing of an element.
#[derive(Debug)]
pub(in crate::profile) struct Slicing {
    pub(in crate::profile) origin: Arc<RuleSource>,
    pub(in crate::profile) openness: Openness,
    /// Slices stand in the order of the definition
    pub(in crate::profile) is_ordered: bool,
    pub(in crate::profile) slices: Vec<Slice>,
    /// Where the counts of its slices begin among those of the object
    pub(in crate::profile) first: u32,
    /// Why values cannot be told apart
    pub(in crate::profile) problem: Option<String>,
}

/// May there be values that are in no slice?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::profile) enum Openness {
    /// Anywhere
    Open,
    /// Behind those in slices
    AtEnd,
    /// Nowhere
    Closed,
}

/// One slice. A reslice stands inside another.
#[derive(Debug)]
pub(in crate::profile) struct Slice {
    pub(in crate::profile) name: String,
    pub(in crate::profile) min: u32,
    pub(in crate::profile) max: Option<u32>,
    pub(in crate::profile) part: Part,
    /// The slice that it slices again, by its position
    pub(in crate::profile) parent: Option<u16>,
    /// The slices inside it are all that there may be
    pub(in crate::profile) is_closed: bool,
    /// Takes what no other slice takes (`@default`)
    pub(in crate::profile) is_default: bool,
    pub(in crate::profile) conditions: Vec<Condition>,
    pub(in crate::profile) origin: Arc<RuleSource>,
}
