//! Quantities (<https://hl7.org/fhirpath/N1/#quantity>): read from documents, compared across units, calculated with.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::fhir::{Kind, Node};

use super::decimal::{Decimal, Rounding};
use super::units::{self, Measure};
use super::value::{Calendar, Quantity, UCUM, Unit};

impl<'a> Quantity<'a> {
    /// Reads a FHIR Quantity (<https://hl7.org/fhir/R4/fhirpath.html#quantity>); nothing for one with a comparator,
    /// which stands for a range, and for what is none.
    pub fn read(node: Node<'a>) -> Option<Self> {
        let mut value = None;
        let (mut unit, mut system, mut code) = (None, None, None);
        for member in node.members() {
            match member.name() {
                "value" if member.kind() == Kind::Number => value = Decimal::parse(member.text()),
                "unit" => unit = member.as_str(),
                "system" => system = member.as_str(),
                "code" => code = member.as_str(),
                // What stands beside a value, but no number of members of any name.
                "id" | "extension" | "_value" | "_unit" | "_system" | "_code" | "_id" => {}
                _ => return None,
            }
        }
        let unit = match (system, code, unit) {
            (Some(system), Some(code), _) if system == UCUM => Unit::Ucum(code),
            (system, Some(code), _) => Unit::Other(system.unwrap_or_default(), code),
            (_, None, Some(unit)) => Unit::Other(Cow::Borrowed(""), unit),
            (_, None, None) => Unit::Ucum(Cow::Borrowed("1")),
        };
        Some(Self { value: value?, unit })
    }

    /// A number as a quantity without a unit.
    pub(super) fn plain(value: Decimal) -> Self {
        Self { value, unit: Unit::Ucum(Cow::Borrowed("1")) }
    }

    /// Which is more; nothing where the units do not measure the same.
    pub fn compare(&self, other: &Quantity<'_>) -> Option<Ordering> {
        if self.unit == other.unit {
            return Some(self.value.cmp(&other.value));
        }
        if let Some((months, other_months)) = months(&self.unit, &other.unit) {
            return Some(self.value.checked_mul(months)?.cmp(&other.value.checked_mul(other_months)?));
        }
        let (measure, other_measure) = (measure(&self.unit)?, measure(&other.unit)?);
        units::compare((self.value, &measure), (other.value, &other_measure))
    }

    /// The same, when both are rounded to the precision of the less precise one in the larger unit; a calendar year or
    /// month is as good as that of UCUM.
    pub(super) fn is_equivalent(&self, other: &Quantity<'_>) -> bool {
        if self.unit == other.unit || is_average(&self.unit, &other.unit) {
            return self.value.is_equivalent(other.value);
        }
        let one = |unit: &Unit<'a>| Quantity { value: 1.into(), unit: unit.clone() };
        let other_one = Quantity { value: 1.into(), unit: other.unit.clone() };
        match one(&self.unit).compare(&other_one) {
            None => false,
            Some(Ordering::Less) => {
                self.in_unit(&other.unit).is_some_and(|converted| converted.is_equivalent(other.value))
            }
            Some(_) => other.in_unit(&self.unit).is_some_and(|converted| converted.is_equivalent(self.value)),
        }
    }

    /// The number of `unit`s that it is.
    pub fn in_unit(&self, unit: &Unit<'_>) -> Option<Decimal> {
        if self.unit == *unit {
            return Some(self.value);
        }
        if let Some((months, others)) = months(&self.unit, unit) {
            return self.value.checked_mul(months)?.checked_div(others);
        }
        units::convert(self.value, &measure(&self.unit)?, &measure(unit)?)
    }

    /// The sum, in the unit of the first.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self { value: self.value.checked_add(other.in_unit(&self.unit)?)?, unit: self.unit.clone() })
    }

    /// The product, in the product of the units.
    pub(super) fn times(&self, other: &Self) -> Option<Self> {
        let value = self.value.checked_mul(other.value)?;
        if is_one(&self.unit) || is_one(&other.unit) {
            let unit = if is_one(&self.unit) { &other.unit } else { &self.unit };
            return Some(Self { value, unit: unit.clone() });
        }
        Self::derived(value, format!("{}.{}", bracketed(&code(&self.unit)?), bracketed(&code(&other.unit)?)))
    }

    /// The quotient, in the quotient of the units.
    pub(super) fn per(&self, other: &Self) -> Option<Self> {
        let value = self.value.checked_div(other.value)?;
        if is_one(&other.unit) {
            return Some(Self { value, unit: self.unit.clone() });
        }
        if self.unit == other.unit {
            return Some(Self::plain(value));
        }
        Self::derived(value, format!("{}/{}", bracketed(&code(&self.unit)?), bracketed(&code(&other.unit)?)))
    }

    /// In a unit made of others; nothing where UCUM has no such product (a temperature scale has none).
    fn derived(value: Decimal, unit: String) -> Option<Self> {
        units::is_ucum(&unit).then(|| Self { value, unit: Unit::Ucum(unit.into()) })
    }
}

impl Decimal {
    /// The same when rounded to the precision of the less precise one.
    pub(super) fn is_equivalent(self, other: Self) -> bool {
        let scale = self.trimmed().scale().min(other.trimmed().scale());
        let round = |number: Self| number.with_scale(scale, Rounding::HalfUp);
        round(self).is_some_and(|number| Some(number) == round(other))
    }
}

fn is_average(left: &Unit<'_>, right: &Unit<'_>) -> bool {
    match (left, right) {
        (Unit::Calendar(unit), Unit::Ucum(code)) | (Unit::Ucum(code), Unit::Calendar(unit)) => {
            (*unit == Calendar::Year && code == "a") || (*unit == Calendar::Month && code == "mo")
        }
        _ => false,
    }
}

/// How many months two calendar durations have, where both are counted in such.
fn months(left: &Unit<'_>, right: &Unit<'_>) -> Option<(Decimal, Decimal)> {
    let count = |unit: &Unit<'_>| match unit {
        Unit::Calendar(Calendar::Year) => Some(Decimal::from(12)),
        Unit::Calendar(Calendar::Month) => Some(Decimal::from(1)),
        _ => None,
    };
    count(left).zip(count(right))
}

fn measure(unit: &Unit<'_>) -> Option<Measure> {
    Measure::of(&code(unit)?)
}

/// The UCUM code of a unit, if it has one.
fn code<'u>(unit: &'u Unit<'_>) -> Option<Cow<'u, str>> {
    match unit {
        Unit::Calendar(unit) => unit.ucum().map(Cow::Borrowed),
        Unit::Ucum(code) => Some(Cow::Borrowed(code)),
        Unit::Other(..) => None,
    }
}

fn is_one(unit: &Unit<'_>) -> bool {
    matches!(unit, Unit::Ucum(code) if code == "1")
}

fn bracketed(code: &str) -> Cow<'_, str> {
    if code.contains(['.', '/']) { format!("({code})").into() } else { code.into() }
}
