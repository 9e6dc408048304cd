//! What the elements of a differential state (<https://hl7.org/fhir/R4/structuredefinition.html#interpretation>), apart from
//! what they leave open.

use super::structure::Element;

/// An element as a differential states it. Of what `element` holds, minimum and maximum have values also where nothing is
/// said about them.
#[derive(Debug, Clone)]
pub(super) struct DifferentialElement {
    pub(super) element: Element,
    /// It has an id, rather than its path for one
    pub(super) has_id: bool,
    /// The minimum, if it says one
    pub(super) min: Option<u32>,
    /// The maximum
    pub(super) max: MaxCardinality,
}

/// A maximum, as a differential states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaxCardinality {
    /// It says none
    NotStated,
    /// `*`
    Many,
    /// A number
    Number(u32),
}
