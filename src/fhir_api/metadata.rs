//! `GET [base]/metadata` (<https://hl7.org/fhir/R4/http.html#capabilities>): what is really served: the interactions,
//! which a test holds to the table of paths, the resource types that are taken in and the search parameters of the index.
//! Made once. `tests/http/capabilities.rs` sends everything that it says and everything that it does not.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::definitions::{Definitions, own};
use crate::error::Result;
use crate::fhir::authored::capability_statement::{self, VALIDATE};
use crate::referral::kept_types::{KEPT_OF_AGENCIES, KEPT_TYPES, REFERENCE_DATA, REFERENCE_DATA_STAYS};
use crate::store::index::{ParameterKind, SearchParameters};

use super::audit_search;
use super::definition_search;
use super::path::Action;
use super::service::FhirService;

/// The interactions on a type and its resources, by the actions that do them.
const OF_TYPES: &[(Action, &str)] = &[
    (Action::Create, "create"),
    (Action::Read, "read"),
    (Action::Vread, "vread"),
    (Action::Update, "update"),
    (Action::History, "history-instance"),
    (Action::Search, "search-type"),
];

/// The interactions on the definitions that come with the program.
const OF_DEFINITIONS: &[(Action, &str)] =
    &[(Action::ReadDefinition, "read"), (Action::SearchDefinitions, "search-type")];

/// The interactions on the audit log.
const OF_AUDIT: &[(Action, &str)] = &[(Action::ReadAudit, "read"), (Action::SearchAudit, "search-type")];

/// The interactions on the whole system.
const OF_SYSTEM: &[(Action, &str)] = &[(Action::Bundle, "transaction"), (Action::Bundle, "batch")];

/// The parameters that every type is searched by.
const COMMON: &[(&str, &str, &str)] = &[
    ("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),
    ("_lastUpdated", "date", "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated"),
];

/// Profiles of a type by canonical URL: ours, and those that what is sent has to meet.
type Profiles = (Vec<String>, Vec<String>);

/// The text of the CapabilityStatement.
pub(super) fn text(service: &FhirService) -> Result<Bytes> {
    if let Some(text) = service.capability.get() {
        return Ok(text.clone());
    }
    let artifacts = service.artifacts()?;
    let profiles = |kind: &str| (artifacts.profiles_of(kind).collect(), service.exchange.demanded(kind).to_vec());
    let base = service.base.as_deref();
    let statement = statement(service.checker.definitions(), &service.parameters, &profiles, base)?;
    Ok(service.capability.get_or_init(|| Bytes::from(statement.to_string())).clone())
}

fn statement(
    definitions: &Definitions,
    parameters: &SearchParameters,
    profiles: &dyn Fn(&str) -> Profiles,
    base: Option<&str>,
) -> Result<Value> {
    let kept = KEPT_TYPES.iter().map(|kind| with_profiles(resource(kind, definitions, parameters), profiles(kind)));
    let others = own::KINDS.iter().map(|kind| definition(kind)).chain([audit_event(definitions)]);
    let mut resources: Vec<Value> = kept.chain(others).collect();
    resources.sort_by(|one, other| one["type"].as_str().cmp(&other["type"].as_str()));
    let url = base.map(|base| format!("{}/fhir", base.trim_end_matches('/')));
    let of_system: Vec<&str> = OF_SYSTEM.iter().map(|(_, code)| *code).collect();
    capability_statement::to_value(url, &of_system, resources)
}

fn resource(kind: &str, definitions: &Definitions, parameters: &SearchParameters) -> Value {
    let references: Vec<&str> = parameters
        .of_type(kind)
        .filter(|(_, parameter)| parameter.kind == ParameterKind::Reference)
        .map(|(_, parameter)| parameter.code.as_str())
        .collect();
    let mut value = json!({
        "type": kind,
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{kind}"),
        "interaction": interactions(OF_TYPES),
        // Two parties change a Task, so an update has to name the version that it is based on.
        "versioning": if kind == "Task" { "versioned-update" } else { "versioned" },
        "readHistory": true,
        "updateCreate": false,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": search_parameters(kind, definitions, parameters),
        "operation": [{ "name": "validate", "definition": VALIDATE }],
    });
    if !references.is_empty() {
        value["searchInclude"] = references.iter().map(|code| json!(format!("{kind}:{code}"))).collect();
    }
    let about = documentation(kind);
    if !about.is_empty() {
        value["documentation"] = json!(about);
    }
    let reverse = reverse_includes(kind, parameters);
    if !reverse.is_empty() {
        value["searchRevInclude"] = json!(reverse);
    }
    value
}

/// What is to be known of a type beyond its interactions.
fn documentation(kind: &str) -> String {
    let mut sentences = Vec::new();
    if REFERENCE_DATA.contains(&kind) {
        sentences.push(format!("What is sent is {REFERENCE_DATA_STAYS}"));
    }
    if kind == "Bundle" {
        sentences.push("A transaction, batch or message is not stored; it is posted to the base".to_owned());
    }
    if !KEPT_OF_AGENCIES.contains(&kind) {
        sentences.push("Clients of EHRs create it".to_owned());
    }
    sentences.join(". ")
}

/// A type of which our own definitions are served, and nothing is taken in.
fn definition(kind: &str) -> Value {
    let parameters = definition_search::parameters_of(kind).map(|(name, of)| json!({ "name": name, "type": of }));
    json!({
        "type": kind,
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{kind}"),
        "documentation": "The definitions that come with the gateway; they cannot be written",
        "interaction": interactions(OF_DEFINITIONS),
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalCreate": false,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": parameters.collect::<Value>(),
    })
}

/// The audit log, which the gateway writes.
fn audit_event(definitions: &Definitions) -> Value {
    let defined = definitions.search_parameters("AuditEvent");
    let parameters = audit_search::PARAMETERS.iter().map(|(name, of)| {
        let mut value = json!({ "name": name, "type": of });
        if let Some(defined) = defined.iter().find(|defined| defined.code == *name) {
            value["definition"] = json!(defined.url);
        }
        value
    });
    json!({
        "type": "AuditEvent",
        "profile": "http://hl7.org/fhir/StructureDefinition/AuditEvent",
        "documentation": "The audit log: who saw, changed or was refused what. The gateway writes it; clients with the role auditor read it, newest first, and nobody else",
        "interaction": interactions(OF_AUDIT),
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalCreate": false,
        "conditionalRead": "not-supported",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": parameters.collect::<Value>(),
    })
}

/// Says which profiles are known of the type, and which of them what is sent has to meet.
fn with_profiles(mut resource: Value, (mut known, demanded): Profiles) -> Value {
    if !demanded.is_empty() {
        let about = resource["documentation"].as_str().map(|about| format!("{about}. ")).unwrap_or_default();
        resource["documentation"] = json!(format!("{about}What is sent has to meet {}", demanded.join(" and ")));
    }
    let further: Vec<String> = demanded.into_iter().filter(|profile| !known.contains(profile)).collect();
    known.extend(further);
    if !known.is_empty() {
        resource["supportedProfile"] = json!(known);
    }
    resource
}

fn interactions(of: &[(Action, &str)]) -> Value {
    of.iter().map(|(_, code)| json!({ "code": code })).collect()
}

fn search_parameters(kind: &str, definitions: &Definitions, parameters: &SearchParameters) -> Value {
    let defined = definitions.search_parameters(kind);
    let common = COMMON.iter().map(|(name, of, url)| json!({ "name": name, "definition": url, "type": of }));
    let own = parameters.of_type(kind).map(|(_, parameter)| {
        let mut value = json!({ "name": parameter.code, "type": parameter.kind.code() });
        if let Some(defined) = defined.iter().find(|defined| defined.code == parameter.code) {
            value["definition"] = json!(defined.url);
        }
        value
    });
    common.chain(own).collect()
}

/// The references of other types that may point at this one.
fn reverse_includes(kind: &str, parameters: &SearchParameters) -> Vec<String> {
    let mut found = Vec::new();
    for other in KEPT_TYPES {
        for (_, parameter) in parameters.of_type(other) {
            if parameter.kind == ParameterKind::Reference && parameter.targets.iter().any(|target| target == kind) {
                found.push(format!("{other}:{}", parameter.code));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir_api::path::PATHS;

    #[test]
    fn every_action_is_told() {
        let told: Vec<Action> =
            [OF_TYPES, OF_DEFINITIONS, OF_AUDIT, OF_SYSTEM].concat().iter().map(|(action, _)| *action).collect();
        for served in PATHS {
            // A search by POST comes with search-type, and the statement tells itself.
            let implied = matches!(
                served.action,
                Action::Capabilities
                    | Action::SearchByPost
                    | Action::SearchDefinitionsByPost
                    | Action::SearchAuditByPost
            );
            let operation = served.pattern.ends_with("/$validate");
            assert!(told.contains(&served.action) || implied || operation, "{} {}", served.method, served.pattern);
        }
        for action in told {
            assert!(PATHS.iter().any(|served| served.action == action), "{action:?}");
        }
    }

    #[test]
    fn says_what_is_served() {
        let definitions = Definitions::r4().unwrap();
        let parameters = SearchParameters::shipped(&definitions).unwrap();
        let artifacts = crate::fhir_api::artifacts::Artifacts::shipped().unwrap();
        let demanded = |kind: &str| if kind == "Task" { vec!["urn:p".to_owned()] } else { Vec::new() };
        let profiles = |kind: &str| (artifacts.profiles_of(kind).collect(), demanded(kind));
        let statement = statement(&definitions, &parameters, &profiles, Some("https://gateway.example/")).unwrap();
        assert_eq!(statement["implementation"]["url"], "https://gateway.example/fhir");
        let resources = statement["rest"][0]["resource"].as_array().unwrap();
        let task = resources.iter().find(|resource| resource["type"] == "Task").unwrap();
        assert_eq!(task["versioning"], "versioned-update");
        let codes: Vec<&str> = task["interaction"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|interaction| interaction["code"].as_str())
            .collect();
        assert_eq!(codes, ["create", "read", "vread", "update", "history-instance", "search-type"]);
        let owner = json!({ "name": "owner", "type": "reference", "definition": "http://hl7.org/fhir/SearchParameter/Task-owner" });
        assert!(task["searchParam"].as_array().unwrap().contains(&owner), "{task}");
        assert!(task["searchInclude"].as_array().unwrap().contains(&json!("Task:focus")));
        assert!(
            task["supportedProfile"].as_array().unwrap().contains(&json!("urn:handoff:fhir:StructureDefinition:task"))
        );
        assert_eq!(task["operation"][0]["definition"], VALIDATE);
        assert_eq!(statement["rest"][0]["operation"][0]["name"], "validate");
        assert!(task["supportedProfile"].as_array().unwrap().contains(&json!("urn:p")));
        assert_eq!(task["documentation"], "Clients of EHRs create it. What is sent has to meet urn:p");
        let sets = resources.iter().find(|resource| resource["type"] == "ValueSet").unwrap();
        assert_eq!(sets["interaction"], json!([{ "code": "read" }, { "code": "search-type" }]));
        let request = resources.iter().find(|resource| resource["type"] == "ServiceRequest").unwrap();
        assert!(request["searchRevInclude"].as_array().unwrap().contains(&json!("Task:focus")));
        let document = crate::fhir::Document::from_value(&statement).unwrap();
        let checker = crate::profile::Checker::new(std::sync::Arc::new(definitions));
        let errors: Vec<_> = checker.check(document.root()).into_iter().filter(crate::fhir::Issue::is_error).collect();
        assert_eq!(errors, []);
    }
}
