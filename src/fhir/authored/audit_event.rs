//! An AuditEvent (<https://hl7.org/fhir/R4/auditevent.html>): one row of the audit log. `recorded` is written as our
//! instants are, so it is put in as JSON.

use fhir_sdk::r4b::codes::{AuditEventAction, AuditEventOutcome};
use fhir_sdk::r4b::resources::{AuditEvent, AuditEventAgent, AuditEventEntity, AuditEventSource};
use fhir_sdk::r4b::types::{Coding, Identifier, Reference};
use fhir_sdk::{BuilderError, Instant};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::fhir::edit::instant;

/// The URL of the code system of what is remembered.
pub const ACTION_CODE_SYSTEM: &str = "urn:handoff:fhir:CodeSystem:audit-action";

/// The systems of the identifiers of clients, of gateways' chains and of requests.
pub const CLIENT: &str = "urn:handoff:client";
const CHAIN: &str = "urn:handoff:audit-chain";
const REQUEST: &str = "urn:handoff:request";
const CORRELATION: &str = "urn:handoff:correlation";

const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// A code of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCode {
    /// The system
    pub system: &'static str,
    /// The code
    pub code: &'static str,
}

/// What the row says.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The id of the AuditEvent
    pub id: String,
    /// What kind of event it is
    pub kind: AuditCode,
    /// What exactly it is, where FHIR has a code for it
    pub interaction: Option<AuditCode>,
    /// What exactly it is, in our words, where we know it
    pub event: Option<&'a str>,
    /// C, R, U, D or E
    pub action: &'static str,
    /// When it was
    pub recorded: Timestamp,
    /// Was it refused, and by which rules?
    pub refused: Option<&'a str>,
    /// Who asked, if it is known
    pub client: Option<&'a str>,
    /// For whom
    pub organization: Option<&'a str>,
    /// The chain that the row stands in
    pub chain: &'a str,
    /// The request
    pub request: Option<&'a str>,
    /// What the client calls it
    pub correlation: Option<&'a str>,
    /// What it is about
    pub entities: Vec<&'a ResourceKey>,
    /// What there is to say besides
    pub detail: Option<&'a str>,
}

/// The AuditEvent as JSON.
///
/// # Errors
/// A fault, should the resource not be complete.
pub fn to_value(parts: &Parts<'_>) -> Result<Value> {
    let recorded = serde_json::from_value(Value::from(instant(parts.recorded))).map_err(Error::fault)?;
    let event = build(parts, recorded).map_err(Error::fault)?;
    let mut value = serde_json::to_value(event).map_err(Error::fault)?;
    value["recorded"] = Value::from(instant(parts.recorded));
    Ok(value)
}

fn build(parts: &Parts<'_>, recorded: Instant) -> Result<AuditEvent, BuilderError> {
    let own = |event: &str| Coding::builder().system(ACTION_CODE_SYSTEM.to_owned()).code(event.to_owned()).build();
    let own = parts.event.map(own).transpose()?;
    let interaction = parts.interaction.map(coding).transpose()?;
    let observer = Reference::builder().identifier(identifier(CHAIN, parts.chain)?).build()?;
    let outcome = if parts.refused.is_some() { AuditEventOutcome::N4 } else { AuditEventOutcome::N0 };
    let mut event = AuditEvent::builder()
        .id(parts.id.clone())
        .r#type(coding(parts.kind)?)
        .subtype(interaction.into_iter().chain(own).map(Some).collect())
        .recorded(recorded)
        .outcome(outcome)
        .agent(agents(parts)?)
        .source(AuditEventSource::builder().observer(observer).build()?);
    if let Ok(action) = parts.action.parse::<AuditEventAction>() {
        event = event.action(action);
    }
    if let Some(rules) = parts.refused.filter(|rules| !rules.is_empty()) {
        event = event.outcome_desc(rules.to_owned());
    }
    let entities = entities(parts)?;
    if !entities.is_empty() {
        event = event.entity(entities);
    }
    event.build()
}

/// Who asked, and for whom.
fn agents(parts: &Parts<'_>) -> Result<Vec<Option<AuditEventAgent>>, BuilderError> {
    let who = match parts.client {
        Some(client) => Reference::builder().identifier(identifier(CLIENT, client)?),
        None => Reference::builder().display("not known".to_owned()),
    };
    let mut asked = AuditEventAgent::builder().who(who.build()?).requestor(true);
    if let Some(client) = parts.client {
        asked = asked.alt_id(client.to_owned());
    }
    let mut agents = vec![Some(asked.build()?)];
    if let Some(organization) = parts.organization {
        let who = Reference::builder().reference(format!("Organization/{organization}")).build()?;
        agents.push(Some(AuditEventAgent::builder().who(who).requestor(false).build()?));
    }
    Ok(agents)
}

/// What it is about: resources, what there is to say of them, and the request.
fn entities(parts: &Parts<'_>) -> Result<Vec<Option<AuditEventEntity>>, BuilderError> {
    let mut entities = Vec::new();
    for key in &parts.entities {
        let what = Reference::builder().reference(key.to_string()).build()?;
        let kind = Coding::builder().system(RESOURCE_TYPES.to_owned()).code(key.kind.clone()).build()?;
        let role = if key.kind == "Patient" { "1" } else { "4" };
        let role = coding(AuditCode { system: OBJECT_ROLE, code: role })?;
        entities.push(Some(AuditEventEntity::builder().what(what).r#type(kind).role(role).build()?));
    }
    for (system, value) in [(REQUEST, parts.request), (CORRELATION, parts.correlation)] {
        let Some(value) = value else { continue };
        let what = Reference::builder().identifier(identifier(system, value)?).build()?;
        entities.push(Some(AuditEventEntity::builder().what(what).build()?));
    }
    if let Some(detail) = parts.detail {
        entities.push(Some(AuditEventEntity::builder().description(detail.to_owned()).build()?));
    }
    Ok(entities)
}

fn coding(AuditCode { system, code }: AuditCode) -> Result<Coding, BuilderError> {
    Coding::builder().system(system.to_owned()).code(code.to_owned()).build()
}

fn identifier(system: &str, value: &str) -> Result<Identifier, BuilderError> {
    Identifier::builder().system(system.to_owned()).value(value.to_owned()).build()
}
