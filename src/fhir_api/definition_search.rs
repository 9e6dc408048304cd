//! Searches of our own definitions: `GET [base]/StructureDefinition`, `ValueSet` and `CodeSystem`
//! (<https://hl7.org/fhir/R4/http.html#search>). What is searched by is short and exact; a parameter that is not known
//! is refused as it is elsewhere.

use crate::error::{Category, Error, Result};
use crate::fhir::query_string::whole_number;
use crate::fhir::{Issue, Key};
use crate::store::Stored;
use crate::store::index::normal;

use super::artifacts::Artifacts;
use super::count;
use super::rendered::Rendered;
use super::search_page::{CURSOR, SearchPage, is_about_form, left_out};

/// How many are on a page, where the client does not say, and at most.
const PAGE: usize = 50;

/// What the definitions are searched by: name, kind, and the types that have it (none named: all).
const PARAMETERS: &[(&str, &str, &[&str])] = &[
    ("_id", "token", &[]),
    ("url", "uri", &[]),
    ("version", "token", &[]),
    ("name", "string", &[]),
    ("title", "string", &[]),
    ("status", "token", &[]),
    ("type", "uri", &["StructureDefinition"]),
    ("base", "uri", &["StructureDefinition"]),
];

/// A search of definitions of one type.
#[derive(Debug)]
pub(super) struct DefinitionSearch {
    kind: &'static str,
    parameters: Vec<(String, String)>,
    /// What is left out because nobody knows it
    ignored: Vec<Issue>,
}

/// A search as it was understood.
struct DefinitionQuery<'p> {
    tests: Vec<(&'p str, &'p str)>,
    count: usize,
    start: usize,
    elements: Vec<String>,
}

impl DefinitionSearch {
    /// A search by these parameters; where the client is lenient, without those that are not known.
    ///
    /// # Errors
    /// For a parameter that is not known or cannot be read.
    pub(super) fn new(kind: &'static str, mut parameters: Vec<(String, String)>, lenient: bool) -> Result<Self> {
        let mut ignored = Vec::new();
        if lenient {
            parameters.retain(|(name, _)| {
                let is_known = is_about_answer(name) || is_served(kind, name);
                if !is_known {
                    ignored.push(left_out(unknown(kind, name)));
                }
                is_known
            });
        }
        count::cap(&mut parameters, PAGE);
        read_query(kind, &parameters)?;
        Ok(Self { kind, parameters, ignored })
    }

    /// The page of these definitions that is asked for.
    pub(super) fn render(&self, artifacts: &Artifacts, base: &str) -> Result<Rendered> {
        let query = read_query(self.kind, &self.parameters)?;
        let is_match = |stored: &&Stored| query.tests.iter().all(|(name, value)| matches(stored, name, value));
        let found: Vec<&Stored> = artifacts.of(self.kind).filter(is_match).collect();
        let page: Vec<&Stored> = found.iter().copied().skip(query.start).take(query.count).collect();
        let after = query.start.saturating_add(page.len());
        let next = (!page.is_empty() && after < found.len()).then(|| after.to_string());
        let page = SearchPage {
            kind: self.kind,
            parameters: &self.parameters,
            elements: &query.elements,
            ignored: &self.ignored,
            total: Some(found.len() as u64),
            matches: page,
            unreadable: &[],
            included: &[],
            next: next.as_deref(),
        };
        page.render(base)
    }
}

fn read_query<'p>(kind: &str, parameters: &'p [(String, String)]) -> Result<DefinitionQuery<'p>> {
    let mut query = DefinitionQuery { tests: Vec::new(), count: PAGE, start: 0, elements: Vec::new() };
    let mut issues = Vec::new();
    for (name, value) in parameters {
        let number = || whole_number(value).ok_or_else(|| issue(name, format!("{name} is a whole number")));
        let read = match name.as_str() {
            _ if is_about_form(name) => Ok(()),
            "_count" => number().map(|count| query.count = count),
            CURSOR => number().map(|start| query.start = start),
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
    is_about_form(name) || matches!(name, "_count" | "_elements" | CURSOR)
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
    match modifier {
        "exact" => text == value,
        "contains" => normal(text).contains(&normal(value)),
        _ => normal(text).starts_with(&normal(value)),
    }
}
