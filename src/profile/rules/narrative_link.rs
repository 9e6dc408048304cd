//! Links from data to the narrative that tells of it, inside a document
//! (<https://hl7.org/fhir/R4/extension-narrativelink.html>): each leads to one element of the narratives of one entry.

use std::collections::HashMap;

use crate::fhir::{Key, Node, xhtml};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// The extension that holds such a link.
const NARRATIVE_LINK: &str = "http://hl7.org/fhir/StructureDefinition/narrativeLink";

/// Checks the links of a document, which is a bundle of this type.
pub(in crate::profile) fn check<'d>(bundle: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let mut narratives: HashMap<u32, HashMap<String, usize>> = HashMap::new();
    for entry in bundle.list("entry") {
        let Some(resource) = entry.get("resource") else { continue };
        for (link, text) in links(resource) {
            let Some((url, id)) = text.split_once('#') else { continue };
            let target = if url.is_empty() { Some(resource) } else { context.scope.entry(url) };
            // What is not in the document may have been a link to the outside.
            let Some(target) = target else { continue };
            let anchors = narratives.entry(target.index()).or_insert_with(|| anchors(target));
            let (text, hint) = match anchors.get(id) {
                Some(1) => continue,
                None => ("the link leads to no element of the narrative", "link to an id that the narrative has"),
                Some(_) => (
                    "the link leads to several elements of the narrative, which have the same id",
                    "give each element of the resource's narratives an id of its own",
                ),
            };
            context.report(Finding::error(Key::NarrativeLink, link, text).hint(hint));
        }
    }
}

/// The values of the links in a resource.
fn links(resource: Node<'_>) -> Vec<(Node<'_>, String)> {
    let extensions = resource.descendants().filter(|inner| inner.is_object());
    let links = extensions.filter(|inner| inner.get("url").is_some_and(|url| url.is_str(NARRATIVE_LINK)));
    let value = |extension: Node<'_>| {
        let value = extension.get("valueUrl").or_else(|| extension.get("valueUri"))?;
        Some((value.index(), value.as_str()?.into_owned()))
    };
    links.filter_map(value).map(|(index, text)| (resource.document().node(index), text)).collect()
}

/// How often each id is in the narratives of a resource.
fn anchors(resource: Node<'_>) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    let texts = resource.descendants().filter(|inner| inner.name() == "div").filter_map(Node::as_str);
    for text in texts {
        for (id, _) in xhtml::read(&text).anchors {
            *found.entry(id.into_owned()).or_default() += 1;
        }
    }
    found
}
