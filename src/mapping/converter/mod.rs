//! Converters: pairs of functions between the values of a record and those of a resource.
//!
//! Writing and reading back gives what was written, on what a converter accepts. Where the FHIR side says less
//! (`outreach` becomes `planned`), the caller keeps the record's own value as long as the FHIR side still means it.

mod contact;
mod date;
mod primitive_value;
mod quantity;
mod referral;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::fhir::{Document, Node, primitive};

use super::crosswalk::Crosswalk;

pub(super) use primitive_value::{is_primitive, json_kind};
pub(super) use value::{Conversion, FhirValue, RecordValue, same_optional};

use primitive_value::primitive_of;
use value::cut;

/// A pair of functions. How many values stand on either side is said by [`Converter::ends`].
#[derive(Debug, Clone)]
pub(super) enum Converter {
    /// The value itself, of this primitive type
    Same(Box<str>),
    /// `[value, precision]` and a date or dateTime
    PartialDate(Box<str>),
    /// `[first, middle]` and `HumanName.given`
    Given,
    /// `[state]` and `[Task.businessStatus, Task.status]`
    ReferralState,
    /// `[code, text]` and `[a code of our reasons, CodeableConcept.text]`
    ReferralReason,
    /// A code and its counterpart
    Crosswalk(Arc<Crosswalk>),
    /// Minutes and a Quantity of time
    Minutes,
    /// A number and a Quantity in this unit of UCUM
    Quantity(Box<str>),
    /// `[amount, currency]` and Money; with this currency the amount alone
    Money(Option<Box<str>>),
    /// A day and a date or dateTime
    Day,
    /// `from/until` and a Period
    Period,
    /// `[number, extension]` and a phone
    Phone,
    /// `[first line, others]` and `Address.line`
    Lines,
    /// Whether the element is there
    Flag,
    /// An id and a reference to that id of this type
    Id(Box<str>),
    /// Any value, and this code where there is one: written, and not read
    Says(Box<str>),
}

// ===

impl Converter {
    /// How many values stand on the side of the record, and of FHIR.
    pub(super) fn ends(&self) -> (usize, usize) {
        match self {
            Self::PartialDate(_) | Self::Given | Self::Phone | Self::Lines | Self::Money(None) => (2, 1),
            Self::ReferralState => (1, 2),
            Self::ReferralReason => (2, 2),
            Self::Same(_)
            | Self::Crosswalk(_)
            | Self::Minutes
            | Self::Quantity(_)
            | Self::Money(Some(_))
            | Self::Day
            | Self::Period
            | Self::Flag
            | Self::Id(_)
            | Self::Says(_) => (1, 1),
        }
    }

    /// As maps write it.
    pub(super) fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Same(_) => "same",
            Self::PartialDate(_) => "partial-date",
            Self::Given => "given",
            Self::ReferralState => "referral-state",
            Self::ReferralReason => "referral-reason",
            Self::Minutes => "minutes",
            Self::Quantity(unit) => return Cow::Owned(format!("quantity({unit})")),
            Self::Money(None) => "money",
            Self::Money(Some(currency)) => return Cow::Owned(format!("money({currency})")),
            Self::Day => "day",
            Self::Period => "period",
            Self::Phone => "phone",
            Self::Lines => "lines",
            Self::Flag => "flag",
            Self::Id(kind) => return Cow::Owned(format!("id({kind})")),
            Self::Says(code) => return Cow::Owned(format!("says({code})")),
            Self::Crosswalk(table) => return Cow::Owned(format!("crosswalk({})", table.name)),
        })
    }

    /// Does it stand for the value itself?
    pub(super) fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }

    // === FHIR to record

    /// The value number `which` of the record.
    pub(super) fn read<'v>(&'v self, raw: &[Option<Node<'v>>], which: usize) -> Conversion<'v> {
        let first = raw.first().copied().flatten();
        match self {
            Self::Same(_) => Conversion::of(first.map(RecordValue::Node)),
            Self::PartialDate(_) => {
                Conversion::of(first.and_then(|node| date::read_partial(node, which)).map(RecordValue::Text))
            }
            Self::Given => {
                Conversion::of(first.and_then(|node| contact::read_given(node, which)).map(RecordValue::Text))
            }
            Self::ReferralState => Conversion::of(referral::read_state(first, raw.get(1).copied().flatten())),
            Self::ReferralReason => {
                let value = if which == 0 { first } else { raw.get(1).copied().flatten() };
                Conversion::of(value.map(RecordValue::Node))
            }
            Self::Crosswalk(table) => first.map_or_else(Conversion::default, |code| translate_back(table, code)),
            Self::Minutes => Conversion::of_value(first.and_then(quantity::read_minutes)),
            Self::Quantity(unit) => Conversion::of_value(first.and_then(|node| quantity::read(node, unit))),
            Self::Money(currency) => {
                Conversion::of_value(first.and_then(|node| quantity::read_money(node, currency.as_deref(), which)))
            }
            Self::Day => Conversion::of(first.and_then(date::read_day).map(RecordValue::Text)),
            Self::Period => Conversion::of_value(first.and_then(date::read_period)),
            Self::Phone => Conversion::of_value(first.and_then(|node| contact::read_phone(node, which))),
            Self::Lines => {
                Conversion::of(first.and_then(|node| contact::read_lines(node, which)).map(RecordValue::Text))
            }
            Self::Flag => {
                let value = Some(RecordValue::Value(first.is_some().into()));
                Conversion { value, defaulted: first.is_none(), ..Conversion::default() }
            }
            Self::Id(kind) => Conversion::of(first.and_then(|reference| id_of(kind, reference))),
            Self::Says(_) => Conversion::default(),
        }
    }

    // === record to FHIR

    /// The values of FHIR.
    ///
    /// # Errors
    /// What was expected instead, for people.
    pub(super) fn write(&self, values: &[Option<&Value>]) -> Result<Vec<FhirValue>, String> {
        let first = values.first().copied().flatten();
        let second = values.get(1).copied().flatten();
        Ok(match self {
            Self::Same(kind) => vec![match first {
                Some(value) => FhirValue::Value(primitive_of(kind, value)?),
                None => FhirValue::Absent,
            }],
            Self::PartialDate(kind) => vec![date::write_partial(kind, first, second)?],
            Self::Given => vec![contact::write_given(first, second)],
            Self::ReferralState => match first {
                Some(value) => referral::write_state(value)?,
                None => vec![FhirValue::Absent, FhirValue::Absent],
            },
            Self::ReferralReason => referral::write_reason(first, second)?,
            Self::Crosswalk(table) => vec![match first {
                Some(Value::String(code)) => {
                    let target = table.target_of(code).unwrap_or(code);
                    FhirValue::Value(target.into())
                }
                Some(_) => return Err(format!("expected a code of {}", table.source.url)),
                None => FhirValue::Absent,
            }],
            Self::Minutes => vec![quantity::write_minutes(first)?],
            Self::Quantity(unit) => vec![quantity::write(first, unit)?],
            Self::Money(currency) => vec![quantity::write_money(first, second, currency.as_deref())?],
            Self::Day => vec![date::write_day(first)?],
            Self::Period => vec![date::write_period(first)?],
            Self::Phone => vec![contact::write_phone(first, second)?],
            Self::Lines => vec![contact::write_lines(first, second)],
            Self::Flag => vec![match first {
                Some(Value::Bool(true)) => FhirValue::Present,
                Some(Value::Bool(false)) | None => FhirValue::Absent,
                Some(_) => return Err("expected true or false".to_owned()),
            }],
            Self::Says(code) => vec![match first {
                Some(_) => FhirValue::Value((&**code).into()),
                None => FhirValue::Absent,
            }],
            Self::Id(kind) => vec![match first {
                Some(Value::String(id)) if primitive::is_id(id) => FhirValue::Value(format!("{kind}/{id}").into()),
                Some(_) => return Err(format!("expected the id of a {kind}, {}", primitive::describe("id"))),
                None => FhirValue::Absent,
            }],
        })
    }

    /// As [`Converter::write`] for a second place, which says nothing where no table has the code.
    pub(super) fn write_if_known(&self, values: &[Option<&Value>]) -> Result<FhirValue, String> {
        if self.is_unknown(values.first().copied().flatten()) {
            return Ok(FhirValue::Absent);
        }
        Ok(self.write(values)?.into_iter().next().unwrap_or(FhirValue::Absent))
    }

    /// Is it a code that the table has no row for?
    pub(super) fn is_unknown(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Crosswalk(table), Some(Value::String(code))) => table.target_of(code).is_none(),
            _ => false,
        }
    }

    /// Does reading give just this value of the record again, whatever it is?
    pub(super) fn is_exact(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Same(_) | Self::Quantity(_) => true,
            Self::Minutes => value.is_some_and(quantity::is_whole),
            _ => false,
        }
    }

    /// What reading would make of what was written, value by value.
    pub(super) fn read_back(&self, written: &[FhirValue]) -> Vec<Option<Value>> {
        let documents: Vec<Option<Document>> = written
            .iter()
            .map(|written| match written {
                FhirValue::Absent => None,
                FhirValue::Present => Document::parse("{}").ok(),
                FhirValue::Value(value) => Document::from_value(value).ok(),
            })
            .collect();
        let raw: Vec<Option<Node<'_>>> =
            documents.iter().map(|document| document.as_ref().map(Document::root)).collect();
        (0..self.ends().0).map(|which| self.read(&raw, which).value.map(RecordValue::into_value)).collect()
    }

    /// What a code that was written is called, where the table says so.
    pub(super) fn display(&self, value: Option<&Value>) -> Option<&str> {
        match (self, value) {
            (Self::Crosswalk(table), Some(Value::String(code))) => table.preferred_row(code)?.display.as_deref(),
            _ => None,
        }
    }
}

/// The code that a target stands for, or the target itself.
fn translate_back<'v>(table: &'v Crosswalk, code: Node<'v>) -> Conversion<'v> {
    let Some(text) = code.as_str() else { return Conversion::of(Some(RecordValue::Node(code))) };
    match table.source_of(&text) {
        Some(source) => Conversion::of(Some(RecordValue::Text(source.into()))),
        None => Conversion { value: Some(RecordValue::Text(text)), untranslated: true, ..Conversion::default() },
    }
}

/// The id in a reference to this type.
fn id_of<'v>(kind: &str, reference: Node<'v>) -> Option<RecordValue<'v>> {
    let text = reference.as_str()?;
    let id = |text: &str| -> Option<usize> {
        let id = text.strip_prefix(kind)?.strip_prefix('/')?;
        primitive::is_id(id).then_some(text.len() - id.len())
    };
    let start = id(&text)?;
    Some(RecordValue::Text(cut(text, start..)))
}
