//! A map as it was compiled: nodes of the graph, fields, and the shape of the record that the fields make up. Data only.

use std::sync::Arc;

use serde_json::Value;

use crate::fhirpath::Expression;

use super::converter::Converter;
use super::crosswalk::Crosswalk;
use super::node_set::NodeSet;
use super::path::Path;
use super::path_tree::PathTree;

/// A compiled map.
#[derive(Debug)]
pub(super) struct Model {
    /// The nodes, each behind those that it is found by
    pub(super) nodes: Vec<NodeRule>,
    /// The single nodes that are found once per record, in order
    pub(super) singles: Vec<usize>,
    /// The fields
    pub(super) fields: Vec<Field>,
    /// Fields at the record's own level that hold only under a condition
    pub(super) conditional: Vec<usize>,
    /// The record
    pub(super) shape: Vec<Member>,
    /// What is left out, and when
    pub(super) withhold: Vec<Withhold>,
    /// How many references nodes are found at, each counted once
    pub(super) reference_count: usize,
    /// How many places of the graph are read, each with a slot of its own
    pub(super) slot_count: usize,
}

/// A node of the graph.
#[derive(Debug)]
pub(super) struct NodeRule {
    /// Its name
    pub(super) name: Box<str>,
    /// The type of its resources; none for items of a list
    pub(super) resource: Option<Box<str>>,
    /// What paths in it start from: `Task`, `Observation.code.coding`
    pub(super) start: String,
    /// The node whose resource it stands in: that of the list for items of one, else itself
    pub(super) host: usize,
    /// How it is found
    pub(super) find: Find,
    /// What its resources say
    pub(super) tests: Vec<Test>,
    /// The list of the record that has an item for each
    pub(super) each: Option<RecordList>,
    /// The list node whose items it is found in; none: the referral
    pub(super) scope: Option<usize>,
    /// Where it is found else: it is somebody else's there, and a copy is made before it is changed
    pub(super) foreign_ends: Vec<End>,
    /// Where a copy names what it was made from
    pub(super) origin: Option<Path>,
    /// What those of its items say that are the program's, where the others are not
    pub(super) ours: Vec<(Path, Value)>,
    /// Created when the record (or the scope's item) has something at one of these places; none: never
    pub(super) create: Vec<Box<[Box<str>]>>,
    /// What of it the record shows there: the fields below `create` that have an end in it
    pub(super) shown: Vec<usize>,
    /// Where it is listed
    pub(super) listed: Option<End>,
    /// What it has to have
    pub(super) fills: Vec<Fill>,
    /// What makes it as good as removed
    pub(super) removal: Vec<(Path, Value)>,
    /// Whose it is
    pub(super) owner: Owner,
    /// Where the record has its id, relative to the scope
    pub(super) identity: Option<Box<[Box<str>]>>,
    /// What is read of it
    pub(super) path_tree: PathTree,
}

/// How a node is found.
#[derive(Debug)]
pub(super) enum Find {
    /// It is the referral's Task
    Root,
    /// It is what one of these references points at
    At(Vec<End>),
    /// It is what passes the tests
    Search,
    /// It is the items of a list
    Items(End),
    /// It is the versions of the referral's Task
    Versions,
}

/// A list of the record.
#[derive(Debug)]
pub(super) struct RecordList {
    /// Its path, for people
    pub(super) record: Box<str>,
    /// The members that tell items apart
    pub(super) key: Box<[Box<str>]>,
    /// Does the list's own node have all of them, so that what is found in its items is not needed?
    pub(super) key_is_own: bool,
    /// The single nodes that are found in each item, in order
    pub(super) singles: Vec<usize>,
    /// Fields of an item that hold only under a condition
    pub(super) conditional: Vec<usize>,
}

/// What a resource says.
#[derive(Debug)]
pub(super) struct Test {
    /// Where
    pub(super) path: Path,
    /// What
    pub(super) is: Expected,
}

/// What a test expects.
#[derive(Debug)]
pub(super) enum Expected {
    /// This value
    Value(Value),
    /// A reference to this node
    Node(usize),
}

/// What a node has to have: written where it is missing.
#[derive(Debug)]
pub(super) struct Fill {
    /// Where
    pub(super) path: Path,
    /// What
    pub(super) with: FillValue,
    /// Only where this is there already
    pub(super) only_in: Option<Path>,
    /// What of it the record shows: where nothing of that is left, it is missing
    pub(super) shown: Vec<Path>,
}

/// What is filled in.
#[derive(Debug)]
pub(super) enum FillValue {
    /// This value
    Value(Value),
    /// A reference to this node
    Node(usize),
    /// What stands there
    Copy(End),
}

/// A place of the graph.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// The node
    pub(super) node: usize,
    /// The path in it
    pub(super) path: Path,
    /// Is it the resource's own id?
    pub(super) identity: bool,
    /// Which of the places that the map reads it is; where a node is found, the member that the path begins with
    pub(super) slot: usize,
    /// Which of the map's references it is, where several nodes are found at the same one
    pub(super) reference: Option<usize>,
}

/// What ties a place of the record to one of the graph.
#[derive(Debug)]
pub(super) struct Field {
    /// The places of the record, for people: `services[].minutes`
    pub(super) record: Vec<Box<str>>,
    /// The members that they are in the object they share
    pub(super) members: Vec<Box<str>>,
    /// The objects on the way to it from the record or the scope's item
    pub(super) within: Box<[Box<str>]>,
    /// Where its values come from
    pub(super) source: Source,
    /// Only where this holds for the record, or the scope's item
    pub(super) when: Option<Expression>,
    /// Whose it is
    pub(super) owner: Owner,
    /// What the record says where the graph says nothing
    pub(super) default: Option<Value>,
    /// Is the second place read where the first says nothing?
    pub(super) reads_also: bool,
}

/// Where the values of a field come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Places of the graph, both ways
    Ends {
        /// The first that says something is read; it, or the first that can be written, is written
        choices: Vec<Vec<End>>,
        /// The converter
        via: Converter,
        /// A second place that says the same
        also: Option<(End, Converter)>,
    },
    /// An expression, one way
    Computed {
        /// The node that it starts from
        node: usize,
        /// The expression
        expression: Expression,
        /// The element that it names, where it does nothing else
        plain: Option<End>,
        /// The nodes that it names: `%request`
        named: Vec<usize>,
        /// Every counterpart of what it gives
        translate: Option<Arc<Crosswalk>>,
        /// Does the record have a list there?
        list: bool,
    },
    /// A constant, one way
    Constant(Value),
}

/// Who may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The program
    ProgramType,
    /// The EHR
    Ehr,
    /// Nobody: it moves by events
    Events,
}

/// One member of an object of the record.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name
    pub(super) name: Box<str>,
    /// Its name as JSON has it before the value: `"name":`
    pub(super) label: Box<str>,
    /// What it is
    pub(super) shape: Shape,
    /// The nodes that it gets values from: where the graph has none of them, it has none
    pub(super) from: NodeSet,
}

/// What a member of the record is.
#[derive(Debug)]
pub(super) enum Shape {
    /// An object with these members
    Object(Vec<Member>),
    /// A value of a field
    Leaf {
        /// The field
        field: usize,
        /// Which of its values
        which: usize,
        /// The slots that it gets its value from: where all are empty, it has none. None: it has one in any case.
        slots: Option<Box<[usize]>>,
        /// Is the first of them that is not empty its value, as it stands?
        plain: bool,
    },
    /// A list with an item for each of a node
    List {
        /// The node
        node: usize,
        /// The item's members
        item: Vec<Member>,
    },
}

/// What is left out of the record.
#[derive(Debug)]
pub(super) struct Withhold {
    /// The name of the rule
    pub(super) rule: Box<str>,
    /// The node that the expression starts from
    pub(super) node: usize,
    /// When it applies
    pub(super) when: Expression,
    /// The places that are left out
    pub(super) record: Vec<Box<[Box<str>]>>,
    /// Where FHIR says it
    pub(super) fhir: Vec<WithheldElement>,
}

/// An element that is withheld from the agency, of every resource of its type in the referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithheldElement {
    /// The name of the rule
    pub rule: Box<str>,
    /// The type
    pub kind: Box<str>,
    /// The member of its resources
    pub member: Box<str>,
}

// ===

impl Model {
    /// Is it a list node?
    pub(super) fn is_list(&self, node: usize) -> bool {
        self.nodes[node].each.is_some()
    }
}

impl RecordList {
    /// Which member of the key is the items' id, if one is.
    pub(super) fn id(&self) -> Option<usize> {
        self.key.iter().position(|name| &**name == "id")
    }
}

impl NodeRule {
    /// Where it is found, as the program's or as somebody else's.
    pub(super) fn found_at(&self) -> impl Iterator<Item = &End> {
        let ends = match &self.find {
            Find::At(ends) => ends.as_slice(),
            Find::Items(end) => std::slice::from_ref(end),
            Find::Root | Find::Search | Find::Versions => &[],
        };
        ends.iter().chain(&self.foreign_ends)
    }

    /// As [`NodeRule::found_at`], to be numbered.
    pub(super) fn found_at_mut(&mut self) -> impl Iterator<Item = &mut End> {
        let ends = match &mut self.find {
            Find::At(ends) => ends.as_mut_slice(),
            Find::Items(end) => std::slice::from_mut(end),
            Find::Root | Find::Search | Find::Versions => &mut [],
        };
        ends.iter_mut().chain(&mut self.foreign_ends)
    }

    /// Can it come into being by what a record says?
    pub(super) fn is_creatable(&self) -> bool {
        !self.create.is_empty()
    }
}

impl Field {
    /// The places of the graph that it is tied to both ways.
    pub(super) fn ends(&self) -> impl Iterator<Item = &End> {
        let (choices, also) = match &self.source {
            Source::Ends { choices, also, .. } => (choices.as_slice(), also.as_ref()),
            Source::Computed { .. } | Source::Constant(_) => (&[][..], None),
        };
        choices.iter().flatten().chain(also.map(|(end, _)| end))
    }

    /// The places that it reads, to be numbered.
    pub(super) fn read_mut(&mut self) -> impl Iterator<Item = &mut End> {
        let (choices, also, plain) = match &mut self.source {
            Source::Ends { choices, also, .. } => (choices.as_mut_slice(), also.as_mut(), None),
            Source::Computed { plain, .. } => (&mut [][..], None, plain.as_mut()),
            Source::Constant(_) => (&mut [][..], None, None),
        };
        choices.iter_mut().flatten().chain(also.map(|(end, _)| end)).chain(plain)
    }

    /// Why a program may not change it, if it may not: what it is, and what to do instead.
    pub(super) fn read_only(&self) -> Option<(&'static str, &'static str)> {
        match self.source {
            Source::Computed { .. } => Some(("is computed from other values", "change what it is computed from")),
            Source::Constant(_) => Some(("is given by the program type", "leave it as it was")),
            Source::Ends { .. } => self.owner.read_only(),
        }
    }
}

impl Owner {
    /// As maps write it.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "program" => Self::ProgramType,
            "ehr" => Self::Ehr,
            "events" => Self::Events,
            _ => return None,
        })
    }

    /// Why a program may not change what is this owner's, and what to do instead.
    pub(super) fn read_only(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::ProgramType => None,
            Self::Ehr => Some((
                "belongs to whoever sent the referral",
                "leave it as it was or leave it out; the sender corrects it by updating the resource over FHIR",
            )),
            Self::Events => Some((
                "moves only by events",
                "leave it as it was, and post the event that changes it to /agency/v1/referrals/ID/events",
            )),
        }
    }
}
