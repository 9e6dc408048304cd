//! Numbers and Quantities (<https://hl7.org/fhir/R4/datatypes.html#Quantity>), amounts and Money.
//!
//! A Quantity in another unit of the same kind is read in the unit of the map (500 g is 0.5 kg); one that measures
//! something else, or stands for a range, has no number in a record and stays in FHIR alone.

use std::borrow::Cow;

use serde_json::{Number, Value, json};

use crate::fhir::Node;
use crate::fhirpath::{Quantity, Unit};

use super::value::FhirValue;

/// The system of units.
const UCUM: &str = "http://unitsofmeasure.org";
/// What people write for the units that maps use most; other units are written as UCUM has them.
const SHOWN: &[(&str, &str)] = &[("min", "min"), ("wk", "weeks"), ("d", "days"), ("a", "years"), ("1", "")];

/// A Quantity as a number of `unit`s.
pub(super) fn read(quantity: Node<'_>, unit: &str) -> Option<Value> {
    let is_unit = |name: &str| quantity.get(name).is_some_and(|text| text.is_str(unit));
    if quantity.get("comparator").is_some() {
        return None;
    }
    if is_unit("code") || (quantity.get("code").is_none() && is_unit("unit")) {
        return Some(quantity.get("value")?.to_value());
    }
    let wanted = Unit::Ucum(Cow::Borrowed(unit));
    let number = Quantity::read(quantity)?.in_unit(&wanted)?.trimmed().to_string();
    serde_json::from_str::<Number>(&number).ok().map(Value::Number)
}

/// A number of `unit`s as a Quantity.
pub(super) fn write(value: Option<&Value>, unit: &str) -> Result<FhirValue, String> {
    match value {
        None => Ok(FhirValue::Absent),
        Some(Value::Number(number)) => {
            let shown = SHOWN.iter().find(|(code, _)| *code == unit).map_or(unit, |(_, shown)| shown);
            let mut quantity = json!({ "value": number, "unit": shown, "system": UCUM, "code": unit });
            if let Some(members) = quantity.as_object_mut().filter(|_| shown.is_empty()) {
                members.shift_remove("unit");
            }
            Ok(FhirValue::Value(quantity))
        }
        Some(_) => Err(format!("expected a number, which is counted in {unit}")),
    }
}

/// A Quantity of time in whole minutes.
pub(super) fn read_minutes(quantity: Node<'_>) -> Option<Value> {
    let value = match quantity.str("code").or_else(|| quantity.str("unit"))?.as_ref() {
        "minutes" => quantity.get("value")?.to_value(),
        "hours" => {
            let hours = quantity.get("value")?.as_number()?.parse::<i64>().ok()?;
            hours.checked_mul(60)?.into()
        }
        _ => read(quantity, "min")?,
    };
    is_whole(&value).then_some(value)
}

/// Is it a whole number, written as digits alone?
pub(super) fn is_whole(value: &Value) -> bool {
    value.as_number().is_some_and(|number| number.as_str().bytes().all(|byte| byte.is_ascii_digit()))
}

/// Minutes as a Quantity of time.
pub(super) fn write_minutes(value: Option<&Value>) -> Result<FhirValue, String> {
    let is_negative = |value: &&Value| value.as_number().is_some_and(|number| number.as_str().starts_with('-'));
    match value.filter(|value| !is_negative(value)) {
        None if value.is_none() => Ok(FhirValue::Absent),
        Some(value @ Value::Number(_)) => write(Some(value), "min"),
        _ => Err("expected a number of minutes".to_owned()),
    }
}

/// Amount or currency of Money; with a fixed currency the amount alone, of Money in that currency.
pub(super) fn read_money(money: Node<'_>, currency: Option<&str>, which: usize) -> Option<Value> {
    match currency {
        Some(fixed) if !money.get("currency").is_some_and(|code| code.is_str(fixed)) => None,
        _ if which == 0 => Some(money.get("value")?.to_value()),
        _ => Some(money.get("currency")?.to_value()),
    }
}

/// Money of an amount and its currency.
pub(super) fn write_money(
    amount: Option<&Value>,
    given_currency: Option<&Value>,
    currency: Option<&str>,
) -> Result<FhirValue, String> {
    let currency = currency.or_else(|| given_currency.and_then(Value::as_str));
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut money = serde_json::Map::new();
    match amount {
        None => {}
        Some(Value::Number(number)) => {
            money.insert("value".to_owned(), Value::Number(number.clone()));
        }
        Some(_) => return Err("expected an amount, which is a number".to_owned()),
    }
    match currency {
        // A fixed currency says nothing without an amount.
        None => {}
        Some(_) if money.is_empty() && given_currency.is_none() => {}
        Some(code) if is_code(code) => {
            money.insert("currency".to_owned(), code.into());
        }
        Some(_) => return Err("expected a currency as ISO 4217 has it, such as USD".to_owned()),
    }
    Ok(if money.is_empty() { FhirValue::Absent } else { FhirValue::Value(Value::Object(money)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    fn number(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn node<T>(json: &str, ask: impl FnOnce(Node<'_>) -> T) -> T {
        ask(Document::parse(json).unwrap().root())
    }

    #[test]
    fn reads_a_quantity_in_the_unit_of_the_map() {
        for (json, unit, expected) in [
            (r#"{"value": 3100, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}"#, "g", Some("3100")),
            (
                r#"{"value": 3.10, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}"#,
                "g",
                Some("3100"),
            ),
            (r#"{"value": 28.0, "unit": "wk"}"#, "wk", Some("28.0")),
            (r#"{"value": 3, "comparator": "<", "unit": "g", "code": "g"}"#, "g", None),
            (r#"{"value": 3, "unit": "m", "system": "http://unitsofmeasure.org", "code": "m"}"#, "g", None),
            (r#"{"unit": "g"}"#, "g", None),
        ] {
            assert_eq!(node(json, |node| read(node, unit)), expected.map(number), "{json}");
        }
        assert_eq!(
            node(r#"{"value": 1.5, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}"#, read_minutes),
            Some(90.into())
        );
        assert_eq!(
            node(r#"{"value": 30, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}"#, read_minutes),
            None
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let Ok(FhirValue::Value(written)) = write(Some(&number("38.50")), "wk") else { panic!() };
        assert_eq!(node(&written.to_string(), |node| read(node, "wk")), Some(number("38.50")));
        let Ok(FhirValue::Value(written)) = write_money(Some(&number("120.50")), None, Some("USD")) else { panic!() };
        assert_eq!(written.to_string(), r#"{"value":120.50,"currency":"USD"}"#);
        assert_eq!(node(&written.to_string(), |node| read_money(node, Some("USD"), 0)), Some(number("120.50")));
        assert_eq!(node(&written.to_string(), |node| read_money(node, Some("CAD"), 0)), None);
        assert!(write_money(Some(&number("1")), Some(&"dollars".into()), None).is_err());
    }
}
