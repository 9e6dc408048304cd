//! A place of a record: `participant.names[use=legal].first`.
//!
//! `name` is a member, `[key=value]` the first item of a list that says so, `[key=value|1]` the same or, where none does,
//! the first of all, `[key!=value]` the first that does not say so, `[2]` the second item, `[]` each item.

use serde_json::{Map, Value};

/// A place of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    Name(String),
    Each,
    At(usize),
    Where { key: String, value: String, equal: bool, or_first: bool },
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            if name.is_empty() {
                return Err(format!("{text} has a step without a name"));
            }
            steps.push(PathStep::Name(name.to_owned()));
            rest = behind;
            if let Some(inside) = rest.strip_prefix('[') {
                let (item, behind) = inside.split_once(']').ok_or_else(|| format!("{text} lacks a ]"))?;
                steps.push(item_step(item).ok_or_else(|| format!("[{item}] is no way to name an item"))?);
                rest = behind;
            }
            match rest.strip_prefix('.') {
                Some("") => return Err(format!("{text} ends with a dot")),
                Some(behind) => rest = behind,
                None if rest.is_empty() => {}
                None => return Err(format!("{text} lacks a dot")),
            }
        }
        if steps.is_empty() { Err("the path is empty".to_owned()) } else { Ok(Self { steps }) }
    }

    /// The names on the way, `[]` standing for the items of a list: what a schema is asked for.
    pub(super) fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| if let PathStep::Name(name) = step { name.as_str() } else { "[]" }).collect()
    }

    /// The list of which it means each item, and the place within an item.
    pub(super) fn split(&self) -> Option<(Self, Self)> {
        let at = self.steps.iter().position(|step| *step == PathStep::Each)?;
        let (list, item) = (self.steps[..at].to_vec(), self.steps[at + 1..].to_vec());
        Some((Self { steps: list }, Self { steps: item }))
    }

    /// The place beside it with this name.
    pub(super) fn beside(&self, name: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.pop();
        steps.push(PathStep::Name(name.to_owned()));
        Self { steps }
    }

    /// What stands there.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            PathStep::Name(name) => value.get(name),
            PathStep::At(position) => value.get(position - 1),
            PathStep::Where { .. } => {
                let list = value.as_array()?;
                list.get(step.find(list)?)
            }
            PathStep::Each => None,
        })
    }

    /// Puts a value there; what is missing on the way comes into being.
    pub(super) fn set(&self, value: &mut Value, new: Value) {
        let place = self.steps.iter().try_fold(value, |at, step| match step {
            PathStep::Name(name) => Some(members(at)?.entry(name.as_str()).or_insert(Value::Null)),
            PathStep::At(position) => {
                let list = items(at)?;
                let index = (position - 1).min(list.len());
                if index == list.len() {
                    list.push(Value::Null);
                }
                list.get_mut(index)
            }
            PathStep::Where { key, value: wanted, equal, .. } => {
                let list = items(at)?;
                let index = step.find(list).unwrap_or(list.len());
                if index == list.len() {
                    let named = equal.then(|| (key.clone(), Value::String(wanted.clone())));
                    list.push(Value::Object(named.into_iter().collect()));
                }
                list.get_mut(index)
            }
            // Whoever means each item has gone to one before.
            PathStep::Each => None,
        });
        if let Some(place) = place {
            *place = new;
        }
    }

    /// The list that stands there, made where there is none.
    pub(super) fn list<'v>(&self, value: &'v mut Value) -> Option<&'v mut Vec<Value>> {
        let at = self.steps.iter().try_fold(value, |at, step| match step {
            PathStep::Name(name) => Some(members(at)?.entry(name.as_str()).or_insert(Value::Null)),
            _ => None,
        })?;
        items(at)
    }
}

impl PathStep {
    /// Which item of a list is meant.
    fn find(&self, list: &[Value]) -> Option<usize> {
        let Self::Where { key, value, equal, or_first } = self else { return None };
        let found = list.iter().position(|item| (item.get(key).and_then(Value::as_str) == Some(value)) == *equal);
        found.or_else(|| (*or_first && !list.is_empty()).then_some(0))
    }
}

fn item_step(item: &str) -> Option<PathStep> {
    if item.is_empty() {
        return Some(PathStep::Each);
    }
    if let Ok(position) = item.parse::<usize>() {
        return (position > 0).then_some(PathStep::At(position));
    }
    let (key, value) = item.split_once('=')?;
    let (key, equal) = key.strip_suffix('!').map_or((key, true), |key| (key, false));
    let (value, or_first) = value.strip_suffix("|1").map_or((value, false), |value| (value, true));
    (!key.is_empty()).then(|| PathStep::Where { key: key.to_owned(), value: value.to_owned(), equal, or_first })
}

/// The members of what stands here, which becomes an object where it is none.
fn members(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// The items of what stands here, which becomes a list where it is none.
fn items(value: &mut Value) -> Option<&mut Vec<Value>> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_and_puts() {
        let mut record = json!({ "names": [{ "use": "nickname", "text": "Ferdie" }] });
        let first = Path::parse("names[use=legal].first").unwrap();
        assert_eq!(first.get(&record), None);
        first.set(&mut record, json!("Ferdinand"));
        assert_eq!(first.get(&record), Some(&json!("Ferdinand")));
        assert_eq!(record["names"][1], json!({ "use": "legal", "first": "Ferdinand" }));
        let any = Path::parse("names[use=legal|1].first").unwrap();
        assert_eq!(any.get(&json!({ "names": [{ "first": "Perpetua" }] })), Some(&json!("Perpetua")));
        let line = Path::parse("addresses[use!=old].lines[1]").unwrap();
        line.set(&mut record, json!("22 Hazel Steps"));
        assert_eq!(record["addresses"], json!([{ "lines": ["22 Hazel Steps"] }]));
        let icd = Path::parse("codes[system=http://hl7.org/fhir/sid/icd-10-cm].code").unwrap();
        icd.set(&mut record, json!("Z59.41"));
        assert_eq!(icd.get(&record), Some(&json!("Z59.41")));
    }

    #[test]
    fn knows_the_list_of_which_it_means_each_item() {
        let (list, item) = Path::parse("services[].amount.value").unwrap().split().unwrap();
        assert_eq!((list.names(), item.names()), (vec!["services"], vec!["amount", "value"]));
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", ".a", "a.", "a[0]", "a[x]", "a[1", "a[1]b", "a..b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
