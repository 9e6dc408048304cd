//! What each entry of a Bundle asks for. What is refused here is refused as the request alone is.

use axum::http::HeaderMap;

use crate::definitions::own;
use crate::error::{Category, Error, Result};
use crate::exchange::{Entry, EntryRequest};
use crate::fhir::{Issue, Key, Node, Preconditions, ResourceKey};
use crate::security::Role;
use crate::server::accept;
use crate::server::app_state::Base;
use crate::server::reply::Refusal;

use super::address::EntryAddress;
use super::conditions;
use super::located::located;
use crate::fhir_api::address;
use crate::fhir_api::interaction::Interaction;
use crate::fhir_api::path::{self, Action};
use crate::fhir_api::rendered::Rendered;
use crate::fhir_api::service::FhirService;

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
    conditions: Preconditions,
    /// Is only the head of the answer wanted?
    is_head: bool,
    request: Node<'m>,
}

impl GetEntry<'_> {
    /// What the exchange does for it in a transaction.
    pub(super) fn entry(&self) -> Entry<'_> {
        let ask = self.interaction.read().map_or(EntryRequest::Nothing, EntryRequest::Read);
        Entry { ask, full_url: None, resource: None, request: Some(self.request) }
    }

    /// The answer under its conditions, without its body where only the head was asked for.
    ///
    /// # Errors
    /// 412, where the conditions rule it out.
    pub(super) fn answer(&self, rendered: Rendered) -> Result<Rendered> {
        let rendered = rendered.held_to(&self.conditions).map_err(|error| located(error, self.request))?;
        Ok(if self.is_head { Rendered { body: None, ..rendered } } else { rendered })
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
                let definitions = self.service.checker.definitions();
                match (found.action, self.form) {
                    // Of a transaction the exchange says what is not taken in, and remembers it.
                    (Action::Create | Action::Update, BundleType::Transaction) => _ = address::kind(kind, definitions)?,
                    (Action::Create | Action::Update, BundleType::Batch) => _ = address::kept_kind(kind, definitions)?,
                    _ => {}
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
        let conditions = conditions::of_read(request)?;
        if self.form == BundleType::Transaction && conditions.names_base() {
            let text = "a GET of a transaction is answered when all is written, and cannot refuse it then by ifMatch";
            let node = request.get("ifMatch").unwrap_or(request);
            return Err(located(Error::incorrect(Key::Parameter, text), node).into());
        }
        let query = address.query.as_deref();
        // What an entry is answered as is the Bundle's matter; what of it is JSON, its own.
        accept::fhir(&HeaderMap::new(), query)?;
        path::find("GET", &address.path)?.access.check(self.role)?;
        let interaction = Interaction::parse(self.service, &address.path, query, self.headers)?;
        Ok(Ask::Get(GetEntry { interaction, conditions, is_head, request }))
    }
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
        Action::Create if url == kind => Ok(EntryRequest::Create { if_none_exist: conditions::of_create(request)? }),
        Action::Update => {
            let Some(key) = ResourceKey::parse(url).filter(|key| key.kind == kind) else {
                let text = format!("request.url of a PUT is {kind}/id; conditional updates are not served");
                return Err(refused(node, Key::NotSupported, text));
            };
            Ok(EntryRequest::Update { key, conditions: conditions::of_update(request)? })
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

fn refused(node: Node<'_>, key: Key, text: String) -> Error {
    Error::unprocessable(vec![Issue::error(key, node.path(), text).at(node.position())])
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
