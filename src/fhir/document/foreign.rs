//! JSON that is well formed, and yet not taken from others: members that JSON libraries keep for themselves, and numbers
//! that nobody can hold. One reader would see a number where another sees an object, or run out of memory over a few
//! bytes; so they are refused where they come in, with their place.

use std::borrow::Cow;

use super::super::issue::Key;
use super::escape::decode;

/// The most characters of a number. FHIR asks readers for 18 digits
/// (<https://hl7.org/fhir/R4/datatypes.html#decimal>).
const MAX_NUMBER_LENGTH: usize = 1000;
/// The largest power of ten of a number, and as its negative the smallest: written out, it stays as short as that.
const MAX_EXPONENT: u32 = 1000;

/// How the member names begin by which libraries tell their own values from those of others: an object with one of them
/// is read as a number, a piece of text or a time, whatever it was to its sender.
const RESERVED: &[&str] = &["$serde_json::private::", "$__serde_spanned_private_", "$__toml_private_"];

/// A value that is refused.
#[derive(Debug)]
pub(super) struct ForeignValue {
    /// The number of its node
    pub(super) index: u32,
    pub(super) key: Key,
    /// Why
    pub(super) text: String,
}

/// Why no member may have this name, as it is written; nothing, where it may.
pub(super) fn member_name(name: &[u8], escaped: bool) -> Option<String> {
    if !escaped && name.first() != Some(&b'$') {
        return None;
    }
    let name = if escaped { decoded(name) } else { Cow::Borrowed(name) };
    let reserved = RESERVED.iter().find(|reserved| name.starts_with(reserved.as_bytes()))?;
    Some(format!("members whose names begin with {reserved} are kept by JSON libraries for themselves"))
}

/// Why this number is not taken; nothing, where it is.
pub(super) fn number(digits: &[u8]) -> Option<String> {
    if digits.len() > MAX_NUMBER_LENGTH {
        return Some(format!("the number has {} characters; at most {MAX_NUMBER_LENGTH} are read", digits.len()));
    }
    let at = digits.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let exponent = digits[at + 1..].iter().filter(|byte| byte.is_ascii_digit());
    let exponent = exponent.fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    (exponent > MAX_EXPONENT).then(|| format!("the number's power of ten is beyond {MAX_EXPONENT}"))
}

/// A member name without escapes.
pub(super) fn decoded(name: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if name.contains(&b'\\') => Cow::Owned(decode(text).into_bytes()),
        _ => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries_are_refused_however_they_are_written() {
        for (name, is_refused) in [
            ("$serde_json::private::Number", true),
            ("$serde_json::private::RawValue", true),
            (r"\u0024serde_json::private::Number", true),
            (r"$serde_json\u003a:private::Number", true),
            ("$__serde_spanned_private_start", true),
            ("$__toml_private_datetime", true),
            ("serde_json::private::Number", false),
            ("$ref", false),
            ("_birthDate", false),
            ("", false),
        ] {
            assert_eq!(member_name(name.as_bytes(), name.contains('\\')).is_some(), is_refused, "{name}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        for (digits, is_refused) in [
            ("1e1000", false),
            ("-1.5E-1000", false),
            ("1e1001", true),
            ("1E-2147483649", true),
            ("1e99999999999999999999", true),
            ("0e400", false),
        ] {
            assert_eq!(number(digits.as_bytes()).is_some(), is_refused, "{digits}");
        }
        assert!(number("9".repeat(1000).as_bytes()).is_none() && number("9".repeat(1001).as_bytes()).is_some());
    }
}
