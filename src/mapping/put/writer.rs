//! The writing of a record while it goes on: where each node is written, what is open, and what there is to say.

use serde_json::{Map as Object, Value};

use crate::fhir::{Issue, Key};

use super::super::converter::Converter;
use super::super::draft::Draft;
use super::super::fidelity::{Fidelity, FieldOutcome, Row};
use super::super::get::{PathSegment, Reader, path_text};
use super::super::graph_update::Detail;
use super::super::model::{End, Withhold};
use super::super::node_search::NodeSearch;

/// Is there a graph already?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mapping) enum Mode {
    /// Yes: what belongs to others is not changed
    Update,
    /// No: everything is made from the record
    Create,
}

/// Writes a record into a graph.
pub(in crate::mapping) struct Writer<'g, 'm, 'r> {
    pub(super) mode: Mode,
    /// What the graph says
    pub(super) reader: Reader<'g, 'm>,
    /// Where each node is written
    pub(super) write_targets: Vec<WriteTarget>,
    /// Which nodes' resources were changed
    pub(super) touched: Vec<bool>,
    /// Changed resources of the graph, by position
    pub(super) drafts: Vec<Option<Draft<'g>>>,
    /// New resources
    pub(super) created: Vec<NewResource<'g>>,
    /// New items of lists that are being made
    pub(super) pending: Vec<Option<Draft<'g>>>,
    /// Fields whose condition does not hold
    pub(super) inactive: Vec<bool>,
    /// The values of the objects that we are in, beside the members of their shapes
    pub(super) values: Vec<Option<&'r Value>>,
    /// Fields that say what they said, and could say it in a node that is not there yet
    pub(super) deferred: Vec<DeferredWrite<'m, 'r>>,
    /// The rules under which something is left out
    pub(super) withheld: Vec<&'m Withhold>,
    /// The record and the items of its lists that we are in, outermost first, each with its list
    pub(super) scopes: Vec<(Option<usize>, &'r Object<String, Value>)>,
    pub(super) ids: &'r mut dyn FnMut() -> String,
    pub(super) path: Vec<PathSegment<'m>>,
    /// What became of the values
    pub(super) fidelity: Fidelity,
    /// What is told of that
    pub(super) detail: Detail,
    /// What is worth knowing
    pub(super) notes: Vec<Issue>,
    /// What stops the change
    pub(super) errors: Vec<Issue>,
    /// What is somebody else's, and has to be copied before it can be changed
    pub(super) to_copy: Vec<usize>,
}

/// Where a node is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteTarget {
    /// It is not there
    Absent,
    /// Where it was found
    Found,
    /// In the new resource with this number
    Created(usize),
    /// In the new item with this number
    Pending(usize),
    /// It was removed
    Removed,
}

/// A new resource.
#[derive(Debug)]
pub(super) struct NewResource<'g> {
    pub(super) kind: Box<str>,
    pub(super) id: String,
    pub(super) draft: Draft<'g>,
}

/// A field that says what it said, and one end where it does not say it yet.
pub(super) struct DeferredWrite<'m, 'r> {
    pub(super) scope: Option<usize>,
    pub(super) end: &'m End,
    pub(super) via: &'m Converter,
    pub(super) values: Vec<Option<&'r Value>>,
}

/// What is kept beside the graph, by member.
pub(super) type Extras = Object<String, Value>;

impl<'g, 'm, 'r> Writer<'g, 'm, 'r> {
    pub(in crate::mapping) fn new(
        search: NodeSearch<'g, 'm>,
        mode: Mode,
        detail: Detail,
        ids: &'r mut dyn FnMut() -> String,
    ) -> Self {
        let (nodes, fields) = (search.model.nodes.len(), search.model.fields.len());
        Self {
            mode,
            reader: Reader::new(search, false),
            write_targets: vec![WriteTarget::Absent; nodes],
            touched: vec![false; nodes],
            drafts: search.graph.resources().iter().map(|_| None).collect(),
            created: Vec::new(),
            pending: Vec::new(),
            inactive: vec![false; fields],
            values: Vec::new(),
            deferred: Vec::new(),
            withheld: Vec::new(),
            scopes: Vec::new(),
            ids,
            path: Vec::new(),
            fidelity: Fidelity::default(),
            detail,
            notes: Vec::new(),
            errors: Vec::new(),
            to_copy: Vec::new(),
        }
    }

    /// The place at hand may not be changed.
    pub(super) fn read_only(&mut self, what: &str, instead: &'static str) {
        let path = path_text(&self.path);
        let message = format!("{path} {what}");
        self.errors.push(Issue::error(Key::ReadOnly, path, message).hint(instead));
    }

    /// The place at hand has a value that cannot be used.
    pub(super) fn invalid(&mut self, wrong: String) {
        self.errors.push(Issue::error(Key::RecordInvalid, path_text(&self.path), wrong));
    }

    /// Something worth knowing about the place at hand.
    pub(super) fn note(&mut self, key: Key, text: String) {
        self.notes.push(Issue::information(key, path_text(&self.path), text));
    }

    /// What became of the value at hand.
    pub(super) fn row(&mut self, via: &str, outcome: FieldOutcome) {
        self.row_below("", via, outcome);
    }

    /// What became of the value at hand, and where it was written.
    pub(super) fn row_at(&mut self, node: usize, path: &str, via: &str, outcome: FieldOutcome) {
        self.fidelity.count(&outcome);
        if self.detail == Detail::Rows {
            let origin = self.origin(node, path);
            self.fidelity.fields.push(Row { record: path_text(&self.path), origin, via: via.to_owned(), outcome });
        }
    }

    /// What became of a member of the object at hand.
    pub(super) fn row_below(&mut self, name: &str, via: &str, outcome: FieldOutcome) {
        self.fidelity.count(&outcome);
        if self.detail == Detail::Totals {
            return;
        }
        let mut record = path_text(&self.path);
        if !name.is_empty() {
            record = if record.is_empty() { name.to_owned() } else { format!("{record}.{name}") };
        }
        self.fidelity.fields.push(Row { record, origin: None, via: via.to_owned(), outcome });
    }
}
