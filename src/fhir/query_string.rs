//! Query strings and urlencoded forms (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>), and the
//! %-escapes of paths: of addresses, of search forms, of the conditions and urls inside a Bundle.
//!
//! Reading is strict. A broken escape, or bytes that are not UTF-8, would otherwise be taken for some other text, and
//! the search would find what nobody asked for.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::issue::{Issue, Key};

/// What is written as an escape in a query string: whatever a URI may not hold there (RFC 3986, section 3.4), `|` among it,
/// which strict readers of URIs refuse, and what separates parameters. References stay readable.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'/').remove(b',');

/// The most characters of a parameter's name that a message repeats.
const MAX_NAME_LENGTH: usize = 40;

/// The names and values of a query string, decoded and in order; a name may stand several times.
///
/// # Errors
/// If an escape is broken, or what it stands for is not UTF-8.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Box<Issue>> {
    if !text.contains(['%', '+']) {
        // Nothing is written otherwise than it is meant.
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let split = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        return Ok(pairs.map(split).collect());
    }
    check(text)?;
    Ok(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}

/// The first value of the parameter `name`; nothing where it is absent.
///
/// # Errors
/// As [`parse`], for any part of the query string.
pub fn value<'q>(text: &'q str, name: &str) -> Result<Option<Cow<'q, str>>, Box<Issue>> {
    check(text)?;
    Ok(form_urlencoded::parse(text.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value))
}

/// A whole number as a query writes it. One that is too large for us is the largest that there is: what it asks for is
/// bounded in any case.
pub fn whole_number(value: &str) -> Option<usize> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().unwrap_or(usize::MAX))
}

/// Refuses the path of a URL that cannot be decoded. Its segments are decoded by whoever splits it.
///
/// # Errors
/// If an escape is broken, or what it stands for is not UTF-8.
pub fn check_path(text: &str) -> Result<(), Box<Issue>> {
    decode(text).map(drop).map_err(|defect| Box::new(defect.issue("", "the path")))
}

/// Writes names and values so that [`parse`] reads them back.
pub fn write<'p>(parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let separator = if text.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED));
        let _ = write!(text, "{separator}{name}={value}");
    }
    text
}

/// Refuses what the decoder of forms would pass over.
fn check(text: &str) -> Result<(), Box<Issue>> {
    for parameter in text.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let refuse = |defect: Defect, part: &str| {
            let name: String = name.chars().take(MAX_NAME_LENGTH).collect();
            let subject = format!("the {part} of the parameter \"{name}\"");
            Box::new(defect.issue(name, &subject))
        };
        decode(name).map_err(|defect| refuse(defect, "name"))?;
        decode(value).map_err(|defect| refuse(defect, "value"))?;
    }
    Ok(())
}

/// Why a text cannot be decoded.
#[derive(Debug, Clone, Copy)]
enum Defect {
    /// A % begins no escape
    BrokenEscape,
    /// The bytes are not UTF-8
    NotUtf8,
}

fn decode(text: &str) -> Result<Cow<'_, str>, Defect> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return Err(Defect::BrokenEscape);
    }
    percent_decode_str(text).decode_utf8().map_err(|_| Defect::NotUtf8)
}

impl Defect {
    /// Says what is wrong with `subject`, and how to write it.
    fn issue(self, path: impl Into<String>, subject: &str) -> Issue {
        let (message, hint) = match self {
            Self::BrokenEscape => {
                ("has a % that is not followed by two hexadecimal digits", "write a literal % as %25")
            }
            Self::NotUtf8 => (
                "is not UTF-8 behind its %-encoding",
                "write each byte of a character's UTF-8 as an escape: é is %C3%A9",
            ),
        };
        Issue::error(Key::Parameter, path, format!("{subject} {message}")).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let read = parse("owner=Organization%2F1&_id=a,b&&status&code=a%7Cb+c&owner=%C3%A9&q=1=2").unwrap();
        let expected = [
            ("owner", "Organization/1"),
            ("_id", "a,b"),
            ("status", ""),
            ("code", "a|b c"),
            ("owner", "é"),
            ("q", "1=2"),
        ];
        assert_eq!(read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
        assert_eq!(parse(&write(expected)).unwrap(), read);
        for plain in ["", "&", "a", "=", "=b", "a=", "a=b=c&&a", "é=🏠&x"] {
            let expected: Vec<_> = form_urlencoded::parse(plain.as_bytes()).into_owned().collect();
            assert_eq!(parse(plain).unwrap(), expected, "{plain}");
        }
        assert_eq!(value("a=1&since=x%20y&since=z", "since").unwrap().as_deref(), Some("x y"));
        assert_eq!(value("a=1", "since").unwrap(), None);
        assert_eq!(check_path("Task/a%2Db+c%C3%A9"), Ok(()));
    }

    #[test]
    fn keeps_links_readable() {
        let parameters = [("code", "http://a.example/x|b,c~d"), ("q&", "50% + é"), ("_id", "a-b_c.d")];
        let expected = "code=http://a.example/x%7Cb,c~d&q%26=50%25%20%2B%20%C3%A9&_id=a-b_c.d";
        assert_eq!(write(parameters), expected);
        // Nothing that a URI may not hold: HAPI's client, for one, follows no such link.
        let all: String = (' '..='~').collect();
        let written = write([("q", all.as_str())]);
        let is_lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
        assert!(written.bytes().all(is_lawful), "{written}");
    }

    #[test]
    fn refuses_what_it_cannot_decode() {
        for (text, path, part) in [
            ("a=%", "a", "value of the parameter \"a\" has a %"),
            ("x=1&a=%4", "a", "value of the parameter \"a\" has a %"),
            ("a=%zz&x=1", "a", "value of the parameter \"a\" has a %"),
            ("a=%4%31", "a", "value of the parameter \"a\" has a %"),
            ("a=%+1", "a", "value of the parameter \"a\" has a %"),
            ("a=%é", "a", "value of the parameter \"a\" has a %"),
            ("%4=1", "%4", "name of the parameter \"%4\" has a %"),
            ("a=%ff", "a", "value of the parameter \"a\" is not UTF-8"),
            ("%C3=%A9", "%C3", "name of the parameter \"%C3\" is not UTF-8"),
        ] {
            let issue = parse(text).unwrap_err();
            assert_eq!((issue.key, issue.path.as_str()), (Key::Parameter, path), "{text}");
            assert!(issue.text.contains(part), "{text}: {}", issue.text);
            assert!(issue.hint.is_some(), "{text}");
            assert_eq!(value(text, "y").unwrap_err(), issue, "{text}");
        }
        for (path, part) in [("Task/%", "has a %"), ("Task/%zz", "has a %"), ("Task/%ff", "is not UTF-8")] {
            let issue = check_path(path).unwrap_err();
            assert!(issue.text.starts_with("the path ") && issue.text.contains(part), "{path}: {}", issue.text);
        }
    }

    #[test]
    fn repeats_the_beginning_of_a_long_name_only() {
        let issue = parse(&format!("{}=%", "é".repeat(100))).unwrap_err();
        assert_eq!(issue.path.chars().count(), MAX_NAME_LENGTH);
    }
}
