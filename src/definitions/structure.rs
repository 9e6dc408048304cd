//! What a StructureDefinition says (<https://hl7.org/fhir/R4/structuredefinition.html>,
//! <https://hl7.org/fhir/R4/elementdefinition.html>), as far as checking and typing need it.
//!
//! Data only; `read.rs` fills it. It must not know how a definition is stored or what is done with it.

use std::sync::Arc;

/// What the canonical URLs of the standard's own types begin with.
pub const CORE_URL: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A type or profile: its elements in the order of the definition, the root first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// Canonical URL
    pub url: String,
    /// Business version
    pub version: Option<String>,
    /// Computer-friendly name; for the types of the standard the type itself
    pub name: String,
    /// What kind of thing it describes
    pub kind: StructureKind,
    /// The type it describes or constrains (`Task`)
    pub type_name: String,
    /// Cannot be instantiated (`Resource`, `Element`)
    pub is_abstract: bool,
    /// A profile: it constrains its type, rather than defining one
    pub is_profile: bool,
    /// Canonical URL of what it is derived from
    pub base: Option<String>,
    /// Where an extension may stand
    pub contexts: Vec<Context>,
    /// Rules in FHIRPath that hold where an extension stands
    pub context_invariants: Vec<String>,
    /// Its elements: the snapshot, or the differential where `is_differential`
    pub elements: Vec<Element>,
    /// There was no snapshot: `elements` say only what differs from the base
    pub is_differential: bool,
    /// The package that it comes from, as `name#version`; its references are read as that package means them
    pub package: Arc<str>,
}

/// What a structure describes (<https://hl7.org/fhir/R4/valueset-structure-definition-kind.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureKind {
    /// `code`, `date`, ...
    Primitive,
    /// `CodeableConcept`, `Extension`, ...
    Complex,
    /// `Task`, `Patient`, ...
    Resource,
    /// A logical model
    Logical,
}

/// Where an extension may stand (<https://hl7.org/fhir/R4/defining-extensions.html#context>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `fhirpath`, `element` or `extension`
    pub kind: String,
    /// The path, expression or URL
    pub expression: String,
}

/// One element of a structure.
#[allow(clippy::struct_excessive_bools)] // the flags of the standard
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Unique in its structure; names the slice where it is one (`Task.input:contact.value[x]`)
    pub id: String,
    /// `Task.input.value[x]`
    pub path: String,
    /// Last step of the path, with `[x]` where it is a choice; the type's name at the root
    pub name: String,
    /// The slice that it defines: `contact`, or `contact/email` for a slice of a slice; `@default` holds for what is in
    /// no slice
    pub slice_name: Option<String>,
    /// The slice is one that the base has already
    pub slice_is_constraining: bool,
    /// How its repetitions are sliced
    pub slicing: Option<Slicing>,
    /// At least so many
    pub min: u32,
    /// At most so many; none is `*`
    pub max: Option<u32>,
    /// Path of the element in the type that first defined it (`Element.extension`)
    pub base_path: Option<String>,
    /// Written as an array, whatever `max` a profile leaves
    pub is_list: bool,
    /// An XML attribute: it has no `_name` sibling, so neither id nor extensions
    pub is_attribute: bool,
    /// What it may hold; several in a choice; none at the root and where `content_reference` speaks
    pub types: Vec<TypeRef>,
    /// Id of the element whose content it shares (`Questionnaire.item`)
    pub content_reference: Option<String>,
    /// Canonical URL of the structure that has that element, where it is not this one
    pub content_source: Option<String>,
    /// The codes it may hold
    pub binding: Option<Binding>,
    /// Rules in FHIRPath; those that its type brings along stand in the type alone
    pub constraints: Vec<Constraint>,
    /// Has to be exactly this
    pub fixed: Option<Literal>,
    /// Has to hold at least this
    pub pattern: Option<Literal>,
    /// Smallest value
    pub min_value: Option<Literal>,
    /// Largest value
    pub max_value: Option<Literal>,
    /// Most characters
    pub max_length: Option<u32>,
    /// Changes what the resource means
    pub is_modifier: bool,
    /// Part of the summary
    pub is_summary: bool,
    /// Must be supported
    pub must_support: bool,
    /// Index of the element that it stands in; none at the root
    pub parent: Option<u32>,
    /// Indices of the elements inside it, slices included
    pub children: Vec<u32>,
}

/// One type that an element may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeRef {
    /// Name of the type (`Reference`), a FHIR type also where the definition says `System.String`
    pub code: String,
    /// What a reference or canonical may point at; empty is anything
    pub target_profiles: Vec<String>,
    /// Profiles of which the value meets at least one
    pub profiles: Vec<String>,
    /// `contained`, `referenced`, `bundled`; empty is any
    pub aggregation: Vec<String>,
}

/// A binding to a value set (<https://hl7.org/fhir/R4/terminologies.html#strength>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// How strict it is
    pub strength: Strength,
    /// Canonical URL, with version where the definition gives one
    pub value_set: Option<String>,
    /// Codes outside of this set are wrong whatever the strength
    pub max_value_set: Option<String>,
    /// What a system has to be able to handle at least
    pub min_value_set: Option<String>,
    /// Bindings beside this one
    pub additional: Vec<AdditionalBinding>,
}

/// A binding beside the main one, often for some uses of the profile only
/// (<https://hl7.org/fhir/tools/StructureDefinition-additional-binding.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdditionalBinding {
    /// What it is for
    pub purpose: Purpose,
    /// Canonical URL, with version where the definition gives one
    pub value_set: String,
    /// It holds where one of these applies; always, where there is none
    pub usage: Vec<Usage>,
    /// One repetition that meets it is enough; else every one has to
    pub any: bool,
}

/// What an additional binding is for (<https://hl7.org/fhir/R5/valueset-additional-binding-purpose.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// No code may be outside
    Maximum,
    /// Has to be handled by every system
    Minimum,
    /// Has to be used
    Required,
    /// Has to be used where it fits
    Extensible,
    /// Better than others
    Preferred,
    /// For new records: required there
    Current,
    /// For people who choose or design (`ui`, `starter`, `candidate`, `component`, ...); nothing is checked by it
    Design,
}

/// A use that a binding is for (<https://hl7.org/fhir/R4/metadatatypes.html#UsageContext>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// System of the code; the URL of a profile, where the code is the path of one of its elements
    pub system: Option<String>,
    /// What is looked at: a kind of use, or an element (`ServiceRequest.category`)
    pub code: String,
    /// It applies where that is one of these: system and code
    pub values: Vec<(Option<String>, String)>,
}

/// How strict a binding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A suggestion
    Example,
    /// Better than others
    Preferred,
    /// Has to be used where it fits
    Extensible,
    /// Has to be used
    Required,
}

/// A rule in FHIRPath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// `dom-2`
    pub key: String,
    /// An error, rather than a warning
    pub is_error: bool,
    /// Good practice rather than a rule
    pub is_best_practice: bool,
    /// The rule in the standard's words
    pub human: String,
    /// The rule in FHIRPath
    pub expression: String,
    /// Canonical URL of the structure that brought it in
    pub source: Option<String>,
}

/// A value in a definition: its type (the `Code` of `fixedCode`) and its JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Name of its type, as in the member name
    pub type_name: String,
    /// JSON text
    pub json: String,
}

/// How repetitions are told apart (<https://hl7.org/fhir/R4/profiling.html#slicing>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slicing {
    /// What tells the slices apart
    pub discriminators: Vec<Discriminator>,
    /// The slices stand in the order of the definition
    pub ordered: bool,
    /// `open`, `closed` or `openAtEnd`
    pub rules: String,
}

/// One discriminator of a slicing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// `value`, `exists`, `pattern`, `type` or `profile`
    pub kind: String,
    /// Restricted FHIRPath
    pub path: String,
}

/// An element that was looked up by the name it has in an instance.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    /// Index of the element in its structure
    pub index: u32,
    /// The element
    pub element: &'a Element,
    /// The type that the name picks, where the element is a choice
    pub choice: Option<&'a TypeRef>,
}

// ===

impl Structure {
    /// Does it define an extension?
    pub fn is_extension(&self) -> bool {
        self.is_profile && self.type_name == "Extension"
    }

    /// The element that stands for the whole.
    pub fn root(&self) -> Option<&Element> {
        self.elements.first()
    }

    /// The element at this index.
    pub fn element(&self, index: u32) -> Option<&Element> {
        self.elements.get(index as usize)
    }

    /// The index of the element with this path (or id, for a slice).
    pub fn position(&self, path_or_id: &str) -> Option<u32> {
        self.elements
            .iter()
            .position(|element| element.id == path_or_id || element.path == path_or_id)
            .map(|at| at as u32)
    }

    /// Where the content of an element is described: itself, or the element that it refers to.
    pub fn content_of(&self, index: u32) -> u32 {
        let reference = self.element(index).and_then(|element| element.content_reference.as_deref());
        reference.and_then(|id| self.position(id)).unwrap_or(index)
    }

    /// The elements inside the one at `index`, content references followed, slices left out.
    pub fn children(&self, index: u32) -> impl Iterator<Item = (u32, &Element)> {
        let children = self.element(self.content_of(index)).map_or(&[][..], |element| &element.children);
        children
            .iter()
            .filter_map(|child| Some((*child, self.element(*child)?)))
            .filter(|(_, element)| element.slice_name.is_none())
    }

    /// The element that an instance calls `name` inside the one at `index`: `valueString` finds `value[x]` and picks
    /// its type. `value` alone finds `value[x]` too, with no type picked, as FHIRPath speaks of it.
    pub fn child(&self, index: u32, name: &str) -> Option<Child<'_>> {
        self.children(index).find_map(|(at, element)| {
            if element.name == name {
                return Some(Child { index: at, element, choice: None });
            }
            let rest = name.strip_prefix(element.stem()).filter(|_| element.is_choice())?;
            let choice = element.types.iter().find(|allowed| is_capitalized(&allowed.code, rest));
            (choice.is_some() || rest.is_empty()).then_some(Child { index: at, element, choice })
        })
    }
}

impl Element {
    /// Name of the slice that rules what is in no other slice.
    pub const DEFAULT_SLICE: &str = "@default";

    /// The slice that this slice divides further: `contact` for `contact/email`.
    pub fn outer_slice(&self) -> Option<&str> {
        Some(self.slice_name.as_deref()?.rsplit_once('/')?.0)
    }

    /// Is it a choice of types (`value[x]`)?
    pub fn is_choice(&self) -> bool {
        self.name.ends_with("[x]")
    }

    /// The name without `[x]`.
    pub fn stem(&self) -> &str {
        self.name.strip_suffix("[x]").unwrap_or(&self.name)
    }

    /// The name that an instance gives it for this type: `valueString`.
    pub fn name_for(&self, type_name: &str) -> String {
        let mut letters = type_name.chars();
        match letters.next() {
            Some(first) if self.is_choice() => {
                format!("{}{}{}", self.stem(), first.to_ascii_uppercase(), letters.as_str())
            }
            _ => self.name.clone(),
        }
    }
}

/// Is `text` the type's name with a capital first letter?
fn is_capitalized(type_name: &str, text: &str) -> bool {
    let (name, text) = (type_name.as_bytes(), text.as_bytes());
    name.len() == text.len() && !name.is_empty() && name[0].to_ascii_uppercase() == text[0] && name[1..] == text[1..]
}

impl Purpose {
    /// Reads the code of the standard.
    pub fn from_code(code: &str) -> Self {
        match code {
            "maximum" => Self::Maximum,
            "minimum" => Self::Minimum,
            "required" => Self::Required,
            "extensible" => Self::Extensible,
            "preferred" => Self::Preferred,
            "current" => Self::Current,
            _ => Self::Design,
        }
    }
}

impl Strength {
    /// Reads the code of the standard.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "example" => Self::Example,
            "preferred" => Self::Preferred,
            "extensible" => Self::Extensible,
            "required" => Self::Required,
            _ => return None,
        })
    }
}
