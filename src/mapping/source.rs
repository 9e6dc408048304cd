//! The files as they are written: `program.yaml`, `map.yaml` and crosswalks, each value with its place.
//!
//! Shape only. What the words mean is the business of `compile`; a file of the wrong shape is refused here, with line
//! and column.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use crate::fhir::{Issue, SourcePosition};
use crate::yaml;

use super::about::{Closure, Privacy, RequestCode, ReviewKind, Role, Term};

/// Reads a file of this shape.
///
/// # Errors
/// What does not fit, with its place; the issue's path is the file.
pub(super) fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Issue> {
    yaml::read(file, bytes).map_err(|issue| *issue)
}

/// A place of the reader as a place of ours.
pub(super) fn position(location: Location) -> SourcePosition {
    let within = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    SourcePosition { line: within(location.line()), column: within(location.column()) }
}

/// A mapping whose order matters.
#[derive(Debug, Clone)]
pub(super) struct Ordered<T>(pub(super) Vec<(Spanned<String>, T)>);

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub(super) struct OneOrMany(pub(super) Vec<String>);

/// `program.yaml`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ProgramFile {
    /// The name of the type, which is the folder's
    pub(super) program: Spanned<String>,
    /// Its name for people
    pub(super) title: String,
    /// What such programs do
    #[serde(default)]
    pub(super) description: String,
    /// The SDOHCC categories that it serves
    #[serde(default)]
    pub(super) need_categories: Vec<String>,
    /// The codes that ask for it
    #[serde(default)]
    pub(super) request_codes: Vec<Spanned<RequestCode>>,
    /// The phases of an enrollment
    #[serde(default)]
    pub(super) phases: Vec<Spanned<Term>>,
    /// The roles in a care team
    #[serde(default)]
    pub(super) roles: Vec<Spanned<Role>>,
    /// The reviews that are due
    #[serde(default)]
    pub(super) reviews: Vec<Spanned<ReviewKind>>,
    /// The reasons for which an enrollment ends
    #[serde(default)]
    pub(super) closure: Vec<Spanned<Closure>>,
    /// What has to be kept from whom
    #[serde(default)]
    pub(super) privacy: Privacy,
    /// Who pays
    #[serde(default)]
    pub(super) payers: Vec<String>,
    /// Where the facts come from
    #[serde(default)]
    pub(super) sources: Vec<String>,
    /// What nobody has checked
    #[serde(default)]
    pub(super) unverified: Vec<String>,
}

/// `map.yaml`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MapFile {
    /// The program type that it is the map of
    pub(super) map: Spanned<String>,
    /// The program type whose names, nodes and fields stand before its own
    pub(super) extends: Option<Spanned<String>>,
    /// Short words for long ones: URLs of systems and extensions
    #[serde(default)]
    pub(super) names: Ordered<String>,
    /// The graph
    #[serde(default)]
    pub(super) nodes: Ordered<Spanned<NodeFile>>,
    /// What stands where on either side
    #[serde(default)]
    pub(super) fields: Vec<Spanned<FieldFile>>,
    /// What is left out of the record, and when
    #[serde(default)]
    pub(super) withhold: Vec<Spanned<WithholdFile>>,
}

/// A node of the graph: a resource, resources of one kind, or the items of a list within one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeFile {
    /// It is the Task that the referral is read from
    pub(super) root: Option<Spanned<String>>,
    /// It is what this reference points at
    pub(super) at: Option<Spanned<String>>,
    /// Its resource type
    #[serde(rename = "type")]
    pub(super) kind: Option<Spanned<String>>,
    /// What its resources say, and are created with
    #[serde(default, rename = "where")]
    pub(super) conditions: Ordered<Spanned<Value>>,
    /// It is the items of this list
    pub(super) items: Option<Spanned<String>>,
    /// It is the versions of this node, oldest first
    pub(super) versions: Option<Spanned<String>>,
    /// The list of the record that has one item for each
    pub(super) each: Option<Spanned<String>>,
    /// The members that tell the items of the list apart
    pub(super) key: Option<Spanned<OneOrMany>>,
    /// Where it is found else: somebody else's, of which a copy is made before it is changed
    pub(super) adopt: Option<Spanned<String>>,
    /// Where the copy names what it was made from
    pub(super) origin: Option<Spanned<String>>,
    /// What those of its items say that are the program's, where the owner is somebody else
    #[serde(default)]
    pub(super) ours: Ordered<Spanned<Value>>,
    /// Created when the record has something here, or at one of these places
    pub(super) create: Option<Spanned<OneOrMany>>,
    /// Where it is listed
    pub(super) listed: Option<Spanned<String>>,
    /// What it has to have: written where it is missing
    #[serde(default)]
    pub(super) new: Ordered<Spanned<Value>>,
    /// What makes it as good as removed
    #[serde(default)]
    pub(super) gone: Ordered<Spanned<Value>>,
    /// Whose it is
    pub(super) owner: Option<Spanned<String>>,
}

/// A field: what ties a place of the record to one of the graph.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    /// The place of the record; several where a converter makes several values of one
    pub(super) record: Spanned<OneOrMany>,
    /// The place of the graph; several where a converter makes one value of several
    pub(super) fhir: Option<Spanned<OneOrMany>>,
    /// The converter
    pub(super) via: Option<Spanned<String>>,
    /// A second place that says the same, written along and read where the first says nothing
    pub(super) also: Option<Spanned<AlsoFile>>,
    /// Only where this FHIRPath expression holds for the record
    pub(super) when: Option<Spanned<String>>,
    /// One way: a FHIRPath expression
    pub(super) get: Option<Spanned<String>>,
    /// The node that `get` starts from
    pub(super) of: Option<Spanned<String>>,
    /// One way: a constant
    pub(super) value: Option<Spanned<Value>>,
    /// Whose it is
    pub(super) owner: Option<Spanned<String>>,
    /// What the record says where the graph says nothing
    pub(super) default: Option<Spanned<Value>>,
}

/// A second place that says the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlsoFile {
    /// The place of the graph
    pub(super) fhir: Spanned<String>,
    /// The converter
    pub(super) via: Option<Spanned<String>>,
    /// Is it read where the first place says nothing? It is, unless this says no
    pub(super) read: Option<bool>,
}

/// What is left out of the record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithholdFile {
    /// The name of the rule
    pub(super) rule: Spanned<String>,
    /// The node that `when` starts from
    pub(super) of: Spanned<String>,
    /// The FHIRPath expression under which it applies
    pub(super) when: Spanned<String>,
    /// The places of the record that are left out
    pub(super) record: Spanned<OneOrMany>,
    /// Where FHIR says it: the elements that an agency is not given either, as `Type.element`
    pub(super) fhir: Spanned<OneOrMany>,
}

/// A crosswalk: a ConceptMap in shape (<https://hl7.org/fhir/R4/conceptmap.html>).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrosswalkFile {
    /// Its name, which is the file's
    pub(super) crosswalk: Spanned<String>,
    /// What it is for
    #[serde(default)]
    pub(super) description: String,
    /// What of it nobody has checked
    #[serde(default)]
    pub(super) unverified: Vec<String>,
    /// The codes that it translates from
    pub(super) source: Spanned<SystemFile>,
    /// The codes that it translates to
    pub(super) target: Spanned<SystemFile>,
    /// The pairs
    pub(super) codes: Vec<Spanned<PairFile>>,
}

/// A code system.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SystemFile {
    /// Its URL
    pub(super) system: String,
    /// Its version
    pub(super) version: String,
    /// Do its codes mean other things in other versions?
    #[serde(default)]
    pub(super) version_needed: bool,
}

/// One pair of codes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairFile {
    /// The code that is translated
    pub(super) source: Spanned<String>,
    /// What it becomes; null: the other system has no such thing
    pub(super) target: Option<Spanned<String>>,
    /// How the target relates to the source (<https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html>)
    pub(super) equivalence: Spanned<String>,
    /// What the target is called
    pub(super) display: Option<String>,
    /// false: the target is understood, and never written
    pub(super) written: Option<bool>,
    /// Is it said by nobody whom we could check?
    #[serde(default)]
    pub(super) unverified: bool,
}

// ===

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_place_of_every_value() {
        let text = "map: x\nnodes:\n  task: { root: Task }\n  p:\n    type: Procedure\n    where: { basedOn: '@request' }\n\
                    fields:\n  - { record: [a.b, c], fhir: task.status }\n  - record: d\n    value: 1.50\n";
        let map: MapFile = read("map.yaml", text.as_bytes()).unwrap();
        let at = |spanned: Location| (position(spanned).line, position(spanned).column);
        assert_eq!(at(map.map.referenced), (1, 6));
        let (name, node) = &map.nodes.0[1];
        assert_eq!((name.value.as_str(), at(name.referenced)), ("p", (4, 3)));
        assert_eq!(at(node.value.kind.as_ref().unwrap().referenced), (5, 11));
        assert_eq!(at(node.value.conditions.0[0].1.referenced), (6, 23));
        let field = &map.fields[0];
        assert_eq!((at(field.referenced), at(field.value.record.referenced)), ((8, 5), (8, 15)));
        assert_eq!(field.value.record.value.0, ["a.b", "c"]);
        assert_eq!(at(field.value.fhir.as_ref().unwrap().referenced), (8, 31));
    }

    #[test]
    fn refuses_another_shape_with_its_place() {
        let issue = read::<MapFile>("map.yaml", b"map: x\nfeilds: []\n").unwrap_err();
        assert_eq!(issue.position.map(|position| (position.line, position.column)), Some((2, 1)), "{issue}");
        let issue = read::<MapFile>("map.yaml", b"map: x\nfields: [{ record: a, fhri: b }]\n").unwrap_err();
        assert_eq!(issue.position.map(|position| (position.line, position.column)), Some((2, 23)), "{issue}");
        let issue = read::<MapFile>("map.yaml", b"map: x\n  y: [\n").unwrap_err();
        assert!(issue.position.is_some(), "{issue}");
    }
}
