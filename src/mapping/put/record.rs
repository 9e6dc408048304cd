//! The record and its objects: each member is compared with what the graph says, and written where it differs.

use serde_json::{Map as Object, Value};

use crate::error::{Error, Result};
use crate::fhir::Document;

use super::super::converter::RecordValue;
use super::super::fidelity::FieldOutcome;
use super::super::get::{PathSegment, condition_holds, is_at};
use super::super::graph_update::GraphUpdate;
use super::super::model::{Member, Shape};
use super::writer::{Extras, Mode, WriteTarget, Writer};

/// What comes of writing.
pub(in crate::mapping) enum WriteOutcome {
    /// What changes
    Done(GraphUpdate),
    /// Nothing yet: these nodes have to be copied first
    NeedsCopy(Vec<usize>),
}

impl<'m, 'r> Writer<'_, 'm, 'r> {
    /// Everything that changes.
    ///
    /// # Errors
    /// All findings.
    pub(in crate::mapping) fn run(mut self, record: &'r Object<String, Value>, extras: &Value) -> Result<WriteOutcome> {
        let model = self.reader.search.model;
        self.scopes.push((None, record));
        self.find(&model.singles);
        if self.mode == Mode::Create {
            self.create_singles(&model.singles);
        }
        self.withheld = self.reader.withheld();
        self.remove_singles(&model.singles);
        self.evaluate_conditions(&model.conditional, record);
        let kept = self.object(&model.shape, Some(record), extras.as_object());
        self.write_deferred(None);
        self.fill(&model.singles);
        if !self.to_copy.is_empty() {
            return Ok(WriteOutcome::NeedsCopy(self.to_copy));
        }
        if !self.errors.is_empty() {
            return Err(Error::unprocessable(self.errors));
        }
        let kept = if kept.is_empty() { Value::Null } else { Value::Object(kept) };
        Ok(WriteOutcome::Done(self.finish(kept, extras)))
    }

    /// The members of an object; gives what is kept beside the graph.
    pub(super) fn object(
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
            if value.is_none()
                && before.is_none()
                && !self.reader.may_have_value(member)
                && self.is_silent(member, given)
            {
                continue;
            }
            if self.is_plainly_equal(member, value) {
                continue;
            }
            self.path.push(PathSegment::Name(&member.name));
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
            self.path.pop();
        }
        self.values.truncate(start);
        for (name, value) in unknown {
            self.row_below(name, "", FieldOutcome::Kept);
            kept.insert(name.clone(), value.clone());
        }
        kept
    }

    /// Do both sides say the same of a value that stands in one place, which stays? Then there is nothing to do.
    fn is_plainly_equal(&self, member: &Member, value: Option<&Value>) -> bool {
        let Shape::Leaf { field, slots: Some(slots), plain: true, .. } = &member.shape else { return false };
        let ([slot], Some(value)) = (&slots[..], value) else { return false };
        let Some(node) = self.reader.found.slots[*slot] else { return false };
        let mut ends = self.reader.search.model.fields[*field].ends();
        self.withheld.is_empty()
            && ends.all(|end| self.write_targets[end.node] == WriteTarget::Found)
            && RecordValue::Node(node).equals(value)
    }

    /// Says the record nothing of what stands beside a member in its field?
    fn is_silent(&self, member: &Member, given: Option<&Object<String, Value>>) -> bool {
        let Shape::Leaf { field, .. } = member.shape else { return true };
        let members = &self.reader.search.model.fields[field].members;
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
    pub(super) fn evaluate_conditions(&mut self, fields: &[usize], given: &Object<String, Value>) {
        if fields.is_empty() {
            return;
        }
        let document = Document::from_value(&Value::Object(given.clone()));
        for &field in fields {
            let rule = &self.reader.search.model.fields[field];
            self.inactive[field] = !document.as_ref().is_ok_and(|document| condition_holds(rule, document));
        }
    }

    /// Is the place at hand left out under a rule?
    fn is_withheld(&self) -> bool {
        self.withheld.iter().any(|rule| rule.record.iter().any(|path| is_at(path, &self.path)))
    }

    fn refuse_withheld(&mut self, given: Option<&Value>) {
        if given.is_some() {
            self.read_only("is withheld here", "leave it out");
        }
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
