//! Names in place of addresses, in the texts of cases.

use serde_json::Value;

use crate::error::Result;

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
