//! What files of cases have in common, whatever they are cases of: where they are, and how a case changes what is given.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

/// The YAML files of a folder, in the order of their names; the file itself, where it is one.
///
/// # Errors
/// A folder that cannot be read.
pub(super) fn yaml_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| Error::unreadable_file(path, &error);
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Changes the value as the patch says (RFC 7396): objects member by member, null takes away, all else replaces.
pub(super) fn merge_patch(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Some(object) = value.as_object_mut() else { return };
    for (name, patch) in patch {
        if patch.is_null() {
            object.shift_remove(name);
        } else {
            merge_patch(object.entry(name.clone()).or_insert(Value::Null), patch);
        }
    }
}
