//! What became of everything: field by field of the record, element by element of the graph.
//!
//! The totals are counted on the way and cost nothing. Rows are made only where somebody asks for an explanation.

use std::fmt;

use serde_json::{Value, json};

use crate::fhir::Node;
use crate::referral::{Graph, Resource};

/// How many values of a record had which outcome, and which, where that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fidelity {
    /// Carried over from one side to the other
    pub mapped: u32,
    /// Not said on one side, and given the value that the map says
    pub defaulted: u32,
    /// Made from other values; one way
    pub computed: u32,
    /// Without a place on the other side: kept beside the referral
    pub kept: u32,
    /// Left out, under a rule
    pub withheld: u32,
    /// Of all these, the codes that no crosswalk has a counterpart for
    pub untranslated: u32,
    /// The fields, in the order of the record
    pub fields: Vec<Row>,
    /// The primitive elements of the graph, in its order
    pub elements: Vec<Element>,
}

/// What became of one value of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place: `services[0].minutes`
    pub record: String,
    /// Where the value comes from, or was written to
    pub origin: Option<ValueOrigin>,
    /// The converter, or the expression
    pub via: String,
    /// What became of it
    pub outcome: FieldOutcome,
}

/// A place of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueOrigin {
    /// How the graph names the resource
    pub resource: String,
    /// The version; 0 where it is not stored
    pub version: u64,
    /// The element: `Task.status`
    pub path: String,
}

/// What became of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldOutcome {
    /// Carried over
    Mapped,
    /// Given the value that the map says
    Defaulted,
    /// Made from other values
    Computed,
    /// Kept beside the referral
    Kept,
    /// Left out, under this rule
    Withheld(String),
}

/// What became of one element of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Where it stands
    pub origin: ValueOrigin,
    /// What became of it
    pub outcome: ElementOutcome,
}

/// What became of one element of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElementOutcome {
    /// The record shows it here
    Mapped(String),
    /// The record would show it here (where that is known), and leaves it out under this rule
    Withheld(Option<String>, String),
    /// The record has no place for it: it is kept in FHIR as it is
    Kept,
}

impl fmt::Display for Fidelity {
    /// The totals: `mapped 31, defaulted 2, computed 3, kept 1, withheld 0, untranslated 0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mapped, defaulted, computed, kept, withheld, untranslated, .. } = self;
        write!(f, "mapped {mapped}, defaulted {defaulted}, computed {computed}, kept {kept}, ")?;
        write!(f, "withheld {withheld}, untranslated {untranslated}")
    }
}

impl fmt::Display for FieldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapped => f.write_str("mapped"),
            Self::Defaulted => f.write_str("defaulted"),
            Self::Computed => f.write_str("computed"),
            Self::Kept => f.write_str("kept aside"),
            Self::Withheld(rule) => write!(f, "withheld ({rule})"),
        }
    }
}

impl fmt::Display for ElementOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapped(record) => f.write_str(record),
            Self::Withheld(Some(record), rule) => write!(f, "{record}: withheld ({rule})"),
            Self::Withheld(None, rule) => write!(f, "withheld ({rule})"),
            Self::Kept => f.write_str("kept in FHIR alone"),
        }
    }
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.path)?;
        if self.version > 0 {
            write!(f, " (version {})", self.version)?;
        }
        Ok(())
    }
}

// ===

impl Fidelity {
    /// Counts an outcome.
    pub(super) fn count(&mut self, outcome: &FieldOutcome) {
        *match outcome {
            FieldOutcome::Mapped => &mut self.mapped,
            FieldOutcome::Defaulted => &mut self.defaulted,
            FieldOutcome::Computed => &mut self.computed,
            FieldOutcome::Kept => &mut self.kept,
            FieldOutcome::Withheld(_) => &mut self.withheld,
        } += 1;
    }

    /// As a document: `{"totals", "fields", "elements"}`, the last two where they were asked for. It names places and
    /// never shows a value.
    pub fn to_value(&self) -> Value {
        let origin = |origin: &ValueOrigin| json!({ "resource": origin.resource, "version": origin.version, "path": origin.path });
        let field = |row: &Row| {
            json!({
                "record": row.record,
                "origin": row.origin.as_ref().map(origin),
                "via": row.via,
                "fate": row.outcome.to_string(),
            })
        };
        let element = |element: &Element| {
            let (outcome, record, rule) = match &element.outcome {
                ElementOutcome::Mapped(record) => ("mapped", Some(record), None),
                ElementOutcome::Withheld(record, rule) => ("withheld", record.as_ref(), Some(rule)),
                ElementOutcome::Kept => ("kept", None, None),
            };
            json!({ "origin": origin(&element.origin), "fate": outcome, "record": record, "rule": rule })
        };
        json!({
            "totals": {
                "mapped": self.mapped,
                "defaulted": self.defaulted,
                "computed": self.computed,
                "kept": self.kept,
                "withheld": self.withheld,
                "untranslated": self.untranslated,
            },
            "fields": self.fields.iter().map(field).collect::<Vec<_>>(),
            "elements": self.elements.iter().map(element).collect::<Vec<_>>(),
        })
    }

    /// An element that is withheld from whoever looks at the graph, so that it is not in it.
    pub fn add_withheld(&mut self, resource: &Resource, member: &str, rule: &str) {
        let path = format!("{}.{member}", resource.kind());
        let origin = ValueOrigin { resource: resource.url.clone(), version: resource.version, path };
        self.withheld += 1;
        self.elements.push(Element { origin, outcome: ElementOutcome::Withheld(None, rule.to_owned()) });
    }

    /// The totals alone.
    pub(super) fn totals(&self) -> Self {
        Self { fields: Vec::new(), elements: Vec::new(), ..*self }
    }

    /// All that came since the totals were these is left out; says how many values that are.
    pub(super) fn withhold_since(&mut self, before: &Self) -> u32 {
        let count = self.total() - before.total();
        (self.mapped, self.defaulted) = (before.mapped, before.defaulted);
        (self.computed, self.kept) = (before.computed, before.kept);
        self.withheld = before.withheld + count;
        count
    }

    /// How many values there were.
    pub fn total(&self) -> u32 {
        self.mapped + self.defaulted + self.computed + self.kept + self.withheld
    }
}

impl ValueOrigin {
    /// The place of a node in a resource.
    pub(super) fn of(resource: &Resource, node: Node<'_>) -> Self {
        // A resource of a bundle is a node of the bundle's document: its own path begins where it does.
        let (root, whole) = (resource.node().path(), node.path());
        let rest = whole.strip_prefix(&root).unwrap_or(&whole);
        Self { resource: resource.url.clone(), version: resource.version, path: format!("{}{rest}", resource.kind()) }
    }
}

/// What an explanation gathers on the way.
#[derive(Debug, Default)]
pub(super) struct Trace<'g> {
    /// The rows so far
    pub(super) rows: Vec<Row>,
    /// What was read, for which place of the record
    pub(super) read: Vec<(Node<'g>, String)>,
    /// The places that were left out, each with its rule
    pub(super) withheld: Vec<(String, String)>,
}

impl Trace<'_> {
    /// What became of every primitive element of the graph.
    pub(super) fn elements(&self, graph: &Graph) -> Vec<Element> {
        let mut elements = Vec::new();
        for resource in graph.resources() {
            let leaves = resource.node().descendants().filter(|node| !node.is_object() && !node.is_array());
            for leaf in leaves.filter(|node| node.name() != "resourceType") {
                let covers = |(read, _): &&(Node<'_>, String)| {
                    std::ptr::eq(read.document(), leaf.document()) && read.range().contains(&leaf.range().start)
                };
                let outcome = match self.read.iter().find(covers) {
                    None => ElementOutcome::Kept,
                    Some((_, record)) => match self.withheld.iter().find(|(path, _)| is_within(record, path)) {
                        None => ElementOutcome::Mapped(record.clone()),
                        Some((_, rule)) => ElementOutcome::Withheld(Some(record.clone()), rule.clone()),
                    },
                };
                elements.push(Element { origin: ValueOrigin::of(resource, leaf), outcome });
            }
        }
        elements
    }
}

/// Is one place of a record another, or inside it?
pub(super) fn is_within(record: &str, path: &str) -> bool {
    record.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
