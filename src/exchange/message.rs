//! A message as it came in: one resource, or a Bundle of requests
//! (<https://hl7.org/fhir/R4/http.html#transaction>), taken apart into entries.
//!
//! Nothing is changed here; `draft` makes what will be stored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, Reference, ResourceKey, primitive, query_string};

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryRequest {
    /// POST: a new resource, unless the search `if_none_exist` finds one
    Create {
        /// The condition, as search parameters
        if_none_exist: Option<String>,
    },
    /// PUT: a new version of the resource with this key
    Update {
        /// Type and id
        key: ResourceKey,
        /// The version that the change is based on
        if_match: Option<u64>,
    },
    /// GET: a read or a search, relative to the base
    Get {
        /// `Type/id`, `Type?parameters`, as it was sent
        url: String,
    },
}

/// One request of a message.
#[derive(Debug, Clone)]
pub(super) struct Entry<'m> {
    /// What it asks for
    pub ask: EntryRequest,
    /// How other entries may name its resource
    pub full_url: Option<Cow<'m, str>>,
    /// The resource that it brings
    pub resource: Option<Node<'m>>,
    /// Its request, where it is an entry of a Bundle
    pub request: Option<Node<'m>>,
}

/// What a GET inside a Bundle asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GetTarget {
    /// `Type/id`
    Read(ResourceKey),
    /// `Type?parameters`
    Search {
        /// The type
        kind: String,
        /// The parameters, decoded
        parameters: Vec<(String, String)>,
    },
}

impl<'m> Entry<'m> {
    /// The type of its resource, "" where it brings none.
    pub(super) fn kind(&self) -> Cow<'m, str> {
        self.resource.and_then(|resource| resource.str("resourceType")).unwrap_or_default()
    }

    /// What it asks for, where it is a GET.
    ///
    /// # Errors
    /// If its url cannot be decoded.
    pub(super) fn get_target(&self) -> Result<Option<GetTarget>> {
        let EntryRequest::Get { url } = &self.ask else { return Ok(None) };
        let (path, parameters) = url.split_once('?').unwrap_or((url, ""));
        query_string::check_path(path).map_err(|issue| self.locate(*issue, "url"))?;
        let parameters = query_string::parse(parameters).map_err(|issue| self.locate(*issue, "url"))?;
        Ok(Some(match ResourceKey::parse(url) {
            Some(key) => GetTarget::Read(key),
            None => GetTarget::Search { kind: path.to_owned(), parameters },
        }))
    }

    /// The parameters of a condition of its request: `identifier=a|b`, also behind `Type?` or `?`.
    ///
    /// # Errors
    /// If the condition cannot be decoded.
    pub(super) fn condition_parameters(&self, condition: &str) -> Result<Vec<(String, String)>> {
        let before = condition.split_once('?').filter(|(before, _)| !before.contains('='));
        let parameters = before.map_or(condition, |(_, parameters)| parameters);
        query_string::parse(parameters).map_err(|issue| self.locate(*issue, "ifNoneExist"))
    }

    /// The issue as an error, at the member of the entry's request that it is about. Outside of a Bundle the condition
    /// came in a header.
    fn locate(&self, issue: Issue, member: &str) -> Error {
        match self.request {
            Some(request) => at(issue, request.get(member).unwrap_or(request)),
            None => {
                let text = format!("If-None-Exist: {}", issue.text);
                Error::new(Category::Incorrect, Issue { text, ..issue })
            }
        }
    }
}

/// What is taken in at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'m> {
    /// The text that the entries point into
    pub(super) document: &'m Arc<Document>,
    /// What is checked: the whole Bundle, or one resource
    pub(super) root: Node<'m>,
    /// What it asks for
    pub(super) entries: &'m [Entry<'m>],
}

/// What kind of bundle the entries came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BundleType {
    /// All or nothing
    Transaction,
    /// Each entry on its own
    Batch,
}

/// The form and the entries of a Bundle that was sent to the base.
///
/// # Errors
/// If it is no transaction or batch, or an entry asks for what is not served.
pub(super) fn read_bundle(document: &Arc<Document>) -> Result<(BundleType, Vec<Entry<'_>>)> {
    let root = document.root();
    let form = match root.str("type").as_deref() {
        Some("transaction") => BundleType::Transaction,
        Some("batch") => BundleType::Batch,
        other => {
            let text = format!(
                "Bundle.type is {}; the base accepts transaction and batch",
                other.map_or_else(|| "missing".to_owned(), |other| format!("\"{other}\""))
            );
            let node = root.get("type").unwrap_or(root);
            return Err(Error::unprocessable(vec![
                Issue::error(Key::BundleRule, "Bundle.type", text).at(node.position()),
            ]));
        }
    };
    let mut entries = Vec::new();
    for entry in root.list("entry") {
        entries.push(read_entry(entry)?);
    }
    Ok((form, entries))
}

/// A request that cannot be read, because of this node.
fn at(issue: Issue, node: Node<'_>) -> Error {
    Error::new(Category::Incorrect, Issue { path: node.path(), ..issue }.at(node.position()))
}

fn read_entry(entry: Node<'_>) -> Result<Entry<'_>> {
    let refuse = |node: Node<'_>, key: Key, text: String| {
        Error::unprocessable(vec![Issue::error(key, node.path(), text).at(node.position())])
    };
    let Some(request) = entry.get("request") else {
        return Err(refuse(entry, Key::Missing, "an entry of a transaction or batch needs a request".to_owned()));
    };
    let method = request.str("method").unwrap_or_default();
    let url = request.str("url").unwrap_or_default();
    if matches!(&*method, "POST" | "PUT") {
        query_string::check_path(&url).map_err(|issue| at(*issue, request.get("url").unwrap_or(request)))?;
    }
    let resource = entry.get("resource");
    let kind = resource.and_then(|resource| resource.str("resourceType")).unwrap_or_default();
    let ask = match method.as_ref() {
        "POST" if url == kind && resource.is_some() => {
            EntryRequest::Create { if_none_exist: request.str("ifNoneExist").map(Cow::into_owned) }
        }
        "PUT" if resource.is_some() => {
            let node = request.get("url").unwrap_or(request);
            let Some(key) = ResourceKey::parse(&url).filter(|key| key.kind == kind) else {
                let text = format!("request.url of a PUT is {kind}/id; conditional updates are not served");
                return Err(refuse(node, Key::NotSupported, text));
            };
            let if_match = request.get("ifMatch").map(version_of).transpose()?;
            EntryRequest::Update { key, if_match }
        }
        "GET" => EntryRequest::Get { url: url.trim_start_matches('/').to_owned() },
        "POST" | "PUT" => {
            let node = request.get("url").unwrap_or(request);
            let text = format!(
                "request.url is \"{url}\" and the resource is a {kind}; expected the type of the resource that the entry brings"
            );
            return Err(refuse(node, Key::BundleRule, text));
        }
        _ => {
            let node = request.get("method").unwrap_or(request);
            return Err(refuse(
                node,
                Key::NotSupported,
                "expected POST, PUT or GET; other methods are not served".to_owned(),
            ));
        }
    };
    Ok(Entry { ask, full_url: entry.str("fullUrl"), resource, request: Some(request) })
}

/// The version in an ETag: `W/"3"` or `"3"`.
fn version_of(node: Node<'_>) -> Result<u64> {
    let text = node.as_str().unwrap_or_default();
    parse_etag(&text).ok_or_else(|| {
        let text = "expected the version that the change is based on, as W/\"3\"";
        Error::new(Category::Incorrect, Issue::error(Key::Parameter, node.path(), text).at(node.position()))
    })
}

/// The version in an ETag: `W/"3"` or `"3"`.
pub fn parse_etag(text: &str) -> Option<u64> {
    let text = text.trim();
    let inner = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    inner.parse().ok()
}

/// Which stored resource each name in a message stands for.
#[derive(Debug, Default)]
pub(super) struct Names<'m>(HashMap<Cow<'m, str>, ResourceKey>);

impl<'m> Names<'m> {
    /// What the references of a message may call the resource of `entry`, which is stored as `key`: its `fullUrl`;
    /// with a RESTful `fullUrl` or an id of its own also `Type/id`, as within one base.
    pub(super) fn learn(&mut self, entry: &Entry<'m>, key: &ResourceKey) {
        let kind = entry.kind();
        if let Some(full) = &entry.full_url {
            if let Some(Reference::Absolute { restful: Some((_, of, id)), .. }) = Reference::parse(full)
                && of == kind
            {
                self.0.insert(Cow::Owned(format!("{of}/{id}")), key.clone());
            }
            self.0.insert(full.clone(), key.clone());
        }
        let own = entry.resource.and_then(|resource| resource.str("id")).filter(|id| primitive::is_id(id));
        if let Some(id) = own {
            self.0.entry(Cow::Owned(format!("{kind}/{id}"))).or_insert_with(|| key.clone());
        }
    }

    /// The resource that a reference of the message names, if it is one of the message's own.
    pub(super) fn get(&self, reference: &str) -> Option<&ResourceKey> {
        self.0.get(reference)
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

    #[test]
    fn reads_entries_and_names() {
        let text = r#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Patient","id":"p"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=a|b"}},
            {"fullUrl":"https://ehr.example/fhir/Task/9","resource":{"resourceType":"Task","id":"9"},"request":{"method":"PUT","url":"Task/9","ifMatch":"W/\"3\""}},
            {"request":{"method":"GET","url":"Task?status=requested"}}]}"#;
        let document = Arc::new(Document::parse(text).unwrap());
        let (form, entries) = read_bundle(&document).unwrap();
        assert_eq!(form, BundleType::Transaction);
        assert_eq!(entries[1].ask, EntryRequest::Update { key: ResourceKey::new("Task", "9"), if_match: Some(3) });
        let mut names = Names::default();
        names.learn(&entries[0], &ResourceKey::new("Patient", "new"));
        names.learn(&entries[1], &ResourceKey::new("Task", "9"));
        for name in ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "Patient/p"] {
            assert_eq!(names.get(name).map(ToString::to_string).as_deref(), Some("Patient/new"));
        }
        assert_eq!(names.get("https://ehr.example/fhir/Task/9").map(ToString::to_string).as_deref(), Some("Task/9"));
    }

    #[test]
    fn reads_conditions_and_searches() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let entry = |ask: EntryRequest| Entry { ask, full_url: None, resource: None, request: None };
        let get = |url: &str| entry(EntryRequest::Get { url: url.to_owned() }).get_target();
        assert_eq!(get("Task/1"), Ok(Some(GetTarget::Read(ResourceKey::new("Task", "1")))));
        let parameters = vec![pair("code", "a|b c"), pair("_count", "1")];
        let search = GetTarget::Search { kind: "Task".to_owned(), parameters };
        assert_eq!(get("Task?code=a%7Cb+c&_count=1"), Ok(Some(search)));

        let create = entry(EntryRequest::Create { if_none_exist: None });
        assert_eq!(create.get_target(), Ok(None));
        let expected = vec![pair("identifier", "https://a.example/x?y|b")];
        for condition in ["identifier=https://a.example/x?y|b", "?identifier=https://a.example/x?y%7Cb"] {
            assert_eq!(create.condition_parameters(condition).unwrap(), expected, "{condition}");
        }
        assert_eq!(create.condition_parameters("Task?identifier=https://a.example/x?y|b").unwrap(), expected);
        let issue = &create.condition_parameters("identifier=%4").unwrap_err().issues[0];
        assert!(issue.text.starts_with("If-None-Exist: the value of the parameter \"identifier\""), "{}", issue.text);
    }

    #[test]
    fn refuses_what_is_not_served() {
        for (entry, key) in [
            (r#"{"resource":{"resourceType":"Task"}}"#, Key::Missing),
            (r#"{"request":{"method":"DELETE","url":"Task/1"}}"#, Key::NotSupported),
            (r#"{"resource":{"resourceType":"Task"},"request":{"method":"POST","url":"Patient"}}"#, Key::BundleRule),
            (
                r#"{"resource":{"resourceType":"Task"},"request":{"method":"PUT","url":"Task?identifier=1"}}"#,
                Key::NotSupported,
            ),
        ] {
            let text = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entry}]}}"#);
            let document = Arc::new(Document::parse(text).unwrap());
            assert_eq!(read_bundle(&document).unwrap_err().issues[0].key, key, "{entry}");
        }
    }
}
