//! A value as the text of a cell. A text that a spreadsheet would take for a formula gets an apostrophe in front, and
//! loses it when it is read (<https://owasp.org/www-community/attacks/CSV_Injection>).

use std::borrow::Cow;

use serde_json::Value;

/// The value as a cell.
pub(super) fn write(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None | Some(Value::Null | Value::Object(_) | Value::Array(_)) => Cow::Borrowed(""),
        Some(Value::Bool(yes)) => Cow::Borrowed(if *yes { "yes" } else { "no" }),
        Some(Value::Number(number)) => Cow::Owned(number.to_string()),
        Some(Value::String(text)) => escape(text),
    }
}

/// Keeps a spreadsheet from running a text as a formula.
fn escape(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text as it was before it was disarmed.
pub(super) fn unescape(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Would a spreadsheet run it? Numbers and telephone numbers may begin with a sign. A text that looks like a disarmed
/// one is disarmed once more, so that it comes back as it was.
fn is_formula(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => text.bytes().skip(1).any(|byte| !byte.is_ascii_digit() && !b" .,()-/".contains(&byte)),
        Some(b'\'') => is_formula(&text[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn disarms_formulas_and_takes_it_back() {
        for (text, expected) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@SUM(1)", "'@SUM(1)"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("+1 (555) 010-0000", "+1 (555) 010-0000"),
            ("-4.2", "-4.2"),
            ("'=1", "''=1"),
            ("'s Gravenhage", "'s Gravenhage"),
            ("plain", "plain"),
        ] {
            assert_eq!(escape(text), expected);
            assert_eq!(unescape(expected), text);
        }
    }

    #[test]
    fn writes_numbers_as_they_came() {
        let number: Value = serde_json::from_str("850.0").unwrap();
        assert_eq!(write(Some(&number)), "850.0");
        assert_eq!(write(Some(&json!(false))), "no");
        assert_eq!(write(None), "");
    }
}
