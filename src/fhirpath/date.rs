//! Dates, dates with times, and times, each known as far as it was written
//! (<https://hl7.org/fhirpath/N1/#date>, <https://hl7.org/fhirpath/N1/#datetime-equality>).
//!
//! `2015`, `2015-02` and `2015-02-04T14:34` are different values: comparing them looks no further than both were
//! written, and says nothing where that does not decide. No clock is read here.

use std::cmp::Ordering;
use std::fmt;

/// Which of the three it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemporalKind {
    /// A day, month or year
    Date,
    /// A date that may go on with a time and an offset
    DateTime,
    /// A time of day
    Time,
}

/// How far it was written. Seconds and their fraction are one precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2015`
    Year,
    /// `2015-02`
    Month,
    /// `2015-02-04`
    Day,
    /// `T14`
    Hour,
    /// `T14:34`
    Minute,
    /// `T14:34:28` and `T14:34:28.123`
    Second,
}

/// A date, a date with a time, or a time of day. What was not written stands at its lowest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Temporal {
    pub(super) kind: TemporalKind,
    pub(super) precision: Precision,
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    /// How many digits of the fraction are written.
    pub(super) fraction: u8,
    pub(super) nanos: u32,
    /// Minutes east of UTC, where an offset is written.
    pub(super) offset: Option<i16>,
    /// The offset is written as `Z`.
    pub(super) zulu: bool,
}

const START: Temporal = Temporal {
    kind: TemporalKind::Date,
    precision: Precision::Year,
    year: 1,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    fraction: 0,
    nanos: 0,
    offset: None,
    zulu: false,
};

const DAY_MILLIS: i64 = 86_400_000;

// === reading ===

impl Temporal {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub fn parse_date(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let date = reader.date()?;
        reader.finished().then_some(date)
    }

    /// Reads a date that may go on with a time (`T14`, `T14:34`, `T14:34:28.123`) and an offset. A date alone becomes
    /// a date-time of that precision.
    pub fn parse_date_time(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let mut moment = reader.date()?;
        moment.kind = TemporalKind::DateTime;
        if reader.take(b'T') && !reader.finished() {
            if moment.precision < Precision::Day {
                return None;
            }
            reader.time(&mut moment)?;
            reader.zone(&mut moment)?;
        }
        reader.finished().then_some(moment)
    }

    /// Reads `14`, `14:34`, `14:34:28` or `14:34:28.123`.
    pub fn parse_time(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let mut time = Self { kind: TemporalKind::Time, ..START };
        reader.time(&mut time)?;
        reader.finished().then_some(time)
    }

    /// Which of the three it is.
    pub fn kind(&self) -> TemporalKind {
        self.kind
    }

    /// How far it was written.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The day alone, without time and offset.
    #[must_use]
    pub fn date(self) -> Self {
        let precision = self.precision.min(Precision::Day);
        Self { kind: TemporalKind::Date, precision, year: self.year, month: self.month, day: self.day, ..START }
    }

    /// The time of day alone.
    #[must_use]
    pub fn time(self) -> Self {
        Self { kind: TemporalKind::Time, year: 1, month: 1, day: 1, offset: None, zulu: false, ..self }
    }

    /// The same moment read as a date-time.
    #[must_use]
    pub fn as_date_time(self) -> Self {
        Self { kind: TemporalKind::DateTime, ..self }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn finished(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn number(&mut self, length: usize, lowest: u16, highest: u16) -> Option<u16> {
        let digits = self.bytes.get(self.at..self.at + length)?;
        let number = digits
            .iter()
            .try_fold(0_u16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')))?;
        self.at += length;
        (lowest..=highest).contains(&number).then_some(number)
    }

    fn date(&mut self) -> Option<Temporal> {
        let mut date = Temporal { year: self.number(4, 1, 9999)?, ..START };
        if self.take(b'-') {
            date.month = self.number(2, 1, 12)? as u8;
            date.precision = Precision::Month;
            if self.take(b'-') {
                date.day = self.number(2, 1, u16::from(days_in_month(date.year, date.month)))? as u8;
                date.precision = Precision::Day;
            }
        }
        Some(date)
    }

    fn time(&mut self, moment: &mut Temporal) -> Option<()> {
        moment.hour = self.number(2, 0, 23)? as u8;
        moment.precision = Precision::Hour;
        if self.take(b':') {
            moment.minute = self.number(2, 0, 59)? as u8;
            moment.precision = Precision::Minute;
            if self.take(b':') {
                // Second 60 is a leap second.
                moment.second = self.number(2, 0, 60)? as u8;
                moment.precision = Precision::Second;
                if self.take(b'.') {
                    self.fraction(moment)?;
                }
            }
        }
        Some(())
    }

    fn fraction(&mut self, moment: &mut Temporal) -> Option<()> {
        let start = self.at;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            // Digits beyond nanoseconds are passed over.
            if moment.fraction < 9 {
                moment.nanos = moment.nanos * 10 + u32::from(digit - b'0');
                moment.fraction += 1;
            }
            self.at += 1;
        }
        moment.nanos *= 10_u32.pow(u32::from(9 - moment.fraction));
        (self.at > start).then_some(())
    }

    fn zone(&mut self, moment: &mut Temporal) -> Option<()> {
        if self.take(b'Z') {
            moment.offset = Some(0);
            moment.zulu = true;
            return Some(());
        }
        let sign = match self.bytes.get(self.at) {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(()),
        };
        self.at += 1;
        let hours = self.number(2, 0, 14)?;
        let minutes = if self.take(b':') { self.number(2, 0, 59)? } else { return None };
        moment.offset = Some(sign * (hours * 60 + minutes).cast_signed());
        Some(())
    }
}

// === comparing ===

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
        let low = self.local_millis() - i64::from(self.offset.unwrap_or(0)) * 60_000;
        let length = match self.precision {
            Precision::Year => (365 + i64::from(is_leap(self.year))) * DAY_MILLIS,
            Precision::Month => i64::from(days_in_month(self.year, self.month)) * DAY_MILLIS,
            Precision::Day => DAY_MILLIS,
            Precision::Hour => 3_600_000,
            Precision::Minute => 60_000,
            Precision::Second => 10_i64.pow(3 - u32::from(self.fraction.min(3))),
        };
        (low, low + length - 1)
    }

    /// Milliseconds from 1970, as if the offset were zero.
    pub(super) fn local_millis(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day) * DAY_MILLIS
            + i64::from(self.hour) * 3_600_000
            + i64::from(self.minute) * 60_000
            + i64::from(self.second) * 1000
            + i64::from(self.nanos / 1_000_000)
    }

    /// The same value moved to this many local milliseconds from 1970; nothing outside the years 1 to 9999.
    pub(super) fn with_millis(self, millis: i64) -> Option<Self> {
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

// === writing ===

impl fmt::Display for Temporal {
    /// As it is written in FHIR: without `@`, and a date-time of day precision without its `T`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision <= Precision::Day {
                return Ok(());
            }
            f.write_str("T")?;
        }
        write!(f, "{:02}", self.hour)?;
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
            if self.fraction > 0 {
                let width = usize::from(self.fraction);
                write!(f, ".{:0width$}", self.nanos / 10_u32.pow(u32::from(9 - self.fraction)))?;
            }
        }
        match self.offset {
            Some(_) if self.zulu => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
            None => Ok(()),
        }
    }
}

// === the calendar ===

pub(super) fn is_leap(year: u16) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

pub(super) fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 => 28 + u8::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_from_civil(year: u16, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> Option<(u16, u8, u8)> {
    let days = days + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let year = days.div_euclid(146_097) * 400 + year_of_era + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Temporal {
        Temporal::parse_date_time(text).unwrap()
    }

    #[test]
    fn prints_what_it_read() {
        for text in ["2015", "2015-02", "2015-02-04", "2015-02-04T14:34:28.120+10:30", "2015-02-04T14Z"] {
            assert_eq!(moment(text).to_string(), text);
        }
        assert_eq!(Temporal::parse_time("14:34:28.5").unwrap().to_string(), "14:34:28.5");
        for bad in ["15", "2015-13", "2015-02-30", "2015-02T10", "2015-02-04T25", "2015-02-04T10:00+1", "2015-02-04x"] {
            assert!(Temporal::parse_date_time(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn compares_as_far_as_both_are_known() {
        let compare = |left: &str, right: &str| moment(left).compare(&moment(right));
        assert_eq!(compare("2018-03", "2018-03-01"), None);
        assert_eq!(compare("2018-03", "2018-04-01"), Some(Ordering::Less));
        assert_eq!(compare("2018-03-01T10:30:00", "2018-03-01T10:30:00.0"), Some(Ordering::Equal));
        assert_eq!(compare("2017-11-05T01:30:00-04:00", "2017-11-05T00:30:00-05:00"), Some(Ordering::Equal));
        assert_eq!(compare("2012-04-15T15:00:00Z", "2012-04-15T10:00:00"), None);
        assert_eq!(compare("2012-04-15T15:00:00Z", "2012-04-17T10:00:00"), Some(Ordering::Less));
        assert_eq!(compare("2012-04-17T10:00:00", "2012-04-15T15:00:00Z"), Some(Ordering::Greater));
    }

    #[test]
    fn knows_the_interval_that_it_means() {
        assert_eq!(moment("1970").interval(), (0, 365 * DAY_MILLIS - 1));
        assert_eq!(moment("1972-02").interval().1 - moment("1972-02").interval().0, 29 * DAY_MILLIS - 1);
        assert_eq!(moment("1970-01-01T01:00:00+01:00").interval(), (0, 999));
        assert_eq!(moment("1970-01-01T00:00:00.5Z").interval(), (500, 599));
        let now = Temporal::from_epoch_millis(1_792_581_234_567).unwrap();
        assert_eq!((now.to_string().as_str(), now.interval().0), ("2026-10-21T11:13:54.567Z", 1_792_581_234_567));
        for days in [-719_162, -1, 0, 59, 60, 11_016, 2_932_896] {
            let (year, month, day) = civil_from_days(days).unwrap();
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
