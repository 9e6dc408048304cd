//! The table of findings as a CodeSystem (<https://hl7.org/fhir/R4/codesystem.html>), so that whoever gets an
//! OperationOutcome can look its codes up.

use fhir_sdk::BuilderError;
use fhir_sdk::r4b::codes::{CodeSystemContentMode, PublicationStatus};
use fhir_sdk::r4b::resources::{CodeSystem, CodeSystemConcept};

use crate::error::{Error, Result};
use crate::fhir::issue::Key;

/// The URL of the code system of our issue keys.
pub const ISSUE_CODE_SYSTEM: &str = "urn:handoff:fhir:CodeSystem:issue";
/// When the table last changed
const DATE: &str = "2026-11-25";

/// The CodeSystem of our issue keys as JSON.
///
/// # Errors
/// A fault, should the resource not be complete.
pub fn issues_to_text() -> Result<String> {
    serde_json::to_string(&issues()?).map_err(Error::fault)
}

fn issues() -> Result<CodeSystem> {
    let concepts: Vec<_> =
        Key::ALL.iter().map(|key| concept(*key).map(Some)).collect::<Result<_, _>>().map_err(Error::fault)?;
    CodeSystem::builder()
        .id("issue".to_owned())
        .url(ISSUE_CODE_SYSTEM.to_owned())
        .version(env!("CARGO_PKG_VERSION").to_owned())
        .name("HandoffIssue".to_owned())
        .title("Finding".to_owned())
        .status(PublicationStatus::Active)
        .date(DATE.parse().map_err(Error::fault)?)
        .publisher("Handoff".to_owned())
        .description("What can be found about a message, as OperationOutcome.issue.details says it.".to_owned())
        .case_sensitive(true)
        .content(CodeSystemContentMode::Complete)
        .count(Key::ALL.len() as u32)
        .concept(concepts)
        .build()
        .map_err(Error::fault)
}

fn concept(key: Key) -> Result<CodeSystemConcept, BuilderError> {
    CodeSystemConcept::builder()
        .code(key.name().to_owned())
        .display(key.what().to_owned())
        .definition(format!("Why: {}. Mend: {}.", key.why(), key.fix()))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn is_written_as_r4_has_it() {
        let concept = |key: &Key| {
            let definition = format!("Why: {}. Mend: {}.", key.why(), key.fix());
            json!({ "code": key.name(), "display": key.what(), "definition": definition })
        };
        let expected = json!({
            "resourceType": "CodeSystem",
            "id": "issue",
            "url": "urn:handoff:fhir:CodeSystem:issue",
            "version": env!("CARGO_PKG_VERSION"),
            "name": "HandoffIssue",
            "title": "Finding",
            "status": "active",
            "date": "2026-11-25",
            "publisher": "Handoff",
            "description": "What can be found about a message, as OperationOutcome.issue.details says it.",
            "caseSensitive": true,
            "content": "complete",
            "count": Key::ALL.len(),
            "concept": Key::ALL.iter().map(concept).collect::<Value>(),
        });
        assert_eq!(issues_to_text().unwrap(), expected.to_string());
    }
}
