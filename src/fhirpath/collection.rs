//! Collections: what every part of an expression gives (<https://hl7.org/fhirpath/N1/#collections>).

use crate::fhir::Node;

use super::item::{Element, Item};
use super::value::Value;

/// Items in order. Most collections hold one item or none, and those need no allocation.
#[derive(Debug, Clone, Default)]
pub enum Collection<'a> {
    /// `{}`
    #[default]
    Empty,
    /// One item
    One(Item<'a>),
    /// Any number of items
    Many(Vec<Item<'a>>),
}

impl<'a> Collection<'a> {
    /// Nothing.
    pub fn new() -> Self {
        Self::Empty
    }

    /// One truth.
    pub fn boolean(value: bool) -> Self {
        Self::One(Item::Value(Value::Boolean(value)))
    }

    /// One value.
    pub fn value(value: Value<'a>) -> Self {
        Self::One(Item::Value(value))
    }

    /// One value, or nothing.
    pub fn maybe(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Empty, Self::value)
    }

    /// One element.
    pub fn node(node: Node<'a>) -> Self {
        Self::One(Item::Element(Element::new(node)))
    }

    /// The items in order.
    pub fn items(&self) -> &[Item<'a>] {
        match self {
            Self::Empty => &[],
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    /// The items in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Item<'a>> {
        self.items().iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items().len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    /// The first, if there is one.
    pub fn first(&self) -> Option<&Item<'a>> {
        self.items().first()
    }

    /// The only one; nothing for none and for several.
    pub fn only(&self) -> Option<&Item<'a>> {
        match self.items() {
            [item] => Some(item),
            _ => None,
        }
    }

    /// Appends an item.
    pub fn push(&mut self, item: Item<'a>) {
        match self {
            Self::Many(items) => items.push(item),
            Self::Empty => *self = Self::One(item),
            Self::One(_) => {
                let mut items = Vec::with_capacity(4);
                if let Self::One(first) = std::mem::take(self) {
                    items.push(first);
                }
                items.push(item);
                *self = Self::Many(items);
            }
        }
    }

    /// Appends all items of another collection.
    pub fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else {
            other.into_iter().for_each(|item| self.push(item));
        }
    }
}

impl<'a> From<Vec<Item<'a>>> for Collection<'a> {
    fn from(items: Vec<Item<'a>>) -> Self {
        Self::Many(items)
    }
}

impl<'a> FromIterator<Item<'a>> for Collection<'a> {
    fn from_iter<T: IntoIterator<Item = Item<'a>>>(items: T) -> Self {
        let mut collection = Self::Empty;
        items.into_iter().for_each(|item| collection.push(item));
        collection
    }
}

impl<'a> IntoIterator for Collection<'a> {
    type Item = Item<'a>;
    type IntoIter = IntoIter<'a>;

    fn into_iter(self) -> IntoIter<'a> {
        match self {
            Self::Empty => IntoIter::One(None),
            Self::One(item) => IntoIter::One(Some(item)),
            Self::Many(items) => IntoIter::Many(items.into_iter()),
        }
    }
}

impl<'c, 'a> IntoIterator for &'c Collection<'a> {
    type Item = &'c Item<'a>;
    type IntoIter = std::slice::Iter<'c, Item<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The items of a collection, in order.
pub enum IntoIter<'a> {
    /// One or none is left
    One(Option<Item<'a>>),
    /// Any number is left
    Many(std::vec::IntoIter<Item<'a>>),
}

impl<'a> Iterator for IntoIter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::One(item) => item.take(),
            Self::Many(items) => items.next(),
        }
    }
}
