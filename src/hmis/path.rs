//! Where a value stands in a record: `enrollment.exit.destination`, `names[use=legal|first].last`, `suffix[0]`.
//!
//! Reading finds nothing where a part is missing; writing makes the parts that are missing.

use serde_json::{Map, Value};

/// A place in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<PathStep>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    /// A member
    Member(String),
    /// The first item of a list
    First(String),
    /// The item of a list whose member `key` is `value`; with `or_first`, else the first
    Item { list: String, key: String, value: String, or_first: bool },
}

impl Path {
    /// Reads a path. None: it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let Some((list, inner)) = part.split_once('[') else {
                steps.push(PathStep::Member(name(part)?));
                continue;
            };
            let (list, inner) = (name(list)?, inner.strip_suffix(']')?);
            if inner == "0" {
                steps.push(PathStep::First(list));
                continue;
            }
            let (key, value) = inner.split_once('=')?;
            let (value, or_first) = match value.strip_suffix("|first") {
                Some(value) => (value, true),
                None => (value, false),
            };
            steps.push(PathStep::Item { list, key: name(key)?, value: name(value)?, or_first });
        }
        Some(Self { steps, text: text.to_owned() })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its names, `[]` standing for the items of a list, as schemas are asked.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for step in &self.steps {
            match step {
                PathStep::Member(member) => names.push(member.as_str()),
                PathStep::First(list) | PathStep::Item { list, .. } => names.extend([list.as_str(), "[]"]),
            }
        }
        names
    }

    /// The list and the key that its first step chooses from, and the value: `sources`, `source`, `SSI`.
    pub(super) fn chooses(&self) -> Option<(&str, &str, &str)> {
        match self.steps.first()? {
            PathStep::Item { list, key, value, .. } => Some((list, key, value)),
            _ => None,
        }
    }

    /// The value there. Nothing counts as nothing: null, and a list without items.
    pub(super) fn get<'v>(&self, from: &'v Value) -> Option<&'v Value> {
        let mut at = from;
        for step in &self.steps {
            at = match step {
                PathStep::Member(member) => at.get(member)?,
                PathStep::First(list) => at.get(list)?.get(0)?,
                PathStep::Item { list, key, value, or_first } => {
                    let items = at.get(list)?.as_array()?;
                    let named = items.iter().find(|item| item.get(key).and_then(Value::as_str) == Some(value));
                    named.or_else(|| items.first().filter(|_| *or_first))?
                }
            };
        }
        (!at.is_null()).then_some(at)
    }

    /// Writes a value there, and makes what is missing on the way.
    pub(super) fn set(&self, within: &mut Value, value: Value) {
        if let Some(place) = self.ensure(within) {
            *place = value;
        }
    }

    /// The place to write to, made where it is missing.
    pub(super) fn ensure<'v>(&self, within: &'v mut Value) -> Option<&'v mut Value> {
        let mut at = within;
        for step in &self.steps {
            at = match step {
                PathStep::Member(member) => slot(at, member),
                PathStep::First(list) => {
                    let items = list_of(slot(at, list))?;
                    if items.is_empty() {
                        items.push(Value::Null);
                    }
                    &mut items[0]
                }
                PathStep::Item { list, key, value, .. } => {
                    let items = list_of(slot(at, list))?;
                    let found = items.iter().position(|item| item.get(key).and_then(Value::as_str) == Some(value));
                    let position = found.unwrap_or_else(|| {
                        items.push(Value::Object(Map::from_iter([(key.clone(), value.clone().into())])));
                        items.len() - 1
                    });
                    &mut items[position]
                }
            };
        }
        Some(at)
    }
}

/// The member of an object, null where it was missing; what is no object becomes one.
pub(super) fn slot<'v>(at: &'v mut Value, member: &str) -> &'v mut Value {
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    &mut at[member]
}

/// The items of a list; what is no list becomes one.
pub(super) fn list_of(at: &mut Value) -> Option<&mut Vec<Value>> {
    if !at.is_array() {
        *at = Value::Array(Vec::new());
    }
    at.as_array_mut()
}

fn name(text: &str) -> Option<String> {
    let sound = !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_and_makes_places() {
        let path = Path::parse("names[use=legal|first].suffix[0]").unwrap();
        assert_eq!(path.names(), ["names", "[]", "suffix", "[]"]);
        assert_eq!(path.get(&json!({ "names": [{ "use": "alias", "suffix": ["Jr"] }] })), Some(&json!("Jr")));
        let mut record = json!({});
        path.set(&mut record, json!("Jr"));
        assert_eq!(record, json!({ "names": [{ "use": "legal", "suffix": ["Jr"] }] }));
        assert_eq!(path.get(&record), Some(&json!("Jr")));
    }

    #[test]
    fn refuses_what_is_no_path() {
        assert!(["", "a..b", "a[", "a[1]", "a[b]", "a[=c]"].iter().all(|text| Path::parse(text).is_none()));
    }
}
