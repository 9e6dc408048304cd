//! Every rule, one a file.
//!
//! Some rules are about the form of objects and run while the walk passes them: [`unknown_element`], [`cardinality`],
//! [`json_kind`], [`choice`], [`sibling`], [`empty`], [`resource_type`]. The others are compiled from what a definition
//! says about an element, and run on each value: they are listed in [`rule`], and nowhere else.

pub(super) mod additional_binding;
pub(super) mod attachment;
pub(super) mod binding;
pub(super) mod bundle;
pub(super) mod cardinality;
pub(super) mod choice;
pub(super) mod claimed_profiles;
pub(super) mod coding;

pub(super) mod contained;
pub(super) mod empty;
pub(super) mod extension;
pub(super) mod fixed;
pub(super) mod format;
pub(super) mod inner_resource;
pub(super) mod invariant;
pub(super) mod json_kind;
pub(super) mod literal;
pub(super) mod markup;
pub(super) mod narrative;
pub(super) mod narrative_link;
pub(super) mod pattern;
pub(super) mod profile_choice;
pub(super) mod reference;
pub(super) mod resource_id;
pub(super) mod resource_type;
pub(super) mod rule;
pub(super) mod shorten;
pub(super) mod sibling;
pub(super) mod slice_path;
pub(super) mod target_profile;
pub(super) mod unknown_element;
pub(super) mod value_range;
