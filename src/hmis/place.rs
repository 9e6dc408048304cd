//! Whether a record's schema knows a place: followed through `properties`, `items`, `$ref`, `allOf` and `$defs`.

use serde_json::Value;

/// Does this schema, complete in itself, know what stands at these names, `[]` standing for the items of a list?
pub(super) fn knows(whole: &Value, names: &[&str]) -> bool {
    let mut at = vec![(whole, whole)];
    for name in names {
        at = at.into_iter().flat_map(|(schema, root)| parts(schema, root, whole)).collect();
        at = at
            .into_iter()
            .filter_map(|(schema, root)| {
                let child = if *name == "[]" { schema.get("items") } else { schema.get("properties")?.get(name) };
                Some((child?, root))
            })
            .collect();
        if at.is_empty() {
            return false;
        }
    }
    true
}

/// A schema and all that it draws in, each with the root that its references mean.
fn parts<'s>(schema: &'s Value, root: &'s Value, whole: &'s Value) -> Vec<(&'s Value, &'s Value)> {
    let mut found = vec![(schema, root)];
    if let Some((target, root)) = schema.get("$ref").and_then(Value::as_str).and_then(|it| resolve(it, root, whole)) {
        found.extend(parts(target, root, whole));
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(parts(part, root, whole));
    }
    found
}

fn resolve<'s>(reference: &str, root: &'s Value, whole: &'s Value) -> Option<(&'s Value, &'s Value)> {
    let (id, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let root = match id {
        "" => root,
        id => whole.get("$defs")?.as_object()?.values().find(|it| it.get("$id").and_then(Value::as_str) == Some(id))?,
    };
    Some((root.pointer(pointer)?, root))
}
