//! HTML in texts that are none. Markdown with HTML is shown differently by each reader
//! (<https://hl7.org/fhir/R4/datatypes.html#markdown>); a plain string with a tag in it is harmless where it is escaped and
//! an attack where it is not (<https://hl7.org/fhir/R4/security.html#narrative>), so it is refused where that is asked for.

use crate::definitions::TypeRef;
use crate::fhir::xhtml::{self, TextFormat};
use crate::fhir::{Key, Node, Severity};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// Every string and markdown.
pub(in crate::profile) fn compile(allowed: &TypeRef) -> Option<TextFormat> {
    Some(match allowed.code.as_str() {
        "string" => TextFormat::Plain,
        "markdown" => TextFormat::Markdown,
        _ => return None,
    })
}

pub(in crate::profile) fn check<'d>(kind: TextFormat, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let severity = match kind {
        TextFormat::Plain if context.request.security => Severity::Error,
        TextFormat::Markdown if context.request.no_html => Severity::Error,
        TextFormat::Markdown => Severity::Warning,
        TextFormat::Plain => return,
    };
    // An escape can hide a sign; hardly any text has either.
    if !node.text().contains(['<', '\\']) {
        return;
    }
    let Some(offset) = node.as_str().and_then(|text| xhtml::find_tag(&text, kind)) else { return };
    let (text, hint) = match kind {
        TextFormat::Plain => ("the text holds what looks like HTML", "a string is plain text; leave out the tags"),
        TextFormat::Markdown => (
            "the markdown holds what looks like HTML; readers may show it, run it or leave it out",
            "write it in markdown, or put a backslash before the <",
        ),
    };
    context.report(Finding::error(Key::Markup, node, text).severity(severity).about_part(offset).hint(hint));
}
