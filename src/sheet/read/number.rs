//! Numbers, amounts of money, and yes or no. A number keeps the digits that it was written with.

use serde_json::Number;

use super::cell_reading::CellReading;
use crate::sheet::report::Fault;

/// Words for yes and no, in lower case.
const YES: &[&str] = &["yes", "y", "true", "t", "1", "x", "si", "sí"];
const NO: &[&str] = &["no", "n", "false", "f", "0"];

/// Reads a number.
pub(super) fn number(text: &str) -> CellReading {
    read(text, text.trim_end_matches('%').trim_end(), Fault::NotANumber, "the cell is no number")
}

/// Reads an amount of money: `$1,250.00`, `(40.00)`.
pub(super) fn money(text: &str) -> CellReading {
    let upper = text.to_uppercase();
    let bare = upper.trim_start_matches("USD").trim_end_matches("USD").trim();
    let (bare, negative) = match bare.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
        Some(inside) => (inside, "-"),
        None => (bare, ""),
    };
    let bare: String = bare.chars().filter(|character| *character != '$' && *character != ' ').collect();
    read(text, &format!("{negative}{bare}"), Fault::NotANumber, "the cell is no amount of money")
}

/// Reads a whole number.
pub(super) fn integer(text: &str) -> CellReading {
    let reading = number(text);
    let Some(value) = &reading.value else { return reading };
    let digits = value.to_string();
    match digits.split_once('.') {
        None if !digits.contains(['e', 'E']) => reading,
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => match whole.parse::<Number>() {
            Ok(whole) => CellReading::changed(whole, Fault::Amount, "the whole number had decimals of zeros"),
            Err(_) => CellReading::refused(Fault::NotANumber, "the cell is no whole number"),
        },
        _ => CellReading::refused(Fault::NotANumber, "the cell is no whole number"),
    }
}

/// Reads yes or no.
pub(super) fn boolean(text: &str) -> CellReading {
    let lower = text.to_lowercase();
    match () {
        () if YES.contains(&lower.as_str()) => CellReading::unchanged(true),
        () if NO.contains(&lower.as_str()) => CellReading::unchanged(false),
        () => CellReading::refused(Fault::NotABoolean, "the cell says neither yes nor no"),
    }
}

fn read(text: &str, bare: &str, fault: Fault, refusal: &'static str) -> CellReading {
    if let Ok(number) = text.parse::<Number>() {
        return CellReading::unchanged(number);
    }
    match ungrouped(bare).and_then(|digits| digits.parse::<Number>().ok()) {
        Some(number) => {
            CellReading::changed(number, Fault::Amount, "signs and separators were taken out of the number")
        }
        None => CellReading::refused(fault, refusal),
    }
}

/// A number without separators of thousands, and with a point before its decimals. None where a separator may be either.
fn ungrouped(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('+');
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let point = match (digits.rfind('.'), digits.rfind(',')) {
        (Some(dot), Some(comma)) => Some(dot.max(comma)),
        (Some(dot), None) => Some(dot),
        // A comma with three digits behind it groups; with one or two it is a point.
        (None, Some(comma)) => Some(comma).filter(|comma| digits.len() - comma <= 3),
        (None, None) => None,
    };
    let (whole, fraction) = point.map_or((digits, ""), |at| (&digits[..at], &digits[at + 1..]));
    let groups: Vec<&str> = whole.split(['.', ',']).collect();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = groups.len() == 1 || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
    if !grouped || !groups.iter().all(|group| is_digits(group)) || !(fraction.is_empty() || is_digits(fraction)) {
        return None;
    }
    let whole = groups.concat();
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_and_takes_signs_out() {
        for (text, expected) in [
            ("850.0", "850.0"),
            ("$1,250.00", "1250.00"),
            ("1250", "1250"),
            ("(40.00)", "-40.00"),
            ("USD 12", "12"),
            ("1.250,50", "1250.50"),
            ("850,5", "850.5"),
            ("1,250", "1250"),
            ("007", "7"),
        ] {
            assert_eq!(money(text).value.map(|value| value.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["12,34,5", "a", "1.2.3", "$", "1,2500"] {
            assert!(money(text).value.is_none(), "{text}");
        }
        assert_eq!(integer("4.0").value.map(|value| value.to_string()).as_deref(), Some("4"));
        assert!(integer("4.5").value.is_none());
    }
}
