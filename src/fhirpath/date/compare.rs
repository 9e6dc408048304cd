//! Which comes first, as far as both are known, and which interval a value means.

use std::cmp::Ordering;

use super::civil::{civil_from_days, days_from_civil, days_in_month, is_leap};
use super::temporal::{Precision, START, Temporal, TemporalKind};

const DAY_MILLIS: i64 = 86_400_000;
const DAY_MICROS: i64 = DAY_MILLIS * 1000;

impl Temporal {
    /// Which comes first; nothing where the precision of one does not decide, where one has an offset and the other
    /// might lie on either side of it, or where a time of day is compared with a date.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let (mut left, mut right) = (*self, *other);
        let timed = left.precision > Precision::Day && right.precision > Precision::Day;
        match (left.offset, right.offset) {
            (Some(_), Some(_)) => (left, right) = (left.in_utc(), right.in_utc()),
            (Some(_), None) if timed => return right.against_offset(&left).map(Ordering::reverse),
            (None, Some(_)) if timed => return left.against_offset(&right),
            _ => {}
        }
        let common = left.precision.min(right.precision);
        let order = left.fields(common).cmp(&right.fields(common));
        (order != Ordering::Equal || left.precision == right.precision).then_some(order)
    }

    /// `self` has no offset: it may mean any moment from 14 hours before to 12 hours after what it would mean in UTC.
    fn against_offset(&self, other: &Self) -> Option<Ordering> {
        let (low, high) = self.interval();
        let (other_low, other_high) = other.interval();
        if high + 12 * 3_600_000 < other_low {
            Some(Ordering::Less)
        } else if low - 14 * 3_600_000 > other_high {
            Some(Ordering::Greater)
        } else {
            None
        }
    }

    fn fields(&self, precision: Precision) -> [u32; 6] {
        let seconds = u32::from(self.second);
        [
            u32::from(self.year),
            if precision >= Precision::Month { u32::from(self.month) } else { 0 },
            if precision >= Precision::Day { u32::from(self.day) } else { 0 },
            if precision >= Precision::Hour { u32::from(self.hour) * 60 } else { 0 }
                + if precision >= Precision::Minute { u32::from(self.minute) } else { 0 },
            if precision >= Precision::Second { seconds } else { 0 },
            if precision >= Precision::Second { self.nanos } else { 0 },
        ]
    }

    /// The same moment written with offset zero.
    fn in_utc(self) -> Self {
        let minutes = i64::from(self.offset.unwrap_or(0));
        if minutes == 0 || self.precision <= Precision::Day {
            return self;
        }
        let shifted = self.with_millis(self.local_millis() - minutes * 60_000).unwrap_or(self);
        Self { offset: Some(0), ..shifted }
    }

    /// The first and the last millisecond that it may mean, counted from 1970 in UTC. What has no offset is read as
    /// UTC, which is what search does (<https://hl7.org/fhir/R4/search.html#date>).
    pub fn interval(&self) -> (i64, i64) {
        let (low, high) = self.interval_micros();
        (low.div_euclid(1000), high.div_euclid(1000))
    }

    /// The same by its first and last microsecond.
    pub fn interval_micros(&self) -> (i64, i64) {
        let millis = self.local_millis() - i64::from(self.offset.unwrap_or(0)) * 60_000;
        let low = millis * 1000 + i64::from(self.nanos / 1000 % 1000);
        let length = match self.precision {
            Precision::Year => (365 + i64::from(is_leap(self.year))) * DAY_MICROS,
            Precision::Month => i64::from(days_in_month(self.year, self.month)) * DAY_MICROS,
            Precision::Day => DAY_MICROS,
            Precision::Hour => 3_600_000_000,
            Precision::Minute => 60_000_000,
            Precision::Second => 10_i64.pow(6 - u32::from(self.fraction.min(6))),
        };
        (low, low + length - 1)
    }

    /// Is a fraction of the second written?
    pub fn has_fraction(&self) -> bool {
        self.fraction > 0
    }

    /// Milliseconds from 1970, as if the offset were zero.
    pub(in crate::fhirpath) fn local_millis(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day) * DAY_MILLIS
            + i64::from(self.hour) * 3_600_000
            + i64::from(self.minute) * 60_000
            + i64::from(self.second) * 1000
            + i64::from(self.nanos / 1_000_000)
    }

    /// The same value moved to this many local milliseconds from 1970; nothing outside the years 1 to 9999.
    pub(in crate::fhirpath) fn with_millis(self, millis: i64) -> Option<Self> {
        let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MILLIS))?;
        let rest = millis.rem_euclid(DAY_MILLIS) as u32;
        Some(Self {
            year,
            month,
            day,
            hour: (rest / 3_600_000) as u8,
            minute: (rest / 60_000 % 60) as u8,
            second: (rest / 1000 % 60) as u8,
            nanos: rest % 1000 * 1_000_000 + self.nanos % 1_000_000,
            ..self
        })
    }

    /// A date-time in UTC with milliseconds, for a number of milliseconds from 1970.
    pub fn from_epoch_millis(millis: i64) -> Option<Self> {
        let now = Self {
            kind: TemporalKind::DateTime,
            precision: Precision::Second,
            fraction: 3,
            offset: Some(0),
            zulu: true,
            ..START
        };
        now.with_millis(millis)
    }
}
