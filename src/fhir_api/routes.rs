//! The table of routes of the FHIR API.

use crate::server::Access::{Anyone, Client, Party};
use crate::server::Endpoint;

use super::{conformance, create, history, metadata, read, search, transaction, update, validate, vread};

/// Every route of the FHIR API.
pub fn routes() -> Vec<Endpoint> {
    vec![
        // --- the whole system
        Endpoint::get(Anyone, "/fhir/metadata", metadata::metadata),
        Endpoint::post(Party, "/fhir", transaction::transaction),
        Endpoint::post(Party, "/fhir/", transaction::transaction),
        Endpoint::post(Client, "/fhir/$validate", validate::any),
        // --- a type
        Endpoint::get(Party, "/fhir/{type}", search::get),
        Endpoint::post(Party, "/fhir/{type}", create::create),
        Endpoint::post(Party, "/fhir/{type}/_search", search::post),
        Endpoint::post(Client, "/fhir/{type}/$validate", validate::typed),
        // --- a resource
        Endpoint::get(Party, "/fhir/{type}/{id}", read::read),
        Endpoint::put(Party, "/fhir/{type}/{id}", update::update),
        Endpoint::get(Party, "/fhir/{type}/{id}/_history", history::history),
        Endpoint::get(Party, "/fhir/{type}/{id}/_history/{version}", vread::vread),
        Endpoint::get(Client, "/fhir/{type}/{id}/$validate", validate::stored),
        Endpoint::post(Client, "/fhir/{type}/{id}/$validate", validate::instance),
        // --- our own definitions, which everybody reads and nobody writes
        Endpoint::get(Client, "/fhir/StructureDefinition", conformance::get),
        Endpoint::post(Client, "/fhir/StructureDefinition/_search", conformance::post),
        Endpoint::get(Client, "/fhir/StructureDefinition/{id}", conformance::read),
        Endpoint::get(Client, "/fhir/ValueSet", conformance::get),
        Endpoint::post(Client, "/fhir/ValueSet/_search", conformance::post),
        Endpoint::get(Client, "/fhir/ValueSet/{id}", conformance::read),
        Endpoint::get(Client, "/fhir/CodeSystem", conformance::get),
        Endpoint::post(Client, "/fhir/CodeSystem/_search", conformance::post),
        Endpoint::get(Client, "/fhir/CodeSystem/{id}", conformance::read),
    ]
}
