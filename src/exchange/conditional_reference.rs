//! References that say by a search what they mean (<https://hl7.org/fhir/R4/http.html#trules>: conditional references,
//! `Patient?identifier=...`). Each is resolved to the one resource that the sender sees and that matches, one of the
//! message's own among them, or what is sent is refused: it is never stored as text.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node, ResourceKey, query_string};
use crate::security::Caller;
use crate::store::query::{Query, check_limits};

use super::message::{Entry, EntryRequest, Names, references};
use super::write_target::{Targets, WriteTarget};

/// Type and parameters of a reference that is a search.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (kind, query) = text.split_once('?')?;
    let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_type.then_some((kind, query))
}

/// Teaches the names of a message what its conditional references stand for.
///
/// # Errors
/// 412, where a search finds none or several; what cannot be searched for; too many of them.
pub(super) async fn resolve<'m>(
    targets: &Targets,
    caller: &Caller,
    entries: &[Entry<'m>],
    places: &[WriteTarget],
    names: &mut Names<'m>,
) -> Result<()> {
    let mut known: HashMap<String, ResourceKey> = HashMap::new();
    let mut made = None;
    for resource in entries.iter().filter_map(|entry| entry.resource) {
        for (node, text) in references(resource) {
            let Some((kind, query)) = parse(&text) else { continue };
            if !known.contains_key(text.as_ref()) {
                if known.len() >= targets.limits.conditions {
                    let text = format!("a message refers by at most {} different searches", targets.limits.conditions);
                    return Err(at(node, Category::Unprocessable, Key::TooLarge, text));
                }
                let parameters = query_string::parse(query).map_err(|issue| {
                    let issue = Issue { key: Key::ReferenceSyntax, path: node.path(), ..*issue };
                    Error::new(Category::Unprocessable, issue.at(node.position()))
                })?;
                let own = made.get_or_insert_with(|| made_by_conditions(entries, places));
                let key = match own.get(&(Cow::Borrowed(kind), parameters.clone())) {
                    Some(key) => key.clone(),
                    None => search(targets, caller, node, kind, &parameters).await?,
                };
                known.insert(text.clone().into_owned(), key);
            }
            if let Some(key) = known.get(text.as_ref()) {
                names.set(text, key.clone());
            }
        }
    }
    Ok(())
}

/// The resources that the message itself makes, or finds, by type and condition.
type MadeByCondition<'m> = HashMap<(Cow<'m, str>, Vec<(String, String)>), ResourceKey>;

fn made_by_conditions<'m>(entries: &[Entry<'m>], places: &[WriteTarget]) -> MadeByCondition<'m> {
    let mut made = MadeByCondition::new();
    for (entry, place) in entries.iter().zip(places) {
        if let EntryRequest::Create { if_none_exist: Some(condition) } = &entry.ask
            && let (Ok(parameters), Some(key)) = (entry.condition_parameters(condition), place.key())
        {
            made.entry((entry.kind(), parameters)).or_insert_with(|| key.clone());
        }
    }
    made
}

async fn search(
    targets: &Targets,
    caller: &Caller,
    node: Node<'_>,
    kind: &str,
    parameters: &[(String, String)],
) -> Result<ResourceKey> {
    check_limits(parameters, &targets.limits).map_err(|error| located(node, error))?;
    let query = Query::parse(&targets.parameters, kind, parameters).map_err(|issues| {
        let issues = issues.into_iter().map(|issue| Issue { path: node.path(), ..issue }.at(node.position()));
        Error { category: Category::Unprocessable, issues: issues.collect() }
    })?;
    let mut found = targets.store.search(&caller.scope(), &query).await?.matches;
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
