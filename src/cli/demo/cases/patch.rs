//! How cases change what is there: merge patches (RFC 7396), and names in place of addresses.

use serde_json::Value;

use crate::error::Result;

/// Changes the value as the patch says: objects member by member, null takes away, all else replaces.
pub(super) fn merge(value: &mut Value, patch: &Value) {
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
            merge(object.entry(name.clone()).or_insert(Value::Null), patch);
        }
    }
}

/// The value with each `${NAME}` in its texts replaced by what it stands for.
///
/// # Errors
/// Those of `resolve`.
pub(super) fn substitute(value: &Value, resolve: &dyn Fn(&str) -> Result<String>) -> Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(substitute_text(text, resolve)?),
        Value::Array(items) => items.iter().map(|item| substitute(item, resolve)).collect::<Result<_>>()?,
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), substitute(value, resolve)?)));
            Value::Object(members.collect::<Result<_>>()?)
        }
        other => other.clone(),
    })
}

fn substitute_text(text: &str, resolve: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut substituted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        substituted.push_str(before);
        substituted.push_str(&resolve(name)?);
        rest = behind;
    }
    substituted.push_str(rest);
    Ok(substituted)
}
