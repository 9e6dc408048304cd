//! The compiled form of definitions: what the walk reads while it goes through a document.
//!
//! A [`Schema`] describes one kind of object: a resource, a datatype or a backbone element. It is made of one or more
//! [`Part`]s: the base definition, and the profiles that say more about the same place. Rules of all of them are merged
//! per element when the schema is compiled, so a document is walked once, however many profiles it has to meet.

use super::names::Names;
use super::rules::Rule;
use crate::definitions::structure::Element;

/// A schema's number among the compiled ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SchemaRef(pub(super) u32);

/// One definition that a schema is made of: an element of a structure, whose children are the schema's elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Type name or canonical URL of the structure
    pub(super) structure: String,
    /// Index of the element; 0 is the structure as a whole
    pub(super) element: u32,
}

/// One kind of object, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    /// What people call it: `Task`, `Task.restriction`, `CodeableConcept`
    pub(super) name: String,
    /// A resource: `resourceType` stands in it
    pub(super) is_resource: bool,
    /// From the names in JSON to members
    pub(super) names: Names,
    pub(super) members: Vec<Member>,
    pub(super) elements: Vec<ElementSchema>,
    /// Positions of the elements that have a minimum
    pub(super) required: Vec<u16>,
    /// Positions of the elements whose maximum the JSON form does not already hold
    pub(super) bounded: Vec<u16>,
    /// Rules about the object as a whole
    pub(super) rules: Vec<Rule>,
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
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    /// What it may hold; several in a choice
    pub(super) values: Vec<ValueSchema>,
}

/// One type that an element may have, compiled.
#[derive(Debug)]
pub(super) struct ValueSchema {
    /// Name of the type: `CodeableConcept`
    pub(super) type_name: String,
    pub(super) content: Content,
    /// Rules about each value
    pub(super) rules: Vec<Rule>,
}

/// What a value holds.
#[derive(Debug)]
pub(super) enum Content {
    /// A primitive: the JSON it is written in, and what its `_name` sibling may hold
    Primitive { json: Json, sibling: Option<SchemaRef> },
    /// A datatype or backbone element
    Object(SchemaRef),
    /// Any resource: contained in the one around it, or standing for itself
    Resource { is_contained: bool },
    /// A type of which no definition is at hand
    Unknown,
}

/// The JSON that a primitive is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Json {
    Bool,
    Number,
    String,
}

impl Json {
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
        let element = Element { name: self.name.clone(), ..Element::default() };
        self.values.iter().map(move |value| element.name_for(&value.type_name))
    }
}
