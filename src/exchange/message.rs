//! A message as it came in: one resource, or a Bundle of requests
//! (<https://hl7.org/fhir/R4/http.html#transaction>), which the edge takes apart into entries.
//!
//! Nothing is changed here; `draft` makes what will be stored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, Preconditions, Reference, ResourceKey, primitive, query_string};
use crate::referral::Read;
use crate::store::index::SearchParameters;
use crate::store::query::SearchCondition;

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryRequest {
    /// POST: a new resource, unless the search `if_none_exist` finds one
    Create {
        /// The condition, as search parameters
        if_none_exist: Option<String>,
    },
    /// PUT: a new version of the resource with this key
    Update {
        /// Type and id
        key: ResourceKey,
        /// What it depends on
        conditions: Preconditions,
    },
    /// GET: what the store holds, once all writes of the message are made
    Read(Read),
    /// Nothing that the exchange has to do with
    Nothing,
}

/// One request of a message.
#[derive(Debug, Clone)]
pub struct Entry<'m> {
    /// What it asks for
    pub ask: EntryRequest,
    /// How other entries may name its resource
    pub full_url: Option<Cow<'m, str>>,
    /// The resource that it brings
    pub resource: Option<Node<'m>>,
    /// Its request, where it is an entry of a Bundle
    pub request: Option<Node<'m>>,
}

impl<'m> Entry<'m> {
    /// The type of its resource, "" where it brings none.
    pub(super) fn kind(&self) -> Cow<'m, str> {
        self.resource.and_then(|resource| resource.str("resourceType")).unwrap_or_default()
    }

    /// What references of the message may call its resource: its `fullUrl`; with a RESTful `fullUrl`, and with an id of its own,
    /// also `Type/id`, as within one base.
    pub(super) fn names(&self) -> [Option<Cow<'m, str>>; 3] {
        let kind = self.kind();
        let by_address = self.full_url.as_deref().and_then(|full| match Reference::parse(full)? {
            Reference::Absolute { restful: Some((_, of, id)), .. } if of == kind => Some(format!("{of}/{id}").into()),
            _ => None,
        });
        let own = self.resource.and_then(|resource| resource.str("id")).filter(|id| primitive::is_id(id));
        [self.full_url.clone(), by_address, own.map(|id| format!("{kind}/{id}").into())]
    }

    /// Does its condition name other entries of the message?
    pub(super) fn condition_names_others(&self) -> bool {
        matches!(&self.ask, EntryRequest::Create { if_none_exist: Some(condition) }
            if condition.contains("urn:uuid:") || condition.contains("urn:oid:") || condition.contains("urn%3A"))
    }

    /// The parameters of the condition of its create: `identifier=a|b`, also behind the first `?` of `?`, `Type?` or the
    /// address of the type.
    ///
    /// # Errors
    /// If they cannot be read, or are about another type.
    pub(super) fn condition_parameters(&self, served: &SearchParameters, text: &str) -> Result<Vec<(String, String)>> {
        let kind = self.kind();
        let parameters = match text.split_once('?') {
            Some((address, parameters)) if !address.contains('=') => {
                if !is_address(address, &kind, served.base()) {
                    let text = format!("the condition searches \"{address:.100}\" and the resource is a {kind}");
                    let hint = format!("send the parameters alone, or behind {kind}?");
                    return Err(self.locate(Issue::error(Key::Parameter, "", text).hint(hint), "ifNoneExist"));
                }
                parameters
            }
            _ => text,
        };
        query_string::parse(parameters).map_err(|issue| self.locate(*issue, "ifNoneExist"))
    }

    /// The condition of its create, with these parameters.
    ///
    /// # Errors
    /// If they cannot be searched for, or choose nothing.
    pub(super) fn condition(
        &self,
        served: &SearchParameters,
        parameters: Vec<(String, String)>,
    ) -> Result<SearchCondition> {
        SearchCondition::parse(served, &self.kind(), parameters).map_err(|issues| {
            let located = issues.into_iter().flat_map(|issue| self.locate(issue, "ifNoneExist").issues);
            Error { category: Category::Incorrect, issues: located.collect() }
        })
    }

    /// The issue as an error, at the member of the entry's request that it is about. Outside of a Bundle the condition
    /// came in a header.
    fn locate(&self, issue: Issue, member: &str) -> Error {
        let issue = match self.request {
            Some(request) => {
                let node = request.get(member).unwrap_or(request);
                Issue { path: node.path(), ..issue }.at(node.position())
            }
            None => Issue { text: format!("If-None-Exist: {}", issue.text), ..issue },
        };
        Error::new(Category::Incorrect, issue)
    }
}

/// Does what stands before a condition's `?` name this type, alone or under the base? Where no base is set, any will do.
fn is_address(address: &str, kind: &str, base: Option<&str>) -> bool {
    let Some(before) = address.strip_suffix(kind) else { return address.is_empty() };
    match before.strip_suffix('/') {
        None => before.is_empty(),
        Some(before) => before.is_empty() || base.map_or(before.contains("://"), |base| before == base),
    }
}

/// What is taken in at once.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// The text that the entries point into
    pub document: &'m Arc<Document>,
    /// What is checked: the whole Bundle, or one resource
    pub root: Node<'m>,
    /// What it asks for
    pub entries: &'m [Entry<'m>],
}

/// Which stored resource each name in a message stands for.
#[derive(Debug, Default)]
pub(super) struct Names<'m>(HashMap<Cow<'m, str>, ResourceKey>);

impl<'m> Names<'m> {
    /// What the references of a message may call the resource of `entry`, which is stored as `key`.
    pub(super) fn learn(&mut self, entry: &Entry<'m>, key: &ResourceKey) {
        let [given, by_address, own] = entry.names();
        for name in [by_address, given].into_iter().flatten() {
            self.0.insert(name, key.clone());
        }
        if let Some(own) = own {
            self.0.entry(own).or_insert_with(|| key.clone());
        }
    }

    /// Lets this text stand for a resource.
    pub(super) fn set(&mut self, name: Cow<'m, str>, key: ResourceKey) {
        self.0.insert(name, key);
    }

    /// The resource that a reference of the message names, if it is one of the message's own.
    pub(super) fn get(&self, reference: &str) -> Option<&ResourceKey> {
        self.0.get(reference)
    }

    /// What is read, with the resources of the message by the keys that they are stored under: a search may name them by
    /// `fullUrl`, as references do.
    pub(super) fn in_read(&self, read: &Read) -> Read {
        match read {
            Read::Search { kind, parameters } => {
                Read::Search { kind: kind.clone(), parameters: self.in_parameters(parameters) }
            }
            Read::Resource { .. } | Read::History { .. } => read.clone(),
        }
    }

    /// The parameters of a search, with the message's own names replaced.
    pub(super) fn in_parameters(&self, parameters: &[(String, String)]) -> Vec<(String, String)> {
        let is_name = |value: &str| value.starts_with("urn:") || value.contains('?');
        let known = |value: &str| self.get(value).filter(|_| is_name(value)).map(ToString::to_string);
        let in_value = |value: &String| {
            if let Some(known) = known(value) {
                return known;
            }
            let mut values = value.split(',').map(|one| known(one).unwrap_or_else(|| one.to_owned()));
            let first = values.next().unwrap_or_default();
            values.fold(first, |all, one| format!("{all},{one}"))
        };
        parameters.iter().map(|(name, value)| (name.clone(), in_value(value))).collect()
    }

    /// The names and what they stand for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &ResourceKey)> {
        self.0.iter().map(|(name, key)| (name.as_ref(), key))
    }
}

/// The Reference elements inside a resource: the node of each `reference` string with its text.
pub(super) fn references(resource: Node<'_>) -> impl Iterator<Item = (Node<'_>, Cow<'_, str>)> {
    resource.descendants().filter(|node| node.name() == "reference").filter_map(|node| Some((node, node.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    #[test]
    fn learns_names() {
        let text = r#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Patient","id":"p"}},
            {"fullUrl":"https://ehr.example/fhir/Task/9","resource":{"resourceType":"Task","id":"9"}}]}"#;
        let document = Document::parse(text).unwrap();
        let entries: Vec<Entry<'_>> = document
            .root()
            .list("entry")
            .map(|entry| Entry {
                ask: EntryRequest::Create { if_none_exist: None },
                full_url: entry.str("fullUrl"),
                resource: entry.get("resource"),
                request: None,
            })
            .collect();
        let mut names = Names::default();
        names.learn(&entries[0], &ResourceKey::new("Patient", "new"));
        names.learn(&entries[1], &ResourceKey::new("Task", "9"));
        for name in ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "Patient/p"] {
            assert_eq!(names.get(name).map(ToString::to_string).as_deref(), Some("Patient/new"));
        }
        assert_eq!(names.get("https://ehr.example/fhir/Task/9").map(ToString::to_string).as_deref(), Some("Task/9"));
    }

    #[test]
    fn reads_conditions() {
        let served = SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap();
        let served = served.with_base("https://gateway.example/fhir");
        let document = Document::parse(r#"{"resourceType":"Task"}"#).unwrap();
        let (ask, resource) = (EntryRequest::Create { if_none_exist: None }, Some(document.root()));
        let create = Entry { ask, full_url: None, resource, request: None };
        let expected = vec![("identifier".to_owned(), "https://a.example/x?y|b".to_owned())];
        for before in ["", "?", "Task?", "/Task?", "https://gateway.example/fhir/Task?"] {
            for parameters in ["identifier=https://a.example/x?y|b", "identifier=https://a.example/x?y%7Cb&_count=1"] {
                let read = create.condition_parameters(&served, &format!("{before}{parameters}")).unwrap();
                let condition = create.condition(&served, read).unwrap();
                assert_eq!(condition.parameters, expected, "{before}{parameters}");
            }
        }
        for before in ["Patient?", "xTask?", "https://other.example/fhir/Task?", "Task/1?", "??"] {
            let read = create.condition_parameters(&served, &format!("{before}identifier=a"));
            assert!(read.and_then(|read| create.condition(&served, read)).is_err(), "{before}");
        }
        let issue = &create.condition_parameters(&served, "identifier=%4").unwrap_err().issues[0];
        assert!(issue.text.starts_with("If-None-Exist: the value of the parameter \"identifier\""), "{}", issue.text);
    }
}
