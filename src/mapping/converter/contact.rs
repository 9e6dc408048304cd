//! Names, phones and addresses (<https://hl7.org/fhir/R4/datatypes.html#HumanName>, ContactPoint, Address) as forms
//! have them: a first and a middle name, a number with its extension, two lines.

use std::borrow::Cow;

use serde_json::Value;

use crate::fhir::Node;

use super::value::FhirValue;

/// How an extension is written behind a number.
const EXTENSION: &str = " ext. ";

/// The first given name, or the others.
pub(super) fn read_given(given: Node<'_>, which: usize) -> Option<Cow<'_, str>> {
    first_and_others(given, which, " ")
}

/// Given names as a list.
pub(super) fn write_given(first: Option<&Value>, middle: Option<&Value>) -> FhirValue {
    let others = middle.and_then(Value::as_str).unwrap_or_default().split(' ');
    list_of(first.and_then(Value::as_str).into_iter().chain(others))
}

/// The first line of an address, or the others.
pub(super) fn read_lines(lines: Node<'_>, which: usize) -> Option<Cow<'_, str>> {
    first_and_others(lines, which, ", ")
}

/// The lines of an address as a list.
pub(super) fn write_lines(first: Option<&Value>, others: Option<&Value>) -> FhirValue {
    let others = others.and_then(Value::as_str).unwrap_or_default().split(", ");
    list_of(first.and_then(Value::as_str).into_iter().chain(others))
}

fn first_and_others<'v>(list: Node<'v>, which: usize, between: &str) -> Option<Cow<'v, str>> {
    let mut texts = list.each().filter_map(Node::as_str);
    let first = texts.next()?;
    if which == 0 {
        return Some(first);
    }
    let others: Vec<Cow<'_, str>> = texts.collect();
    (!others.is_empty()).then(|| others.join(between).into())
}

fn list_of<'t>(texts: impl Iterator<Item = &'t str>) -> FhirValue {
    let texts: Vec<Value> = texts.filter(|text| !text.is_empty()).map(Value::from).collect();
    if texts.is_empty() { FhirValue::Absent } else { FhirValue::Value(texts.into()) }
}

/// The number of a phone, or its extension: of `555-0100 ext. 12`, `555-0100 x12`, `tel:555-0100;ext=12`.
pub(super) fn read_phone(phone: Node<'_>, which: usize) -> Option<Value> {
    let text = phone.as_str()?;
    let bare = text.strip_prefix("tel:").unwrap_or(&text);
    let marks = [";ext=", EXTENSION, " ext ", " x", "x"];
    let split = marks.iter().find_map(|mark| {
        let (number, extension) = bare.split_once(mark)?;
        let is_digits = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits && !number.is_empty()).then_some((number, extension))
    });
    match (split, which) {
        (Some((number, _)), 0) => Some(number.into()),
        (Some((_, extension)), _) => Some(extension.into()),
        (None, 0) => Some(bare.into()),
        (None, _) => None,
    }
}

/// A number and its extension as one text.
pub(super) fn write_phone(number: Option<&Value>, extension: Option<&Value>) -> Result<FhirValue, String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (number.and_then(Value::as_str), extension.and_then(Value::as_str)) {
        (None, None) => Ok(FhirValue::Absent),
        (Some(number), None) => Ok(FhirValue::Value(number.into())),
        (Some(number), Some(extension)) if is_digits(extension) => {
            Ok(FhirValue::Value(format!("{number}{EXTENSION}{extension}").into()))
        }
        (None, Some(_)) => Err("expected a number with the extension".to_owned()),
        _ => Err("expected an extension of digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn phones_are_told_from_their_extensions() {
        for (text, number, extension) in [
            ("+1 (555) 555-0100", "+1 (555) 555-0100", None),
            ("555-0100 ext. 12", "555-0100", Some("12")),
            ("555-0100 x12", "555-0100", Some("12")),
            ("tel:+1-555-555-0100;ext=6102", "+1-555-555-0100", Some("6102")),
            ("ask for Max", "ask for Max", None),
        ] {
            let document = Document::parse(Value::from(text).to_string()).unwrap();
            assert_eq!(read_phone(document.root(), 0), Some(number.into()), "{text}");
            assert_eq!(read_phone(document.root(), 1), extension.map(Into::into), "{text}");
        }
        assert_eq!(
            write_phone(Some(&"555-0100".into()), Some(&"12".into())),
            Ok(FhirValue::Value("555-0100 ext. 12".into()))
        );
        assert!(write_phone(None, Some(&"12".into())).is_err());
    }
}
