//! References that say by a search what they mean (<https://hl7.org/fhir/R4/http.html#trules>: conditional references,
//! `Patient?identifier=...`). Each is resolved to the one resource that the sender sees and that matches, one of the
//! message's own among them, or what is sent is refused: it is never stored as text.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node, ResourceKey, query_string};
use crate::referral::Read;
use crate::security::Caller;
use crate::store::query::{Query, SearchCondition, check_limits};

use super::message::{Entry, EntryRequest, Names, references};
use super::write_target::{Targets, WriteTarget};

/// What a message's conditional references are resolved with.
pub(super) struct ConditionalReferences<'r, 'm> {
    pub(super) targets: &'r Targets,
    pub(super) caller: &'r Caller,
    pub(super) entries: &'r [Entry<'m>],
    /// Where the entries go; nothing where that was settled before
    pub(super) places: &'r [WriteTarget],
}

/// Type and parameters of a reference that is a search.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (kind, query) = text.split_once('?')?;
    let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_type.then_some((kind, query))
}

impl<'m> ConditionalReferences<'_, 'm> {
    /// Teaches the names of a message what its conditional references stand for, in resources and in what is read.
    ///
    /// # Errors
    /// 412, where a search finds none or several; what cannot be searched for; too many of them.
    pub(super) async fn resolve(&self, names: &mut Names<'m>) -> Result<()> {
        let mut known = Known::of(self.targets, self.entries, self.places);
        for resource in self.entries.iter().filter_map(|entry| entry.resource) {
            for (node, text) in references(resource) {
                self.resolve_one(node, text, &mut known, names).await?;
            }
        }
        self.resolve_reads(&mut known, names).await
    }

    /// As [`ConditionalReferences::resolve`], of what is read alone.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn resolve_in_reads(&self, names: &mut Names<'m>) -> Result<()> {
        self.resolve_reads(&mut Known::of(self.targets, self.entries, self.places), names).await
    }

    async fn resolve_reads(&self, known: &mut Known<'m>, names: &mut Names<'m>) -> Result<()> {
        for entry in self.entries {
            let (EntryRequest::Read(Read::Search { parameters, .. }), Some(request)) = (&entry.ask, entry.request)
            else {
                continue;
            };
            let place = request.get("url").unwrap_or(request);
            // A text may hold a question mark, too.
            let is_search = |value: &str| {
                parse(value).is_some_and(|(kind, _)| self.targets.parameters.of_type(kind).next().is_some())
            };
            for (_, value) in parameters.iter().filter(|(_, value)| value.contains('=') && is_search(value)) {
                self.resolve_one(place, Cow::Owned(value.clone()), known, names).await?;
            }
        }
        Ok(())
    }

    async fn resolve_one(
        &self,
        node: Node<'_>,
        text: Cow<'m, str>,
        known: &mut Known<'m>,
        names: &mut Names<'m>,
    ) -> Result<()> {
        let Some((kind, query)) = parse(&text) else { return Ok(()) };
        if !known.by_text.contains_key(text.as_ref()) {
            let most = self.targets.limits.conditions;
            if known.by_text.len() >= most {
                let text = format!("a message refers by at most {most} different searches");
                return Err(at(node, Category::Unprocessable, Key::TooLarge, text));
            }
            let parameters = query_string::parse(query).map_err(|issue| {
                let issue = Issue { key: Key::ReferenceSyntax, path: node.path(), ..*issue };
                Error::new(Category::Unprocessable, issue.at(node.position()))
            })?;
            check_limits(&parameters, &self.targets.limits).map_err(|error| located(node, error))?;
            let condition = SearchCondition::parse(&self.targets.parameters, kind, parameters).map_err(|issues| {
                let at = |issue: Issue| Issue { path: node.path(), ..issue }.at(node.position());
                Error { category: Category::Unprocessable, issues: issues.into_iter().map(at).collect() }
            })?;
            let key = match known.made.get(&(Cow::Borrowed(kind), condition.parameters.clone())) {
                Some(key) => key.clone(),
                None => search(self.targets, self.caller, node, &condition.query).await?,
            };
            known.by_text.insert(text.clone().into_owned(), key);
        }
        if let Some(key) = known.by_text.get(text.as_ref()) {
            names.set(text, key.clone());
        }
        Ok(())
    }
}

/// A type, and the parameters that are searched by.
type Condition<'m> = (Cow<'m, str>, Vec<(String, String)>);

/// What is known by now of a message's searches.
struct Known<'m> {
    /// What each text stands for
    by_text: HashMap<String, ResourceKey>,
    /// What the message itself makes, or finds, by type and condition
    made: HashMap<Condition<'m>, ResourceKey>,
}

impl<'m> Known<'m> {
    fn of(targets: &Targets, entries: &[Entry<'m>], places: &[WriteTarget]) -> Self {
        let mut made = HashMap::new();
        for (entry, place) in entries.iter().zip(places) {
            if let EntryRequest::Create { if_none_exist: Some(text) } = &entry.ask
                && let Some(key) = place.key()
                && let Ok(parameters) = entry.condition_parameters(&targets.parameters, text)
                && let Ok(condition) = entry.condition(&targets.parameters, parameters)
            {
                made.entry((entry.kind(), condition.parameters)).or_insert_with(|| key.clone());
            }
        }
        Self { by_text: HashMap::new(), made }
    }
}

async fn search(targets: &Targets, caller: &Caller, node: Node<'_>, query: &Query) -> Result<ResourceKey> {
    let kind = &query.kind;
    let mut found = targets.store.search(&caller.scope(), query).await?.matches;
    match found.len() {
        1 => Ok(found.remove(0).key),
        0 => {
            let text = format!("the reference is a search for a {kind}, and finds none that you see");
            Err(at(node, Category::Precondition, Key::ReferenceDangling, text))
        }
        _ => {
            let text = format!("the reference is a search for one {kind}, and finds several");
            Err(at(node, Category::Precondition, Key::MultipleMatches, text))
        }
    }
}

/// The error at the reference.
fn located(node: Node<'_>, error: Error) -> Error {
    let issues = error.issues.into_iter().map(|issue| Issue { path: node.path(), ..issue }.at(node.position()));
    Error { category: error.category, issues: issues.collect() }
}

fn at(node: Node<'_>, category: Category, key: Key, text: String) -> Error {
    Error::new(category, Issue::error(key, node.path(), text).at(node.position()))
}
