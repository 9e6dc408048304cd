//! Searches of a type (<https://hl7.org/fhir/R4/http.html#search>, <https://hl7.org/fhir/R4/search.html>).
//!
//! A parameter that is not known is refused, with those that are, unless `Prefer: handling=lenient` asks to leave it
//! out; the link `self` says what was used.

use crate::error::{Category, Error, Result};
use crate::fhir::Issue;
use crate::store::Page;
use crate::store::index::SearchParameters;
use crate::store::query::Query;

use super::rendered::Rendered;
use super::search_page::{SearchPage, left_out};

/// A search of one type.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) kind: String,
    pub(super) parameters: Vec<(String, String)>,
    /// What is left out because nobody knows it
    ignored: Vec<Issue>,
    elements: Vec<String>,
}

impl Search {
    /// A search by these parameters; where the client is lenient, without those that are not known.
    pub(super) fn new(
        served: &SearchParameters,
        kind: String,
        mut parameters: Vec<(String, String)>,
        lenient: bool,
    ) -> Self {
        let mut ignored = Vec::new();
        if lenient {
            parameters.retain(|pair| {
                let unknown = Query::read(served, &kind, std::slice::from_ref(pair)).unknown;
                let is_known = unknown.is_empty();
                ignored.extend(unknown.into_iter().map(left_out));
                is_known
            });
        }
        let names_elements = parameters.iter().any(|(name, _)| name == "_elements");
        let elements = names_elements.then(|| Query::read(served, &kind, &parameters).query.elements);
        Self { kind, parameters, ignored, elements: elements.unwrap_or_default() }
    }

    /// Refuses parameters that are unknown or cannot be read, before anything is searched.
    pub(super) fn check(&self, served: &SearchParameters) -> Result<()> {
        let query = Query::parse(served, &self.kind, &self.parameters);
        query.map(drop).map_err(|issues| Error { category: Category::Incorrect, issues })
    }

    /// What was found, as a searchset.
    pub(super) fn render(&self, page: &Page, base: &str) -> Result<Rendered> {
        let page = SearchPage {
            kind: &self.kind,
            parameters: &self.parameters,
            elements: &self.elements,
            ignored: &self.ignored,
            total: page.total,
            matches: page.matches.iter().collect(),
            unreadable: &page.unreadable,
            included: &page.included,
            next: page.next.as_deref(),
        };
        page.render(base)
    }
}
