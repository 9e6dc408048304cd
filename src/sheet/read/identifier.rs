//! Digits that are no numbers, and what a spreadsheet does to them: leading zeros go, long ones are rounded to fifteen
//! digits or written with an exponent, and what looks like a date becomes one.

use super::cell_reading::CellReading;
use crate::sheet::report::Fault;

/// How many digits a spreadsheet keeps.
const MAX_DIGITS: usize = 15;
/// How many digits a ZIP code has.
const ZIP: usize = 5;

/// The months as a spreadsheet shortens them.
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads an identifier.
pub(super) fn id(text: &str, width: Option<usize>) -> CellReading {
    if is_scientific(text) {
        return CellReading::refused(Fault::Scientific, "the identifier was turned into a number with an exponent");
    }
    if is_date(text) {
        return CellReading::refused(Fault::ExcelDate, "the identifier was turned into a date");
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if width.is_some_and(|width| is_part(text, width)) {
        return CellReading::absent(
            Fault::Partial,
            "the cell has a part of the number alone, which tells no person apart",
        );
    }
    if digits && text.len() > MAX_DIGITS && text.bytes().skip(MAX_DIGITS).all(|digit| digit == b'0') {
        return CellReading::refused(
            Fault::Rounded,
            "the identifier ends in zeros behind its fifteenth digit, where numbers are rounded",
        );
    }
    if let Some(width) = width.filter(|width| digits && text.len() < *width) {
        let message = format!(
            "the identifier has {} digits and not {width}: zeros in front were lost, or digits are missing",
            text.len()
        );
        return CellReading::refused(Fault::LostZeros, message);
    }
    CellReading::unchanged(text)
}

/// Reads a ZIP code. Others than those of the USA stand as they are.
pub(super) fn zip(text: &str) -> CellReading {
    if text.chars().any(char::is_alphabetic) && !is_scientific(text) {
        return CellReading::unchanged(text);
    }
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let hyphens = whole.matches('-').count();
    if digits.len() + hyphens != whole.len() {
        return CellReading::refused(Fault::NotAZip, "the cell is no ZIP code");
    }
    match (digits.len(), hyphens) {
        (ZIP, 0) if whole == text => CellReading::unchanged(text),
        (9, 1) if whole.as_bytes().get(ZIP) == Some(&b'-') => CellReading::unchanged(text),
        (3..=ZIP, 0) => {
            let restored = format!("{digits:0>ZIP$}");
            CellReading::changed(
                restored,
                Fault::LostZeros,
                "the ZIP code had lost its leading zeros, which were put back",
            )
        }
        (8 | 9, 0) => {
            let all = format!("{digits:0>9}");
            let message = "the ZIP code was written as five digits, a hyphen and four";
            CellReading::changed(format!("{}-{}", &all[..ZIP], &all[ZIP..]), Fault::LostZeros, message)
        }
        _ => CellReading::refused(Fault::NotAZip, "the cell is no ZIP code"),
    }
}

/// Masked digits (`XXX-XX-6789`), or half as many as there should be or fewer: more than the zeros in front are missing.
fn is_part(text: &str, width: usize) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let masks = text.bytes().filter(|byte| matches!(byte, b'x' | b'X' | b'*' | b'#')).count();
    let others = text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).count() - digits - masks;
    others == 0 && digits > 0 && (masks > 0 || digits * 2 <= width)
}

/// `1.23E+11`
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',');
    exponent.starts_with(['+', '-'])
        && mantissa.starts_with(|character: char| character.is_ascii_digit())
        && is_number(mantissa)
        && is_number(&exponent[1..])
}

/// `2-Jan`, `Jan-02`: what a spreadsheet makes of `1-2`
pub(super) fn is_date(text: &str) -> bool {
    let Some((one, other)) = text.split_once('-') else { return false };
    let is_month = |text: &str| MONTHS.contains(&text.to_lowercase().as_str());
    let is_number = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_month(one) && is_number(other)) || (is_number(one) && is_month(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_spreadsheets_do_to_digits() {
        for text in ["1.23E+11", "4E-05"] {
            assert!(is_scientific(text), "{text}");
        }
        for text in ["EX-11873", "12E", "1E2X", "E+5"] {
            assert!(!is_scientific(text), "{text}");
        }
        assert!(is_date("2-Jan") && is_date("Jan-02") && !is_date("EX-02") && !is_date("1-2"));
    }

    #[test]
    fn puts_zeros_back_where_only_zeros_can_be_missing() {
        for (text, expected) in [("2139", "02139"), ("00103", "00103"), ("21390001", "02139-0001"), ("501.0", "00501")]
        {
            assert_eq!(zip(text).value, Some(expected.into()), "{text}");
        }
        assert_eq!(zip("12").value, None);
        assert_eq!(id("123", Some(9)).value, None);
        for part in ["XXX-XX-6789", "***-**-6789", "6789", "xxxxx6789"] {
            assert!(is_part(part, 9), "{part}");
        }
        for whole in ["123-45-6789", "12345678", "EX-11873", "X"] {
            assert!(!is_part(whole, 9), "{whole}");
        }
        assert_eq!(id("1234567890123456", None).value, Some("1234567890123456".into()));
        assert_eq!(id("1234567890123450", None).value, None);
    }
}
