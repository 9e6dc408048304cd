//! Dates moved by durations (<https://hl7.org/fhirpath/N1/#datetime-arithmetic>).
//!
//! A date is moved in units of its own precision: 36 hours move a day by one day, 24 months a year by two. Years and
//! months move by the calendar, and a day that the month does not have becomes the month's last. Fractions count for
//! seconds only.

use super::super::collection::Collection;
use super::super::date::{Precision, Temporal, TemporalKind, days_in_month};
use super::super::decimal::{Decimal, Rounding};
use super::super::value::{Calendar, Quantity, Unit, Value};
use super::failure::{Outcome, fail};

/// A date or time, moved by a duration; nothing outside the years 1 to 9999.
pub(super) fn add_duration<'e>(at: u32, moment: &Temporal, duration: &Quantity<'e>) -> Outcome<Collection<'e>> {
    let unit = match &duration.unit {
        Unit::Calendar(unit) => Some(*unit),
        // Months and years of UCUM are averages: they move no date.
        Unit::Ucum(code) => Calendar::from_ucum(code),
        Unit::Other(..) => None,
    };
    let Some(unit) = unit else {
        return Err(fail(at, "a date is moved by a calendar duration, such as 4 days or 1 month"));
    };
    if moment.kind() == TemporalKind::Time && unit_millis(unit).is_none_or(|millis| millis >= 86_400_000) {
        return Err(fail(at, "a time of day is moved by hours, minutes, seconds or milliseconds"));
    }
    Ok(Collection::maybe(by_units(moment, duration.value, unit).map(Value::Temporal)))
}

/// How long a unit of definite length is.
impl Temporal {
    /// So much later (or earlier, for a negative count) in a unit of the calendar; nothing beyond the calendar's end.
    pub fn plus(self, count: Decimal, unit: Calendar) -> Option<Self> {
        by_units(&self, count, unit)
    }
}

fn unit_millis(unit: Calendar) -> Option<i64> {
    Some(match unit {
        Calendar::Year | Calendar::Month => return None,
        Calendar::Week => 604_800_000,
        Calendar::Day => 86_400_000,
        Calendar::Hour => 3_600_000,
        Calendar::Minute => 60_000,
        Calendar::Second => 1000,
        Calendar::Millisecond => 1,
    })
}

fn by_units(moment: &Temporal, count: Decimal, unit: Calendar) -> Option<Temporal> {
    let whole = count.with_scale(0, Rounding::Down)?.as_integer()?;
    let Some(length) = unit_millis(unit) else {
        let months = if unit == Calendar::Year { whole.checked_mul(12)? } else { whole };
        return by_months(moment, if moment.precision() == Precision::Year { months / 12 * 12 } else { months });
    };
    let millis = if unit == Calendar::Second {
        count.checked_mul(Decimal::from(1000))?.with_scale(0, Rounding::Down)?.as_integer()?
    } else {
        whole.checked_mul(length)?
    };
    let days = millis / 86_400_000;
    match moment.precision() {
        Precision::Year => by_months(moment, days / 365 * 12),
        Precision::Month => by_months(moment, days / 30),
        precision => by_millis(moment, millis / step(precision) * step(precision)),
    }
}

/// The length of one unit of a precision that has a definite one.
fn step(precision: Precision) -> i64 {
    match precision {
        Precision::Hour => 3_600_000,
        Precision::Minute => 60_000,
        Precision::Second => 1,
        _ => 86_400_000,
    }
}

fn by_months(moment: &Temporal, months: i64) -> Option<Temporal> {
    let count = (i64::from(moment.year) * 12 + i64::from(moment.month) - 1).checked_add(months)?;
    let year = u16::try_from(count.div_euclid(12)).ok().filter(|year| (1..=9999).contains(year))?;
    let month = count.rem_euclid(12) as u8 + 1;
    Some(Temporal { year, month, day: moment.day.min(days_in_month(year, month)), ..*moment })
}

fn by_millis(moment: &Temporal, millis: i64) -> Option<Temporal> {
    let mut target = moment.local_millis().checked_add(millis)?;
    if moment.kind() == TemporalKind::Time {
        // A time of day goes round the clock.
        let midnight = Temporal { hour: 0, minute: 0, second: 0, nanos: 0, ..*moment }.local_millis();
        target = midnight + (target - midnight).rem_euclid(86_400_000);
    }
    let add_duration = moment.with_millis(target)?;
    let fraction = if add_duration.nanos > 0 { add_duration.fraction.max(3) } else { add_duration.fraction };
    Some(Temporal { fraction, ..add_duration })
}
