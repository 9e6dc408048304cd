//! The CapabilityStatement (<https://hl7.org/fhir/R4/capabilitystatement.html>). The entries about resource types are
//! given as JSON: R4B's closed list of types lacks some of R4.

use fhir_sdk::BuilderError;
use fhir_sdk::r4b::codes::{CapabilityStatementKind, FHIRVersion, PublicationStatus, RestfulCapabilityMode};
use fhir_sdk::r4b::resources::{
    CapabilityStatement, CapabilityStatementImplementation, CapabilityStatementRest,
    CapabilityStatementRestInteraction, CapabilityStatementRestResourceOperation, CapabilityStatementRestSecurity,
    CapabilityStatementSoftware,
};
use serde_json::Value;

use crate::error::{Error, Result};

/// When this statement last changed in form.
const DATE: &str = "2026-11-25";

/// The definition of the operation that is served on the system, on types and on resources.
pub const VALIDATE: &str = "http://hl7.org/fhir/OperationDefinition/Resource-validate";

/// The statement of a gateway at the address `url`, with its interactions on the whole system and its `rest.resource`.
///
/// # Errors
/// A fault, should the resource not be complete.
pub fn to_value(url: Option<String>, interactions: &[&str], resources: Vec<Value>) -> Result<Value> {
    let rest = rest(interactions).map_err(Error::fault)?;
    let mut implementation = CapabilityStatementImplementation::builder()
        .description("A gateway between EHRs and the organizations that help".to_owned());
    if let Some(url) = url {
        implementation = implementation.url(url);
    }
    let statement = CapabilityStatement::builder()
        .url("urn:handoff:fhir:CapabilityStatement:gateway".to_owned())
        .version(env!("CARGO_PKG_VERSION").to_owned())
        .name("HandoffGateway".to_owned())
        .title("Handoff: closed-loop social-care referrals".to_owned())
        .status(PublicationStatus::Active)
        .date(DATE.parse().map_err(Error::fault)?)
        .kind(CapabilityStatementKind::Instance)
        .software(software().map_err(Error::fault)?)
        .implementation(implementation.build().map_err(Error::fault)?)
        .fhir_version(FHIRVersion::N401)
        .format(["application/fhir+json", "json"].map(|format| Some(format.to_owned())).to_vec())
        .rest(vec![Some(rest)])
        .build();
    let mut statement = serde_json::to_value(statement.map_err(Error::fault)?).map_err(Error::fault)?;
    statement["rest"][0]["resource"] = Value::Array(resources);
    Ok(statement)
}

fn software() -> Result<CapabilityStatementSoftware, BuilderError> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    CapabilityStatementSoftware::builder().name("Handoff".to_owned()).version(version).build()
}

fn rest(interactions: &[&str]) -> Result<CapabilityStatementRest, BuilderError> {
    const SCOPE: &str = "A Task that is created requested, alone or in a transaction, is checked, routed and delivered. A client sees what its organization sent and what the Tasks that it owns disclose. Types that are not listed are not taken in. Without If-Match an update is based on the version in meta.versionId; an update of a Task says one of the two.";
    const TOKENS: &str = "Authorization: Bearer, with a token that the operator gives to each client";
    const MODES: &str = "On the system, on every type of R4 whether it is taken in or not, and on resources. With mode create or update it says what would become of the resource if this client sent it now. A profile that is not at hand is information in the outcome";
    let interaction = |code: &&str| CapabilityStatementRestInteraction::builder().code((*code).to_owned()).build();
    let interactions = interactions.iter().map(|code| interaction(code).map(Some)).collect::<Result<_, _>>()?;
    let security = CapabilityStatementRestSecurity::builder().cors(false).description(TOKENS.to_owned()).build()?;
    let validate = CapabilityStatementRestResourceOperation::builder()
        .name("validate".to_owned())
        .definition(VALIDATE.to_owned())
        .documentation(MODES.to_owned())
        .build()?;
    CapabilityStatementRest::builder()
        .mode(RestfulCapabilityMode::Server)
        .documentation(SCOPE.to_owned())
        .security(security)
        // One entry without a value keeps the place of the list, which is put in as JSON.
        .resource(vec![None])
        .interaction(interactions)
        .operation(vec![Some(validate)])
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn is_written_as_r4_has_it() {
        let resources = vec![json!({ "type": "MedicinalProduct" })];
        let statement = to_value(Some("https://gateway.example/fhir".to_owned()), &["batch"], resources).unwrap();
        let expected = json!({
            "resourceType": "CapabilityStatement",
            "url": "urn:handoff:fhir:CapabilityStatement:gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "name": "HandoffGateway",
            "title": "Handoff: closed-loop social-care referrals",
            "status": "active",
            "date": "2026-11-25",
            "kind": "instance",
            "software": { "name": "Handoff", "version": env!("CARGO_PKG_VERSION") },
            "implementation": {
                "description": "A gateway between EHRs and the organizations that help",
                "url": "https://gateway.example/fhir",
            },
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [{
                "mode": "server",
                "documentation": statement["rest"][0]["documentation"],
                "security": { "cors": false, "description": statement["rest"][0]["security"]["description"] },
                "resource": [{ "type": "MedicinalProduct" }],
                "interaction": [{ "code": "batch" }],
                "operation": [{
                    "name": "validate",
                    "definition": VALIDATE,
                    "documentation": statement["rest"][0]["operation"][0]["documentation"],
                }],
            }],
        });
        // As text, so that the order of members counts too.
        assert_eq!(statement.to_string(), expected.to_string());
        assert_eq!(to_value(None, &[], Vec::new()).unwrap()["implementation"].get("url"), None);
    }
}
