//! A journey as it is written down: the files of `fixtures/cases/programs/TYPE` (see the README there).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// The folder of all journeys.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/programs")
}

/// The types that have a folder there.
pub(crate) fn kinds() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries.filter(|path| path.is_dir());
    let mut kinds: Vec<String> = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    kinds.sort_unstable();
    kinds
}

/// A journey.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journey {
    /// The program type, which is the folder's name
    #[serde(rename = "journey")]
    pub(crate) kind: String,
    /// What happens, in a sentence or two
    pub(crate) says: String,
    /// Who sends: the organization of the EHR's client
    #[serde(default = "usual_sender")]
    pub(crate) ehr: String,
    /// Who answers
    pub(crate) agency: String,
    /// When the EHR sends
    pub(crate) begins: String,
    /// The places of the last record that FHIR has no room for, so that the gateway alone keeps them
    #[serde(default)]
    pub(crate) aside: Vec<String>,
    /// What happens then
    pub(crate) steps: Vec<JourneyStep>,
}

/// One step: exactly one of `event`, `put` and `change`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JourneyStep {
    /// When, as FHIR writes an instant or a date; a day after the step before where it is not said
    pub(crate) on: Option<String>,
    /// What happens, for people
    #[serde(rename = "says")]
    _says: Option<String>,
    /// The agency raises this event
    pub(crate) event: Option<Value>,
    /// The agency writes its record back with this patch (a file)
    pub(crate) put: Option<String>,
    /// The EHR writes resources back with these patches: `Condition/condition-1: { ... }`
    pub(crate) change: Option<serde_json::Map<String, Value>>,
    /// The record after it (a file)
    pub(crate) record: String,
}

fn usual_sender() -> String {
    "Organization/tarnside-clinic".to_owned()
}

impl Journey {
    /// Reads the journey of a type.
    pub(crate) fn read(kind: &str) -> Self {
        let path = folder().join(kind).join("journey.yaml");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("the program type {kind} has no journey: {}: {error}", path.display()));
        let journey: Self = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(journey.kind, kind, "{}: the journey is named after its folder", path.display());
        assert!(!journey.says.trim().is_empty() && !journey.steps.is_empty(), "{}: says nothing", path.display());
        journey
    }

    /// A file of the journey.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        folder().join(&self.kind).join(name)
    }

    /// A file of the journey, as JSON.
    pub(crate) fn json(&self, name: &str) -> Value {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The organizations and services that are known before anything is sent.
    pub(crate) fn directory(&self) -> Value {
        self.json("directory.json")
    }

    /// The file of the last record.
    pub(crate) fn last(&self) -> &str {
        &self.steps.last().unwrap().record
    }
}

/// Lays a patch over a value: members are laid over members, null takes one away (RFC 7396); a member `name+` adds the
/// items of a list to the list `name`.
pub(crate) fn patch(value: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let object = value.as_object_mut().unwrap();
    for (name, inner) in members {
        if let Some(list) = name.strip_suffix('+') {
            let items = object.entry(list).or_insert_with(|| Value::Array(Vec::new()));
            items.as_array_mut().unwrap().extend(inner.as_array().unwrap().iter().cloned());
        } else if inner.is_null() {
            object.shift_remove(name);
        } else {
            self::patch(object.entry(name.clone()).or_insert(Value::Null), inner);
        }
    }
}

#[test]
fn a_patch_lays_over_takes_away_and_adds() {
    let mut value = serde_json::json!({ "a": { "b": 1, "c": 2 }, "list": [1], "gone": true });
    let laid = serde_json::json!({ "a": { "b": 3, "d": { "e": 4 } }, "list+": [2], "gone": null, "new+": [5] });
    patch(&mut value, &laid);
    assert_eq!(value, serde_json::json!({ "a": { "b": 3, "c": 2, "d": { "e": 4 } }, "list": [1, 2], "new": [5] }));
}
