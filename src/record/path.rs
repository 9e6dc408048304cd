//! The path of a value in a record: `participant.names[use=legal|first].first`.
//!
//! ```text
//! enrollment.exit.text       members
//! lines[0]                   an item by its index
//! services[]                 each item
//! names[use=legal]           the first item that has this; a new one is created with it
//! names[use=legal|first]     the same; where none has it, the first of all
//! addresses[use!=old]        the first item that has it not
//! ```
//! Where reading finds something, writing changes that; what is missing on the way is created.

use std::fmt;

use serde_json::{Map, Value};

use super::syntax;

/// The path of a value in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPath {
    steps: Vec<PathStep>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    /// A member of an object
    Member(String),
    /// Each item of a list
    Each,
    /// An item of a list by its index
    Index(usize),
    /// An item of a list by what it says
    Where(Condition),
}

/// What an item says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    key: String,
    value: String,
    /// Does it say this, or anything but this?
    is_equal: bool,
    /// Is the first item meant where none says it?
    or_first: bool,
}

impl RecordPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for piece in syntax::split(text, '.')? {
            let (name, choice) = syntax::name_and_choice(piece)?;
            if !is_name(name) {
                return Err(format!("{piece} has no name that a member of a record could have"));
            }
            steps.push(PathStep::Member(name.to_owned()));
            if let Some(choice) = choice {
                steps.push(PathStep::choose(choice).ok_or_else(|| no_choice(choice))?);
            }
        }
        Ok(Self { steps })
    }

    /// The names on the way, `[]` standing for the items of a list: what a schema is asked for.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            names.push(if let PathStep::Member(name) = step { name.as_str() } else { "[]" });
        }
        names
    }

    /// The names, where it chooses no items.
    pub fn members(&self) -> Option<Vec<&str>> {
        let mut names = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let PathStep::Member(name) = step else { return None };
            names.push(name.as_str());
        }
        Some(names)
    }

    /// Does it choose no item, but mean all of every list on the way?
    pub fn has_only_lists(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, PathStep::Member(_) | PathStep::Each))
    }

    /// The outermost list of which it means each item, and the path within an item.
    pub fn split_first_each(&self) -> Option<(Self, Self)> {
        Some(self.split_at(self.steps.iter().position(|step| *step == PathStep::Each)?))
    }

    /// The innermost list of which it means each item, and the path within an item.
    pub fn split_last_each(&self) -> Option<(Self, Self)> {
        Some(self.split_at(self.steps.iter().rposition(|step| *step == PathStep::Each)?))
    }

    fn split_at(&self, position: usize) -> (Self, Self) {
        let (list, item) = (&self.steps[..position], &self.steps[position + 1..]);
        (Self { steps: list.to_vec() }, Self { steps: item.to_vec() })
    }

    /// The path of another member of the same object.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.pop();
        steps.push(PathStep::Member(name.to_owned()));
        Self { steps }
    }

    /// The list and key by which its first member chooses an item, and the value: `sources`, `source`, `SSI`.
    pub fn first_choice(&self) -> Option<(&str, &str, &str)> {
        match self.steps.as_slice() {
            [PathStep::Member(list), PathStep::Where(condition), ..] if condition.is_equal => {
                Some((list, &condition.key, &condition.value))
            }
            _ => None,
        }
    }

    /// The value there. Null is none.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let found = self.steps.iter().try_fold(value, |value, step| match step {
            PathStep::Member(name) => value.get(name),
            PathStep::Index(index) => value.as_array()?.get(*index),
            PathStep::Where(condition) => {
                let items = value.as_array()?;
                items.get(condition.find(items)?)
            }
            PathStep::Each => None,
        });
        found.filter(|value| !value.is_null())
    }

    /// Writes a value there; what is missing on the way is created.
    pub fn set(&self, value: &mut Value, new: Value) {
        if let Some(found) = self.get_or_create(value) {
            *found = new;
        }
    }

    /// The value there, null where it was missing. None: the path means each item of a list.
    pub fn get_or_create<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            PathStep::Member(name) => Some(member_mut(value, name)),
            PathStep::Index(index) => {
                let items = items_mut(value)?;
                let index = (*index).min(items.len());
                if index == items.len() {
                    items.push(Value::Null);
                }
                items.get_mut(index)
            }
            PathStep::Where(condition) => {
                let items = items_mut(value)?;
                let index = condition.find(items).unwrap_or(items.len());
                if index == items.len() {
                    items.push(condition.new_item());
                }
                items.get_mut(index)
            }
            PathStep::Each => None,
        })
    }

    /// The list there, created where there is none.
    pub fn list<'v>(&self, value: &'v mut Value) -> Option<&'v mut Vec<Value>> {
        items_mut(self.get_or_create(value)?)
    }
}

impl fmt::Display for RecordPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                PathStep::Member(name) if position == 0 => formatter.write_str(name)?,
                PathStep::Member(name) => write!(formatter, ".{name}")?,
                PathStep::Each => formatter.write_str("[]")?,
                PathStep::Index(index) => write!(formatter, "[{index}]")?,
                PathStep::Where(Condition { key, value, is_equal, or_first }) => {
                    let (sign, first) = (if *is_equal { "=" } else { "!=" }, if *or_first { "|first" } else { "" });
                    write!(formatter, "[{key}{sign}{value}{first}]")?;
                }
            }
        }
        Ok(())
    }
}

impl PathStep {
    /// What stands in the brackets behind the name of a list.
    fn choose(choice: &str) -> Option<Self> {
        if choice.is_empty() {
            return Some(Self::Each);
        }
        if choice.bytes().all(|byte| byte.is_ascii_digit()) {
            return choice.parse().ok().map(Self::Index);
        }
        let (key, value) = syntax::key_and_value(choice)?;
        let (key, is_equal) = key.strip_suffix('!').map_or((key, true), |key| (key, false));
        let (value, or_first) = value.strip_suffix("|first").map_or((value, false), |value| (value, true));
        let value = syntax::unquoted(value);
        // `|` has one meaning here.
        let is_sound = is_name(key) && !value.is_empty() && !value.contains('|');
        is_sound.then(|| Self::Where(Condition { key: key.to_owned(), value: value.to_owned(), is_equal, or_first }))
    }
}

impl Condition {
    /// Which item of a list is meant.
    fn find(&self, items: &[Value]) -> Option<usize> {
        let says = |item: &Value| item.get(&self.key).and_then(Value::as_str) == Some(&self.value);
        let found = items.iter().position(|item| says(item) == self.is_equal);
        found.or_else(|| (self.or_first && !items.is_empty()).then_some(0))
    }

    /// The item that is created where none is meant.
    fn new_item(&self) -> Value {
        let member = self.is_equal.then(|| (self.key.clone(), Value::String(self.value.clone())));
        Value::Object(member.into_iter().collect())
    }
}

fn no_choice(choice: &str) -> String {
    format!("[{choice}] chooses no item; expected [], an index from 0, [key=value], [key=value|first] or [key!=value]")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
}

/// The member of an object, null where it was missing; what is no object becomes one.
pub fn member_mut<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    &mut value[name]
}

/// The items of a list; what is no list becomes one.
pub fn items_mut(value: &mut Value) -> Option<&mut Vec<Value>> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> RecordPath {
        RecordPath::parse(text).unwrap()
    }

    #[test]
    fn finds_and_writes() {
        let mut record = json!({ "names": [{ "use": "nickname", "text": "Ferdie" }] });
        let first = path("names[use=legal].first");
        assert_eq!(first.get(&record), None);
        first.set(&mut record, json!("Ferdinand"));
        assert_eq!(first.get(&record), Some(&json!("Ferdinand")));
        assert_eq!(record["names"][1], json!({ "use": "legal", "first": "Ferdinand" }));
        let line = path("addresses[use!=old].lines[0]");
        line.set(&mut record, json!("22 Hazel Steps"));
        assert_eq!(record["addresses"], json!([{ "lines": ["22 Hazel Steps"] }]));
        let icd = path("codes[system=http://hl7.org/fhir/sid/icd-10-cm].code");
        icd.set(&mut record, json!("Z59.41"));
        assert_eq!(icd.get(&record), Some(&json!("Z59.41")));
    }

    #[test]
    fn means_the_first_where_none_says_it() {
        let last = path("names[use=legal|first].last");
        let mut record = json!({ "names": [{ "use": "alias", "last": "Gray" }, { "use": "legal", "last": "Grey" }] });
        assert_eq!(last.get(&record), Some(&json!("Grey")));
        record["names"].as_array_mut().unwrap().pop();
        assert_eq!(last.get(&record), Some(&json!("Gray")));
        // What is read is what is written: no second name comes into being.
        last.set(&mut record, json!("Greye"));
        assert_eq!(record, json!({ "names": [{ "use": "alias", "last": "Greye" }] }));
        let mut empty = json!({});
        last.set(&mut empty, json!("Gray"));
        assert_eq!(empty, json!({ "names": [{ "use": "legal", "last": "Gray" }] }));
    }

    #[test]
    fn counts_from_0_and_appends_behind_the_last() {
        let mut record = json!({ "suffix": ["Jr.", "III"] });
        assert_eq!(path("suffix[1]").get(&record), Some(&json!("III")));
        path("suffix[7]").set(&mut record, json!("Esq."));
        assert_eq!(record, json!({ "suffix": ["Jr.", "III", "Esq."] }));
        path("suffix[0]").set(&mut record, json!("Sr."));
        assert_eq!(record["suffix"][0], "Sr.");
    }

    #[test]
    fn null_is_nothing_and_what_is_in_the_way_gives_way() {
        let mut record = json!({ "exit": null, "phase": "a" });
        assert_eq!(path("exit").get(&record), None);
        assert_eq!(path("phase.name").get(&record), None);
        path("phase.name").set(&mut record, json!("b"));
        assert_eq!(record["phase"], json!({ "name": "b" }));
        path("services").list(&mut record).unwrap().push(json!({}));
        assert_eq!(record["services"], json!([{}]));
    }

    #[test]
    fn knows_the_list_of_which_it_means_each_item() {
        let (list, item) = path("services[].amount.value").split_first_each().unwrap();
        assert_eq!((list.names(), item.names()), (vec!["services"], vec!["amount", "value"]));
        let (list, item) = path("plan.goals[].steps[].text").split_last_each().unwrap();
        assert_eq!((list.to_string().as_str(), item.members()), ("plan.goals[].steps", Some(vec!["text"])));
        assert_eq!(path("services[].id").get(&json!({ "services": [{ "id": "1" }] })), None);
        assert_eq!(path("a.b[0].c").members(), None);
        assert_eq!(path("a.b[0].c").sibling("d"), path("a.b[0].d"));
        assert_eq!(path("sources[source=SSI].amount").first_choice(), Some(("sources", "source", "SSI")));
    }

    #[test]
    fn is_shown_as_it_was_written() {
        for text in ["a.b", "a[].b[2].c", "names[use=legal|first].first", "a[k=http://x.y/z].b", "a[use!=old|first]"] {
            assert_eq!(path(text).to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_path_and_says_why() {
        for text in ["", ".a", "a.", "a[x]", "a[1", "a[1]b", "a..b", "a[=c]", "a[b=]", "a b", "a[b=c|1]", "a[-1]"] {
            assert!(RecordPath::parse(text).is_err(), "{text}");
        }
        let message = RecordPath::parse("names[use=legal|1]").unwrap_err();
        assert!(message.contains("[use=legal|1] chooses no item") && message.contains("|first"), "{message}");
    }
}
