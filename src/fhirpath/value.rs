//! Values of the language itself (<https://hl7.org/fhirpath/N1/#literals>), as against elements of a document.

use std::borrow::Cow;
use std::fmt;

use super::date::{Temporal, TemporalKind};
use super::decimal::Decimal;

/// The code system of UCUM's units.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// A value of a system type. Texts may still be those of the document or of the expression.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `true` or `false`
    Boolean(bool),
    /// A whole number of 32 bits (held wider, so that a sum can be judged)
    Integer(i64),
    /// A decimal with the digits it was written with
    Decimal(Decimal),
    /// A text
    String(Cow<'a, str>),
    /// A Date, DateTime or Time
    Temporal(Temporal),
    /// A number with a unit
    Quantity(Box<Quantity<'a>>),
    /// What `type()` answers
    Type(TypeName<'a>),
}

/// A number with a unit.
#[derive(Debug, Clone)]
pub struct Quantity<'a> {
    /// The number
    pub value: Decimal,
    /// The unit
    pub unit: Unit<'a>,
}

/// What a quantity counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A calendar duration: `4 days`
    Calendar(Calendar),
    /// A code of UCUM (<https://ucum.org>): `4 'mg'`; `'1'` where there is no unit
    Ucum(Cow<'a, str>),
    /// A unit that is no code of UCUM: its system and code, or its text
    Other(Cow<'a, str>, Cow<'a, str>),
}

/// Durations of the calendar, which are not those of UCUM: a month has no fixed length
/// (<https://hl7.org/fhirpath/N1/#time-valued-quantities>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// 12 months
    Year,
    /// By the calendar
    Month,
    /// 7 days
    Week,
    /// 24 hours
    Day,
    /// 60 minutes
    Hour,
    /// 60 seconds
    Minute,
    /// 1000 milliseconds
    Second,
    /// The smallest
    Millisecond,
}

impl Calendar {
    /// The duration that a keyword names, in the singular or the plural.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.strip_suffix('s').unwrap_or(text) {
            "year" => Self::Year,
            "month" => Self::Month,
            "week" => Self::Week,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            "millisecond" => Self::Millisecond,
            _ => return None,
        })
    }

    /// The keyword in the singular.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
        }
    }

    /// The UCUM code of the same duration where the two agree; a year and a month agree with none.
    pub fn ucum(self) -> Option<&'static str> {
        match self {
            Self::Year | Self::Month => None,
            Self::Week => Some("wk"),
            Self::Day => Some("d"),
            Self::Hour => Some("h"),
            Self::Minute => Some("min"),
            Self::Second => Some("s"),
            Self::Millisecond => Some("ms"),
        }
    }

    /// The duration that a UCUM code of definite length means.
    pub fn from_ucum(code: &str) -> Option<Self> {
        [Self::Week, Self::Day, Self::Hour, Self::Minute, Self::Second, Self::Millisecond]
            .into_iter()
            .find(|unit| unit.ucum() == Some(code))
    }
}

/// The name of a type: `FHIR.Patient`, `System.Boolean`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypeName<'a> {
    /// `System` or `FHIR`
    pub namespace: &'static str,
    /// The name within it
    pub name: Cow<'a, str>,
}

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.name)
    }
}

impl<'a> Value<'a> {
    /// The name of its type, which is in the namespace `System`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "Boolean",
            Self::Integer(_) => "Integer",
            Self::Decimal(_) => "Decimal",
            Self::String(_) => "String",
            Self::Temporal(moment) => match moment.kind() {
                TemporalKind::Date => "Date",
                TemporalKind::DateTime => "DateTime",
                TemporalKind::Time => "Time",
            },
            Self::Quantity(_) => "Quantity",
            Self::Type(_) => "SimpleTypeInfo",
        }
    }

    /// The same value, borrowing from nobody.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Temporal(moment) => Value::Temporal(moment),
            Self::Quantity(quantity) => Value::Quantity(Box::new(quantity.into_owned())),
            Self::Type(name) => Value::String(Cow::Owned(name.to_string())),
        }
    }

    /// The same value, borrowing from `self`.
    pub(super) fn reborrow(&self) -> Value<'_> {
        match self {
            Self::String(text) => Value::String(Cow::Borrowed(text)),
            Self::Quantity(quantity) => Value::Quantity(Box::new(Quantity {
                value: quantity.value,
                unit: match &quantity.unit {
                    Unit::Calendar(unit) => Unit::Calendar(*unit),
                    Unit::Ucum(code) => Unit::Ucum(Cow::Borrowed(code)),
                    Unit::Other(system, code) => Unit::Other(Cow::Borrowed(system), Cow::Borrowed(code)),
                },
            })),
            other => other.clone(),
        }
    }

    /// A text of the expression or of the document.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::String(text.into())
    }
}

impl Quantity<'_> {
    /// The same quantity, borrowing from nobody.
    pub fn into_owned(self) -> Quantity<'static> {
        let unit = match self.unit {
            Unit::Calendar(unit) => Unit::Calendar(unit),
            Unit::Ucum(code) => Unit::Ucum(Cow::Owned(code.into_owned())),
            Unit::Other(system, code) => Unit::Other(Cow::Owned(system.into_owned()), Cow::Owned(code.into_owned())),
        };
        Quantity { value: self.value, unit }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Calendar(unit) => {
                let plural = if self.value.abs() == Decimal::from(1) { "" } else { "s" };
                write!(f, "{} {}{plural}", self.value, unit.name())
            }
            Unit::Ucum(code) | Unit::Other(_, code) => write!(f, "{} '{code}'", self.value),
        }
    }
}

impl fmt::Display for Value<'_> {
    /// As `toString()` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::String(text) => f.write_str(text),
            Self::Temporal(moment) => write!(f, "{moment}"),
            Self::Quantity(quantity) => write!(f, "{quantity}"),
            Self::Type(name) => write!(f, "{name}"),
        }
    }
}
