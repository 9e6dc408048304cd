//! Graphs that no two systems would send alike: parts missing, parts twice, unknown extensions, odd decimals.

use proptest::prelude::*;
use serde_json::Value;

/// One change of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Twist {
    at: usize,
    what: u8,
}

/// Fewer changes than this.
pub(crate) fn twists(most: usize) -> impl Strategy<Value = Vec<Twist>> {
    let twist = (any::<usize>(), 0..8_u8).prop_map(|(at, what)| Twist { at, what });
    prop::collection::vec(twist, 0..most)
}

/// Changes the resources of a bundle that `of` picks.
pub(crate) fn twist(bundle: &mut Value, twists: &[Twist], of: fn(&Value) -> bool) {
    for twist in twists {
        let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).enumerate();
        let resources: Vec<(usize, &Value)> = entries.filter(|(_, resource)| of(resource)).collect();
        let total: usize = resources.iter().map(|(_, resource)| places(resource, true)).sum();
        if total == 0 {
            return;
        }
        let mut left = twist.at % total;
        for (at, resource) in resources {
            let here = places(resource, true);
            if left < here {
                let mut place = format!("/entry/{at}/resource");
                walk(resource, true, left, &mut place);
                twist.apply(bundle, &place);
                break;
            }
            left -= here;
        }
    }
}

/// The text of a bundle, set in one way or the other.
pub(crate) fn text(bundle: &Value, pretty: bool) -> String {
    if pretty { serde_json::to_string_pretty(bundle).unwrap() } else { bundle.to_string() }
}

/// May the member of a resource change? Not what makes it one, not what makes the Task a referral.
fn may_change(name: &str) -> bool {
    !matches!(name, "resourceType" | "id" | "focus" | "for" | "code")
}

/// How many places inside a value may change.
fn places(value: &Value, is_resource: bool) -> usize {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !is_resource || may_change(name));
            members.map(|(_, value)| 1 + places(value, false)).sum()
        }
        Value::Array(items) => items.iter().map(|value| 1 + places(value, false)).sum(),
        _ => 0,
    }
}

/// Adds to a pointer the way to the place with this number.
fn walk(value: &Value, is_resource: bool, mut left: usize, at: &mut String) {
    let mut step = |name: &str, value: &Value| {
        if left == 0 {
            *at = format!("{at}/{name}");
            return true;
        }
        let inside = places(value, false);
        if left <= inside {
            *at = format!("{at}/{name}");
            walk(value, false, left - 1, at);
            return true;
        }
        left -= 1 + inside;
        false
    };
    match value {
        Value::Object(members) => {
            let mut members = members.iter().filter(|(name, _)| !is_resource || may_change(name));
            members.any(|(name, value)| step(&name.replace('~', "~0").replace('/', "~1"), value));
        }
        Value::Array(items) => {
            items.iter().enumerate().any(|(at, value)| step(&at.to_string(), value));
        }
        _ => {}
    }
}

impl Twist {
    fn apply(&self, bundle: &mut Value, place: &str) {
        let (parent, name) = place.rsplit_once('/').unwrap();
        match self.what {
            0 | 1 => remove(bundle.pointer_mut(parent).unwrap(), name),
            2 => {
                if let Some(items) = bundle.pointer_mut(parent).unwrap().as_array_mut() {
                    let item = items[name.parse::<usize>().unwrap()].clone();
                    items.push(item);
                }
            }
            3 => {
                if let Some(object) = bundle.pointer_mut(place).unwrap().as_object_mut() {
                    let extension =
                        serde_json::from_str(r#"[{"url":"urn:example:unknown","valueDecimal":1.10}]"#).unwrap();
                    object.entry("modifierExtension").or_insert(extension);
                }
            }
            4 => {
                if let Some(items) = bundle.pointer_mut(parent).unwrap().as_array_mut() {
                    items.reverse();
                }
            }
            5 => {
                if let Some(object) = bundle.pointer_mut(parent).unwrap().as_object_mut()
                    && !name.starts_with('_')
                {
                    object.entry(format!("_{name}")).or_insert(serde_json::json!({ "id": "e1" }));
                }
            }
            6 => {
                let value = bundle.pointer_mut(place).unwrap();
                match value {
                    Value::String(text) if !text.contains('/') => *value = Value::String(format!("{text}x")),
                    Value::Number(number) => {
                        let more = format!("{number}0");
                        if number.to_string().contains('.') {
                            *value = serde_json::from_str(&more).unwrap();
                        }
                    }
                    Value::Bool(truth) => *value = Value::Bool(!*truth),
                    _ => {}
                }
            }
            _ => {
                if let Some(object) = bundle.pointer_mut(place).unwrap().as_object_mut() {
                    object.entry("notOfFhir").or_insert(serde_json::from_str("[1E+2, null, {}]").unwrap());
                }
            }
        }
    }
}

fn remove(parent: &mut Value, name: &str) {
    match parent {
        Value::Object(members) => {
            members.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Value::Array(items) => {
            items.remove(name.parse::<usize>().unwrap());
        }
        _ => {}
    }
}
