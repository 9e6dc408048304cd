//! Narratives: XHTML that shows what a resource says and does nothing (<https://hl7.org/fhir/R4/narrative.html>, invariants
//! txt-1 and txt-2), with links inside it that lead somewhere.

use std::collections::HashSet;

use crate::definitions::TypeRef;
use crate::fhir::{Key, Node, xhtml};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// Every value of the type xhtml.
pub(in crate::profile) fn applies(allowed: &TypeRef) -> bool {
    allowed.code == "xhtml"
}

pub(in crate::profile) fn check<'d>(node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let Some(text) = node.as_str().filter(|text| !text.is_empty()) else { return };
    let narrative = xhtml::read(&text);
    let is_sound = narrative.issues.is_empty();
    for issue in narrative.issues {
        let finding = Finding::error(Key::Narrative, node, issue.text).about_part(issue.offset);
        context.report(match issue.hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }
    // Of what could not be read to its end nobody knows which places it has.
    if is_sound && !narrative.links.is_empty() {
        let mut anchors: HashSet<_> = narrative.anchors.iter().map(|(name, _)| name.clone()).collect();
        for (link, offset) in narrative.links {
            let was_full = context.findings.is_full();
            if !anchors.contains(&link) && context.scope.contained(&link).is_none() {
                let text = "the link leads to no place in this narrative, and to no contained resource";
                let finding = Finding::error(Key::NarrativeLink, node, text).about_part(offset);
                context.report(finding.hint("give the place an id, or link to another"));
                if was_full {
                    return;
                }
                // Said once is enough.
                anchors.insert(link);
            }
        }
    }
}
