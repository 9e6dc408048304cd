//! What a record holds that FHIR has no place for, as a resource: so that a record that is turned into a Bundle, with
//! no store beside it, comes back whole. The gateway keeps extras in its store and gives them to nobody else.

use serde_json::Value;

use crate::error::Result;
use crate::fhir::authored::basic;
use crate::fhir::{Document, Node};
use crate::referral::{Graph, Resource};

/// The code of such a resource, in the system of the parts of a record.
const CODE: &str = "extras";
const SYSTEM: &str = "urn:handoff:fhir:CodeSystem:record-part";
/// The extension that holds the extras, as JSON.
const EXTENSION: &str = "urn:handoff:fhir:StructureDefinition:extras";

/// The resource that keeps the extras of the referral of the Task `task`; nothing where there are none.
///
/// # Errors
/// A fault, should the resource not be complete.
pub fn to_resource(extras: &Value, task: &str) -> Result<Option<Value>> {
    let resource = || basic::to_value((SYSTEM, CODE), task, (EXTENSION, extras.to_string()));
    (!extras.is_null()).then(resource).transpose()
}

/// The extras of the referral of this Task that a graph keeps; null where it keeps none.
pub fn of(graph: &Graph, task: &Resource) -> Value {
    let kept = graph.of_kind("Basic").map(Resource::node).filter(|basic| is_extras(*basic));
    let own = kept.filter(|basic| graph.follow(*basic, "subject").is_some_and(|subject| subject.url == task.url));
    let found = own.filter_map(|basic| {
        let extension = basic.list("extension").find(|it| it.get("url").is_some_and(|url| url.is_str(EXTENSION)))?;
        Some(Document::parse(&*extension.str("valueString")?).ok()?.root().to_value())
    });
    found.into_iter().next().unwrap_or(Value::Null)
}

/// Is it a resource that keeps extras?
pub fn is_extras(basic: Node<'_>) -> bool {
    let codings = basic.get("code").into_iter().flat_map(|code| code.list("coding"));
    let says = |coding: Node<'_>, name: &str, text: &str| coding.get(name).is_some_and(|value| value.is_str(text));
    codings.into_iter().any(|coding| says(coding, "system", SYSTEM) && says(coding, "code", CODE))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn extras_come_back_with_their_digits() {
        let extras: Value = serde_json::from_str(r#"{"own":{"n":1.10,"t":"a \"b\""}}"#).unwrap();
        let basic = to_resource(&extras, "Task/1").unwrap().unwrap();
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": { "resourceType": "Task", "id": "1" } }, { "resource": { "resourceType": "Task", "id": "2" } },
            { "fullUrl": "urn:uuid:5c0b8d3e-0000-4000-8000-000000000000", "resource": basic },
        ]});
        let graph = Graph::from_bundle(&Arc::new(Document::parse(bundle.to_string()).unwrap())).unwrap();
        assert_eq!(of(&graph, graph.resolve("Task/1").unwrap()).to_string(), extras.to_string());
        assert_eq!(of(&graph, graph.resolve("Task/2").unwrap()), Value::Null);
        assert_eq!(to_resource(&Value::Null, "Task/1"), Ok(None));
    }
}
