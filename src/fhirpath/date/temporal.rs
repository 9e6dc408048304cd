//! A date, a date with a time, or a time, known as far as it was written.

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
    pub(in crate::fhirpath) kind: TemporalKind,
    pub(in crate::fhirpath) precision: Precision,
    pub(in crate::fhirpath) year: u16,
    pub(in crate::fhirpath) month: u8,
    pub(in crate::fhirpath) day: u8,
    pub(in crate::fhirpath) hour: u8,
    pub(in crate::fhirpath) minute: u8,
    pub(in crate::fhirpath) second: u8,
    /// How many digits of the fraction are written.
    pub(in crate::fhirpath) fraction: u8,
    pub(in crate::fhirpath) nanos: u32,
    /// Minutes east of UTC, where an offset is written.
    pub(in crate::fhirpath) offset: Option<i16>,
    /// The offset is written as `Z`.
    pub(in crate::fhirpath) zulu: bool,
}

/// What is not written begins here.
pub(in crate::fhirpath) const START: Temporal = Temporal {
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

impl Temporal {
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
