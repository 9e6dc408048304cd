//! Slicing (<https://hl7.org/fhir/R4/profiling.html#slicing>): telling the repetitions of an element apart, so that each
//! meets the rules of its own slice.
//!
//! `compile` reads slicings, `discriminator` makes the conditions by which a slice is known, `condition` checks them,
//! `sort` puts values into slices and looks at how many each of them got. What a value in slices holds is compiled when
//! such a value is first met ([`Variants`]).

mod compile;
mod condition;
mod discriminator;
mod slice_match;
mod slices;
mod sort;
mod variants;

pub(super) use compile::compile;
pub(super) use slice_match::SliceMatch;
pub(super) use slices::Slicing;
pub(super) use sort::{SlicingSlots, SlicingState, check_counts};
pub(super) use variants::Variants;
