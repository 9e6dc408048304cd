//! Dates that are known in part (<https://hl7.org/fhir/R4/datatypes.html#date>), days of times, and stretches of time.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::fhir::{Node, primitive};

use super::primitive_value::primitive_of;
use super::value::{FhirValue, cut};

/// Text or precision of a date.
pub(super) fn read_partial(date: Node<'_>, which: usize) -> Option<Cow<'_, str>> {
    let text = date.as_str()?;
    let precision = match text.len() {
        4 => "year",
        7 => "month",
        10 => "day",
        _ => "time",
    };
    Some(if which == 0 { text } else { precision.into() })
}

/// A date cut to its precision.
pub(super) fn write_partial(kind: &str, value: Option<&Value>, precision: Option<&Value>) -> Result<FhirValue, String> {
    let Some(value) = value else { return Ok(FhirValue::Absent) };
    let value = primitive_of(kind, value)?;
    let length = match precision.and_then(Value::as_str) {
        Some("year") => 4,
        Some("month") => 7,
        Some("day") => 10,
        _ => usize::MAX,
    };
    let text = value.as_str().unwrap_or_default();
    Ok(FhirValue::Value(text.get(..length.min(text.len())).unwrap_or(text).into()))
}

/// The day of a time, or as much of it as is known.
pub(super) fn read_day(time: Node<'_>) -> Option<Cow<'_, str>> {
    let text = time.as_str()?;
    let is_longer = text.is_char_boundary(10);
    Some(if is_longer { cut(text, ..10) } else { text })
}

/// A day as a date or dateTime.
pub(super) fn write_day(value: Option<&Value>) -> Result<FhirValue, String> {
    match value {
        None => Ok(FhirValue::Absent),
        Some(Value::String(text)) if primitive::is_valid("date", text) => Ok(FhirValue::Value(text.as_str().into())),
        Some(_) => Err(format!("expected {}", primitive::describe("date"))),
    }
}

/// A Period as `from/until`, either of which may be missing (ISO 8601 has the slash; an absent end is `..` there).
pub(super) fn read_period(period: Node<'_>) -> Option<Value> {
    let end = |name: &str| period.str(name);
    let (from, until) = (end("start"), end("end"));
    if from.is_none() && until.is_none() {
        return None;
    }
    let or_open = |end: Option<Cow<'_, str>>| end.map_or_else(|| "..".to_owned(), Cow::into_owned);
    Some(format!("{}/{}", or_open(from), or_open(until)).into())
}

/// `from/until` as a Period.
pub(super) fn write_period(value: Option<&Value>) -> Result<FhirValue, String> {
    let Some(value) = value else { return Ok(FhirValue::Absent) };
    let expected = || "expected from/until, as 2026-05-01/2026-06-30, with .. for an end that is not known".to_owned();
    let (from, until) = value.as_str().and_then(|text| text.split_once('/')).ok_or_else(expected)?;
    let mut period = json!({});
    for (name, end) in [("start", from), ("end", until)] {
        match end {
            ".." => {}
            end if primitive::is_valid("dateTime", end) => period[name] = end.into(),
            _ => return Err(expected()),
        }
    }
    if from == ".." && until == ".." { Err(expected()) } else { Ok(FhirValue::Value(period)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn periods_go_both_ways() {
        for text in ["2026-05-01/2026-06-30", "2026/..", "../2026-05-01T10:00:00Z"] {
            let Ok(FhirValue::Value(period)) = write_period(Some(&text.into())) else { panic!("{text}") };
            assert_eq!(read_period(Document::parse(period.to_string()).unwrap().root()), Some(text.into()));
        }
        for text in ["2026-05-01", "../..", "/", "May/June"] {
            assert!(write_period(Some(&text.into())).is_err(), "{text}");
        }
    }

    #[test]
    fn the_day_of_a_time_is_what_is_known_of_it() {
        let day = |json: &str| read_day(Document::parse(json).unwrap().root()).map(Cow::into_owned);
        assert_eq!(day("\"2026-05-01T10:00:00Z\""), Some("2026-05-01".into()));
        assert_eq!(day("\"2026-05\""), Some("2026-05".into()));
        assert!(write_day(Some(&"2026-05-01T10:00:00Z".into())).is_err());
    }
}
