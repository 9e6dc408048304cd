//! The forms of the primitive types (<https://hl7.org/fhir/R4/datatypes.html#primitive>), matched by hand: no regular
//! expression engine stands on the hot path.

/// Has `text` the form of the primitive type `kind`? Types that we do not know accept every text. Numbers and booleans
/// are judged by their JSON text.
pub fn is_valid(kind: &str, text: &str) -> bool {
    matcher(kind).is_none_or(|matches| matches(text))
}

/// What judges a text of the primitive type `kind`, for whoever judges many; nothing for types that we do not know.
pub fn matcher(kind: &str) -> Option<fn(&str) -> bool> {
    Some(match kind {
        "boolean" => |text| matches!(text, "true" | "false"),
        "integer" => is_integer,
        "unsignedInt" => |text| is_whole(text, 0),
        "positiveInt" => |text| is_whole(text, 1),
        "decimal" => is_decimal,
        "string" | "markdown" | "xhtml" => is_string,
        "code" => is_code,
        "id" => is_id,
        "uri" | "url" | "canonical" => |text| is_uri(text) && is_sound_urn(text),
        "oid" => |text| text.strip_prefix("urn:oid:").is_some_and(is_oid_part),
        "uuid" => |text| text.strip_prefix("urn:uuid:").is_some_and(is_uuid_part),
        "date" => |text| date_length(text).is_some_and(|length| length == text.len()),
        "dateTime" => is_date_time,
        "instant" => is_instant,
        "time" => |text| time_length(text.as_bytes()) == Some(text.len()),
        "base64Binary" => is_base64,
        _ => return None,
    })
}

/// What a valid text of the type looks like, for people.
pub fn describe(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "integer" => "a whole number from -2,147,483,648 to 2,147,483,647",
        "unsignedInt" => "a whole number from 0 to 2,147,483,647",
        "positiveInt" => "a whole number from 1 to 2,147,483,647",
        "decimal" => "a decimal number",
        "code" => "a code without leading, trailing or doubled white space",
        "id" => "1 to 64 of A-Z a-z 0-9 - .",
        "uri" | "url" | "canonical" => {
            "a URI without white space, with a UUID behind urn:uuid: and an OID behind urn:oid:"
        }
        "oid" => "urn:oid: and an object identifier",
        "uuid" => "urn:uuid: and a UUID in lower case",
        "date" => "YYYY, YYYY-MM or YYYY-MM-DD",
        "dateTime" => "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone",
        "instant" => "YYYY-MM-DDThh:mm:ss with a time zone",
        "time" => "hh:mm:ss",
        "base64Binary" => "base64 text",
        _ => "a text that is not empty",
    }
}

fn no_leading_zero(text: &str) -> bool {
    text.len() == 1 || !text.starts_with(['0', '+'])
}

fn is_whole(text: &str, least: u32) -> bool {
    text.parse::<u32>().is_ok_and(|number| (least..=0x7fff_ffff).contains(&number)) && no_leading_zero(text)
}

fn is_integer(text: &str) -> bool {
    text.parse::<i32>().is_ok() && no_leading_zero(text.strip_prefix('-').unwrap_or(text))
}

/// JSON's own grammar of numbers is FHIR's, but for at most 18 significant digits in the whole part.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// Not empty, and more than white space; control characters but tab and line ends are out.
pub fn is_string(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace())
        && (!any_byte(text, |byte| byte < 0x20)
            || text.bytes().all(|byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')))
}

/// Is there such a byte? Written so that many bytes are compared at once: texts are long, and rarely wrong.
fn any_byte(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    text.as_bytes().chunks(32).any(|chunk| chunk.iter().fold(false, |found, byte| found | is_such(*byte)))
}

/// Single inner spaces at most.
pub fn is_code(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text.contains("  ")
        && !text.contains(['\t', '\n', '\r'])
}

/// 1 to 64 of `A-Z a-z 0-9 - .`
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// Not empty and without white space, which is all that R4 demands.
pub fn is_uri(text: &str) -> bool {
    // Only what is neither printable ASCII nor nothing has to be looked at closely.
    !text.is_empty() && (!any_byte(text, |byte| byte <= 0x20 || byte >= 0x7f) || !text.contains(char::is_whitespace))
}

/// What says that it is a UUID or OID is one, whatever part of it is meant behind a #; URIs of other kinds are sound anyway.
fn is_sound_urn(text: &str) -> bool {
    let text = text.split('#').next().unwrap_or(text);
    text.strip_prefix("urn:uuid:").is_none_or(is_uuid_part) && text.strip_prefix("urn:oid:").is_none_or(is_oid_part)
}

/// The part behind `urn:oid:`.
pub fn is_oid_part(text: &str) -> bool {
    text.starts_with(['0', '1', '2'])
        && text.contains('.')
        && text
            .split('.')
            .all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()) && no_leading_zero(arc))
}

/// The part behind `urn:uuid:`; upper case is accepted, as the reference validator does.
pub fn is_uuid_part(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn number(bytes: &[u8], from: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(from..from + length)?;
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

/// Length of the date that `text` begins with; nothing if it does not begin with one.
fn date_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let year = number(bytes, 0, 4)?;
    if year == 0 {
        return None;
    }
    if bytes.get(4) != Some(&b'-') {
        return Some(4);
    }
    let month = number(bytes, 5, 2).filter(|month| (1..=12).contains(month))?;
    if bytes.get(7) != Some(&b'-') {
        return Some(7);
    }
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    number(bytes, 8, 2).filter(|day| (1..=last).contains(day)).map(|_| 10)
}

/// Length of the `hh:mm:ss(.f+)` that `bytes` begins with.
fn time_length(bytes: &[u8]) -> Option<usize> {
    let in_range = |from, highest| number(bytes, from, 2).is_some_and(|value| value <= highest);
    // Second 60 is a leap second.
    let whole = in_range(0, 23)
        && bytes.get(2) == Some(&b':')
        && in_range(3, 59)
        && bytes.get(5) == Some(&b':')
        && in_range(6, 60);
    if !whole {
        return None;
    }
    if bytes.get(8) != Some(&b'.') {
        return Some(8);
    }
    let digits = bytes[9..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(9 + digits)
}

fn is_zone(bytes: &[u8]) -> bool {
    match bytes {
        b"Z" => true,
        [b'+' | b'-', rest @ ..] => {
            rest.len() == 5
                && rest[2] == b':'
                && number(rest, 3, 2).is_some_and(|minute| minute <= 59)
                && number(rest, 0, 2).is_some_and(|hour| hour <= 13 || (hour == 14 && &rest[3..] == b"00"))
        }
        _ => false,
    }
}

fn is_date_time(text: &str) -> bool {
    date_length(text).is_some_and(|length| length == text.len()) || is_instant(text)
}

fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    date_length(text) == Some(10)
        && bytes.get(10) == Some(&b'T')
        && time_length(&bytes[11..]).is_some_and(|length| is_zone(&bytes[11 + length..]))
}

/// Groups of four with padding at the end; white space between groups is allowed.
fn is_base64(text: &str) -> bool {
    let mut count = 0_usize;
    let mut padding = 0;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => count += 1,
            b'=' if padding < 2 => {
                padding += 1;
                count += 1;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => return false,
        }
    }
    count > 0 && count.is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses() {
        for (kind, good, bad) in [
            (
                "date",
                &["2026", "2026-11", "2024-02-29"][..],
                &["26", "2026-13", "2023-02-29", "2026-11-1", "0000", "2026-11-21T10:00:00Z"][..],
            ),
            (
                "dateTime",
                &["2026", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123+14:00"],
                &[
                    "2026-11-21T10:00:00",
                    "2026-11-21T24:00:00Z",
                    "2026-11-21 10:00:00Z",
                    "2026-11-21T10:00Z",
                    "2026-11-21T10:00:00+15:00",
                ],
            ),
            ("instant", &["2026-11-21T10:00:00.1-05:00"], &["2026-11-21", "2026-11-21T10:00:00."]),
            ("time", &["10:00:00", "10:00:00.5"], &["10:00", "25:00:00", "10:00:00Z"]),
            ("integer", &["0", "-1", "2147483647"], &["2147483648", "01", "1.0", "-"]),
            ("positiveInt", &["1"], &["0", "-1", "+1"]),
            ("unsignedInt", &["0"], &["-1", "00"]),
            ("code", &["a", "a b"], &["", " a", "a  b", "a\n"]),
            ("id", &["a-1.B"], &["", "a_b", "a/b"]),
            ("oid", &["urn:oid:2.16.840"], &["2.16.840", "urn:oid:3.1", "urn:oid:2.01"]),
            ("uuid", &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"], &["c757873d-ec9a-4326-a141-556f43239520"]),
            ("base64Binary", &["YQ==", "YW Jj"], &["YQ=", "Y===", "Y$==", ""]),
            (
                "uri",
                &["urn:x", "a/b", "urn:oid:2.16.840", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520#part"],
                &["", "a b", "urn:uuid:1", "urn:oid:x"],
            ),
            ("string", &[" a"], &["", "  ", "a\u{1}"]),
            ("boolean", &["true"], &["True", "1"]),
        ] {
            for text in good {
                assert!(is_valid(kind, text), "{kind} {text}");
            }
            for text in bad {
                assert!(!is_valid(kind, text), "{kind} {text:?}");
            }
        }
    }
}
