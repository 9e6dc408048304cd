//! The identities by which the entries of a bundle refer to each other (<https://hl7.org/fhir/R4/bundle.html#references>).

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::fhir::{Node, Reference, Severity};

/// The entries of a bundle by their fullUrl, made once for all references in it.
#[derive(Debug)]
pub(super) struct BundleEntries<'d> {
    kind: String,
    by_full_url: HashMap<String, Node<'d>>,
    bundle: Node<'d>,
    /// By canonical URL, once one was asked for
    by_canonical: OnceCell<HashMap<String, Node<'d>>>,
    /// `Type/id` of the entries, whatever their fullUrl
    by_key: HashMap<String, Node<'d>>,
    /// From the resource of an entry to what its fullUrl begins with, if that is RESTful
    bases: HashMap<u32, String>,
}

impl<'d> BundleEntries<'d> {
    pub(super) fn of(bundle: Node<'d>) -> Self {
        let mut entries = Self {
            kind: bundle.str("type").unwrap_or_default().into_owned(),
            by_full_url: HashMap::new(),
            by_key: HashMap::new(),
            bases: HashMap::new(),
            bundle,
            by_canonical: OnceCell::new(),
        };
        for entry in bundle.list("entry") {
            let resource = entry.get("resource");
            if let Some(url) = entry.str("fullUrl") {
                if let (Some(resource), Some(Reference::Absolute { restful: Some((base, _, _)), .. })) =
                    (resource, Reference::parse(&url))
                {
                    entries.bases.insert(resource.index(), base.to_owned());
                }
                entries.by_full_url.insert(url.into_owned(), resource.unwrap_or(entry));
            }
            if let Some(resource) = resource
                && let (Some(kind), Some(id)) = (resource.str("resourceType"), resource.str("id"))
            {
                entries.by_key.entry(format!("{kind}/{id}")).or_insert(resource);
            }
        }
        entries
    }

    /// The resource that a reference in the entry of `from` leads to
    /// (<https://hl7.org/fhir/R4/bundle.html#references>): a relative one is relative to the entry's own fullUrl, where
    /// that is RESTful.
    pub(super) fn target(&self, reference: &str, from: Node<'d>) -> Option<Node<'d>> {
        let reference = reference.split("/_history/").next().unwrap_or(reference);
        if let Some(found) = self.by_full_url.get(reference) {
            return Some(*found);
        }
        if reference.contains(':') {
            return None;
        }
        match self.bases.get(&from.index()) {
            Some(base) => self.by_full_url.get(&format!("{base}/{reference}")).copied(),
            None => self.by_key.get(reference).copied(),
        }
    }

    /// The resource of an entry that has this canonical URL (`url` or `url|version`).
    pub(super) fn canonical(&self, canonical: &str) -> Option<Node<'d>> {
        let by_canonical = self.by_canonical.get_or_init(|| {
            let mut found = HashMap::new();
            for resource in self.bundle.list("entry").filter_map(|entry| entry.get("resource")) {
                let Some(url) = resource.str("url") else { continue };
                if let Some(version) = resource.str("version") {
                    found.entry(format!("{url}|{version}")).or_insert(resource);
                }
                found.entry(url.into_owned()).or_insert(resource);
            }
            found
        });
        by_canonical.get(canonical).copied()
    }

    /// The resource of the entry with this fullUrl.
    pub(super) fn resource(&self, full_url: &str) -> Option<Node<'d>> {
        self.by_full_url.get(full_url).copied()
    }

    /// How bad it is if what an entry refers to by `urn:uuid` is not in the bundle. Results of a search may lack it.
    pub(super) fn dangling(&self) -> Option<Severity> {
        match self.kind.as_str() {
            "transaction" | "batch" | "document" | "message" => Some(Severity::Error),
            "collection" => Some(Severity::Warning),
            _ => None,
        }
    }

    pub(super) fn is_transaction(&self) -> bool {
        self.kind == "transaction"
    }
}
