//! Slicing (<https://hl7.org/fhir/R4/profiling.html#slicing>): telling the repetitions of an element apart, so that each
//! meets the rules of its own slice.
//!
//! `compile` reads slicings, `discriminator` makes the conditions by which a slice is known, `condition` judges them,
//! `sort` puts values into slices and counts them. What a value in slices holds is compiled when such a value is first
//! met ([`Variants`]).

mod compile;
mod condition;
mod discriminator;
mod slice_match;
mod sort;

use std::sync::{Arc, OnceLock};

use super::part::Part;
use super::schema::ValueSchema;
use crate::fhir::RuleSource;

pub(super) use compile::{compile, variant};
pub(super) use condition::Condition;
pub(super) use slice_match::SliceMatch;
pub(super) use sort::{Count, Sorted, SourcePosition, check};

/// One slicing of an element.
#[derive(Debug)]
pub(super) struct Slicing {
    pub(super) origin: Arc<RuleSource>,
    pub(super) openness: Openness,
    /// Slices stand in the order of the definition
    pub(super) is_ordered: bool,
    pub(super) slices: Vec<Slice>,
    /// Where the counts of its slices begin among those of the object
    pub(super) first: u32,
    /// Why values cannot be told apart
    pub(super) problem: Option<String>,
}

/// May there be values that are in no slice?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Openness {
    /// Anywhere
    Open,
    /// Behind those in slices
    AtEnd,
    /// Nowhere
    Closed,
}

/// One slice. A reslice stands inside another.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) part: Part,
    /// The slice that it slices again, by its position
    pub(super) parent: Option<u16>,
    /// The slices inside it are all that there may be
    pub(super) is_closed: bool,
    /// Takes what no other slice takes (`@default`)
    pub(super) is_default: bool,
    pub(super) conditions: Vec<Condition>,
    pub(super) origin: Arc<RuleSource>,
}

/// What values hold that are in slices, by type and slices; a list that only grows, and is read without a lock.
#[derive(Debug, Default)]
pub(super) struct Variants {
    first: OnceLock<Box<Variant>>,
}

#[derive(Debug)]
struct Variant {
    key: Box<[u16]>,
    value: ValueSchema,
    next: OnceLock<Box<Variant>>,
}

impl Variants {
    /// The variant with this key, made if it is new.
    pub(super) fn get(&self, key: &[u16], make: impl Fn() -> ValueSchema) -> &ValueSchema {
        let mut link = &self.first;
        loop {
            // Another thread may have put another key here in the meantime; then ours comes further down.
            let variant =
                link.get_or_init(|| Box::new(Variant { key: key.into(), value: make(), next: OnceLock::new() }));
            if *variant.key == *key {
                return &variant.value;
            }
            link = &variant.next;
        }
    }
}
