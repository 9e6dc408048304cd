//! Two sides changed what they had read: the record that has both changes.
//!
//! `base` is the record as the writer read it, `ours` as the writer wants it, `theirs` as it stands by now. What only one
//! side changed is taken from that side. What both changed otherwise is decided by whose it is: what belongs to the EHR
//! or moves by events stays as it stands; what is the program's own is for people to settle, and the field is named.
//! Lists are merged by the keys of their items, so both sides may add.

use serde_json::{Map as Object, Value};

use crate::fhir::{Issue, Key};

use super::model::{Member, Model, Shape};
use crate::record::{same_optional_value, same_value};

/// A record is merged.
pub(super) struct Merger<'m> {
    model: &'m Model,
    /// Where in the record we are: names, and positions as `[0]`
    path: Vec<String>,
    /// The fields of the program that both sides changed
    conflicts: Vec<Issue>,
}

/// The members of an object as three sides have them.
#[derive(Clone, Copy)]
struct ThreeWayObject<'v> {
    base: Option<&'v Object<String, Value>>,
    ours: Option<&'v Object<String, Value>>,
    theirs: Option<&'v Object<String, Value>>,
}

/// One value as three sides have it.
#[derive(Clone, Copy)]
struct ThreeWay<'v> {
    base: Option<&'v Value>,
    ours: Option<&'v Value>,
    theirs: Option<&'v Value>,
}

impl<'m> Merger<'m> {
    /// The record with the changes of both sides.
    ///
    /// # Errors
    /// The fields of the program that both changed.
    pub(super) fn run(model: &'m Model, base: &Value, ours: &Value, theirs: &Value) -> Result<Value, Vec<Issue>> {
        let mut merger = Self { model, path: Vec::new(), conflicts: Vec::new() };
        let sides = ThreeWayObject { base: base.as_object(), ours: ours.as_object(), theirs: theirs.as_object() };
        let merged = merger.object(&model.shape, sides);
        if merger.conflicts.is_empty() { Ok(Value::Object(merged)) } else { Err(merger.conflicts) }
    }

    fn object(&mut self, members: &'m [Member], sides: ThreeWayObject<'_>) -> Object<String, Value> {
        let mut merged = Object::new();
        for name in sides.names() {
            let member = members.iter().find(|member| *member.name == *name);
            self.path.push(name.clone());
            let value = self.value(member.map(|member| &member.shape), name, sides);
            self.path.pop();
            if let Some(value) = value {
                merged.insert(name.clone(), value);
            }
        }
        merged
    }

    fn value(&mut self, shape: Option<&'m Shape>, name: &str, sides: ThreeWayObject<'_>) -> Option<Value> {
        let three = sides.member(name);
        match shape {
            Some(Shape::Object(members)) if three.all(Value::is_object) => {
                let inner = self.object(members, three.objects());
                // An object that nobody has anything in is not there.
                let was_empty = three.ours.or(three.theirs).and_then(Value::as_object).is_some_and(Object::is_empty);
                (!inner.is_empty() || was_empty).then_some(Value::Object(inner))
            }
            Some(Shape::List { node, item }) if three.all(Value::is_array) => {
                let items = self.list(*node, item, three);
                (!items.is_empty()).then_some(Value::Array(items))
            }
            Some(Shape::Leaf { field, .. }) => self.leaf(*field, name, sides),
            _ => match three.resolve() {
                Ok(value) => value.cloned(),
                // What no field knows is merged member by member too.
                Err(three) if three.ours.zip(three.theirs).is_some() && three.all(Value::is_object) => {
                    Some(Value::Object(self.object(&[], three.objects())))
                }
                Err(three) => self.conflict(three),
            },
        }
    }

    /// A value of a field: the values of one field belong together and come from one side.
    fn leaf(&mut self, field: usize, name: &str, sides: ThreeWayObject<'_>) -> Option<Value> {
        let rule = &self.model.fields[field];
        let whole: Vec<ThreeWay<'_>> = rule.members.iter().map(|member| sides.member(member)).collect();
        let three = sides.member(name);
        if whole.iter().all(|three| same_optional_value(three.ours, three.base)) {
            return three.theirs.cloned();
        }
        if whole
            .iter()
            .all(|three| same_optional_value(three.theirs, three.base) || same_optional_value(three.theirs, three.ours))
        {
            return three.ours.cloned();
        }
        if rule.read_only().is_some() {
            return three.theirs.cloned();
        }
        self.conflict(three)
    }

    fn list(&mut self, node: usize, item: &'m [Member], three: ThreeWay<'_>) -> Vec<Value> {
        let Some(each) = &self.model.nodes[node].each else { return Vec::new() };
        let is_ours_to_change = self.model.nodes[node].owner.read_only().is_none();
        let key = |value: &Value| -> Vec<Option<Value>> {
            each.key.iter().map(|name| value.get(&**name).filter(|value| !value.is_null()).cloned()).collect()
        };
        let (mut base, mut ours) = (Unmatched::of(three.base), Unmatched::of(three.ours));
        let mut merged = Vec::new();
        for theirs in three.theirs.and_then(Value::as_array).into_iter().flatten() {
            let own = key(theirs);
            let before = base.take(|item| same_key(&key(item), &own));
            let wanted = ours.take(|item| same_key(&key(item), &own));
            self.path.push(format!("[{}]", merged.len()));
            match (before, wanted) {
                (_, Some(wanted)) => {
                    let three = ThreeWay { base: before, ours: Some(wanted), theirs: Some(theirs) };
                    let inner = if three.all(Value::is_object) {
                        Value::Object(self.object(item, three.objects()))
                    } else {
                        theirs.clone()
                    };
                    merged.push(inner);
                }
                // Removed by us; what somebody changed meanwhile is not removed unseen.
                (Some(before), None) if same_value(before, theirs) => {}
                (Some(_), None) if is_ours_to_change => {
                    self.conflict(ThreeWay { base: before, ours: None, theirs: Some(theirs) });
                }
                (_, None) => merged.push(theirs.clone()),
            }
            self.path.pop();
        }
        for wanted in ours.rest() {
            let own = key(wanted);
            self.path.push(format!("[{}]", merged.len()));
            match base.take(|item| same_key(&key(item), &own)) {
                None => merged.push(wanted.clone()),
                // Removed by somebody else.
                Some(before) if same_value(before, wanted) || !is_ours_to_change => {}
                before => {
                    self.conflict(ThreeWay { base: before, ours: Some(wanted), theirs: None });
                }
            }
            self.path.pop();
        }
        merged
    }

    /// Both sides changed what is the program's own.
    fn conflict(&mut self, three: ThreeWay<'_>) -> Option<Value> {
        let path = self.path.join(".").replace(".[", "[");
        let message = format!("{path} was changed here and by somebody else since the version that was read");
        self.conflicts.push(Issue::error(Key::ChangedByBoth, path, message));
        three.theirs.cloned()
    }
}

/// Items of a list that were not matched yet.
struct Unmatched<'v>(Vec<&'v Value>);

impl<'v> Unmatched<'v> {
    fn of(list: Option<&'v Value>) -> Self {
        Self(list.and_then(Value::as_array).into_iter().flatten().collect())
    }

    /// The first that fits, which is matched then.
    fn take(&mut self, fits: impl Fn(&Value) -> bool) -> Option<&'v Value> {
        let at = self.0.iter().position(|item| fits(item))?;
        Some(self.0.remove(at))
    }

    fn rest(self) -> Vec<&'v Value> {
        self.0
    }
}

impl<'v> ThreeWayObject<'v> {
    /// The members that stand or are wanted: those that stand first.
    fn names(self) -> Vec<&'v String> {
        let theirs = self.theirs.into_iter().flat_map(Object::keys);
        let more = self.ours.into_iter().flat_map(Object::keys);
        theirs.chain(more.filter(|name| !self.theirs.is_some_and(|theirs| theirs.contains_key(*name)))).collect()
    }

    fn member(self, name: &str) -> ThreeWay<'v> {
        let of = |side: Option<&'v Object<String, Value>>| side?.get(name).filter(|value| !value.is_null());
        ThreeWay { base: of(self.base), ours: of(self.ours), theirs: of(self.theirs) }
    }
}

impl<'v> ThreeWay<'v> {
    /// Are those that are there of this kind?
    fn all(self, kind: fn(&Value) -> bool) -> bool {
        [self.base, self.ours, self.theirs].into_iter().flatten().all(kind)
    }

    fn objects(self) -> ThreeWayObject<'v> {
        let of = |value: Option<&'v Value>| value.and_then(Value::as_object);
        ThreeWayObject { base: of(self.base), ours: of(self.ours), theirs: of(self.theirs) }
    }

    /// What stands where at most one side changed it.
    ///
    /// # Errors
    /// The values, where both did.
    fn resolve(self) -> Result<Option<&'v Value>, Self> {
        if same_optional_value(self.ours, self.base) {
            Ok(self.theirs)
        } else if same_optional_value(self.theirs, self.base) || same_optional_value(self.theirs, self.ours) {
            Ok(self.ours)
        } else {
            Err(self)
        }
    }
}

fn same_key(one: &[Option<Value>], other: &[Option<Value>]) -> bool {
    one.iter().zip(other).all(|(one, other)| same_optional_value(one.as_ref(), other.as_ref()))
}
