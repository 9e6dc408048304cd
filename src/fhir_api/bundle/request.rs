//! What each entry of a Bundle asks for. What is refused here is refused as the request alone is.

use std::borrow::Cow;

use axum::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use jiff::Timestamp;

use crate::definitions::own;
use crate::error::{Category, Error, Result};
use crate::exchange::{Entry, EntryRequest};
use crate::fhir::precondition::VersionTags;
use crate::fhir::{Issue, Key, Node, Preconditions, ResourceKey};
use crate::security::Role;
use crate::server::app_state::Base;
use crate::server::reply::Refusal;
use crate::server::{accept, condition};

use super::address::EntryAddress;
use crate::fhir_api::address;
use crate::fhir_api::interaction::Interaction;
use crate::fhir_api::path::{self, Action};
use crate::fhir_api::service::FhirService;

/// The header that says what the client prefers; that of the Bundle is meant for each entry.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What kind of Bundle the entries came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BundleType {
    /// All or nothing
    Transaction,
    /// Each entry on its own
    Batch,
}

/// What an entry asks for.
pub(super) enum Ask<'m> {
    /// A resource is to be stored
    Write(Entry<'m>),
    /// Something is to be read
    Get(GetEntry<'m>),
}

/// An entry that reads.
pub(super) struct GetEntry<'m> {
    pub(super) interaction: Interaction,
    /// Its conditions, as the headers that they are of a request of its own
    pub(super) headers: HeaderMap,
    /// Is only the head of the answer wanted?
    pub(super) is_head: bool,
    request: Node<'m>,
}

impl GetEntry<'_> {
    /// What the exchange does for it in a transaction.
    pub(super) fn entry(&self) -> Entry<'_> {
        let ask = self.interaction.read().map_or(EntryRequest::Nothing, EntryRequest::Read);
        Entry { ask, full_url: None, resource: None, request: Some(self.request) }
    }
}

/// What kind of Bundle it is.
///
/// # Errors
/// If it is no transaction or batch.
pub(super) fn bundle_type(root: Node<'_>) -> Result<BundleType> {
    match root.str("type").as_deref() {
        Some("transaction") => Ok(BundleType::Transaction),
        Some("batch") => Ok(BundleType::Batch),
        other => {
            let text = format!(
                "Bundle.type is {}; the base accepts transaction and batch",
                other.map_or_else(|| "missing".to_owned(), |other| format!("\"{other}\""))
            );
            let node = root.get("type").unwrap_or(root);
            let issue = Issue::error(Key::BundleRule, "Bundle.type", text).at(node.position());
            Err(Error::unprocessable(vec![issue]))
        }
    }
}

/// What reads entries: what they are read by, the base, and the headers and the type of the Bundle.
#[derive(Clone, Copy)]
pub(super) struct EntryReader<'r> {
    pub(super) service: &'r FhirService,
    /// Of who sends the Bundle
    pub(super) role: Role,
    pub(super) base: &'r Base,
    pub(super) headers: &'r HeaderMap,
    pub(super) form: BundleType,
}

impl EntryReader<'_> {
    /// What this entry asks for.
    ///
    /// # Errors
    /// What is not served, and what cannot be read.
    pub(super) fn read<'m>(&self, entry: Node<'m>) -> Result<Ask<'m>, Refusal> {
        let Some(request) = entry.get("request") else {
            let text = "an entry of a transaction or batch needs a request";
            return Err(refused(entry, Key::Missing, text.to_owned()).into());
        };
        let told = |name: &str| {
            let text = format!("the request of an entry says its {name}, as text");
            request.str(name).ok_or_else(|| refused(request, Key::Missing, text))
        };
        let (method, url) = (told("method")?, told("url")?);
        let at_url = |error| located(error, request.get("url").unwrap_or(request));
        let address = EntryAddress::read(&url, self.base).map_err(at_url)?;
        match &*method {
            "GET" | "HEAD" => self.get(request, &address, method == "HEAD"),
            "PUT" if address.query.is_some() => {
                let text = "conditional updates are not served; PUT to the type and id of the resource";
                Err(Refusal::method(at_url(Error::new(
                    Category::Unsupported,
                    Issue::error(Key::NotSupported, "", text),
                ))))
            }
            method => {
                let action = self.action(method, &address)?;
                let ask = write_request(entry, request, address.relative(), action)?;
                let resource = entry.get("resource");
                Ok(Ask::Write(Entry { ask, full_url: entry.str("fullUrl"), resource, request: Some(request) }))
            }
        }
    }

    fn action(&self, method: &str, address: &EntryAddress) -> Result<Action, Refusal> {
        let kind = address.relative().split('/').next().unwrap_or_default();
        match path::find(method, &address.path) {
            Ok(found) => {
                if matches!(found.action, Action::Create | Action::Update) {
                    address::kind(kind, self.service.checker.definitions())?;
                }
                Ok(found.action)
            }
            // Definitions are not written. Of a transaction the exchange says so, and remembers it.
            Err(_) if self.form == BundleType::Transaction && method == "POST" && own::KINDS.contains(&kind) => {
                Ok(Action::Create)
            }
            Err(refusal) => Err(refusal),
        }
    }

    fn get<'m>(&self, request: Node<'m>, address: &EntryAddress, is_head: bool) -> Result<Ask<'m>, Refusal> {
        let headers = self.conditions(request)?;
        let query = address.query.as_deref();
        accept::fhir(&headers, query)?;
        path::find("GET", &address.path)?.access.check(self.role)?;
        let interaction = Interaction::parse(self.service, &address.path, query, &headers)?;
        Ok(Ask::Get(GetEntry { interaction, headers, is_head, request }))
    }

    /// The conditions of an entry as headers, with what the client prefers for the whole Bundle.
    fn conditions(&self, request: Node<'_>) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for prefer in self.headers.get_all(PREFER) {
            headers.append(PREFER, prefer.clone());
        }
        if let Some(node) = request.get("ifMatch") {
            headers.insert(IF_MATCH, header(node, &node.as_str().unwrap_or_default())?);
        }
        if let Some(node) = request.get("ifNoneMatch") {
            headers.insert(IF_NONE_MATCH, header(node, &node.as_str().unwrap_or_default())?);
        }
        if let Some(node) = request.get("ifModifiedSince") {
            let since: Result<Timestamp, _> = node.as_str().unwrap_or_default().parse();
            let since = since.map_err(|_| {
                located(Error::incorrect(Key::Parameter, "expected a time, as 2026-11-21T10:00:00Z"), node)
            })?;
            headers.insert(IF_MODIFIED_SINCE, header(node, &condition::http_date(since))?);
        }
        Ok(headers)
    }
}

fn header(node: Node<'_>, text: &str) -> Result<HeaderValue> {
    let value = HeaderValue::from_str(text);
    value.map_err(|_| located(Error::incorrect(Key::Parameter, "expected printable ASCII"), node))
}

/// What a POST or PUT of a resource asks for.
fn write_request(entry: Node<'_>, request: Node<'_>, url: &str, action: Action) -> Result<EntryRequest> {
    let node = request.get("url").unwrap_or(request);
    let resource = entry.get("resource").filter(|resource| resource.is_object());
    if resource.is_none() && matches!(action, Action::Create | Action::Update) {
        return Err(refused(
            entry,
            Key::Missing,
            "the entry brings no resource, and its request writes one".to_owned(),
        ));
    }
    let kind = resource.and_then(|resource| resource.str("resourceType")).unwrap_or_default();
    match action {
        Action::Create if url == kind => {
            Ok(EntryRequest::Create { if_none_exist: request.str("ifNoneExist").map(Cow::into_owned) })
        }
        Action::Update => {
            let Some(key) = ResourceKey::parse(url).filter(|key| key.kind == kind) else {
                let text = format!("request.url of a PUT is {kind}/id; conditional updates are not served");
                return Err(refused(node, Key::NotSupported, text));
            };
            Ok(EntryRequest::Update { key, conditions: conditions_of_write(request)? })
        }
        Action::Create => {
            let text = format!(
                "request.url is \"{url}\" and the resource is a {kind}; expected the type of the resource that the entry brings"
            );
            Err(refused(node, Key::BundleRule, text))
        }
        _ => Err(refused(node, Key::NotSupported, format!("\"{url}\" is not served inside a Bundle; send it alone"))),
    }
}

/// The conditions of an entry that writes: ETags as `W/"3"` or `"3"`, lists of them, `*`; or the number alone.
fn conditions_of_write(request: Node<'_>) -> Result<Preconditions> {
    let tags = |name: &str| {
        let Some(node) = request.get(name) else { return Ok(None) };
        let text = node.as_str().unwrap_or_default();
        let alone = text.trim().parse().ok().map(|version| VersionTags::OneOf(vec![version]));
        alone.or_else(|| condition::tags(&text)).map(Some).ok_or_else(|| {
            let text = "expected the version that the change is based on, as W/\"3\"";
            located(Error::incorrect(Key::Parameter, text), node)
        })
    };
    Ok(Preconditions { is_version: tags("ifMatch")?, is_no_version: tags("ifNoneMatch")?, ..Preconditions::default() })
}

fn refused(node: Node<'_>, key: Key, text: String) -> Error {
    Error::unprocessable(vec![Issue::error(key, node.path(), text).at(node.position())])
}

/// The error at this node.
pub(super) fn located(error: Error, node: Node<'_>) -> Error {
    let issues = error.issues.into_iter().map(|issue| {
        let is_located = issue.path.starts_with("Bundle.");
        let path = if is_located { issue.path.clone() } else { node.path() };
        if issue.position.is_some() { Issue { path, ..issue } } else { Issue { path, ..issue }.at(node.position()) }
    });
    Error { category: error.category, issues: issues.collect() }
}

/// Why a whole transaction is refused because of this entry. That a method is not served makes the request of the
/// transaction no other: it is the transaction that is against the rules.
pub(super) fn refusal_of_transaction(refusal: &Refusal, entry: Node<'_>) -> Error {
    let request = entry.get("request").unwrap_or(entry);
    let error = located(refusal.error().clone(), request.get("url").unwrap_or(request));
    let category = match error.category {
        Category::Unsupported => Category::Unprocessable,
        category => category,
    };
    Error { category, ..error }
}
