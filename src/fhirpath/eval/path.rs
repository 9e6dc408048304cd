//! Paths (<https://hl7.org/fhirpath/N1/#path-selection>) and the tree: members, children, descendants, the indexer.

use crate::fhir::{Kind, Node};

use super::super::collection::Collection;
use super::super::item::{Element, Item};
use super::super::model;
use super::super::tree::{Name, Part};
use super::super::value::{Unit, Value};
use super::each::Sink;
use super::evaluator::{Evaluator, Scope};
use super::failure::{Outcome, fail};
use super::operand::only;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// The first name of a path, where it may be a type: one that `$this` has stands for `$this` itself
    /// (`Patient.name`).
    pub(super) fn first_member(&self, at: u32, this: &Collection<'e>, name: &'e Name) -> Outcome<Collection<'e>> {
        let typed: Collection<'e> = this.iter().filter(|item| self.has_type(item, &name.text)).cloned().collect();
        if !typed.is_empty() {
            return Ok(typed);
        }
        let mut found = Collection::Empty;
        for item in this {
            self.each_member(at, item, name, &mut |item| {
                found.push(item.clone());
                Ok(true)
            })?;
        }
        Ok(found)
    }

    fn has_type(&self, item: &Item<'e>, name: &str) -> bool {
        let Item::Element(element) = item else { return false };
        self.type_of(element).is_some_and(|kind| self.is_a(&kind, name))
    }

    /// `a[i]`
    pub(super) fn indexer(
        &self,
        at: u32,
        from: &'e Part,
        index: &'e Part,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Collection<'e>> {
        let input = self.eval(from, scope)?;
        let index = self.eval(index, scope)?;
        match only(at, &index)?.map(Item::value) {
            None => Ok(Collection::Empty),
            Some(Some(Value::Integer(index))) => {
                let item = usize::try_from(index).ok().and_then(|index| input.items().get(index));
                Ok(item.cloned().map_or(Collection::Empty, Collection::One))
            }
            Some(_) => Err(fail(at, "an index is a whole number")),
        }
    }

    /// The children of this name.
    pub(super) fn each_member(
        &self,
        at: u32,
        item: &Item<'e>,
        name: &'e Name,
        sink: &mut Sink<'_, 'e>,
    ) -> Outcome<bool> {
        match item {
            Item::Element(element) => {
                let Some(value_or_sibling) = element.value_or_sibling() else { return Ok(true) };
                let (value, sibling, passed) = named(value_or_sibling, name);
                self.charge(1 + passed / 16, at)?;
                each_element(value, sibling, sink)
            }
            Item::Value(value) => match value_member(value, &name.text) {
                Some(value) => sink(&Item::Value(value)),
                None => Ok(true),
            },
        }
    }

    /// All children in document order; `resourceType` is not one.
    pub(super) fn each_child(&self, at: u32, item: &Item<'e>, sink: &mut Sink<'_, 'e>) -> Outcome<bool> {
        let Item::Element(element) = item else { return Ok(true) };
        let Some(object) = element.value_or_sibling() else { return Ok(true) };
        let has_siblings = object.members().any(|member| member.name_bytes().first() == Some(&b'_'));
        for member in object.members() {
            self.charge(1, at)?;
            let name = member.name();
            let (value, sibling) = match name.strip_prefix('_') {
                None if name == "resourceType" && member.kind() == Kind::String => continue,
                None if !has_siblings => (Some(member), None),
                None => (Some(member), self.seek(at, object, |other| other.strip_prefix('_') == Some(name))?),
                Some(plain) if self.seek(at, object, |other| other == plain)?.is_some() => continue,
                Some(_) => (None, Some(member)),
            };
            if !each_element(value, sibling, sink)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The member with such a name, charged for those that were passed.
    pub(super) fn seek(&self, at: u32, object: Node<'e>, is_it: impl Fn(&str) -> bool) -> Outcome<Option<Node<'e>>> {
        let mut passed = 0;
        let found = object.members().find(|member| {
            passed += 1;
            is_it(member.name())
        });
        self.charge(passed / 16, at)?;
        Ok(found)
    }

    /// Every element below, each before those below it.
    pub(super) fn each_descendant(&self, at: u32, item: &Item<'e>, sink: &mut Sink<'_, 'e>) -> Outcome<bool> {
        self.each_child(at, item, &mut |child| Ok(sink(child)? && self.each_descendant(at, child, sink)?))
    }
}

/// What a value of the language has inside.
fn value_member<'e>(value: &Value<'e>, name: &str) -> Option<Value<'e>> {
    match (value, name) {
        (Value::Type(kind), "name") => Some(Value::String(kind.name.clone())),
        (Value::Type(kind), "namespace") => Some(Value::text(kind.namespace)),
        (Value::Quantity(quantity), "value") => Some(Value::Decimal(quantity.value)),
        (Value::Quantity(quantity), "unit") => Some(match &quantity.unit {
            Unit::Calendar(unit) => Value::text(unit.name()),
            Unit::Ucum(code) | Unit::Other(_, code) => Value::String(code.clone()),
        }),
        _ => None,
    }
}

/// The member of this name in an object and its `_name` sibling, choice elements by their name alone; and how many
/// members were passed. Inlined where a path takes a step: that is what most expressions do most of the time.
#[inline]
fn named<'e>(object: Node<'e>, name: &Name) -> (Option<Node<'e>>, Option<Node<'e>>, usize) {
    let (mut value, mut sibling, mut passed) = (None, None, 0);
    let wanted = name.text.as_bytes();
    for member in object.members() {
        passed += 1;
        let found = member.name_bytes();
        let (plain, is_sibling) = match found.split_first() {
            Some((b'_', plain)) => (plain, true),
            _ => (found, false),
        };
        if plain.len() < wanted.len() || plain.first() != wanted.first() {
            continue;
        }
        let (stem, suffix) = plain.split_at(wanted.len());
        if stem == wanted && (suffix.is_empty() || name.choices.iter().any(|kind| model::is_suffix(kind, suffix))) {
            *(if is_sibling { &mut sibling } else { &mut value }) = Some(member);
        }
    }
    (value, sibling, passed)
}

/// The elements that a member and its sibling stand for: one, or as many as the longer of two arrays has places.
fn each_element<'e>(value: Option<Node<'e>>, sibling: Option<Node<'e>>, sink: &mut Sink<'_, 'e>) -> Outcome<bool> {
    let is_array = |node: Option<Node<'e>>| node.is_some_and(Node::is_array);
    if !is_array(value) && !is_array(sibling) {
        return match Element::with_sibling(value, sibling) {
            Some(element) => sink(&Item::Element(element)),
            None => Ok(true),
        };
    }
    let mut values = value.map(Node::each);
    let mut siblings = sibling.map(Node::each);
    loop {
        let value = values.as_mut().and_then(Iterator::next);
        let sibling = siblings.as_mut().and_then(Iterator::next);
        if value.is_none() && sibling.is_none() {
            return Ok(true);
        }
        if let Some(element) = Element::with_sibling(value, sibling)
            && !sink(&Item::Element(element))?
        {
            return Ok(false);
        }
    }
}
