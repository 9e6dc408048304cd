//! Finds what a path means: in a resource as it came, or in a draft of it.

use serde_json::Value;

use crate::fhir::{Kind, Node};

use super::path::{Condition, PathStep, Repeats};

/// What paths are followed in.
pub(super) trait Tree: Copy {
    /// The member with this name.
    fn member(self, name: &str) -> Option<Self>;
    /// The items of a list; itself where it is none.
    fn items(self) -> impl Iterator<Item = Self>;
    /// Is it this string, boolean or number?
    fn is(self, value: &Value) -> bool;
}

impl Tree for Node<'_> {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name).filter(|member| member.kind() != Kind::Null)
    }

    fn items(self) -> impl Iterator<Item = Self> {
        self.each()
    }

    fn is(self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_str(text),
            Value::Bool(truth) => self.as_bool() == Some(*truth),
            Value::Number(number) => self.as_number() == Some(number.as_str()),
            _ => false,
        }
    }
}

/// The value that the path means. Of a list without conditions that is the first item; unless a later step chooses:
/// then it is the first in which that finds something.
pub(super) fn find<T: Tree>(from: T, steps: &[PathStep]) -> Option<T> {
    let Some((step, rest)) = steps.split_first() else { return Some(from) };
    let member = from.member(&step.name)?;
    match step.repeats {
        Repeats::Never => find(member, rest),
        Repeats::Whole => Some(member),
        Repeats::Item if step.select.is_empty() && !chooses(rest) => find(member.items().next()?, rest),
        Repeats::Item => member.items().filter(|item| selected(*item, &step.select)).find_map(|item| find(item, rest)),
    }
}

/// Every value that the path means, in order.
pub(super) fn find_all<T: Tree>(from: T, steps: &[PathStep], found: &mut impl FnMut(T)) {
    match steps.first() {
        None => found(from),
        Some(step) => {
            if let Some(member) = from.member(&step.name) {
                find_all_in(member, steps, found);
            }
        }
    }
}

/// As [`find_all`], where the member that the path begins with is at hand.
pub(super) fn find_all_in<T: Tree>(member: T, steps: &[PathStep], found: &mut impl FnMut(T)) {
    let Some((step, rest)) = steps.split_first() else { return found(member) };
    if step.repeats == Repeats::Never {
        return find_all(member, rest, found);
    }
    for item in member.items().filter(|item| selected(*item, &step.select)) {
        find_all(item, rest, found);
    }
}

/// Does a step choose among items?
fn chooses(steps: &[PathStep]) -> bool {
    steps.iter().any(|step| !step.select.is_empty())
}

/// Does an item meet all conditions?
pub(super) fn selected<T: Tree>(item: T, conditions: &[Condition]) -> bool {
    conditions.iter().all(|condition| has_value(item, &condition.path, &condition.value))
}

/// Does any value that the path means equal this one?
pub(super) fn has_value<T: Tree>(from: T, steps: &[PathStep], value: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else { return from.is(value) };
    let Some(member) = from.member(&step.name) else { return false };
    if step.repeats == Repeats::Never {
        return has_value(member, rest, value);
    }
    member.items().any(|item| selected(item, &step.select) && has_value(item, rest, value))
}

/// Does the path mean something, as far as it chooses among items? Where it does, a value belongs there and nowhere
/// else.
pub(super) fn has_chosen_item<T: Tree>(from: T, steps: &[PathStep]) -> bool {
    let Some(last) = steps.iter().rposition(|step| !step.select.is_empty()) else { return true };
    find(from, &steps[..=last]).is_some()
}
