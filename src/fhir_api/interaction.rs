//! What a GET asks for (<https://hl7.org/fhir/R4/http.html>), and how its answer is written. A request of its own and an
//! entry of a Bundle are the same here.

use axum::http::HeaderMap;

use crate::definitions::own;
use crate::error::{Error, Result};
use crate::fhir::authored::operation_outcome;
use crate::fhir::{ResourceKey, query_string};
use crate::referral::Read;
use crate::server::condition::Prefer;
use crate::server::reply::Refusal;
use crate::store::ReadResult;
use crate::store::query::check_limits;

use super::address;
use super::count;
use super::definition_search::DefinitionSearch;
use super::history::History;
use super::metadata;
use super::path::{self, Action, PathMatch};
use super::rendered::Rendered;
use super::search::Search;
use super::service::FhirService;
use super::validate::StoredValidation;

/// A GET as it was understood.
#[derive(Debug)]
pub(super) enum Interaction {
    /// The CapabilityStatement
    Capabilities,
    /// The newest version of a resource
    Read(ResourceKey),
    /// One version of a resource; every version is kept
    Vread(ResourceKey, u64),
    /// The versions of a resource
    History(History),
    /// What matches
    Search(Search),
    /// What is wrong with a resource as it is stored
    Validate(StoredValidation),
    /// One of our own definitions, by type and id
    ReadDefinition(&'static str, String),
    /// Those of our own definitions that match
    SearchDefinitions(DefinitionSearch),
}

impl Interaction {
    /// Reads a GET of this path (from `/fhir` on) with this query.
    ///
    /// # Errors
    /// What is not served, and what cannot be read.
    pub(super) fn parse(
        service: &FhirService,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let found = path::find("GET", path)?;
        let parameters = || query_string::parse(query.unwrap_or_default());
        Ok(match found.action {
            Action::Capabilities => Self::Capabilities,
            Action::Read => Self::Read(item(service, &found)?),
            Action::Vread => {
                let key = item(service, &found)?;
                let version = address::version(&key, &address::decode(found.segments[3])?)?;
                Self::Vread(key, version)
            }
            Action::History => {
                Self::History(History::read(item(service, &found)?, query, service.exchange.limits().count)?)
            }
            Action::ValidateStored => Self::Validate(StoredValidation::read(item(service, &found)?, query)?),
            Action::ReadDefinition => {
                let kind = definition(found.segments[0])?;
                Self::ReadDefinition(kind, address::item(kind.to_owned(), address::decode(found.segments[1])?)?.id)
            }
            Action::Search | Action::SearchDefinitions => {
                Self::search(service, searched_kind(service, &found)?, parameters()?, headers)?
            }
            action => return Err(Error::fault(format!("{action:?} is no GET")).into()),
        })
    }

    /// A search of this type by these parameters.
    ///
    /// # Errors
    /// For more than a query may hold; for parameters of definitions that are not known or cannot be read; for others that is said when they are searched.
    pub(super) fn search(
        service: &FhirService,
        kind: String,
        mut parameters: Vec<(String, String)>,
        headers: &HeaderMap,
    ) -> Result<Self> {
        let limits = service.exchange.limits();
        check_limits(&parameters, limits)?;
        count::cap(&mut parameters, limits.count);
        let lenient = Prefer::read(headers).lenient;
        Ok(match definition(&kind) {
            Ok(kind) => Self::SearchDefinitions(DefinitionSearch::new(kind, parameters, lenient)?),
            Err(_) => Self::Search(Search::new(&service.parameters, kind, parameters, lenient)),
        })
    }

    /// Refuses what would be refused when it is carried out, as far as that can be known before.
    ///
    /// # Errors
    /// For search parameters that are unknown or cannot be read.
    pub(super) fn check(&self, service: &FhirService) -> Result<()> {
        if let Self::Search(search) = self { search.check(&service.parameters) } else { Ok(()) }
    }

    /// What of the store it needs; nothing for what comes with the program.
    pub(super) fn read(&self) -> Option<Read> {
        Some(match self {
            Self::Capabilities | Self::ReadDefinition(..) | Self::SearchDefinitions(_) => return None,
            Self::Read(key) => Read::Resource { key: key.clone(), version: None },
            Self::Vread(key, version) => Read::Resource { key: key.clone(), version: Some(*version) },
            Self::Validate(validation) => Read::Resource { key: validation.key.clone(), version: None },
            Self::History(history) => Read::History { key: history.key.clone(), range: history.range() },
            Self::Search(search) => Read::Search { kind: search.kind.clone(), parameters: search.parameters.clone() },
        })
    }

    /// The answer, from what the store found.
    ///
    /// # Errors
    /// A definition that there is not; a fault, where something else was found than was asked for.
    pub(super) async fn render(
        &self,
        service: &FhirService,
        base: &str,
        found: Option<ReadResult>,
    ) -> Result<Rendered> {
        match (self, found) {
            (Self::Capabilities, None) => Ok(Rendered::ok(metadata::text(service)?)),
            (Self::ReadDefinition(kind, id), None) => Ok(Rendered::resource(service.artifacts()?.find(kind, id)?)),
            (Self::SearchDefinitions(search), None) => search.render(service.artifacts()?, base),
            (Self::Read(_) | Self::Vread(..), Some(ReadResult::Resource(stored))) => Ok(Rendered::resource(&stored)),
            (Self::Validate(validation), Some(ReadResult::Resource(stored))) => {
                Ok(Rendered::ok(operation_outcome::to_text(&validation.issues(&service.exchange, &stored).await)))
            }
            (Self::History(history), Some(ReadResult::Versions(versions))) => history.render(&versions, base),
            (Self::Search(search), Some(ReadResult::Page(page))) => search.render(&page, base),
            _ => Err(Error::fault("the store found something else than was asked for")),
        }
    }
}

/// The type that the path of a search names.
///
/// # Errors
/// 404 for one that R4 does not have, and for one that is neither taken in nor one of our own definitions.
pub(super) fn searched_kind(service: &FhirService, found: &PathMatch<'_>) -> Result<String> {
    let kind = address::decode(found.segments[0])?;
    if own::KINDS.contains(&kind.as_str()) {
        return Ok(kind);
    }
    address::kept_kind(&kind, service.checker.definitions())
}

fn item(service: &FhirService, found: &PathMatch<'_>) -> Result<ResourceKey> {
    let kind = address::kept_kind(&address::decode(found.segments[0])?, service.checker.definitions())?;
    address::item(kind, address::decode(found.segments[1])?)
}

/// The type of definitions that come with the program.
fn definition(named: &str) -> Result<&'static str> {
    let kind = own::KINDS.iter().find(|kind| **kind == named);
    kind.copied().ok_or_else(|| Error::fault("the route serves no definitions"))
}
