//! What is stored as entries of the Bundles that answer: searchset and history.

use crate::error::Result;
use crate::fhir::authored::bundle::{BundleWriter, Entry, Request, Response, SearchMode};
use crate::fhir::edit::quote;
use crate::fhir::{Issue, Key, Node};
use crate::referral::withheld;
use crate::store::{Stored, Unreadable};
use crate::yielding;

/// What was found, each that cannot be read in its place among it.
pub(super) fn in_place<'f>(
    found: impl IntoIterator<Item = &'f Stored>,
    unreadable: &'f [Unreadable],
) -> Vec<std::result::Result<&'f Stored, &'f Unreadable>> {
    let mut unreadable = unreadable.iter().peekable();
    let mut all = Vec::new();
    for (place, stored) in found.into_iter().enumerate() {
        while let Some(damaged) = unreadable.next_if(|damaged| damaged.place <= place) {
            all.push(Err(damaged));
        }
        all.push(Ok(stored));
    }
    all.extend(unreadable.map(Err));
    all
}

/// What is told in the place of what is stored and cannot be read. Why it cannot be is for whoever runs the gateway.
fn told(unreadable: &Unreadable) -> Issue {
    let Unreadable { key, version, .. } = unreadable;
    let text = format!("version {version} of {key} is stored and cannot be read, so it is left out here");
    Issue::error(Key::StoredUnreadable, "", text)
        .hint("the gateway's log says what is wrong with it, by the request's id")
}

/// Says in the place of a resource that a search would have found that it cannot be read.
pub(super) fn add_unreadable(bundle: &mut BundleWriter, unreadable: &Unreadable) -> Result<()> {
    bundle.add_outcome(&[told(unreadable)])
}

/// Says in the place of a version that it cannot be read. An entry of a history holds no resource but the version, so it
/// stands in the response (<https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.response.outcome>).
pub(super) fn add_unreadable_version(bundle: &mut BundleWriter, base: &str, unreadable: &Unreadable) -> Result<()> {
    let Unreadable { key, version, .. } = unreadable;
    let (request, _) = request_of(&key.kind, &key.to_string(), *version);
    let outcome = [told(unreadable)];
    bundle.add(&Entry {
        full_url: Some(format!("{base}/{key}")),
        request: Some(request),
        response: Some(Response { status: "500", outcome: Some(&outcome), ..Response::default() }),
        ..Entry::default()
    })
}

/// The request that made a version, and how it was answered. The first version came by POST to the type; the gateway gives
/// the ids.
fn request_of(kind: &str, key: &str, version: u64) -> (Request, &'static str) {
    if version == 1 { (Request::Create(kind.to_owned()), "201") } else { (Request::Update(key.to_owned()), "200") }
}

/// Adds a resource that a search found; of its elements only these, if any are named.
pub(super) fn add_found(
    bundle: &mut BundleWriter,
    base: &str,
    stored: &Stored,
    mode: SearchMode,
    elements: &[String],
) -> Result<()> {
    let resource = stored.document.root();
    yielding::count(20 + resource.text().len() as u32 / 100);
    let part = (!elements.is_empty()).then(|| subset(resource, elements));
    bundle.add(&Entry {
        full_url: Some(format!("{base}/{}", stored.key)),
        resource: Some(part.as_deref().unwrap_or(resource.text())),
        search: Some(mode),
        ..Entry::default()
    })
}

/// Adds one version of a resource, with the request that made it.
pub(super) fn add_version(bundle: &mut BundleWriter, base: &str, stored: &Stored) -> Result<()> {
    let (request, status) = request_of(&stored.key.kind, &stored.key.to_string(), stored.version);
    bundle.add(&Entry {
        full_url: Some(format!("{base}/{}", stored.key)),
        resource: Some(stored.document.root().text()),
        request: Some(request),
        response: Some(Response { status, version: Some((stored.version, stored.updated)), ..Response::default() }),
        ..Entry::default()
    })
}

/// A resource with these elements alone (<https://hl7.org/fhir/R4/search.html#elements>), marked as a part of itself so
/// that nobody stores it as the whole.
fn subset(resource: Node<'_>, elements: &[String]) -> String {
    let mut text = String::from("{");
    for member in resource.members() {
        let name = member.name();
        let wanted = |name: &str| elements.iter().any(|element| element == name);
        // Primitives with extensions have a second member, with an underscore.
        let kept = matches!(name, "resourceType" | "id" | "meta") || wanted(name.trim_start_matches('_'));
        if !kept {
            continue;
        }
        text.push_str(if text.len() > 1 { "," } else { "" });
        text.push_str(&quote(name));
        text.push(':');
        if name == "meta" && member.is_object() {
            text.push_str(&withheld::tagged(member));
        } else {
            text.push_str(member.text());
        }
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::fhir::{Document, ResourceKey};

    #[test]
    fn keeps_what_is_stored_and_says_how_it_came() {
        let text = r#"{"resourceType":"Task","id":"7","meta":{"versionId":"2"}, "x":1.10}"#;
        let stored = Stored {
            until: None,
            key: ResourceKey::new("Task", "7"),
            version: 2,
            updated: "2026-11-21T10:00:00Z".parse().unwrap(),
            seq: 5,
            author: None,
            public: false,
            document: Arc::new(Document::parse(text).unwrap()),
            withheld: None,
        };
        let mut bundle = BundleWriter::searchset(Some(1), &[("self", "http://a/fhir/Task?x=\"")]).unwrap();
        add_found(&mut bundle, "http://a/fhir", &stored, SearchMode::Match, &[]).unwrap();
        assert_eq!(
            bundle.finish(),
            format!(
                "{}{text}{}",
                r#"{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self","url":"http://a/fhir/Task?x=\""}],"entry":[{"fullUrl":"http://a/fhir/Task/7","resource":"#,
                r#","search":{"mode":"match"}}]}"#
            )
        );

        let part = subset(stored.document.root(), &["x".to_owned()]);
        assert!(part.contains("\"x\":1.10") && part.contains("SUBSETTED"), "{part}");
        assert!(!subset(stored.document.root(), &["status".to_owned()]).contains("1.10"));

        let mut bundle = BundleWriter::history(None, &[]).unwrap();
        add_version(&mut bundle, "http://a/fhir", &stored).unwrap();
        add_version(&mut bundle, "http://a/fhir", &Stored { version: 1, ..stored }).unwrap();
        let read: serde_json::Value = serde_json::from_str(&bundle.finish()).unwrap();
        assert_eq!(read["entry"][0]["request"], json!({ "method": "PUT", "url": "Task/7" }));
        assert_eq!(read["entry"][1]["request"], json!({ "method": "POST", "url": "Task" }));
        assert_eq!(
            read["entry"][0]["response"],
            json!({ "status": "200", "etag": "W/\"2\"", "lastModified": "2026-11-21T10:00:00.000000Z" })
        );
    }
}
