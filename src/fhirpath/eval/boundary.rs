//! `lowBoundary`, `highBoundary` and `precision`
//! (<https://build.fhir.org/ig/HL7/FHIRPath/#lowboundaryprecision-integer-decimal--date--datetime--time>): the smallest
//! and largest value that a written value may stand for.

use super::super::collection::Collection;
use super::super::date::{Precision, Temporal, TemporalKind, days_in_month};
use super::super::decimal::{Decimal, Rounding};
use super::super::function::Function;
use super::super::value::{Quantity, Value};
use super::equality::as_decimal;
use super::evaluator::{Evaluator, Site};
use super::failure::{Outcome, fail};
use super::operand::{describe, name, only};

/// Decimals are known to this many places unless another number is asked for, and to no more than the second.
const DECIMAL_PLACES: i64 = 8;
const MAX_DIGITS: u32 = 28;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn boundary(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(item) = only(site.at, site.input)? else { return Ok(Collection::Empty) };
        self.charge_item(item, site.at)?;
        let high = site.call.function == Function::HighBoundary;
        let digits = self.integer_argument(site, 0)?;
        let value = item.value();
        if let Some(number) = value.as_ref().and_then(as_decimal) {
            let result = match site.call.function {
                Function::Precision => Some(Value::Integer(i64::from(number.scale()))),
                _ => decimal_boundary(number, high, digits).map(Value::Decimal),
            };
            return Ok(Collection::maybe(result));
        }
        if let Some(moment) = self.temporal_of(item) {
            let result = match site.call.function {
                Function::Precision => Some(Value::Integer(written_digits(&moment))),
                _ => temporal_boundary(&moment, high, digits).map(Value::Temporal),
            };
            return Ok(Collection::maybe(result));
        }
        match self.quantity_of(item) {
            Some(quantity) if site.call.function != Function::Precision => {
                let value = decimal_boundary(quantity.value, high, digits);
                let bound = value.map(|value| Value::Quantity(Box::new(Quantity { value, unit: quantity.unit })));
                Ok(Collection::maybe(bound))
            }
            _ => {
                let message = format!("{}() is for numbers and dates, found {}", name(site), describe(site.input));
                Err(fail(site.at, message))
            }
        }
    }
}

/// Half a unit of the last written place, then cut to `places`: towards zero where the boundary lies on that side,
/// else to the nearest.
fn decimal_boundary(number: Decimal, high: bool, places: Option<i64>) -> Option<Decimal> {
    let places = u32::try_from(places.unwrap_or(DECIMAL_PLACES)).ok().filter(|places| *places <= MAX_DIGITS)?;
    let half = number.half_unit()?;
    let bound = if high { number.checked_add(half)? } else { number.checked_sub(half)? };
    let outward = high != number.is_negative();
    bound.with_scale(places, if outward { Rounding::HalfUp } else { Rounding::Down })
}

/// How many digits of a date or time are written.
fn written_digits(moment: &Temporal) -> i64 {
    let date = match moment.precision() {
        _ if moment.kind() == TemporalKind::Time => 0,
        Precision::Year => 4,
        Precision::Month => 6,
        _ => 8,
    };
    let time = match moment.precision() {
        Precision::Hour => 2,
        Precision::Minute => 4,
        Precision::Second => 6 + i64::from(moment.fraction),
        _ => 0,
    };
    date + time
}

/// The precision that a number of digits means.
fn wanted(moment: &Temporal, digits: Option<i64>) -> Option<(Precision, u8)> {
    let time = moment.kind() == TemporalKind::Time;
    let most = match moment.kind() {
        TemporalKind::Date => 8,
        TemporalKind::DateTime => 17,
        TemporalKind::Time => 9,
    };
    let digits = digits.unwrap_or(most);
    if digits > most {
        return None;
    }
    Some(match if time { digits + 8 } else { digits } {
        4 => (Precision::Year, 0),
        6 => (Precision::Month, 0),
        8 if !time => (Precision::Day, 0),
        10 => (Precision::Hour, 0),
        12 => (Precision::Minute, 0),
        14 => (Precision::Second, 0),
        17 => (Precision::Second, 3),
        _ => return None,
    })
}

/// What was not written is filled with its lowest or highest value, an absent offset included; then the value is cut
/// to the precision asked for.
fn temporal_boundary(moment: &Temporal, high: bool, digits: Option<i64>) -> Option<Temporal> {
    let (precision, fraction) = wanted(moment, digits)?;
    let known = moment.precision();
    let mut bound = *moment;
    if high {
        if known < Precision::Month {
            bound.month = 12;
        }
        if known < Precision::Day {
            bound.day = days_in_month(bound.year, bound.month);
        }
        // A date-time that names an hour means its full hour: that is how the public suite reads it.
        if known < Precision::Hour {
            bound.hour = 23;
        }
        if known < Precision::Minute && known != Precision::Hour {
            bound.minute = 59;
        }
        if known < Precision::Second {
            bound.second = 59;
        }
        if known < Precision::Second || moment.fraction == 0 {
            bound.nanos = 999_000_000;
        }
    }
    bound.precision = precision;
    bound.fraction = fraction;
    if precision > Precision::Day && bound.kind == TemporalKind::DateTime && bound.offset.is_none() {
        bound.offset = Some(if high { -12 * 60 } else { 14 * 60 });
    }
    if precision <= Precision::Day {
        bound.offset = None;
        bound.zulu = false;
    }
    Some(bound)
}
