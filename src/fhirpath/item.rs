//! What an expression works on: elements of documents and values of the language.

use std::borrow::Cow;

use serde_json::{Map, Number, Value as Json};

use crate::fhir::{Document, Kind, Node};

use super::decimal::Decimal;
use super::value::{Calendar, Quantity, UCUM, Unit, Value};

/// Stands for "no such node" in an [`Element`].
const NONE: u32 = u32::MAX;

/// An element of a document: its value, and the `_name` sibling that carries id and extensions of a primitive. One of
/// the two may be absent (<https://hl7.org/fhir/R4/json.html#primitive>).
#[derive(Clone, Copy)]
pub struct Element<'a> {
    document: &'a Document,
    value: u32,
    sibling: u32,
}

impl std::fmt::Debug for Element<'_> {
    /// Where it stands, never what it says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({:?})", self.either())
    }
}

impl PartialEq for Element<'_> {
    /// The same place of the same document.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.value == other.value && self.sibling == other.sibling
    }
}

impl<'a> Element<'a> {
    /// The element with this value and without a sibling.
    pub fn new(node: Node<'a>) -> Self {
        Self { document: node.document(), value: node.index(), sibling: NONE }
    }

    /// The element of a value and its `_name` sibling; nothing if there is neither.
    pub fn with_sibling(value: Option<Node<'a>>, sibling: Option<Node<'a>>) -> Option<Self> {
        let value = value.filter(|node| node.kind() != Kind::Null);
        let sibling = sibling.filter(|node| node.kind() != Kind::Null);
        let document = value.or(sibling)?.document();
        Some(Self { document, value: value.map_or(NONE, Node::index), sibling: sibling.map_or(NONE, Node::index) })
    }

    /// Its value, if it has one.
    pub fn node(&self) -> Option<Node<'a>> {
        (self.value != NONE).then(|| self.document.node(self.value))
    }

    /// The object that carries id and extensions of a primitive.
    pub fn sibling(&self) -> Option<Node<'a>> {
        (self.sibling != NONE).then(|| self.document.node(self.sibling))
    }

    /// The value, or else the sibling: where the element stands.
    pub fn either(&self) -> Node<'a> {
        self.document.node(if self.value == NONE { self.sibling } else { self.value })
    }

    /// Where the children `id` and `extension` are.
    pub(super) fn value_or_sibling(&self) -> Option<Node<'a>> {
        self.node().filter(|node| node.is_object()).or_else(|| self.sibling())
    }

    /// A primitive's value as a system value. Texts stay texts: whether one is a date is asked where it matters.
    pub fn value(&self) -> Option<Value<'a>> {
        let node = self.node()?;
        match node.kind() {
            Kind::Bool => node.as_bool().map(Value::Boolean),
            Kind::Number => number(node.text()),
            Kind::String => node.as_str().map(Value::String),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }
}

/// A JSON number: whole numbers of 32 bits are integers, all others decimals.
fn number<'a>(text: &str) -> Option<Value<'a>> {
    match text.parse::<i32>() {
        Ok(whole) => Some(Value::Integer(i64::from(whole))),
        Err(_) => Decimal::parse(text).map(Value::Decimal),
    }
}

/// One thing in a collection.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// An element of a document
    Element(Element<'a>),
    /// A value of the language
    Value(Value<'a>),
}

impl<'a> Item<'a> {
    /// The node in the document, if it is one.
    pub fn node(&self) -> Option<Node<'a>> {
        match self {
            Self::Element(element) => element.node(),
            Self::Value(_) => None,
        }
    }

    /// Has it a value: is it one, or a primitive element with one?
    pub(super) fn has_value(&self) -> bool {
        match self {
            Self::Element(element) => element.node().is_some_and(|node| match node.kind() {
                Kind::Bool | Kind::String => true,
                Kind::Number => number(node.text()).is_some(),
                Kind::Null | Kind::Array | Kind::Object => false,
            }),
            Self::Value(_) => true,
        }
    }

    /// How many bytes have to be looked at for its value.
    pub(super) fn byte_size(&self) -> usize {
        match self {
            Self::Element(element) => {
                element.node().filter(|node| !node.is_object()).map_or(0, |node| node.range().len())
            }
            Self::Value(Value::String(text)) => text.len(),
            Self::Value(_) => 0,
        }
    }

    /// It as a system value, if it is one or a primitive element with a value.
    pub fn value(&self) -> Option<Value<'a>> {
        match self {
            Self::Element(element) => element.value(),
            Self::Value(value) => Some(value.clone()),
        }
    }

    /// Its text, if it is a string.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Element(element) => element.node()?.as_str(),
            Self::Value(Value::String(text)) => Some(text.clone()),
            Self::Value(_) => None,
        }
    }

    /// Its truth, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Element(element) => element.node()?.as_bool(),
            Self::Value(Value::Boolean(value)) => Some(*value),
            Self::Value(_) => None,
        }
    }

    /// A primitive as text, as `toString()` writes it; numbers keep their digits. Nothing for complex elements.
    pub fn to_text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Element(element) => {
                let node = element.node()?;
                match node.kind() {
                    Kind::String => node.as_str(),
                    Kind::Number | Kind::Bool => Some(Cow::Borrowed(node.text())),
                    _ => None,
                }
            }
            Self::Value(Value::String(text)) => Some(text.clone()),
            Self::Value(value) => Some(Cow::Owned(value.to_string())),
        }
    }

    /// A copy as JSON: elements as they stand, values in the form that FHIR gives them.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Element(element) => element.node().map_or(Json::Null, Node::to_value),
            Self::Value(Value::Boolean(value)) => Json::Bool(*value),
            Self::Value(Value::Integer(value)) => Json::Number((*value).into()),
            Self::Value(Value::Decimal(value)) => Json::Number(Number::from_string_unchecked(value.to_string())),
            Self::Value(Value::Quantity(quantity)) => quantity_json(quantity),
            Self::Value(value) => Json::String(value.to_string()),
        }
    }
}

/// A FHIR Quantity (<https://hl7.org/fhir/R4/fhirpath.html#quantity>).
fn quantity_json(quantity: &Quantity<'_>) -> Json {
    let (unit, system, code) = match &quantity.unit {
        // A year and a month of the calendar are nearest to those of UCUM.
        Unit::Calendar(unit) => {
            let code = unit.ucum().unwrap_or(if *unit == Calendar::Year { "a" } else { "mo" });
            (unit.name(), UCUM, code)
        }
        Unit::Ucum(code) => (&**code, UCUM, &**code),
        Unit::Other(system, code) => (&**code, &**system, &**code),
    };
    let mut object = Map::new();
    object.insert("value".to_owned(), Json::Number(Number::from_string_unchecked(quantity.value.to_string())));
    object.insert("unit".to_owned(), unit.into());
    if !system.is_empty() {
        object.insert("system".to_owned(), system.into());
        object.insert("code".to_owned(), code.into());
    }
    Json::Object(object)
}
