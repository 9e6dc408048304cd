//! Equality and equivalence (<https://hl7.org/fhirpath/N1/#equality>).
//!
//! Elements are compared by what they hold: primitives as system values, quantities as quantities, everything else
//! child by child. An unknown answer (dates known to different precision, units that do not compare) is `None`.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::fhir::{Kind, Node};

use super::super::collection::Collection;
use super::super::date::{Precision, Temporal, TemporalKind};
use super::super::decimal::Decimal;
use super::super::item::{Element, Item};
use super::super::value::{Quantity, Value};
use super::evaluator::Evaluator;
use super::failure::Outcome;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    // === equality ===

    /// `a = b`
    pub(super) fn equal_all(&self, at: u32, left: &Collection<'e>, right: &Collection<'e>) -> Outcome<Option<bool>> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        let mut known = true;
        for (left, right) in left.iter().zip(right) {
            match self.equal(at, left, right)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => known = false,
            }
        }
        Ok(known.then_some(true))
    }

    /// Are two items equal?
    pub(super) fn equal(&self, at: u32, left: &Item<'e>, right: &Item<'e>) -> Outcome<Option<bool>> {
        if let (Item::Element(left), Item::Element(right)) = (left, right)
            && left == right
        {
            return Ok(Some(true));
        }
        self.charge(1 + (left.byte_size() + right.byte_size()) / 64, at)?;
        match (left.value(), right.value()) {
            (Some(left_value), Some(right_value)) => Ok(self.equal_values(&left_value, &right_value, left, right)),
            (None, None) => match (self.quantity_of(left), self.quantity_of(right)) {
                (Some(left), Some(right)) => Ok(left.compare(&right).map(Ordering::is_eq)),
                _ => self.equal_nodes(at, left.node(), right.node()).map(Some),
            },
            (Some(value), None) => Ok(self.equal_mixed(&value, right)),
            (None, Some(value)) => Ok(self.equal_mixed(&value, left)),
        }
    }

    fn equal_mixed(&self, value: &Value<'e>, complex: &Item<'e>) -> Option<bool> {
        match (as_quantity(value), self.quantity_of(complex)) {
            (Some(left), Some(right)) => left.compare(&right).map(Ordering::is_eq),
            _ => Some(false),
        }
    }

    fn equal_values(&self, left: &Value<'e>, right: &Value<'e>, first: &Item<'e>, second: &Item<'e>) -> Option<bool> {
        match (left, right) {
            (Value::Boolean(left), Value::Boolean(right)) => Some(left == right),
            (Value::Integer(left), Value::Integer(right)) => Some(left == right),
            (Value::Type(left), Value::Type(right)) => Some(left == right),
            (Value::String(left), Value::String(right)) if left == right => Some(true),
            (Value::String(left), Value::String(right)) if are_days(left, right) => Some(false),
            (Value::Quantity(_), _) | (_, Value::Quantity(_)) => match (as_quantity(left), as_quantity(right)) {
                (Some(left), Some(right)) => left.compare(&right).map(Ordering::is_eq),
                _ => Some(false),
            },
            _ => {
                if let (Some(left), Some(right)) = (as_decimal(left), as_decimal(right)) {
                    return Some(left == right);
                }
                match self.temporals(first, second) {
                    Some((left, right)) if is_time(&left) == is_time(&right) => {
                        left.compare(&right).map(Ordering::is_eq)
                    }
                    _ => Some(false),
                }
            }
        }
    }

    /// Two complex elements are equal if every child is, in order where there are several.
    fn equal_nodes(&self, at: u32, left: Option<Node<'e>>, right: Option<Node<'e>>) -> Outcome<bool> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(left.is_none() && right.is_none()) };
        self.charge(1, at)?;
        match (left.kind(), right.kind()) {
            (Kind::Object, Kind::Object) => {
                if left.members().count() != right.members().count() {
                    return Ok(false);
                }
                for member in left.members() {
                    let Some(other) = self.seek(at, right, |name| name == member.name())? else { return Ok(false) };
                    if !self.equal_nodes(at, Some(member), Some(other))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Kind::Array, Kind::Array) => {
                if left.items().count() != right.items().count() {
                    return Ok(false);
                }
                for (left, right) in left.items().zip(right.items()) {
                    if !self.equal_nodes(at, Some(left), Some(right))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (left_kind, right_kind) if left_kind != right_kind => Ok(false),
            (Kind::Null, _) => Ok(true),
            _ => {
                let (left, right) = (Item::Element(Element::new(left)), Item::Element(Element::new(right)));
                Ok(self.equal(at, &left, &right)? == Some(true))
            }
        }
    }

    // === equivalence ===

    /// `a ~ b`: the order of items does not matter, and nothing equals nothing.
    pub(super) fn equivalent_all(&self, at: u32, left: &Collection<'e>, right: &Collection<'e>) -> Outcome<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut left_over: Vec<&Item<'e>> = right.iter().collect();
        for item in left {
            let mut found = None;
            for (position, other) in left_over.iter().enumerate() {
                if self.equivalent(at, item, other)? {
                    found = Some(position);
                    break;
                }
            }
            match found {
                Some(position) => left_over.swap_remove(position),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    fn equivalent(&self, at: u32, left: &Item<'e>, right: &Item<'e>) -> Outcome<bool> {
        self.charge(1 + (left.byte_size() + right.byte_size()) / 16, at)?;
        match (left.value(), right.value()) {
            (Some(Value::String(left)), Some(Value::String(right))) if equivalent_texts(&left, &right) => Ok(true),
            (Some(left_value), Some(right_value)) => match (as_decimal(&left_value), as_decimal(&right_value)) {
                (Some(left), Some(right)) => Ok(left.is_equivalent(right)),
                _ => match (as_quantity(&left_value), as_quantity(&right_value)) {
                    (Some(left), Some(right)) => Ok(left.is_equivalent(&right)),
                    _ => Ok(self.equal(at, left, right)? == Some(true)),
                },
            },
            _ => match (self.any_quantity(left), self.any_quantity(right)) {
                (Some(left), Some(right)) => Ok(left.is_equivalent(&right)),
                _ => self.equivalent_nodes(at, left.node(), right.node()),
            },
        }
    }

    fn any_quantity(&self, item: &Item<'e>) -> Option<Quantity<'e>> {
        item.value().as_ref().and_then(as_quantity).or_else(|| self.quantity_of(item))
    }

    fn equivalent_nodes(&self, at: u32, left: Option<Node<'e>>, right: Option<Node<'e>>) -> Outcome<bool> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(left.is_none() && right.is_none()) };
        if left.kind() != Kind::Object || right.kind() != Kind::Object {
            return Ok(false);
        }
        if left.members().count() != right.members().count() {
            return Ok(false);
        }
        for member in left.members() {
            let Some(other) = self.seek(at, right, |name| name == member.name())? else { return Ok(false) };
            let items = |node: Node<'e>| node.each().map(|item| Item::Element(Element::new(item))).collect();
            let (left, right): (Collection<'e>, Collection<'e>) = (items(member), items(other));
            if !self.equivalent_all(at, &left, &right)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    // === reading items as something ===

    /// Both items as dates or times, if they are or may be: a text of a document is read as one, since FHIR's dates
    /// are JSON strings; a text of the expression is not.
    pub(super) fn temporals(&self, left: &Item<'e>, right: &Item<'e>) -> Option<(Temporal, Temporal)> {
        Some((self.temporal_of(left)?, self.temporal_of(right)?))
    }

    /// An item as a date or time.
    pub(super) fn temporal_of(&self, item: &Item<'e>) -> Option<Temporal> {
        match item {
            Item::Value(Value::Temporal(moment)) => Some(*moment),
            Item::Value(_) => None,
            Item::Element(element) => {
                let text = element.node()?.as_str()?;
                let moment = read_temporal(&text)?;
                if moment.kind() == TemporalKind::DateTime && moment.precision() > Precision::Day {
                    return Some(moment);
                }
                // A text that looks like a date need not be one: the model has the last word, where it has one.
                match self.known_type(element).as_deref() {
                    Some("dateTime" | "instant") => Some(moment.as_date_time()),
                    Some("date" | "time") | None => Some(moment),
                    Some(_) => None,
                }
            }
        }
    }
}

/// A FHIR date, dateTime, instant or time.
fn read_temporal(text: &str) -> Option<Temporal> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    match (bytes.get(2), bytes.contains(&b'T')) {
        (Some(b':'), _) => Temporal::parse_time(text),
        (_, true) => Temporal::parse_date_time(text),
        _ => Temporal::parse_date(text),
    }
}

/// Two texts that can only be dates of one precision, if they are dates: whether they are or not, they are ordered by
/// their letters, so nobody has to be asked.
pub(super) fn are_days(left: &str, right: &str) -> bool {
    let begins_with_year = |text: &str| text.as_bytes().iter().take(4).all(u8::is_ascii_digit);
    left.len() == right.len() && matches!(left.len(), 4 | 7 | 10) && begins_with_year(left) && begins_with_year(right)
}

fn is_time(moment: &Temporal) -> bool {
    moment.kind() == TemporalKind::Time
}

/// A number as a decimal.
pub(super) fn as_decimal(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Integer(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        _ => None,
    }
}

/// A quantity, or a number as a quantity without a unit.
pub(super) fn as_quantity<'e>(value: &Value<'e>) -> Option<Quantity<'e>> {
    match value {
        Value::Quantity(quantity) => Some((**quantity).clone()),
        other => as_decimal(other).map(Quantity::plain),
    }
}

/// The same letters, whatever their case and the white space between them.
fn equivalent_texts(left: &str, right: &str) -> bool {
    let normal = |text: &str| -> String {
        text.split_whitespace().map(|word| Cow::from(word.to_lowercase())).collect::<Vec<_>>().join(" ")
    };
    left == right || normal(left) == normal(right)
}
