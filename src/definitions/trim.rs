//! What of a conformance resource is kept in a pack: structure, codes and rules; no prose, no display texts, no
//! mappings. The trimmed text is the same JSON with less in it, so that one reader serves both.

use super::foreign::ForeignElements;
use crate::fhir::{Kind, Node};

/// Which members are kept, and of those again which.
enum Selection {
    All,
    Only(&'static [(&'static str, Selection)]),
    /// The same again, as in a tree of concepts
    Recursive,
    /// A flag: only where it is set
    IfTrue,
    /// This, where the member named does not stand beside it
    UnlessSibling(&'static str, &'static Selection),
    /// Of a list of extensions those with these URLs, and of them this
    Extensions(&'static [&'static str], &'static Selection),
}

use Selection::{All, Extensions, IfTrue, Only, Recursive, UnlessSibling};

const STRUCTURE: Selection = Only(&[
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
    ("differential", UnlessSibling("snapshot", &Only(&[("element", ELEMENT)]))),
]);

const ELEMENT: Selection = Only(&[
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
const BINDING_EXTENSION: Selection = Only(&[
    ("url", All),
    ("valueCanonical", All),
    ("valueUri", All),
    ("extension", Extensions(&["purpose", "valueSet", "usage", "any"], &All)),
]);

const CODE_SYSTEM: Selection = Only(&[
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

const CONCEPT: Selection =
    Only(&[("code", All), ("property", Only(&[("code", All), ("value*", All)])), ("concept", Recursive)]);

const VALUE_SET: Selection = Only(&[
    ("resourceType", All),
    ("url", All),
    ("version", All),
    ("compose", Only(&[("inactive", All), ("include", INCLUDE), ("exclude", INCLUDE)])),
    ("expansion", Only(&[("total", All), ("contains", CONTAINS)])),
]);

const INCLUDE: Selection =
    Only(&[("system", All), ("version", All), ("concept", Only(&[("code", All)])), ("filter", All), ("valueSet", All)]);

const CONTAINS: Selection = Only(&[
    ("system", All),
    ("version", All),
    ("abstract", IfTrue),
    ("inactive", IfTrue),
    ("code", All),
    ("contains", Recursive),
]);

const SEARCH_PARAMETER: Selection = Only(&[
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
const GUIDE: Selection = Only(&[("resourceType", All), ("url", All), ("version", All), ("global", All)]);

/// The trimmed JSON of a conformance resource, without what is foreign to it; nothing for a type of resource that is not
/// kept.
pub(super) fn trim(node: Node<'_>, foreign: &ForeignElements<'_>) -> Option<String> {
    let selection = match &*node.str("resourceType")? {
        "StructureDefinition" => &STRUCTURE,
        "CodeSystem" => &CODE_SYSTEM,
        "ValueSet" => &VALUE_SET,
        "SearchParameter" => &SEARCH_PARAMETER,
        "ImplementationGuide" => &GUIDE,
        _ => return None,
    };
    let mut text = String::new();
    Trimmer { foreign }.write(node, selection, &mut text);
    Some(text)
}

struct Trimmer<'a> {
    foreign: &'a ForeignElements<'a>,
}

impl Trimmer<'_> {
    /// Writes what is kept of a value, white space left out.
    fn write(&self, node: Node<'_>, selection: &Selection, text: &mut String) {
        match node.kind() {
            Kind::Array => {
                let items = node.items().filter(|item| is_selected(*item, selection) && !self.foreign.contains(*item));
                list(text, ['[', ']'], items, |item, text| self.write(item, selection, text));
            }
            Kind::Object => {
                let selection = if let Extensions(_, inner) = selection { inner } else { selection };
                let members = node.members().filter(|member| !self.foreign.contains(*member));
                let members = members.filter_map(|member| Some((member, self.select_member(selection, node, member)?)));
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
    fn select_member<'k>(&self, selection: &'k Selection, parent: Node<'_>, member: Node<'_>) -> Option<&'k Selection> {
        let Only(kept) = selection else { return Some(&All) };
        let name = member.name();
        let matches =
            |pattern: &str| pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix));
        let inner = match &kept.iter().find(|(pattern, _)| matches(pattern))?.1 {
            Recursive => selection,
            UnlessSibling(sibling, inner) => {
                let sibling = parent.get(sibling).filter(|sibling| !self.foreign.contains(*sibling));
                return sibling.is_none().then_some(*inner);
            }
            inner => inner,
        };
        let has_content = match inner {
            IfTrue => member.as_bool() == Some(true),
            Extensions(..) => member.items().any(|item| is_selected(item, inner)),
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

fn is_selected(item: Node<'_>, selection: &Selection) -> bool {
    match selection {
        Extensions(urls, _) => item.str("url").is_some_and(|url| urls.contains(&&*url)),
        _ => true,
    }
}
