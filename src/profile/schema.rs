//! The compiled form of definitions: what the walk reads while it goes through a document.
//!
//! A [`Schema`] describes one kind of object: a resource, a datatype or a backbone element. It is made of one or more
//! [`Part`]s: the base definition, and the profiles that say more about the same element. Rules of all of them are merged
//! per element when the schema is compiled, so a document is walked once, however many profiles it has to meet.

use std::sync::Arc;

use super::name_table::NameTable;
use super::part::{Part, SchemaRef};
use super::rules::invariant::Invariant;
use super::rules::rule::SourcedRule;
use super::slicing::{Slicing, Variants};
use crate::definitions::TypeRef;
use crate::definitions::structure::Element;
use crate::fhir::RuleSource;

/// One kind of object, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    /// What people call it: `Task`, `Task.restriction`, `CodeableConcept`
    pub(super) name: String,
    /// A resource: `resourceType` stands in it
    pub(super) is_resource: bool,
    /// From the names in JSON to members
    pub(super) names: NameTable,
    pub(super) members: Vec<Member>,
    pub(super) elements: Vec<ElementSchema>,
    /// Positions of the elements that have a minimum
    pub(super) required: Vec<u16>,
    /// Positions of the elements whose maximum the JSON form does not already hold
    pub(super) bounded: Vec<u16>,
    /// Positions of the elements of which slices are counted
    pub(super) sliced: Vec<u16>,
    /// Positions of the elements that must be supported
    pub(super) supported: Vec<u16>,
    /// How many slices the elements have together
    pub(super) slices: u32,
    /// Rules about the object as a whole
    pub(super) rules: Vec<SourcedRule>,
    /// Invariants about the object as a whole
    pub(super) invariants: Vec<Invariant>,
}

/// A member name that an object may have.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Position of its element
    pub(super) element: u16,
    /// Position of its type among those of the element
    pub(super) value: u16,
    /// It is the `_name` that carries id and extensions of a primitive
    pub(super) is_sibling: bool,
}

/// One element, compiled.
#[derive(Debug)]
pub(super) struct ElementSchema {
    /// Name in the definition: `value[x]`
    pub(super) name: String,
    /// Written as an array
    pub(super) is_list: bool,
    pub(super) min: Limit,
    pub(super) max: Option<Limit>,
    /// What it may hold; several in a choice
    pub(super) values: Vec<ValueSchema>,
    /// How its repetitions are told apart, one for each profile that does
    pub(super) slicings: Vec<Slicing>,
    /// What it holds where slices say more
    pub(super) variants: Variants<ValueSchema>,
    /// Where it is described
    pub(super) parts: Vec<Part>,
    /// Where it is said that it must be supported
    pub(super) supported: Option<Arc<RuleSource>>,
}

/// How often something occurs, and who says so.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) count: u32,
    pub(super) origin: Arc<RuleSource>,
}

/// One type that an element may have, compiled.
#[derive(Debug)]
pub(super) struct ValueSchema {
    /// Name of the type: `CodeableConcept`
    pub(super) type_name: String,
    pub(super) content: Content,
    /// Rules about each value
    pub(super) rules: Vec<SourcedRule>,
    /// Invariants about each value
    pub(super) invariants: Vec<Invariant>,
    /// The profile that does not allow this type
    pub(super) refused: Option<Arc<RuleSource>>,
}

/// What a value holds.
#[derive(Debug)]
pub(super) enum Content {
    /// A primitive: the JSON it is written in, and what its `_name` sibling may hold
    Primitive { json: JsonKind, sibling: Option<SchemaRef> },
    /// A datatype or backbone element
    Object(SchemaRef),
    /// An extension, of which the URL tells what it holds
    Extension(SchemaRef),
    /// Any resource: contained in the one around it, or standing for itself
    Resource { is_contained: bool, rules: Vec<InnerResourceRule> },
    /// A type of which no definition is at hand
    Unknown,
}

/// What a profile demands of a resource that stands inside another.
#[derive(Debug, Clone)]
pub(super) struct InnerResourceRule {
    /// Types that it may have, each with the profiles of which it meets one; no types at all are any
    pub(super) types: Vec<TypeRef>,
    /// What is said about the inside in place
    pub(super) inside: Option<Part>,
    pub(super) origin: Arc<RuleSource>,
}

/// The JSON that a primitive is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonKind {
    Bool,
    Number,
    String,
}

impl JsonKind {
    /// How the primitive type is written (<https://hl7.org/fhir/R4/json.html#primitive>).
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "boolean" => Self::Bool,
            "integer" | "decimal" | "positiveInt" | "unsignedInt" | "integer64" => Self::Number,
            _ => Self::String,
        }
    }

    /// For people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::String => "a string",
        }
    }
}

impl ElementSchema {
    /// The names that an instance may give it.
    pub(super) fn instance_names(&self) -> impl Iterator<Item = String> {
        self.values.iter().filter(|value| value.refused.is_none()).map(|value| self.name_of(value))
    }

    /// The name that an instance gives it for one of its types.
    pub(super) fn name_of(&self, value: &ValueSchema) -> String {
        let element = Element { name: self.name.clone(), ..Element::default() };
        element.name_for(&value.type_name)
    }
}
