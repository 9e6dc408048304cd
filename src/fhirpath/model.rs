//! What an expression has to know about types: which type an element has, and which types derive from which.
//!
//! [`Model`] is the question; whoever has definitions answers it. [`Inferred`] answers from names and JSON kinds alone:
//! `valueQuantity` is a Quantity, a `resourceType` names a resource, `true` is a boolean.

use std::borrow::Cow;

use crate::fhir::{Kind, Node};

use super::item::Element;

/// Types of elements and what they derive from. Names of types are those of FHIR (`HumanName`, `code`); an element
/// that is defined in place has its path as its type (`Patient.contact`).
pub trait Model: Sync {
    /// The type of the element `name` of the type `parent`.
    fn element(&self, parent: &str, name: &str) -> Option<Cow<'_, str>>;

    /// The types that the element `name` of `parent` may have, several for a choice; none if there is no such element.
    /// `None` where that cannot be known.
    fn types(&self, _parent: &str, _name: &str) -> Option<Vec<Cow<'_, str>>> {
        None
    }

    /// Is `kind` the type `ancestor`, or derived from it?
    fn is_a(&self, kind: &str, ancestor: &str) -> bool;

    /// Is there such a type?
    fn is_type(&self, name: &str) -> bool;
}

/// The model that needs no definitions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inferred;

impl Model for Inferred {
    fn element(&self, _parent: &str, name: &str) -> Option<Cow<'_, str>> {
        universal_type(name).map(Cow::Borrowed)
    }

    fn is_a(&self, kind: &str, ancestor: &str) -> bool {
        let mut kind = kind;
        while kind != ancestor {
            match parent(kind) {
                Some(next) => kind = next,
                None => return false,
            }
        }
        true
    }

    fn is_type(&self, name: &str) -> bool {
        PRIMITIVES.binary_search(&name).is_ok() || name.starts_with(|first: char| first.is_ascii_uppercase())
    }
}

/// The type of the elements whose name means the same wherever R4 uses it.
fn universal_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "extension" | "modifierExtension" => "Extension",
        "coding" => "Coding",
        "identifier" => "Identifier",
        "meta" => "Meta",
        "telecom" => "ContactPoint",
        _ => return None,
    })
}

/// What a type derives from, as far as R4's own types go; every other type is taken for a resource.
fn parent(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Element" | "Resource" => return None,
        "code" | "id" | "markdown" => "string",
        "canonical" | "oid" | "url" | "uuid" => "uri",
        "positiveInt" | "unsignedInt" => "integer",
        "Age" | "Count" | "Distance" | "Duration" | "MoneyQuantity" | "SimpleQuantity" => "Quantity",
        "Dosage" | "ElementDefinition" | "Timing" => "BackboneElement",
        "Binary" | "Bundle" | "DomainResource" | "Parameters" => "Resource",
        _ if PRIMITIVES.binary_search(&kind).is_ok() || DATATYPES.binary_search(&kind).is_ok() => "Element",
        _ if kind.contains('.') => "BackboneElement",
        _ => "DomainResource",
    })
}

/// The primitive types of R4.
const PRIMITIVES: &[&str] = &[
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
    "xhtml",
];

/// The complex types of R4 that derive from Element alone.
const DATATYPES: &[&str] = &[
    "Address",
    "Annotation",
    "Attachment",
    "BackboneElement",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "DataRequirement",
    "Expression",
    "Extension",
    "HumanName",
    "Identifier",
    "MarketingStatus",
    "Meta",
    "Money",
    "Narrative",
    "ParameterDefinition",
    "Period",
    "Population",
    "ProdCharacteristic",
    "ProductShelfLife",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "SubstanceAmount",
    "TriggerDefinition",
    "UsageContext",
];

/// Is it a primitive type of R4?
pub(super) fn is_primitive(kind: &str) -> bool {
    PRIMITIVES.binary_search(&kind).is_ok()
}

/// Is it a primitive or complex data type of R4?
pub(super) fn is_datatype(kind: &str) -> bool {
    is_primitive(kind) || DATATYPES.binary_search(&kind).is_ok()
}

/// [`Model::is_a`] for the data types of R4, which derive from the same types whatever definitions are at hand; nothing
/// for other types.
pub(super) fn standard_is_a(kind: &str, ancestor: &str) -> Option<bool> {
    is_datatype(kind).then(|| Inferred.is_a(kind, ancestor))
}

// === the type of an element ===

/// Where the walk to an element may begin, and how far it went.
pub(super) struct TypeFinder<'m> {
    pub(super) model: &'m dyn Model,
    /// Resources that the element may be in, the innermost first
    pub(super) resources: [Node<'m>; 2],
    /// The type of the document's root, where that is no resource
    pub(super) root_type: Option<&'m str>,
    /// How many elements were passed on the way
    pub(super) passed: usize,
}

impl<'m> TypeFinder<'m> {
    /// The type of an element, as far as it can be known. It is not carried along with every item, since most
    /// expressions never ask: it is found by walking down to the element from the resource that it is in.
    pub(super) fn type_of(&mut self, element: &Element<'m>) -> Option<Cow<'m, str>> {
        self.known_type(element).or_else(|| element.node().and_then(type_of_json).map(Cow::Borrowed))
    }

    /// The same without what the JSON kind alone suggests.
    pub(super) fn known_type(&mut self, element: &Element<'m>) -> Option<Cow<'m, str>> {
        let target = element.either();
        let named = self.resource_type(target).or_else(|| choice_of(target.name()));
        named.map(Cow::Borrowed).or_else(|| self.find_by_walking(target))
    }

    /// The type that a resource names, and what had to be passed to find it.
    fn resource_type(&mut self, node: Node<'m>) -> Option<&'m str> {
        let passed = &mut self.passed;
        let found = node.members().inspect(|_| *passed += 1).find(|member| member.name_bytes() == b"resourceType");
        found.and_then(type_named)
    }

    fn find_by_walking(&mut self, target: Node<'m>) -> Option<Cow<'m, str>> {
        let (root, start) = (target.document().root(), target.range().start);
        let holds = |node: &Node<'m>| std::ptr::eq(node.document(), target.document()) && node.range().contains(&start);
        let mut node = self.resources.into_iter().find(holds).unwrap_or(root);
        let mut kind = self.resource_type(node).or(self.root_type).map(Cow::Borrowed);
        while node != target {
            let mut children = if node.is_array() { node.items() } else { node.members() };
            let passed = &mut self.passed;
            let child = children.find(|child| {
                *passed += 1;
                child.range().end > start
            })?;
            let name = without_underscore(child.name());
            kind = match self.resource_type(child).or_else(|| choice_of(name)) {
                Some(known) => Some(Cow::Borrowed(known)),
                None if node.is_array() => kind,
                None => kind
                    .and_then(|parent| self.model.element(&parent, name))
                    .or_else(|| universal_type(name).map(Cow::Borrowed)),
            };
            node = child;
        }
        kind
    }
}

/// The type that a resource names.
pub(super) fn resource_type(node: Node<'_>) -> Option<&str> {
    node.get("resourceType").and_then(type_named)
}

fn type_named(name: Node<'_>) -> Option<&str> {
    // Names of types hold no escapes: the text between the quotes is the name.
    (name.kind() == Kind::String).then(|| name.text().trim_matches('"'))
}

/// `_birthDate` is about `birthDate`.
pub(super) fn without_underscore(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

/// What the JSON value alone says.
fn type_of_json(node: Node<'_>) -> Option<&'static str> {
    match node.kind() {
        Kind::Bool => Some("boolean"),
        Kind::String => Some("string"),
        Kind::Number => Some(if node.text().parse::<i32>().is_ok() { "integer" } else { "decimal" }),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

// === choice elements ===

/// The type in the name of a choice element: `valueQuantity` is a Quantity.
pub(super) fn choice_of(member: &str) -> Option<&'static str> {
    let member = without_underscore(member);
    member.bytes().enumerate().filter(|(at, byte)| *at > 0 && byte.is_ascii_uppercase()).find_map(|(at, _)| {
        let suffix = &member[at..];
        choices(&member[..at]).iter().copied().find(|kind| is_suffix(kind, suffix.as_bytes()))
    })
}

/// Is `suffix` how a choice element names the type `kind`: `boolean` as `Boolean`?
pub(super) fn is_suffix(kind: &str, suffix: &[u8]) -> bool {
    let Some((first, rest)) = suffix.split_first() else { return false };
    kind.len() == suffix.len()
        && first.is_ascii_uppercase()
        && kind.as_bytes()[0].eq_ignore_ascii_case(first)
        && kind.as_bytes()[1..] == *rest
}

/// The types that the choice element `name` may have anywhere in R4; empty if there is no such choice.
pub(super) fn choices(name: &str) -> &'static [&'static str] {
    CHOICES.binary_search_by_key(&name, |(name, _)| name).map_or(&[], |at| CHOICES[at].1)
}

/// The types that `value[x]` and the other open choices allow.
const OPEN: &[&str] = &[
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "Identifier",
    "Meta",
    "Money",
    "ParameterDefinition",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
];

/// Every choice element of R4 4.0.1 by the name before `[x]`, with the types that it has in one place or another.
#[rustfmt::skip]
const CHOICES: &[(&str, &[&str])] = &[
    ("abatement", &["Age", "Period", "Range", "dateTime", "string"]),
    ("additive", &["CodeableConcept", "Reference"]),
    ("age", &["Age", "CodeableConcept", "Range", "string"]),
    ("allowed", &["CodeableConcept", "Money", "boolean", "string", "unsignedInt"]),
    ("amount", &["Quantity", "Range", "Ratio", "string"]),
    ("answer", &["Coding", "Quantity", "Reference", "boolean", "date", "dateTime", "decimal", "integer", "string", "time"]),
    ("asNeeded", &["CodeableConcept", "boolean"]),
    ("author", &["Reference", "string"]),
    ("born", &["Period", "date", "string"]),
    ("bounds", &["Duration", "Period", "Range"]),
    ("characteristic", &["CodeableConcept", "Quantity"]),
    ("chargeItem", &["CodeableConcept", "Reference"]),
    ("code", &["CodeableConcept", "Reference"]),
    ("collected", &["Period", "dateTime"]),
    ("content", &["Attachment", "Reference", "string"]),
    ("created", &["Period", "dateTime"]),
    ("date", &["Period", "dateTime"]),
    ("deceased", &["Age", "Range", "boolean", "date", "dateTime", "string"]),
    ("defaultValue", OPEN),
    ("definingSubstance", &["CodeableConcept", "Reference"]),
    ("definition", &["CodeableConcept", "DataRequirement", "Expression", "canonical", "uri"]),
    ("detail", &["CodeableConcept", "Quantity", "Range", "Ratio", "boolean", "integer", "string"]),
    ("diagnosis", &["CodeableConcept", "Reference"]),
    ("dose", &["Quantity", "Range"]),
    ("doseNumber", &["positiveInt", "string"]),
    ("due", &["Duration", "date"]),
    ("duration", &["Quantity", "Range"]),
    ("effective", &["Period", "Timing", "dateTime", "instant"]),
    ("entity", &["CodeableConcept", "Reference"]),
    ("event", &["CodeableConcept", "Coding", "Reference", "dateTime", "id", "uri"]),
    ("example", &["boolean", "canonical"]),
    ("fastingStatus", &["CodeableConcept", "Duration"]),
    ("fixed", OPEN),
    ("identified", &["Period", "dateTime"]),
    ("indication", &["CodeableConcept", "Reference"]),
    ("instances", &["Quantity", "Range"]),
    ("item", &["CodeableConcept", "Reference"]),
    ("legallyBinding", &["Attachment", "Reference"]),
    ("location", &["Address", "CodeableConcept", "Reference"]),
    ("manufacturer", &["Reference", "string"]),
    ("maxValue", &["Quantity", "date", "dateTime", "decimal", "instant", "integer", "positiveInt", "time", "unsignedInt"]),
    ("medication", &["CodeableConcept", "Reference"]),
    ("minValue", &["Quantity", "date", "dateTime", "decimal", "instant", "integer", "positiveInt", "time", "unsignedInt"]),
    ("minimumVolume", &["Quantity", "string"]),
    ("module", &["CodeableConcept", "canonical", "uri"]),
    ("multipleBirth", &["boolean", "integer"]),
    ("name", &["Reference", "url"]),
    ("occurred", &["Period", "dateTime"]),
    ("occurrence", &["Period", "Timing", "dateTime", "string"]),
    ("offset", &["Duration", "Range"]),
    ("onset", &["Age", "Period", "Range", "dateTime", "string"]),
    ("participantEffective", &["Duration", "Period", "Timing", "dateTime"]),
    ("pattern", OPEN),
    ("performed", &["Age", "Period", "Range", "dateTime", "string"]),
    ("probability", &["Range", "decimal"]),
    ("procedure", &["CodeableConcept", "Reference"]),
    ("product", &["CodeableConcept", "Reference"]),
    ("quantity", &["Quantity", "Range", "Ratio"]),
    ("rate", &["Quantity", "Range", "Ratio"]),
    ("reported", &["Reference", "boolean"]),
    ("scheduled", &["Period", "Timing", "string"]),
    ("seriesDoses", &["positiveInt", "string"]),
    ("serviced", &["Period", "date"]),
    ("source", &["Attachment", "Reference", "canonical", "uri"]),
    ("start", &["CodeableConcept", "date"]),
    ("statusReason", &["CodeableConcept", "Reference"]),
    ("studyEffective", &["Duration", "Period", "Timing", "dateTime"]),
    ("subject", &["CodeableConcept", "Reference"]),
    ("substance", &["CodeableConcept", "Reference"]),
    ("target", &["Identifier", "Reference", "canonical", "uri"]),
    ("time", &["Period", "dateTime"]),
    ("timing", &["Age", "Duration", "Period", "Range", "Reference", "Timing", "date", "dateTime"]),
    ("topic", &["CodeableConcept", "Reference"]),
    ("used", &["Money", "string", "unsignedInt"]),
    ("value", OPEN),
    ("when", &["Period", "Range"]),
];
