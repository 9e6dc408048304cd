//! Query strings and urlencoded forms (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>), read
//! strictly: what cannot be decoded is refused and never guessed.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::fhir::Key;

/// The names and values, in order; a name may stand several times.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?.into_owned(), decode(value)?.into_owned()))
        })
        .collect()
}

/// The value of `name`, if it stands there once or more; the first counts.
pub(super) fn value<'q>(query: Option<&'q str>, name: &str) -> Result<Option<Cow<'q, str>>> {
    let found = query.unwrap_or_default().split('&').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key == name).then_some(value)
    });
    found.map(decode).transpose()
}

/// Undoes percent-encoding; `+` is a space.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next().and_then(hexadecimal), rest.next().and_then(hexadecimal));
                let (Some(high), Some(low)) = (high, low) else {
                    let message =
                        "a % in the query is not followed by two hexadecimal digits; write a literal % as %25";
                    return Err(Error::incorrect(Key::Parameter, message));
                };
                high * 16 + low
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes);
    text.map(Cow::Owned).map_err(|_| Error::incorrect(Key::Parameter, "the query is not UTF-8 behind its %-encoding"))
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Writes a name or value so that [`pairs`] reads it back.
pub(super) fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b',' | b'|' => {
                into.push(char::from(byte));
            }
            other => {
                into.push('%');
                for digit in [other >> 4, other & 15] {
                    into.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
}

/// The names and values as a query string.
pub(super) fn join<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let read = pairs("owner=Organization%2F1&_id=a,b&&status&code=a%7Cb+c&owner=%C3%A9").unwrap();
        let expected = [("owner", "Organization/1"), ("_id", "a,b"), ("status", ""), ("code", "a|b c"), ("owner", "é")];
        assert_eq!(read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
        assert_eq!(pairs(&join(expected)).unwrap(), read);
        assert_eq!(value(Some("a=1&since=x%20y"), "since").unwrap().as_deref(), Some("x y"));
        assert_eq!(value(None, "since").unwrap(), None);
    }

    #[test]
    fn refuses_what_it_cannot_decode() {
        for text in ["a=%", "a=%4", "a=%zz", "%ff=1"] {
            assert_eq!(pairs(text).unwrap_err().issues[0].key, Key::Parameter, "{text}");
        }
    }
}
