//! Dates, dates with times, and times, each known as far as it was written
//! (<https://hl7.org/fhirpath/N1/#date>, <https://hl7.org/fhirpath/N1/#datetime-equality>).
//!
//! `2015`, `2015-02` and `2015-02-04T14:34` are different values: comparing them looks no further than both were
//! written, and says nothing where that does not decide. No clock is read here.

mod civil;
mod compare;
mod read;

use std::fmt;

pub(super) use civil::days_in_month;
use read::Reader;

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

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::civil::{civil_from_days, days_from_civil};
    use super::*;

    const DAY_MILLIS: i64 = 86_400_000;

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
