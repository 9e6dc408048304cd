//! Graphs that no two systems would send alike: parts missing, parts twice, unknown extensions, odd decimals.

use proptest::prelude::*;
use serde_json::Value;

/// One change of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Twist {
    at: usize,
    what: u8,
}

/// Some changes, and how the text is set.
pub(crate) fn twists() -> impl Strategy<Value = (Vec<Twist>, bool)> {
    let twist = (any::<usize>(), 0..8_u8).prop_map(|(at, what)| Twist { at, what });
    (prop::collection::vec(twist, 0..16), any::<bool>())
}

/// The text of a bundle after these changes.
pub(crate) fn twisted(bundle: &str, (twists, pretty): &(Vec<Twist>, bool)) -> String {
    let mut bundle: Value = serde_json::from_str(bundle).unwrap();
    for twist in twists {
        let mut places = Vec::new();
        for (at, entry) in bundle["entry"].as_array().unwrap().iter().enumerate() {
            collect(&entry["resource"], &mut format!("/entry/{at}/resource"), &mut places);
        }
        let place = &places[twist.at % places.len()];
        twist.apply(&mut bundle, place);
    }
    if *pretty { serde_json::to_string_pretty(&bundle).unwrap() } else { bundle.to_string() }
}

/// Every place that may change: not what makes a resource one, not what makes the Task a referral.
fn collect(value: &Value, at: &mut String, places: &mut Vec<String>) {
    let length = at.len();
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        at.push('/');
        at.push_str(&name);
        let depth = at.matches('/').count();
        let fixed = depth == 4 && matches!(name.as_str(), "resourceType" | "id" | "focus" | "for" | "code");
        if !fixed {
            places.push(at.clone());
            collect(child, at, places);
        }
        at.truncate(length);
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
