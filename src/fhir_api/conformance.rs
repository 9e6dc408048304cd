//! Our own definitions, as they were written: `GET [base]/StructureDefinition`, `ValueSet` and `CodeSystem`, by id and
//! by search (<https://hl7.org/fhir/R4/http.html#read>, <https://hl7.org/fhir/R4/http.html#search>).
//!
//! They come with the program and are no resources of the store: every client reads them, nobody writes them. What is
//! searched by is short and exact; a parameter that is not known is refused as it is elsewhere.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::definitions::own;
use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, ResourceKey, query_string};
use crate::security::Caller;
use crate::shipped;
use crate::store::Stored;

use super::cache::Cache;
use super::{read, search};
use crate::server::app_state::{AppState, Base};
use crate::server::body::FormBody;
use crate::server::condition::Prefer;
use crate::server::reply::Answer;

/// How many are on a page, where the client does not say.
const PAGE: usize = 50;

/// What the definitions are searched by: name, kind, and the types that have it (none named: all).
pub(super) const PARAMETERS: &[(&str, &str, &[&str])] = &[
    ("_id", "token", &[]),
    ("url", "uri", &[]),
    ("version", "token", &[]),
    ("name", "string", &[]),
    ("title", "string", &[]),
    ("status", "token", &[]),
    ("type", "uri", &["StructureDefinition"]),
    ("base", "uri", &["StructureDefinition"]),
];

/// Our definitions, read once.
pub(crate) struct Artifacts(Vec<Stored>);

/// The type of definition that the path names.
pub(crate) struct Kind(&'static str);

impl Artifacts {
    /// Those that come with the program, in the order of types and ids.
    ///
    /// # Errors
    /// A fault, if one of them is damaged.
    pub(crate) fn shipped() -> Result<Self> {
        let files = own::own_resources(shipped::files().iter().copied());
        let mut found = files.map(|(_, bytes)| stored(bytes)).collect::<Result<Vec<_>>>()?;
        found.push(stored(own::issue_code_system()?.as_bytes())?);
        found.sort_by(|one, other| (&one.key.kind, &one.key.id).cmp(&(&other.key.kind, &other.key.id)));
        Ok(Self(found))
    }

    /// Canonical URLs of our profiles of this resource type.
    pub(super) fn profiles_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = String> + 'a {
        let structures = self.of(own::KINDS[0]).map(|stored| stored.document.root());
        let is_of = move |node: &Node<'_>| {
            let is = |name: &str, value: &str| node.get(name).is_some_and(|member| member.is_str(value));
            is("type", kind) && is("kind", "resource")
        };
        structures.filter(is_of).filter_map(|node| Some(node.str("url")?.into_owned()))
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Stored> {
        self.0.iter().filter(move |stored| stored.key.kind == kind)
    }
}

fn stored(bytes: &[u8]) -> Result<Stored> {
    let damaged = |issue: Box<Issue>| Error::fault(format!("a definition that comes with the program: {issue}"));
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::fault("a definition that comes with the program is not UTF-8"))?;
    let document = Document::parse(text.trim_end()).map_err(damaged)?;
    let root = document.root();
    let text = |name: &str| root.str(name).unwrap_or_default().into_owned();
    let updated: Option<Timestamp> = format!("{}T00:00:00Z", text("date")).parse().ok();
    let digest = Sha256::digest(bytes);
    Ok(Stored {
        key: ResourceKey::new(text("resourceType"), text("id")),
        // It has no versions here; the tag tells one text from another.
        version: digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte)),
        updated: updated.unwrap_or_default(),
        seq: 0,
        author: None,
        public: true,
        document: Arc::new(document),
    })
}

// === reading ===

/// `GET [base]/StructureDefinition/[id]` and the like.
pub(crate) async fn read(
    State(app_state): State<AppState>,
    _: Caller,
    Kind(kind): Kind,
    parameters: RawPathParams,
    headers: HeaderMap,
) -> Answer {
    let id = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id).unwrap_or_default();
    let found = app_state.extension::<Arc<Cache>>()?.artifacts()?.of(kind).find(|stored| stored.key.id == id);
    let Some(stored) = found else {
        let issue = Issue::error(Key::NotFound, "", format!("the gateway has no {kind} with this id"))
            .hint(format!("search {kind} for those that it has; definitions of packages are not served"));
        return Err(Error::new(Category::NotFound, issue).into());
    };
    Ok(read::resource_unless_known(&headers, stored))
}

// === searching ===

/// Searches by GET.
pub(crate) async fn get(
    State(app_state): State<AppState>,
    _: Caller,
    Kind(kind): Kind,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    Ok(answer(&app_state, kind, &base, &headers, query_string::parse(uri.query().unwrap_or_default())?)?)
}

/// Searches by POST.
pub(crate) async fn post(
    State(app_state): State<AppState>,
    _: Caller,
    Kind(kind): Kind,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
    FormBody(form): FormBody,
) -> Answer {
    let mut parameters = query_string::parse(uri.query().unwrap_or_default())?;
    parameters.extend(query_string::parse(&form)?);
    Ok(answer(&app_state, kind, &base, &headers, parameters)?)
}

/// A search as it was understood.
struct DefinitionQuery<'p> {
    tests: Vec<(&'p str, &'p str)>,
    count: usize,
    start: usize,
    elements: Vec<String>,
}

fn answer(
    app_state: &AppState,
    kind: &str,
    base: &Base,
    headers: &HeaderMap,
    mut parameters: Vec<(String, String)>,
) -> Result<Response> {
    let mut ignored = Vec::new();
    if Prefer::read(headers).lenient {
        parameters.retain(|(name, _)| {
            let is_known = is_about_answer(name) || is_served(kind, name);
            if !is_known {
                ignored.push(unknown(kind, name));
            }
            is_known
        });
    }
    let query = read_query(kind, &parameters)?;
    let artifacts = app_state.extension::<Arc<Cache>>()?.artifacts()?;
    let is_match = |stored: &&Stored| query.tests.iter().all(|(name, value)| matches(stored, name, value));
    let found: Vec<&Stored> = artifacts.of(kind).filter(is_match).collect();
    let page: Vec<&Stored> = found.iter().copied().skip(query.start).take(query.count).collect();
    let after = query.start.saturating_add(page.len());
    let next = (!page.is_empty() && after < found.len()).then(|| after.to_string());
    let answer = search::SearchPage { total: Some(found.len() as u64), matches: page, included: Vec::new(), next };
    search::page(&base.fhir(), kind, &parameters, &answer, &query.elements, &ignored)
}

fn read_query<'p>(kind: &str, parameters: &'p [(String, String)]) -> Result<DefinitionQuery<'p>> {
    let mut query = DefinitionQuery { tests: Vec::new(), count: PAGE, start: 0, elements: Vec::new() };
    let mut issues = Vec::new();
    for (name, value) in parameters {
        let number = || value.parse::<usize>().map_err(|_| issue(name, format!("{name} is a number")));
        let read = match name.as_str() {
            "_format" | "_pretty" => Ok(()),
            "_count" => number().map(|count| query.count = count.min(PAGE)),
            search::CURSOR => number().map(|start| query.start = start),
            "_elements" => {
                query.elements = value.split(',').map(|element| element.trim().to_owned()).collect();
                Ok(())
            }
            _ if !is_served(kind, name) => Err(unknown(kind, name)),
            _ if value.is_empty() => {
                Err(issue(name, format!("{name} has no value; leave it out to search for anything")))
            }
            _ => {
                query.tests.push((name, value));
                Ok(())
            }
        };
        issues.extend(read.err());
    }
    if issues.is_empty() { Ok(query) } else { Err(Error { category: Category::Incorrect, issues }) }
}

fn is_about_answer(name: &str) -> bool {
    matches!(name, "_format" | "_pretty" | "_count" | "_elements") || name == search::CURSOR
}

/// May definitions of this type be searched by it? Strings take `:exact` and `:contains`.
fn is_served(kind: &str, name: &str) -> bool {
    let (name, modifier) = name.split_once(':').unwrap_or((name, ""));
    parameters_of(kind).any(|(known, of)| {
        known == name && (modifier.is_empty() || (of == "string" && matches!(modifier, "exact" | "contains")))
    })
}

/// What definitions of this type are searched by, each with its kind.
pub(super) fn parameters_of(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_kind = PARAMETERS.iter().filter(move |(.., kinds)| kinds.is_empty() || kinds.contains(&kind));
    of_kind.map(|(name, of, _)| (*name, *of))
}

fn unknown(kind: &str, name: &str) -> Issue {
    let known: Vec<&str> = parameters_of(kind).map(|(name, _)| name).collect();
    issue(name, format!("{kind} is not searched by {name}; it is by {}, with _count and _elements", known.join(", ")))
}

fn issue(name: &str, message: impl Into<String>) -> Issue {
    Issue::error(Key::Parameter, name, message)
}

/// Does it match one of the values, which commas separate?
fn matches(stored: &Stored, name: &str, values: &str) -> bool {
    let root = stored.document.root();
    let (name, modifier) = name.split_once(':').unwrap_or((name, ""));
    let text = |name: &str| root.str(name).unwrap_or_default().into_owned();
    values.split(',').any(|value| match name {
        "_id" => stored.key.id == value,
        // A canonical may name the version.
        "url" => match value.split_once('|') {
            Some((url, version)) => text("url") == url && text("version") == version,
            None => text("url") == value,
        },
        "base" => text("baseDefinition") == value,
        "name" | "title" => string(&text(name), value, modifier),
        // Their systems are those of the element.
        "status" | "version" => text(name) == value.rsplit('|').next().unwrap_or(value),
        _ => text(name) == value,
    })
}

/// <https://hl7.org/fhir/R4/search.html#string>
fn string(text: &str, value: &str, modifier: &str) -> bool {
    let (lower, wanted) = (text.to_lowercase(), value.to_lowercase());
    match modifier {
        "exact" => text == value,
        "contains" => lower.contains(&wanted),
        _ => lower.starts_with(&wanted),
    }
}

impl FromRequestParts<AppState> for Kind {
    type Rejection = crate::server::reply::Refusal;

    async fn from_request_parts(head: &mut Head, _: &AppState) -> Result<Self, Self::Rejection> {
        let named = head.uri.path().split('/').nth(2).unwrap_or_default();
        let kind = own::KINDS.iter().find(|kind| **kind == named);
        kind.map(|kind| Self(kind)).ok_or_else(|| Error::fault("the route serves no definitions").into())
    }
}
