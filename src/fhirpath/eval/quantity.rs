//! Quantities (<https://hl7.org/fhirpath/N1/#quantity>): read from documents, compared across units, calculated with.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::fhir::{Kind, Node};

use super::super::collection::Collection;
use super::super::decimal::Decimal;
use super::super::item::Item;
use super::super::units::{self, Measure};
use super::super::value::{Calendar, Quantity, UCUM, Unit, Value};
use super::equality::equivalent_decimals;
use super::{Evaluator, Outcome, Site, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// An item as a quantity: a value of the language, or a FHIR Quantity without a comparator
    /// (<https://hl7.org/fhir/R4/fhirpath.html#quantity>).
    #[expect(clippy::unused_self, reason = "reads like the other ways to read an item")]
    pub(super) fn quantity_of(&self, item: &Item<'e>) -> Option<Quantity<'e>> {
        match item {
            Item::Value(Value::Quantity(quantity)) => Some((**quantity).clone()),
            Item::Value(_) => None,
            Item::Element(element) => read(element.node()?),
        }
    }

    /// `comparable()`: do the units of two quantities measure the same?
    pub(super) fn comparable(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let other = self.argument(site, 0)?;
        let (Some(left), Some(right)) = (only(site.at, site.input)?, only(site.at, &other)?) else {
            return Ok(Collection::Empty);
        };
        let (Some(left), Some(right)) = (self.quantity_of(left), self.quantity_of(right)) else {
            return Ok(Collection::boolean(false));
        };
        Ok(Collection::boolean(compare(&left, &right).is_some()))
    }
}

impl<'e> Quantity<'e> {
    /// A FHIR Quantity without a comparator; nothing for what has no value.
    pub fn read(node: Node<'e>) -> Option<Self> {
        read(node)
    }

    /// Which is more; nothing where the units do not measure the same.
    pub fn compare(&self, other: &Quantity<'_>) -> Option<Ordering> {
        compare(self, other)
    }
}

fn read(node: Node<'_>) -> Option<Quantity<'_>> {
    let mut value = None;
    let (mut unit, mut system, mut code) = (None, None, None);
    for member in node.members() {
        match member.name() {
            "value" if member.kind() == Kind::Number => value = Decimal::parse(member.text()),
            "unit" => unit = member.as_str(),
            "system" => system = member.as_str(),
            "code" => code = member.as_str(),
            "id" | "extension" => {}
            name if name.starts_with('_') => {}
            // A comparator makes it a range; anything else, another type.
            _ => return None,
        }
    }
    let unit = match (system, code, unit) {
        (Some(system), Some(code), _) if system == UCUM => Unit::Ucum(code),
        (system, Some(code), _) => Unit::Other(system.unwrap_or_default(), code),
        (_, None, Some(unit)) => Unit::Other(Cow::Borrowed(""), unit),
        (_, None, None) => Unit::Ucum(Cow::Borrowed("1")),
    };
    Some(Quantity { value: value?, unit })
}

/// A number as a quantity without a unit.
pub(super) fn plain<'e>(value: Decimal) -> Quantity<'e> {
    Quantity { value, unit: Unit::Ucum(Cow::Borrowed("1")) }
}

/// Which is more; nothing where the units do not measure the same.
pub(super) fn compare(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<Ordering> {
    if left.unit == right.unit {
        return Some(left.value.cmp(&right.value));
    }
    let (left_size, right_size) = sizes(&left.unit, &right.unit)?;
    let left = left.value.checked_mul(left_size.numerator)?.checked_mul(right_size.denominator)?;
    let right = right.value.checked_mul(right_size.numerator)?.checked_mul(left_size.denominator)?;
    Some(left.cmp(&right))
}

/// The same, when both are rounded to the precision of the less precise one in the larger unit; a calendar year or
/// month is as good as that of UCUM.
pub(super) fn equivalent(left: &Quantity<'_>, right: &Quantity<'_>) -> bool {
    if left.unit == right.unit || is_average(&left.unit, &right.unit) {
        return equivalent_decimals(left.value, right.value);
    }
    let Some((left_size, right_size)) = sizes(&left.unit, &right.unit) else { return false };
    let left_is_larger = left_size.numerator.checked_mul(right_size.denominator)
        >= right_size.numerator.checked_mul(left_size.denominator);
    let (larger, smaller) = if left_is_larger { (left, right) } else { (right, left) };
    convert(smaller, &larger.unit).is_some_and(|converted| equivalent_decimals(converted, larger.value))
}

fn is_average(left: &Unit<'_>, right: &Unit<'_>) -> bool {
    match (left, right) {
        (Unit::Calendar(unit), Unit::Ucum(code)) | (Unit::Ucum(code), Unit::Calendar(unit)) => {
            (*unit == Calendar::Year && code == "a") || (*unit == Calendar::Month && code == "mo")
        }
        _ => false,
    }
}

/// The number of `unit`s that a quantity is.
pub(super) fn convert(quantity: &Quantity<'_>, unit: &Unit<'_>) -> Option<Decimal> {
    if quantity.unit == *unit {
        return Some(quantity.value);
    }
    let (from, to) = sizes(&quantity.unit, unit)?;
    quantity
        .value
        .checked_mul(from.numerator)?
        .checked_mul(to.denominator)?
        .checked_div(from.denominator.checked_mul(to.numerator)?)
}

/// How large two units are, if they measure the same.
fn sizes(left: &Unit<'_>, right: &Unit<'_>) -> Option<(Measure, Measure)> {
    if let (Unit::Calendar(left), Unit::Calendar(right)) = (left, right)
        && let (Some(left), Some(right)) = (months(*left), months(*right))
    {
        let one = units::measure("1")?;
        return Some((Measure { numerator: left.into(), ..one }, Measure { numerator: right.into(), ..one }));
    }
    let (left, right) = (units::measure(&code(left)?)?, units::measure(&code(right)?)?);
    (left.dimensions == right.dimensions).then_some((left, right))
}

fn months(unit: Calendar) -> Option<i64> {
    match unit {
        Calendar::Year => Some(12),
        Calendar::Month => Some(1),
        _ => None,
    }
}

/// The UCUM code of a unit, if it has one.
fn code<'u>(unit: &'u Unit<'_>) -> Option<Cow<'u, str>> {
    match unit {
        Unit::Calendar(unit) => unit.ucum().map(Cow::Borrowed),
        Unit::Ucum(code) => Some(Cow::Borrowed(code)),
        Unit::Other(..) => None,
    }
}

/// The sum, in the unit of the first.
pub(super) fn add<'e>(left: &Quantity<'e>, right: &Quantity<'e>) -> Option<Quantity<'e>> {
    Some(Quantity { value: left.value.checked_add(convert(right, &left.unit)?)?, unit: left.unit.clone() })
}

/// The product, in the product of the units.
pub(super) fn multiply<'e>(left: &Quantity<'e>, right: &Quantity<'e>) -> Option<Quantity<'e>> {
    let value = left.value.checked_mul(right.value)?;
    if is_one(&left.unit) || is_one(&right.unit) {
        let unit = if is_one(&left.unit) { &right.unit } else { &left.unit };
        return Some(Quantity { value, unit: unit.clone() });
    }
    let unit = format!("{}.{}", bracketed(&code(&left.unit)?), bracketed(&code(&right.unit)?));
    Some(Quantity { value, unit: Unit::Ucum(unit.into()) })
}

/// The quotient, in the quotient of the units.
pub(super) fn divide<'e>(left: &Quantity<'e>, right: &Quantity<'e>) -> Option<Quantity<'e>> {
    let value = left.value.checked_div(right.value)?;
    if is_one(&right.unit) {
        return Some(Quantity { value, unit: left.unit.clone() });
    }
    if left.unit == right.unit {
        return Some(plain(value));
    }
    let unit = format!("{}/{}", bracketed(&code(&left.unit)?), bracketed(&code(&right.unit)?));
    Some(Quantity { value, unit: Unit::Ucum(unit.into()) })
}

fn is_one(unit: &Unit<'_>) -> bool {
    matches!(unit, Unit::Ucum(code) if code == "1")
}

fn bracketed(code: &str) -> Cow<'_, str> {
    if code.contains(['.', '/']) { format!("({code})").into() } else { code.into() }
}
