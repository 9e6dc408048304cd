//! Record to graph: what the record says otherwise than the graph is written, and nothing else.
//!
//! ```text
//! adopt       what is somebody else's: copied before it is changed; and what of a list is whose
//! field       one field: compared, converted, written
//! list        the items of a list: matched by key, added, changed, removed
//! resource    the resources: found or created, linked, filled, written out
//! ```

mod adopt;
mod field;
mod list;
mod resource;

use serde_json::{Map as Object, Value};

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key};

use super::converter::Converted;
use super::discover::NodeSearch;
use super::draft::Draft;
use super::fidelity::{Fidelity, FieldOutcome, Row};
use super::get::{Reader, Segment, holds, is_at, path_text};
use super::map::{Detail, Put};
use super::model::{Member, Shape, Withhold};
use crate::record::same_optional_value;
use field::Waiting;
use resource::{Home, New};

/// Is there a graph already?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Yes: what belongs to others is not changed
    Update,
    /// No: everything is made from the record
    Make,
}

/// Writes a record into a graph.
pub(super) struct Writer<'g, 'm, 'r> {
    mode: Mode,
    /// What the graph says
    reader: Reader<'g, 'm>,
    /// Where each node is written
    homes: Vec<Home>,
    /// Which nodes' resources were changed
    touched: Vec<bool>,
    /// Changed resources of the graph, by position
    drafts: Vec<Option<Draft<'g>>>,
    /// New resources
    created: Vec<New<'g>>,
    /// New items of lists that are being made
    pending: Vec<Option<Draft<'g>>>,
    /// Fields whose condition does not hold
    inactive: Vec<bool>,
    /// The values of the objects that we are in, beside the members of their shapes
    values: Vec<Option<&'r Value>>,
    /// Fields that say what they said, and could say it in a node that is not there yet
    waiting: Vec<Waiting<'m, 'r>>,
    /// The rules under which something is left out
    withheld: Vec<&'m Withhold>,
    /// The record and the items of its lists that we are in, outermost first, each with its list
    scopes: Vec<(Option<usize>, &'r Object<String, Value>)>,
    ids: &'r mut dyn FnMut() -> String,
    place: Vec<Segment<'m>>,
    /// What became of the values
    fidelity: Fidelity,
    /// What is told of that
    told: Detail,
    /// What is worth knowing
    notes: Vec<Issue>,
    /// What stops the change
    errors: Vec<Issue>,
    /// What is somebody else's, and has to be adopted before it can be changed
    wanted: Vec<usize>,
}

/// What comes of writing.
pub(super) enum WriteOutcome {
    /// What changes
    Done(Put),
    /// Nothing yet: these nodes have to be adopted first
    Adopt(Vec<usize>),
}

type Extras = Object<String, Value>;

impl<'g, 'm, 'r> Writer<'g, 'm, 'r> {
    pub(super) fn new(
        ground: NodeSearch<'g, 'm>,
        mode: Mode,
        told: Detail,
        ids: &'r mut dyn FnMut() -> String,
    ) -> Self {
        let (nodes, fields) = (ground.model.nodes.len(), ground.model.fields.len());
        Self {
            mode,
            reader: Reader::new(ground, false),
            homes: vec![Home::Nowhere; nodes],
            touched: vec![false; nodes],
            drafts: ground.graph.resources().iter().map(|_| None).collect(),
            created: Vec::new(),
            pending: Vec::new(),
            inactive: vec![false; fields],
            values: Vec::new(),
            waiting: Vec::new(),
            withheld: Vec::new(),
            scopes: Vec::new(),
            ids,
            place: Vec::new(),
            fidelity: Fidelity::default(),
            told,
            notes: Vec::new(),
            errors: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Everything that changes.
    ///
    /// # Errors
    /// All findings.
    pub(super) fn run(mut self, record: &'r Object<String, Value>, extras: &Value) -> Result<WriteOutcome> {
        let model = self.reader.ground.model;
        self.scopes.push((None, record));
        self.find(&model.singles);
        if self.mode == Mode::Make {
            self.make_singles(&model.singles);
        }
        self.withheld = self.reader.withheld();
        self.remove_singles(&model.singles);
        self.judge(&model.conditional, record);
        let kept = self.object(&model.shape, Some(record), extras.as_object());
        self.say_in_new(None);
        self.fill(&model.singles);
        if !self.wanted.is_empty() {
            return Ok(WriteOutcome::Adopt(self.wanted));
        }
        if !self.errors.is_empty() {
            return Err(Error::unprocessable(self.errors));
        }
        let kept = if kept.is_empty() { Value::Null } else { Value::Object(kept) };
        Ok(WriteOutcome::Done(self.finish(kept, extras)))
    }

    /// The members of an object; gives what is kept beside the graph.
    fn object(
        &mut self,
        members: &'m [Member],
        given: Option<&'r Object<String, Value>>,
        old: Option<&Extras>,
    ) -> Extras {
        let mut kept = Extras::new();
        let start = self.values.len();
        let unknown = side_by_side(members, given, &mut self.values);
        for (at, member) in members.iter().enumerate() {
            let value = self.values[start + at].filter(|value| !value.is_null());
            let before = old.and_then(|old| old.get(&*member.name));
            // Neither side says anything.
            if value.is_none() && before.is_none() && !self.reader.may_say(member) && self.is_silent(member, given) {
                continue;
            }
            if self.says_plainly(member, value) {
                continue;
            }
            self.place.push(Segment::Name(&member.name));
            match &member.shape {
                _ if self.is_withheld() => self.refuse_withheld(value),
                Shape::Leaf { field, which: 0, .. } => self.field(*field, value, given, old, &mut kept),
                Shape::Leaf { .. } => {}
                Shape::Object(inner) if value.is_none_or(Value::is_object) => {
                    let inner = self.object(inner, value.and_then(Value::as_object), before.and_then(Value::as_object));
                    if !inner.is_empty() {
                        kept.insert(member.name.to_string(), Value::Object(inner));
                    }
                }
                Shape::List { node, item } if value.is_none_or(Value::is_array) => {
                    let items =
                        self.list(*node, item, value.and_then(Value::as_array), before.and_then(Value::as_array));
                    if !items.is_empty() {
                        kept.insert(member.name.to_string(), Value::Array(items));
                    }
                }
                Shape::Object(_) | Shape::List { .. } => self.keep_extra(&member.name, value, &mut kept),
            }
            self.place.pop();
        }
        self.values.truncate(start);
        for (name, value) in unknown {
            self.row_below(name, "", FieldOutcome::Kept);
            kept.insert(name.clone(), value.clone());
        }
        kept
    }

    /// Do both sides say the same of a value that stands in one place, which stays? Then there is nothing to do.
    fn says_plainly(&self, member: &Member, value: Option<&Value>) -> bool {
        let Shape::Leaf { field, sites: Some(sites), plain: true, .. } = &member.shape else { return false };
        let ([site], Some(value)) = (&sites[..], value) else { return false };
        let Some(node) = self.reader.found.sites[*site] else { return false };
        let mut ends = self.reader.ground.model.fields[*field].ends();
        self.withheld.is_empty()
            && ends.all(|end| self.homes[end.node] == Home::Found)
            && Converted::Node(node).says(value)
    }

    /// Says the record nothing of what stands beside a member in its field?
    fn is_silent(&self, member: &Member, given: Option<&Object<String, Value>>) -> bool {
        let Shape::Leaf { field, .. } = member.shape else { return true };
        let members = &self.reader.ground.model.fields[field].members;
        members.len() == 1 || !members.iter().any(|name| given.is_some_and(|given| given.contains_key(&**name)))
    }

    /// Something without a place in FHIR.
    fn keep_extra(&mut self, name: &str, value: Option<&Value>, kept: &mut Extras) {
        if let Some(value) = value {
            self.row("", FieldOutcome::Kept);
            kept.insert(name.to_owned(), value.clone());
        }
    }

    // === conditions and rules

    /// Which of these fields hold for this object.
    fn judge(&mut self, fields: &[usize], given: &Object<String, Value>) {
        if fields.is_empty() {
            return;
        }
        let document = Document::from_value(&Value::Object(given.clone()));
        for &field in fields {
            let rule = &self.reader.ground.model.fields[field];
            self.inactive[field] = !document.as_ref().is_ok_and(|document| holds(rule, document));
        }
    }

    /// Is the place at hand left out under a rule?
    fn is_withheld(&self) -> bool {
        self.withheld.iter().any(|rule| rule.record.iter().any(|path| is_at(path, &self.place)))
    }

    fn refuse_withheld(&mut self, given: Option<&Value>) {
        if given.is_some() {
            self.read_only("is withheld here", "leave it out");
        }
    }

    // === what is said about it

    /// The place at hand may not be changed.
    fn read_only(&mut self, what: &str, instead: &'static str) {
        let place = path_text(&self.place);
        let message = format!("{place} {what}");
        self.errors.push(Issue::error(Key::ReadOnly, place, message).hint(instead));
    }

    /// The place at hand has a value that cannot be used.
    fn invalid(&mut self, wrong: String) {
        self.errors.push(Issue::error(Key::RecordInvalid, path_text(&self.place), wrong));
    }

    /// Something worth knowing about the place at hand.
    fn note(&mut self, key: Key, text: String) {
        self.notes.push(Issue::information(key, path_text(&self.place), text));
    }

    /// What became of the value at hand.
    fn row(&mut self, via: &str, fate: FieldOutcome) {
        self.row_below("", via, fate);
    }

    /// What became of the value at hand, and where it was written.
    fn row_at(&mut self, node: usize, path: &str, via: &str, fate: FieldOutcome) {
        self.fidelity.count(&fate);
        if self.told == Detail::Rows {
            let origin = self.origin(node, path);
            self.fidelity.fields.push(Row { record: path_text(&self.place), origin, via: via.to_owned(), fate });
        }
    }

    /// What became of a member of the object at hand.
    fn row_below(&mut self, name: &str, via: &str, fate: FieldOutcome) {
        self.fidelity.count(&fate);
        if self.told == Detail::Totals {
            return;
        }
        let mut record = path_text(&self.place);
        if !name.is_empty() {
            record = if record.is_empty() { name.to_owned() } else { format!("{record}.{name}") };
        }
        self.fidelity.fields.push(Row { record, origin: None, via: via.to_owned(), fate });
    }
}

/// Adds the values of an object, beside the members of its shape; gives what the shape does not know. Records have their
/// members in the order of the shape, mostly: each is looked for from where the last one was found.
fn side_by_side<'r>(
    members: &[Member],
    given: Option<&'r Object<String, Value>>,
    values: &mut Vec<Option<&'r Value>>,
) -> Vec<(&'r String, &'r Value)> {
    let start = values.len();
    values.resize(start + members.len(), None);
    let (mut next, mut unknown) = (0, Vec::new());
    for (name, value) in given.into_iter().flatten() {
        let is = |at: &usize| *members[*at].name == **name;
        match (next..members.len()).find(is).or_else(|| (0..next).find(is)) {
            Some(at) => {
                values[start + at] = Some(value);
                next = at + 1;
            }
            None => unknown.push((name, value)),
        }
    }
    unknown
}
