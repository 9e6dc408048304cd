//! What of a conformance resource is kept in a pack: structure, codes and rules; no prose, no display texts, no
//! mappings. The trimmed text is the same JSON with less in it, so that one reader serves both.

use super::foreign::Foreign;
use crate::fhir::{Kind, Node};

/// Which members are kept, and of those again which.
enum Keep {
    All,
    Only(&'static [(&'static str, Keep)]),
    /// The same again, as in a tree of concepts
    Again,
    /// A flag: only where it is set
    IfTrue,
    /// This, where the member named does not stand beside it
    Without(&'static str, &'static Keep),
    /// Of a list of extensions those with these URLs, and of them this
    Extensions(&'static [&'static str], &'static Keep),
}

use Keep::{Again, All, Extensions, IfTrue, Only, Without};

const STRUCTURE: Keep = Only(&[
    ("resourceType", All),
    ("url", All),
    ("version", All),
    ("name", All),
    ("kind", All),
    ("abstract", IfTrue),
    ("context", All),
    ("contextInvariant", All),
    ("type", All),
    ("baseDefinition", All),
    ("derivation", All),
    ("snapshot", Only(&[("element", ELEMENT)])),
    ("differential", Without("snapshot", &Only(&[("element", ELEMENT)]))),
]);

const ELEMENT: Keep = Only(&[
    ("id", All),
    ("path", All),
    ("representation", All),
    ("sliceName", All),
    ("sliceIsConstraining", All),
    ("slicing", Only(&[("discriminator", All), ("ordered", All), ("rules", All)])),
    ("min", All),
    ("max", All),
    ("base", Only(&[("path", All), ("max", All)])),
    ("contentReference", All),
    (
        "type",
        Only(&[
            ("extension", Extensions(&["http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"], &All)),
            ("code", All),
            ("profile", All),
            ("targetProfile", All),
            ("aggregation", All),
            ("versioning", All),
        ]),
    ),
    ("fixed*", All),
    ("pattern*", All),
    ("minValue*", All),
    ("maxValue*", All),
    ("maxLength", All),
    (
        "constraint",
        Only(&[
            (
                "extension",
                Extensions(&["http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"], &All),
            ),
            ("key", All),
            ("severity", All),
            ("human", All),
            ("expression", All),
            ("source", All),
        ]),
    ),
    ("mustSupport", IfTrue),
    ("isModifier", IfTrue),
    ("isSummary", IfTrue),
    (
        "binding",
        Only(&[
            (
                "extension",
                Extensions(
                    &[
                        "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
                        "http://hl7.org/fhir/StructureDefinition/elementdefinition-minValueSet",
                        "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
                        "http://hl7.org/fhir/StructureDefinition/additional-binding",
                    ],
                    &BINDING_EXTENSION,
                ),
            ),
            ("strength", All),
            ("valueSet", All),
        ]),
    ),
]);

/// A value set, or an additional binding without what it tells people.
const BINDING_EXTENSION: Keep = Only(&[
    ("url", All),
    ("valueCanonical", All),
    ("valueUri", All),
    ("extension", Extensions(&["purpose", "valueSet", "usage", "any"], &All)),
]);

const CODE_SYSTEM: Keep = Only(&[
    ("resourceType", All),
    ("url", All),
    ("version", All),
    ("caseSensitive", All),
    ("content", All),
    ("hierarchyMeaning", All),
    ("supplements", All),
    ("valueSet", All),
    ("property", Only(&[("code", All), ("uri", All)])),
    ("concept", CONCEPT),
]);

const CONCEPT: Keep = Only(&[("code", All), ("property", Only(&[("code", All), ("value*", All)])), ("concept", Again)]);

const VALUE_SET: Keep = Only(&[
    ("resourceType", All),
    ("url", All),
    ("version", All),
    ("compose", Only(&[("inactive", All), ("include", INCLUDE), ("exclude", INCLUDE)])),
    ("expansion", Only(&[("total", All), ("contains", CONTAINS)])),
]);

const INCLUDE: Keep =
    Only(&[("system", All), ("version", All), ("concept", Only(&[("code", All)])), ("filter", All), ("valueSet", All)]);

const CONTAINS: Keep = Only(&[
    ("system", All),
    ("version", All),
    ("abstract", IfTrue),
    ("inactive", IfTrue),
    ("code", All),
    ("contains", Again),
]);

const SEARCH_PARAMETER: Keep = Only(&[
    ("resourceType", All),
    ("url", All),
    ("version", All),
    ("code", All),
    ("base", All),
    ("type", All),
    ("expression", All),
    ("target", All),
    ("component", All),
]);

/// Of a guide, the profiles that it demands wherever it is used.
const GUIDE: Keep = Only(&[("resourceType", All), ("url", All), ("version", All), ("global", All)]);

/// The trimmed JSON of a conformance resource, without what is foreign to it; nothing for a type of resource that is not
/// kept.
pub(super) fn trim(node: Node<'_>, foreign: &Foreign<'_>) -> Option<String> {
    let keep = match &*node.str("resourceType")? {
        "StructureDefinition" => &STRUCTURE,
        "CodeSystem" => &CODE_SYSTEM,
        "ValueSet" => &VALUE_SET,
        "SearchParameter" => &SEARCH_PARAMETER,
        "ImplementationGuide" => &GUIDE,
        _ => return None,
    };
    let mut text = String::new();
    Trimmer { foreign }.write(node, keep, &mut text);
    Some(text)
}

struct Trimmer<'a> {
    foreign: &'a Foreign<'a>,
}

impl Trimmer<'_> {
    /// Writes what is kept of a value, white space left out.
    fn write(&self, node: Node<'_>, keep: &Keep, text: &mut String) {
        match node.kind() {
            Kind::Array => {
                let items = node.items().filter(|item| is_kept(*item, keep) && !self.foreign.has(*item));
                list(text, ['[', ']'], items, |item, text| self.write(item, keep, text));
            }
            Kind::Object => {
                let keep = if let Extensions(_, inner) = keep { inner } else { keep };
                let members = node.members().filter(|member| !self.foreign.has(*member));
                let members = members.filter_map(|member| Some((member, self.of_member(keep, node, member)?)));
                list(text, ['{', '}'], members, |(member, inner), text| {
                    text.push('"');
                    text.push_str(member.name());
                    text.push_str("\":");
                    self.write(member, inner, text);
                });
            }
            _ => text.push_str(node.text()),
        }
    }

    /// What is kept of a member of `parent`; nothing if it is dropped.
    fn of_member<'k>(&self, keep: &'k Keep, parent: Node<'_>, member: Node<'_>) -> Option<&'k Keep> {
        let Only(kept) = keep else { return Some(&All) };
        let name = member.name();
        let matches =
            |pattern: &str| pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix));
        let inner = match &kept.iter().find(|(pattern, _)| matches(pattern))?.1 {
            Again => keep,
            Without(sibling, inner) => {
                let sibling = parent.get(sibling).filter(|sibling| !self.foreign.has(*sibling));
                return sibling.is_none().then_some(*inner);
            }
            inner => inner,
        };
        let has_content = match inner {
            IfTrue => member.as_bool() == Some(true),
            Extensions(..) => member.items().any(|item| is_kept(item, inner)),
            _ => true,
        };
        has_content.then_some(inner)
    }
}

fn list<T>(text: &mut String, brackets: [char; 2], items: impl Iterator<Item = T>, write: impl Fn(T, &mut String)) {
    text.push(brackets[0]);
    for (position, item) in items.enumerate() {
        if position > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(brackets[1]);
}

fn is_kept(item: Node<'_>, keep: &Keep) -> bool {
    match keep {
        Extensions(urls, _) => item.str("url").is_some_and(|url| urls.contains(&&*url)),
        _ => true,
    }
}
