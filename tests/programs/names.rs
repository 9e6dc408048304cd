//! The ids that the gateway gives, under names that stay when something else is sent before: `procedure-1`.

use std::collections::HashMap;

use handoff::fhir::ResourceKey;
use serde_json::Value;

/// What every id of the gateway begins with in these tests; six digits follow.
const PREFIX: &str = "id-";
const DIGITS: usize = 6;

/// An id by its number.
pub(crate) fn id(number: u64) -> String {
    format!("{PREFIX}{number:0DIGITS$}")
}

/// Ids and their names, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_id: HashMap<String, String>,
    by_name: HashMap<String, String>,
}

impl Names {
    /// Gives names to the resources that have none yet, in the order of their making.
    pub(crate) fn learn_resources(&mut self, mut keys: Vec<ResourceKey>) {
        keys.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        for key in keys.iter().filter(|key| ids(&key.id).next().is_some()) {
            let mut kind = String::new();
            for letter in key.kind.chars() {
                if letter.is_ascii_uppercase() && !kind.is_empty() {
                    kind.push('-');
                }
                kind.push(letter.to_ascii_lowercase());
            }
            self.learn(&key.id, &kind);
        }
    }

    /// Gives names to the ids of items that are no resources, after the list that they stand in.
    pub(crate) fn learn_items(&mut self, record: &Value, list: &str) {
        match record {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(id) if name == "id" && ids(id).next().is_some() => self.learn(id, list),
                        _ => self.learn_items(value, name),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_items(item, list)),
            _ => {}
        }
    }

    fn learn(&mut self, id: &str, what: &str) {
        if self.by_id.contains_key(id) {
            return;
        }
        let name = (1..10_000).map(|number| format!("{what}-{number}")).find(|name| !self.by_name.contains_key(name));
        let name = name.unwrap();
        self.by_id.insert(id.to_owned(), name.clone());
        self.by_name.insert(name, id.to_owned());
    }

    /// A value with names in the place of ids, inside of texts too.
    pub(crate) fn name(&self, value: &Value) -> Value {
        texts(value, &|text| {
            let mut named = text.to_owned();
            for id in ids(text) {
                let name = self.by_id.get(id).unwrap_or_else(|| panic!("nobody knows what {id} is in {text}"));
                named = named.replace(id, name);
            }
            named
        })
    }

    /// A value with ids in the place of names: where a text is a name, or a reference to what is called so.
    pub(crate) fn unname(&self, value: &Value) -> Value {
        texts(value, &|text| {
            if let Some(id) = self.by_name.get(text) {
                return id.clone();
            }
            let reference = text.split_once('/').and_then(|(kind, name)| Some((kind, self.by_name.get(name)?)));
            reference.map_or_else(|| text.to_owned(), |(kind, id)| format!("{kind}/{id}"))
        })
    }
}

/// The ids of the gateway in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let id = text.get(at..at + PREFIX.len() + DIGITS)?;
        id[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_digit()).then_some(id)
    })
}

fn texts(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| texts(item, change)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), texts(value, change)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[test]
fn ids_get_names_and_back() {
    let mut names = Names::default();
    let key = |kind, number| ResourceKey::new(kind, id(number));
    names.learn_resources(vec![key("CareTeam", 7), key("Procedure", 5), key("Procedure", 3)]);
    names.learn_items(&serde_json::json!({ "careTeam": [{ "id": id(9) }], "services": [{ "id": id(5) }] }), "");
    let message = serde_json::json!({ "of": format!("Procedure/{}", id(5)), "id": id(9), "text": "id-7 of no one" });
    let named = names.name(&message);
    assert_eq!(
        named,
        serde_json::json!({ "of": "Procedure/procedure-2", "id": "careTeam-1", "text": "id-7 of no one" })
    );
    assert_eq!(names.unname(&named), message);
}
