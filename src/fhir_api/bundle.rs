//! Bundles that answer: searchset and history (<https://hl7.org/fhir/R4/bundle.html>). Resources go in as the text that
//! is stored, byte for byte; nothing is parsed or written anew.

use std::fmt::Write as _;

use crate::fhir::edit::{Edits, quote};
use crate::fhir::{Issue, Node, outcome};
use crate::store::Stored;

/// A bundle that is being written.
pub(super) struct Bundle {
    text: String,
    entries: usize,
}

impl Bundle {
    /// A bundle of this type, with the resources' number where it is known and links by relation.
    pub(super) fn new(kind: &str, total: Option<u64>, links: &[(&str, &str)]) -> Self {
        let mut text = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"");
        if let Some(total) = total {
            let _ = write!(text, ",\"total\":{total}");
        }
        for (position, (relation, url)) in links.iter().enumerate() {
            text.push_str(if position == 0 { ",\"link\":[" } else { "," });
            let _ = write!(text, "{{\"relation\":\"{relation}\",\"url\":{}}}", quote(url));
        }
        if !links.is_empty() {
            text.push(']');
        }
        Self { text, entries: 0 }
    }

    /// Adds a resource, found by a search in this mode (`match`, `include`); of its elements only these, if any are named.
    pub(super) fn found(&mut self, base: &str, stored: &Stored, mode: &str, elements: &[String]) {
        let resource = stored.document.root();
        if elements.is_empty() {
            self.entry(base, stored, resource.text());
        } else {
            self.entry(base, stored, &subset(resource, elements));
        }
        let _ = write!(self.text, ",\"search\":{{\"mode\":\"{mode}\"}}}}");
    }

    /// Adds one version of a resource, with the request that made it.
    pub(super) fn version(&mut self, base: &str, stored: &Stored) {
        self.entry(base, stored, stored.document.root().text());
        let (kind, id) = (&stored.key.kind, &stored.key.id);
        // The first version came by POST to the type; the gateway gives the ids.
        let (method, url, status) =
            if stored.version == 1 { ("POST", kind.clone(), "201") } else { ("PUT", format!("{kind}/{id}"), "200") };
        let _ = write!(
            self.text,
            ",\"request\":{{\"method\":\"{method}\",\"url\":\"{url}\"}},\"response\":{{\"status\":\"{status}\",\
             \"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{}\"}}}}",
            stored.version,
            crate::fhir::edit::instant(stored.updated)
        );
    }

    /// Adds what is to be said about the search itself.
    pub(super) fn outcome(&mut self, issues: &[Issue]) {
        self.separate();
        let outcome = outcome::to_text(issues);
        let _ = write!(self.text, "{{\"resource\":{outcome},\"search\":{{\"mode\":\"outcome\"}}}}");
    }

    fn entry(&mut self, base: &str, stored: &Stored, resource: &str) {
        self.separate();
        let url = quote(&format!("{base}/{}", stored.key));
        let _ = write!(self.text, "{{\"fullUrl\":{url},\"resource\":{resource}");
    }

    fn separate(&mut self) {
        self.text.push_str(if self.entries == 0 { ",\"entry\":[" } else { "," });
        self.entries += 1;
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        if self.entries > 0 {
            self.text.push(']');
        }
        self.text.push('}');
        self.text
    }
}

/// A resource with these elements alone (<https://hl7.org/fhir/R4/search.html#elements>), marked as a part of itself so
/// that nobody stores it as the whole.
fn subset(resource: Node<'_>, elements: &[String]) -> String {
    const TAG: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;
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
        let _ = write!(text, "\"{name}\":");
        if name == "meta" && member.is_object() {
            let mut edits = Edits::new(member);
            edits.append(member, "tag", TAG);
            text.push_str(&edits.finish());
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

    use super::*;
    use crate::fhir::{Document, ResourceKey};

    #[test]
    fn keeps_what_is_stored_and_says_how_it_came() {
        let text = r#"{"resourceType":"Task","id":"7","meta":{"versionId":"2"}, "x":1.10}"#;
        let stored = Stored {
            key: ResourceKey::new("Task", "7"),
            version: 2,
            updated: "2026-11-21T10:00:00Z".parse().unwrap(),
            seq: 5,
            author: None,
            public: false,
            document: Arc::new(Document::parse(text).unwrap()),
        };
        let mut bundle = Bundle::new("searchset", Some(1), &[("self", "http://a/fhir/Task?x=\"")]);
        bundle.found("http://a/fhir", &stored, "match", &[]);
        let written = bundle.finish();
        let read = Document::parse(written.as_str()).unwrap();
        assert!(written.contains(text));
        assert!(read.root().list("link").next().unwrap().get("url").unwrap().is_str("http://a/fhir/Task?x=\""));
        assert!(read.root().list("entry").next().unwrap().get("fullUrl").unwrap().is_str("http://a/fhir/Task/7"));

        let part = subset(stored.document.root(), &["x".to_owned()]);
        assert!(part.contains("\"x\":1.10") && part.contains("SUBSETTED"), "{part}");
        assert!(!subset(stored.document.root(), &["status".to_owned()]).contains("1.10"));

        let mut bundle = Bundle::new("history", None, &[]);
        bundle.version("http://a/fhir", &stored);
        bundle.version("http://a/fhir", &Stored { version: 1, ..stored });
        let read = Document::parse(bundle.finish()).unwrap();
        let methods: Vec<_> = read
            .root()
            .list("entry")
            .filter_map(|entry| entry.get("request")?.str("method").map(String::from))
            .collect();
        assert_eq!(methods, ["PUT", "POST"]);
        assert!(Document::parse(Bundle::new("searchset", Some(0), &[]).finish()).is_ok());
    }
}
