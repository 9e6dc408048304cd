//! Conversion (<https://hl7.org/fhirpath/N1/#conversion>): `toX()` gives nothing where there is no X to give, and
//! `convertsToX()` says whether it would give something.

use super::super::collection::Collection;
use super::super::date::Temporal;
use super::super::decimal::Decimal;
use super::super::function::Function;
use super::super::item::Item;
use super::super::value::{Calendar, Quantity, Unit, Value};
use super::equality::{as_decimal, as_quantity};
use super::evaluator::{Evaluator, Site};
use super::failure::Outcome;
use super::operand::only;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn conversion(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        use Function as F;
        let unit = self.text_argument(site, 0)?;
        let Some(item) = only(site.at, site.input)? else { return Ok(Collection::Empty) };
        self.charge_item(item, site.at)?;
        let value = item.value();
        let value = value.as_ref();
        let function = site.call.function;
        let converted = match function {
            F::ToBoolean | F::ConvertsToBoolean => value.and_then(boolean).map(Value::Boolean),
            F::ToInteger | F::ConvertsToInteger => value.and_then(integer).map(Value::Integer),
            F::ToDecimal | F::ConvertsToDecimal => value.and_then(decimal).map(Value::Decimal),
            F::ToDate | F::ConvertsToDate => value.and_then(date).map(Value::Temporal),
            F::ToDateTime | F::ConvertsToDateTime => value.and_then(date_time).map(Value::Temporal),
            F::ToTime | F::ConvertsToTime => value.and_then(time).map(Value::Temporal),
            F::ToText | F::ConvertsToText => {
                let quantity = self.quantity_of(item).map(|quantity| quantity.to_string().into());
                item.to_text().or(quantity).map(Value::String)
            }
            _ => self.to_quantity(item, value, unit.as_deref()),
        };
        Ok(match function {
            F::ToBoolean
            | F::ToInteger
            | F::ToDecimal
            | F::ToDate
            | F::ToDateTime
            | F::ToTime
            | F::ToText
            | F::ToQuantity => Collection::maybe(converted),
            _ => Collection::boolean(converted.is_some()),
        })
    }

    fn to_quantity(&self, item: &Item<'e>, value: Option<&Value<'e>>, unit: Option<&str>) -> Option<Value<'e>> {
        let found = match value {
            Some(Value::String(text)) => parse_quantity(text),
            Some(Value::Boolean(truth)) => Some(Quantity::plain(i64::from(*truth).into())),
            Some(other) => as_quantity(other),
            None => self.quantity_of(item),
        }?;
        let quantity = match unit {
            None => found,
            Some(text) => {
                let unit = read_unit(text);
                let value = found.in_unit(&unit)?;
                Quantity { value, unit }
            }
        };
        Some(Value::Quantity(Box::new(quantity)))
    }
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        number => match as_decimal(number)? {
            one if one == Decimal::from(1) => Some(true),
            zero if zero.is_zero() => Some(false),
            _ => None,
        },
    }
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Boolean(truth) => Some(i64::from(*truth)),
        Value::Integer(number) => Some(*number),
        // `1.0` is a decimal's text, not an integer's.
        Value::String(text) => text.trim_start_matches('+').parse::<i32>().ok().map(i64::from),
        _ => None,
    }
}

fn decimal(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Boolean(truth) => Some(Decimal::from(i64::from(*truth))),
        Value::String(text) if !text.contains(['e', 'E']) => Decimal::parse(text),
        other => as_decimal(other),
    }
}

fn date(value: &Value<'_>) -> Option<Temporal> {
    match value {
        Value::Temporal(moment) if moment.kind() != super::super::date::TemporalKind::Time => Some(moment.date()),
        Value::String(text) => {
            Temporal::parse_date(text).or_else(|| Temporal::parse_date_time(text).map(Temporal::date))
        }
        _ => None,
    }
}

fn date_time(value: &Value<'_>) -> Option<Temporal> {
    match value {
        Value::Temporal(moment) if moment.kind() != super::super::date::TemporalKind::Time => {
            Some(moment.as_date_time())
        }
        Value::String(text) => Temporal::parse_date_time(text),
        _ => None,
    }
}

fn time(value: &Value<'_>) -> Option<Temporal> {
    match value {
        Value::Temporal(moment) if moment.kind() == super::super::date::TemporalKind::Time => Some(*moment),
        Value::String(text) => Temporal::parse_time(text.strip_prefix('T').unwrap_or(text)),
        _ => None,
    }
}

/// `4`, `4 days`, `4.5 'mg'`
fn parse_quantity<'e>(text: &str) -> Option<Quantity<'e>> {
    let text = text.trim();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    if number.contains(['e', 'E']) {
        return None;
    }
    let value = Decimal::parse(number)?;
    if unit.is_empty() {
        return Some(Quantity::plain(value));
    }
    let unit = match unit.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(code) if !code.is_empty() && !code.contains('\'') => Unit::Ucum(code.to_owned().into()),
        Some(_) => return None,
        None => Unit::Calendar(Calendar::parse(unit)?),
    };
    Some(Quantity { value, unit })
}

fn read_unit<'e>(text: &str) -> Unit<'e> {
    match Calendar::parse(text) {
        Some(unit) => Unit::Calendar(unit),
        None => Unit::Ucum(text.to_owned().into()),
    }
}
