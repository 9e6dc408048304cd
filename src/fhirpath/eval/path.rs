//! Paths (<https://hl7.org/fhirpath/N1/#path-selection>) and the tree: members, children, descendants, the indexer.

use crate::fhir::{Kind, Node};

use super::super::collection::Collection;
use super::super::item::{Element, Item};
use super::super::model;
use super::super::tree::{Name, Part};
use super::super::value::{Unit, Value};
use super::{Evaluator, Outcome, Scope, Site, fail, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// The first name of a path: a type that `$this` has stands for `$this` itself (`Patient.name`).
    pub(super) fn first_member(&self, at: u32, this: &Collection<'e>, name: &'e Name) -> Outcome<Collection<'e>> {
        if !name.text.starts_with(|first: char| first.is_ascii_uppercase()) {
            return self.member(at, this, name);
        }
        let typed: Collection<'e> = this.iter().filter(|item| self.has_type(item, &name.text)).cloned().collect();
        if typed.is_empty() { self.member(at, this, name) } else { Ok(typed) }
    }

    fn has_type(&self, item: &Item<'e>, name: &str) -> bool {
        let Item::Element(element) = item else { return false };
        self.type_of(element).is_some_and(|kind| kind == name || self.context.model.is_a(&kind, name))
    }

    /// The children of this name.
    pub(super) fn member(&self, at: u32, input: &Collection<'e>, name: &'e Name) -> Outcome<Collection<'e>> {
        let mut found = Collection::Empty;
        for item in input {
            match item {
                Item::Element(element) => {
                    if let Some(holder) = element.holder() {
                        self.charge(1, at)?;
                        push_named(holder, name, &mut found);
                    }
                }
                Item::Value(value) => {
                    if let Some(value) = value_member(value, &name.text) {
                        found.push(Item::Value(value));
                    }
                }
            }
        }
        Ok(found)
    }

    /// `children()`
    pub(super) fn children(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found = Vec::new();
        for item in site.input {
            push_children(item, &mut found);
        }
        self.charge(found.len(), site.at)?;
        Ok(found.into())
    }

    /// `descendants()`: every element below, each before those below it.
    pub(super) fn descendants(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found = Vec::new();
        for item in site.input {
            let mut waiting = Vec::new();
            push_children(item, &mut waiting);
            waiting.reverse();
            while let Some(next) = waiting.pop() {
                self.charge(1, site.at)?;
                let from = waiting.len();
                push_children(&next, &mut waiting);
                waiting[from..].reverse();
                found.push(next);
            }
        }
        Ok(found.into())
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

/// The elements of this name in an object, with their `_name` siblings; choice elements by their name alone.
fn push_named<'e>(object: Node<'e>, name: &Name, found: &mut Collection<'e>) {
    let (mut value, mut sibling) = (None, None);
    for member in object.members() {
        let (plain, is_sibling) = match member.name().strip_prefix('_') {
            Some(plain) => (plain, true),
            None => (member.name(), false),
        };
        let Some(suffix) = plain.strip_prefix(&*name.text) else { continue };
        if suffix.is_empty() || name.choices.iter().any(|kind| model::is_suffix(kind, suffix)) {
            *(if is_sibling { &mut sibling } else { &mut value }) = Some(member);
        }
    }
    if value.is_some() || sibling.is_some() {
        each_element(value, sibling, |element| found.push(Item::Element(element)));
    }
}

/// The elements that a member and its sibling stand for: one, or as many as the longer of two arrays has places.
fn each_element<'e>(value: Option<Node<'e>>, sibling: Option<Node<'e>>, mut push: impl FnMut(Element<'e>)) {
    let is_array = |node: Option<Node<'e>>| node.is_some_and(Node::is_array);
    if !is_array(value) && !is_array(sibling) {
        if let Some(element) = Element::with_sibling(value, sibling) {
            push(element);
        }
        return;
    }
    let mut values = value.map(Node::each);
    let mut siblings = sibling.map(Node::each);
    loop {
        let value = values.as_mut().and_then(Iterator::next);
        let sibling = siblings.as_mut().and_then(Iterator::next);
        if value.is_none() && sibling.is_none() {
            return;
        }
        if let Some(element) = Element::with_sibling(value, sibling) {
            push(element);
        }
    }
}

/// All children of an item in document order; `resourceType` is not one.
fn push_children<'e>(item: &Item<'e>, found: &mut Vec<Item<'e>>) {
    let Item::Element(element) = item else { return };
    let Some(object) = element.holder() else { return };
    let has_siblings = object.members().any(|member| member.name().starts_with('_'));
    for member in object.members() {
        let (value, sibling) = match member.name().strip_prefix('_') {
            Some(plain) if object.get(plain).is_some() => continue,
            Some(_) => (None, Some(member)),
            None if member.name() == "resourceType" && member.kind() == Kind::String => continue,
            None if has_siblings => (Some(member), sibling_of(object, member.name())),
            None => (Some(member), None),
        };
        each_element(value, sibling, |element| found.push(Item::Element(element)));
    }
}

fn sibling_of<'e>(object: Node<'e>, name: &str) -> Option<Node<'e>> {
    object.members().find(|member| member.name().strip_prefix('_') == Some(name))
}
