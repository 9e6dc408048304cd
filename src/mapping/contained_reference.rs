//! How a resource names what another one contains. A literal reference cannot: only its container may reference it
//! (<https://hl7.org/fhir/R4/references.html#contained>). So it is named by an identifier of ours, as a logical reference:
//! `{"type": "ServiceRequest", "identifier": {"system": SYSTEM, "value": "Task/7#request"}}`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::fhir::Node;

/// The naming system: the address of the container, `#`, and the id of what it contains.
const SYSTEM: &str = "urn:handoff:fhir:NamingSystem:contained";

/// The Reference to what is contained under this address; nothing for the address of a resource of its own.
pub(super) fn reference_to(url: &str) -> Option<Value> {
    url.contains('#').then(|| json!({ "identifier": { "system": SYSTEM, "value": url } }))
}

/// The address of what a Reference names so.
pub(super) fn named(reference: Node<'_>) -> Option<Cow<'_, str>> {
    let identifier = reference.get("identifier")?;
    identifier.get("system").filter(|system| system.is_str(SYSTEM))?;
    identifier.str("value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn a_name_reads_back() {
        assert_eq!(reference_to("Task/7"), None);
        let written = Document::from_value(&reference_to("Task/7#request").unwrap()).unwrap();
        assert_eq!(named(written.root()).as_deref(), Some("Task/7#request"));
        let other = Document::parse(r#"{"identifier":{"system":"urn:x","value":"Task/7#request"}}"#).unwrap();
        assert_eq!(named(other.root()), None);
    }
}
