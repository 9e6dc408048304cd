//! A compiled map and what it answers.

use serde_json::{Map as Object, Value};

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node};
use crate::referral::{Graph, Referral};

use super::describe::{self, FieldDescription};
use super::fidelity::Fidelity;
use super::get::Reader;
use super::graph_update::{Detail, GraphUpdate};
use super::merge::Merger;
use super::model::{Member, Model, Shape, WithheldElement};
use super::node_search::NodeSearch;
use super::put::{Mode, WriteOutcome, Writer};
use super::schema::RecordSchema;
use super::withholding;
use crate::record::{RecordPath, same_value};

/// A compiled map: a lens between the graph of a referral and the record of a program.
///
/// - get-put: putting back what was got changes nothing, byte for byte
/// - put-get: what was put is what is got, and what the graph adds is said to be added
/// - put-put: putting twice is putting once
/// - merge: changes of different fields commute
#[derive(Debug)]
pub struct Map {
    model: Model,
    schema: RecordSchema,
}

/// A record, and what became of everything.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The record, as JSON text
    pub json: String,
    /// Codes that had no counterpart and passed as they were, and the like; never an error
    pub issues: Vec<Issue>,
    /// The totals, and the rows where they were asked for
    pub fidelity: Fidelity,
}

impl Map {
    pub(super) fn new(model: Model, schema: RecordSchema) -> Self {
        Self { model, schema }
    }

    /// The schema of the record.
    pub fn schema(&self) -> &RecordSchema {
        &self.schema
    }

    /// Its fields, in the order of the record.
    pub fn fields(&self) -> Vec<FieldDescription> {
        describe::fields(&self.model)
    }

    /// The record of a referral. `extras` is what [`GraphUpdate::extras`] was when the record was last put, null if never.
    pub fn get(&self, referral: &Referral<'_>, extras: &Value) -> Translation {
        let mut reader = Reader::new(NodeSearch::of(&self.model, referral), false);
        let json = reader.record(extras);
        Translation { json, issues: reader.issues, fidelity: reader.fidelity }
    }

    /// As [`Map::get`], with a row for every value of the record and for every element of the graph.
    pub fn explain(&self, referral: &Referral<'_>, extras: &Value) -> Translation {
        let mut reader = Reader::new(NodeSearch::of(&self.model, referral), true);
        let json = reader.record(extras);
        if let Some(trace) = reader.trace.take() {
            reader.fidelity.elements = trace.elements(referral.graph);
            reader.fidelity.fields = trace.rows;
        }
        Translation { json, issues: reader.issues, fidelity: reader.fidelity }
    }

    /// What of the referral's resources is withheld from the agency, under the rules that apply.
    pub fn withheld(&self, referral: &Referral<'_>) -> Vec<WithheldElement> {
        if self.model.withhold.is_empty() {
            return Vec::new();
        }
        let mut reader = Reader::new(NodeSearch::of(&self.model, referral), false);
        reader.find(&self.model.singles);
        reader.withheld().into_iter().flat_map(|rule| rule.fhir.iter().cloned()).collect()
    }

    /// May more be withheld from an agency, when a resource of its referrals is changed from `before` to `after`? Told without the
    /// referrals, so in doubt it may.
    pub fn may_withhold_more(&self, before: Node<'_>, after: Node<'_>) -> bool {
        withholding::may_withhold_more(&self.model, before, after)
    }

    /// What changes in the graph so that it says what `record` says. Only what differs from [`Map::get`] is written.
    ///
    /// # Errors
    /// If the record breaks its schema, or changes what belongs to the other side; all findings.
    pub fn put(
        &self,
        record: &Value,
        referral: &Referral<'_>,
        extras: &Value,
        detail: Detail,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<GraphUpdate> {
        let mut wrong = self.schema.check(record);
        if !wrong.is_empty() {
            // What the graph says already is not the sender's doing.
            let current = self.get(referral, extras).record()?;
            let before = self.schema.check(&current);
            wrong.retain(|issue| !before.contains(issue) && !same_at(record, &current, &issue.path));
        }
        Self::write_if_valid(record, wrong, |record| self.update(record, referral, extras, &[], detail, ids))
    }

    /// Writes a record; what is somebody else's and changes is copied first; the nodes of `copied_before` already were.
    fn update(
        &self,
        record: &Object<String, Value>,
        referral: &Referral<'_>,
        extras: &Value,
        copied_before: &[usize],
        detail: Detail,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<GraphUpdate> {
        let search = NodeSearch::of(&self.model, referral);
        let nodes = match Writer::new(search, Mode::Update, detail, ids).run(record, extras)? {
            WriteOutcome::Done(put) => return Ok(put),
            WriteOutcome::NeedsCopy(nodes) => nodes,
        };
        if nodes.iter().any(|node| copied_before.contains(node)) {
            return Err(Error::fault("what was adopted is not found where its node looks for it"));
        }
        let copied = Writer::new(search, Mode::Update, detail, ids).copy_foreign(&nodes, extras);
        let graph = copied.apply(referral.graph)?;
        let task = graph.resolve(&referral.task.url);
        let task = task.ok_or_else(|| Error::fault("the Task went with what it references"))?;
        let copied_now = [copied_before, &nodes].concat();
        let changed = self.update(record, &Referral::read(&graph, task)?, extras, &copied_now, detail, ids)?;
        Ok(copied.then(changed))
    }

    /// The record that has the changes of two sides: of the writer, who read `base` and wants `ours`, and of whoever made
    /// it what it is by now, `theirs`. Where both changed the same, what belongs to the EHR or moves by events stays as it
    /// is.
    ///
    /// # Errors
    /// A conflict that names what is the program's own and was changed by both.
    pub fn merge(&self, base: &Value, ours: &Value, theirs: &Value) -> Result<Value> {
        Merger::run(&self.model, base, ours, theirs).map_err(|issues| Error { category: Category::Conflict, issues })
    }

    /// The graph that a record tells of by itself, where there was none before.
    ///
    /// # Errors
    /// As [`Map::put`].
    pub fn create(&self, record: &Value, detail: Detail, ids: &mut dyn FnMut() -> String) -> Result<GraphUpdate> {
        let graph = Graph::default();
        let search = NodeSearch { model: &self.model, graph: &graph, task: None };
        Self::write_if_valid(record, self.schema.check(record), |record| {
            match Writer::new(search, Mode::Create, detail, ids).run(record, &Value::Null)? {
                WriteOutcome::Done(put) => Ok(put),
                WriteOutcome::NeedsCopy(_) => Err(Error::fault("where there is no graph, nothing is anybody else's")),
            }
        })
    }

    fn write_if_valid<'r>(
        record: &'r Value,
        wrong: Vec<Issue>,
        write: impl FnOnce(&'r Object<String, Value>) -> Result<GraphUpdate>,
    ) -> Result<GraphUpdate> {
        match record.as_object() {
            Some(members) if wrong.is_empty() => write(members),
            Some(_) => Err(Error::unprocessable(wrong)),
            None => Err(Error::refused(Key::RecordInvalid, "", "expected a record, which is a JSON object")),
        }
    }

    /// What changes when `item` is added to the list `name` of the record (`services`, `outcomes`) or becomes the object
    /// `name` (`enrollment`, `referral.appointment`), where its members are laid over those that are there. It is what
    /// [`Map::put`] makes of the record with the item in it, so what is written is what is read.
    ///
    /// # Errors
    /// As [`Map::put`], and if the record has no such place.
    pub fn add_item(
        &self,
        name: &str,
        item: &Value,
        referral: &Referral<'_>,
        extras: &Value,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<GraphUpdate> {
        self.add(&[(name, item)], referral, extras, ids)
    }

    /// As [`Map::add_item`] for several items at once: one event may bring a service and an outcome.
    ///
    /// # Errors
    /// As [`Map::add_item`].
    pub fn add(
        &self,
        items: &[(&str, &Value)],
        referral: &Referral<'_>,
        extras: &Value,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<GraphUpdate> {
        let mut record = self.get(referral, extras).record()?;
        for (name, item) in items {
            let path = RecordPath::parse(name).ok();
            let names = path.as_ref().and_then(RecordPath::members).unwrap_or_default();
            if !add_to(&self.model.shape, &mut record, &names, item) {
                let message = format!("a record has no {name} to add to");
                return Err(Error::refused(Key::RecordInvalid, *name, message));
            }
        }
        self.put(&record, referral, extras, Detail::Totals, ids)
    }
}

/// Adds an item to a list, or lays an object over one.
fn add_to(members: &[Member], record: &mut Value, names: &[&str], item: &Value) -> bool {
    let Some((name, rest)) = names.split_first() else { return false };
    let shape = members.iter().find(|member| *member.name == **name).map(|member| &member.shape);
    let Some(object) = record.as_object_mut() else { return false };
    match (shape, rest) {
        (Some(Shape::List { .. }), []) => {
            let list = object.entry(*name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().map(|list| list.push(item.clone())).is_some()
        }
        (Some(Shape::Object(_)), []) => {
            let inner = object.entry(*name).or_insert_with(|| Value::Object(Object::new()));
            let (Some(inner), Some(item)) = (inner.as_object_mut(), item.as_object()) else { return false };
            inner.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
            true
        }
        (Some(Shape::Object(members)), rest) => {
            let inner = object.entry(*name).or_insert_with(|| Value::Object(Object::new()));
            add_to(members, inner, rest, item)
        }
        _ => false,
    }
}

/// Do both values have the same at this JSON pointer, and is there something?
fn same_at(one: &Value, other: &Value, pointer: &str) -> bool {
    matches!((one.pointer(pointer), other.pointer(pointer)), (Some(one), Some(other)) if same_value(one, other))
}

impl Translation {
    /// The record as a value that can be changed.
    ///
    /// # Errors
    /// A fault, if it is larger than a document may be.
    pub fn record(&self) -> Result<Value> {
        Ok(Document::value_of(&self.json)?)
    }
}
