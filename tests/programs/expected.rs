//! What is expected stands in a file. `HANDOFF_BLESS=1` writes the files anew; otherwise they are compared, and what
//! differs is said place by place.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// Are the files written rather than compared?
pub(crate) fn blessing() -> bool {
    std::env::var_os("HANDOFF_BLESS").is_some_and(|it| it == "1")
}

/// Compares a value with the file, or writes the file.
#[track_caller]
pub(crate) fn check(path: &Path, found: &Value) {
    if blessing() {
        std::fs::write(path, pretty(found)).unwrap();
        return;
    }
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{}: {error}\nHANDOFF_BLESS=1 writes it; look at it before you keep it", path.display())
    });
    let expected: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let found = differences(&expected, found);
    assert!(
        found.is_empty(),
        "{} is not what is expected:\n{}\nif that is right, HANDOFF_BLESS=1 writes the file anew",
        path.display(),
        message(&found)
    );
}

/// One place at which two values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where: `services[2].minutes`
    pub(crate) place: String,
    /// What stands there in the first
    pub(crate) first: Option<Value>,
    /// What stands there in the second
    pub(crate) second: Option<Value>,
}

impl Difference {
    /// The place without positions: `services[].minutes`
    pub(crate) fn field(&self) -> String {
        let mut field = String::new();
        let mut inside = false;
        for letter in self.place.chars() {
            inside = if letter == '[' { true } else { inside && letter != ']' };
            if !inside || letter == '[' {
                field.push(letter);
            }
        }
        field
    }
}

/// Differences with every value of its own: where a whole object is missing, each value in it.
pub(crate) fn leaves(found: Vec<Difference>) -> Vec<Difference> {
    let mut leaves = Vec::new();
    for it in found {
        match (&it.first, &it.second) {
            (Some(value), None) => each_leaf(value, &it.place, &mut |place, value| {
                leaves.push(Difference { place, first: Some(value), second: None });
            }),
            (None, Some(value)) => each_leaf(value, &it.place, &mut |place, value| {
                leaves.push(Difference { place, first: None, second: Some(value) });
            }),
            _ => leaves.push(it),
        }
    }
    leaves
}

fn each_leaf(value: &Value, place: &str, act: &mut impl FnMut(String, Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, value)| each_leaf(value, &format!("{place}.{name}"), act));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| each_leaf(value, &format!("{place}[{at}]"), act));
        }
        value => act(place.to_owned(), value.clone()),
    }
}

/// Differences in words.
pub(crate) fn message(differences: &[Difference]) -> String {
    let value = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = value.to_string();
            if text.chars().count() > 200 { text.chars().take(200).chain(['…']).collect() } else { text }
        }
    };
    let line = |it: &Difference| format!("  {}: expected {}, found {}", it.place, value(&it.first), value(&it.second));
    differences.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Every place at which two values differ.
pub(crate) fn differences(first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(Some(first), Some(second), "", &mut found);
    found
}

fn compare(first: Option<&Value>, second: Option<&Value>, place: &str, found: &mut Vec<Difference>) {
    match (first, second) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                compare(one.get(name), other.get(name), &inner, found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for at in 0..one.len().max(other.len()) {
                compare(one.get(at), other.get(at), &format!("{place}[{at}]"), found);
            }
        }
        (first, second) if first == second => {}
        (first, second) => {
            found.push(Difference { place: place.to_owned(), first: first.cloned(), second: second.cloned() });
        }
    }
}

// === writing

/// How wide a line may be before what stands in it gets lines of its own.
const WIDTH: usize = 110;

/// JSON for people: what is short stands in one line.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    lay_out(value, 0, 0, &mut text);
    text.push('\n');
    text
}

fn lay_out(value: &Value, indent: usize, before: usize, text: &mut String) {
    let inner = "  ".repeat(indent + 1);
    let short = inline(value);
    let is_short = short.chars().count() + before + inner.len() <= WIDTH;
    match value {
        Value::Object(members) if indent == 0 || !is_short => {
            text.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                let name = Value::String(name.clone());
                let _ = write!(text, "{}\n{inner}{name}: ", if at == 0 { "" } else { "," });
                lay_out(value, indent + 1, name.to_string().len() + 2, text);
            }
            let _ = write!(text, "\n{}}}", "  ".repeat(indent));
        }
        Value::Array(items) if !items.is_empty() && !is_short => {
            text.push('[');
            for (at, value) in items.iter().enumerate() {
                let _ = write!(text, "{}\n{inner}", if at == 0 { "" } else { "," });
                lay_out(value, indent + 1, 0, text);
            }
            let _ = write!(text, "\n{}]", "  ".repeat(indent));
        }
        _ => text.push_str(&short),
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let member =
                |(name, value): (&String, &Value)| format!("{}: {}", Value::String(name.clone()), inline(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[test]
fn differences_are_said_place_by_place() {
    let one = serde_json::json!({ "a": [{ "b": 1 }, 2], "c": "x" });
    let other = serde_json::json!({ "a": [{ "b": 2 }], "d": null });
    let found = differences(&one, &other);
    let places: Vec<(&str, String)> = found.iter().map(|it| (it.place.as_str(), it.field())).collect();
    let field = |place: &str| place.to_owned();
    assert_eq!(places, [("a[0].b", field("a[].b")), ("a[1]", field("a[]")), ("c", field("c")), ("d", field("d"))]);
    assert!(message(&found).contains("a[1]: expected 2, found nothing"), "{}", message(&found));
    let found = leaves(differences(&serde_json::json!({ "a": { "b": [1, { "c": 2 }] } }), &serde_json::json!({})));
    assert_eq!(found.iter().map(|it| it.place.as_str()).collect::<Vec<_>>(), ["a.b[0]", "a.b[1].c"]);
}
