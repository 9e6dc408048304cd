//! Values that are odd and lawful, odd and unlawful, and hostile, and where they may stand.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// Texts that somebody's system cannot take.
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    " leading and trailing ",
    "two\nlines\r\nand a\ttab",
    "=HYPERLINK(\"http://198.51.100.7\",\"x\")",
    "+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    "'quoted, \"twice\"; and more",
    "\u{202e}desrever si siht\u{202c}",
    "zero\u{200b}width\u{200d}joined\u{feff}",
    "e\u{301}le\u{300}ve \u{212b}ngstr\u{f6}m",
    "\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466} \u{1f3f4}\u{e0067}\u{e0062}",
    "\u{0}",
    "bell\u{7} and escape\u{1b}[31m",
    "\u{fffd}\u{fffe}\u{ffff}",
    "\u{10ffff}\u{10fffe}",
    "null",
    "true",
    "1E5",
    "00501",
    "<script>alert(1)</script>",
    "Robert'); DROP TABLE resource;--",
    "../../etc/passwd",
    "%s%n%00",
    "\\u0000 \\",
    "$serde_json::private::Number",
    "a,b|c$d\\e",
    "\u{85}\u{2028}\u{2029}",
    "\u{a0}\u{3000}",
    "\u{ad}",
    "N/A",
];

/// Dates and times, lawful and not.
const DATES: &[&str] = &[
    "2026",
    "2026-02",
    "0001",
    "0001-01-01",
    "9999",
    "9999-12",
    "9999-12-31",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999-14:00",
    "0001-01-01T00:00:00+14:00",
    "2016-12-31T23:59:60Z",
    "2026-11-21T10:00:00.123456789012345678Z",
    "2026-11-21T10:00:00+00:00",
    "2026-11-21T10:00:00-00:00",
    "2024-02-29",
    "2026-02-29",
    "2026-11-21T10:00:00",
    "2026-11-21T24:00:00Z",
    "21.11.2026",
    "-0044-03-15",
];

/// Numbers as JSON writes them.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "1.10",
    "1.0E+2",
    "1e-7",
    "1e400",
    "-1e400",
    "1e-400",
    "0e400",
    "123456789012345678901234567890.123456789012345678901234567890",
    "2147483648",
    "-2147483649",
    "9007199254740993",
    "18446744073709551616",
    "0.1000000000000000055511151231257827",
    "1e999999999",
    "1e-2147483649",
];

/// References, lawful and not.
const REFERENCES: &[&str] = &[
    "Patient/nowhere",
    "Patient/nowhere/_history/7",
    "#p",
    "#",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "urn:oid:1.2.3",
    "https://elsewhere.example/fhir/Patient/1",
    "https://handoff.example/fhir/Organization/first-steps",
    "Organization/first-steps",
    "Organization/three-counties-action",
    "HealthcareService/nurse-visits",
    "Practitioner?identifier=nobody",
    "Device/pump",
    "Group/household",
    "patient/1",
    "Patient",
    "Binary/1",
    "",
];

/// An odd text, sometimes a long one.
pub(crate) fn text(random: &mut Random) -> String {
    if random.one_in(20) {
        return "a long story, \u{e9}".repeat(1 + random.below(4000));
    }
    (*random.pick(TEXTS)).to_owned()
}

/// An odd number, sometimes a long one.
pub(crate) fn number(random: &mut Random) -> Value {
    let digits = match random.below(20) {
        0 => "9".repeat(999),
        1 => "7".repeat(100_000),
        2 => format!("0.{}", "3".repeat(400)),
        _ => (*random.pick(NUMBERS)).to_owned(),
    };
    serde_json::from_str(&digits).unwrap_or_else(|error| panic!("{digits}: {error}"))
}

fn is_date(text: &str) -> bool {
    text.len() >= 4
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && text.as_bytes().get(4).is_none_or(|byte| *byte == b'-')
}

/// Extensions inside each other.
pub(crate) fn nested_extension(depth: usize) -> Value {
    let mut inner = json!({ "url": "urn:example:inner", "valueString": "at the bottom" });
    for _ in 0..depth {
        inner = json!({ "url": "urn:example:outer", "extension": [inner] });
    }
    inner
}

/// Changes one place of a value, or adds something there.
pub(crate) fn mutate(random: &mut Random, value: &mut Value) {
    let at = random.below(count(value));
    let Some(place) = nth(value, at) else { return };
    match place {
        Value::String(text) => *text = replaced(random, text),
        Value::Number(_) => *place = number(random),
        Value::Bool(truth) => *place = if random.one_in(3) { json!("true") } else { json!(!*truth) },
        Value::Null => *place = json!(1),
        Value::Array(items) => mutate_list(random, items),
        Value::Object(members) => mutate_object(random, members),
    }
}

fn replaced(random: &mut Random, before: &str) -> String {
    if is_date(before) && !random.one_in(5) {
        return (*random.pick(DATES)).to_owned();
    }
    let is_reference = before.split_once('/').is_some_and(|(kind, _)| kind.starts_with(char::is_uppercase));
    if (is_reference || before.starts_with("urn:uuid:")) && !random.one_in(5) {
        return (*random.pick(REFERENCES)).to_owned();
    }
    match random.below(4) {
        0 => format!("{before}{}", text(random)),
        _ => text(random),
    }
}

fn mutate_list(random: &mut Random, items: &mut Vec<Value>) {
    let at = random.below(items.len());
    match random.below(6) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 if !items.is_empty() => items.push(items[at].clone()),
        2 if !items.is_empty() => {
            let item = items[at].clone();
            items.extend(std::iter::repeat_n(item, 30));
        }
        3 => items.reverse(),
        4 => items.insert(at, Value::Null),
        _ => items.clear(),
    }
}

fn mutate_object(random: &mut Random, members: &mut Map<String, Value>) {
    let names: Vec<String> = members.keys().cloned().collect();
    let name = if names.is_empty() { "id".to_owned() } else { random.pick(&names).clone() };
    match random.below(14) {
        0 => drop(members.shift_remove(&name)),
        1 => drop(members.insert("id".to_owned(), json!("twice"))),
        2 => drop(members.insert(format!("_{name}"), json!({ "id": "e1", "extension": [nested_extension(0)] }))),
        // The value gives way to what is said of it.
        3 => {
            members.shift_remove(&name);
            let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            members.insert(format!("_{name}"), json!({ "extension": [{ "url": url, "valueCode": "unknown" }] }));
        }
        4 => {
            let depth = *random.pick(&[1, 5, 40, 44, 45, 46, 47, 60]);
            members.insert("extension".to_owned(), json!([nested_extension(depth)]));
        }
        5 => {
            let mut extension = json!({ "url": "urn:example:number" });
            extension["valueDecimal"] = number(random);
            members.insert("extension".to_owned(), json!([extension]));
        }
        6 => {
            let extension = json!({ "url": "urn:example:text", "valueString": text(random) });
            members.insert("extension".to_owned(), json!([extension]));
        }
        7 => drop(members.insert("modifierExtension".to_owned(), json!([nested_extension(0)]))),
        8 => {
            let inner = json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": text(random) }] });
            members.insert("contained".to_owned(), json!([inner]));
        }
        9 => {
            let inner = json!({ "resourceType": "Organization", "id": "o" });
            let inner = json!({ "resourceType": "Patient", "id": "p", "contained": [inner] });
            members.insert("contained".to_owned(), json!([inner]));
        }
        10 => {
            members.insert("$serde_json::private::Number".to_owned(), json!("1"));
        }
        11 => {
            let inner = json!({ *random.pick(&["$serde_json::private::RawValue", "$__toml_private_datetime"]): "{" });
            members.insert(name, inner);
        }
        12 => drop(members.insert(name, Value::Null)),
        _ => drop(members.insert("notOfFhir".to_owned(), json!([{}, [], null, text(random)]))),
    }
}

/// How many places a value has.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// The place with this number.
fn nth(value: &mut Value, mut at: usize) -> Option<&mut Value> {
    if at == 0 {
        return Some(value);
    }
    at -= 1;
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => return None,
    };
    for value in inner {
        let here = count(value);
        if at < here {
            return nth(value, at);
        }
        at -= here;
    }
    None
}

/// Changes the text itself as no value could be written.
pub(crate) fn mutate_text(random: &mut Random, text: &str) -> String {
    let quotes: Vec<usize> = text.match_indices(":\"").map(|(at, _)| at + 2).collect();
    if quotes.is_empty() {
        return text.to_owned();
    }
    let at = *random.pick(&quotes);
    let inserted =
        *random.pick(&["\\ud800", "\\udc00x", "\\u0000", "\\ud83c\\udfe0", "\\u0041", "\\/", "\\x", "\u{1}"]);
    let (before, behind) = text.split_at(at);
    match random.below(4) {
        // The last of the two members counts for some readers.
        0 => format!("{before}a\",\"id\":\"b\",\"\\u0069d\":\"c\",\"note\":\"{behind}"),
        1 => format!("\u{feff}{text}"),
        _ => format!("{before}{inserted}{behind}"),
    }
}
