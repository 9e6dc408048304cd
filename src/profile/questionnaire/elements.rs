//! Elements of forms and answers that go by part of a name: extensions of several guides, choices of types.

use crate::definitions::CORE_URL;
use crate::fhir::Node;

/// What the extensions of Structured Data Capture begin with (<http://hl7.org/fhir/uv/sdc/>).
const SDC_PREFIX: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/";

/// The value of an extension of an item, by the last part of its URL. Several guides define some of them.
pub(super) fn extension<'d>(node: Node<'d>, name: &str) -> Option<Node<'d>> {
    extensions(node, name).next()
}

/// The values of an extension that may stand there more than once.
pub(super) fn extensions<'d>(node: Node<'d>, name: &str) -> impl Iterator<Item = Node<'d>> {
    node.list("extension").filter_map(move |extension| {
        let url = extension.str("url")?;
        let known = url.strip_prefix(CORE_URL).or_else(|| url.strip_prefix(SDC_PREFIX))?;
        (known == name).then(|| value(extension)).flatten().map(|(_, value)| value)
    })
}

/// The `value[x]` of an element: its name and itself.
pub(super) fn value(node: Node<'_>) -> Option<(&str, Node<'_>)> {
    choice(node, "value")
}

/// A choice by its stem: `answerCoding` for `answer`.
pub(super) fn choice<'d>(node: Node<'d>, stem: &str) -> Option<(&'d str, Node<'d>)> {
    node.members().find_map(|member| {
        let kind = member.name().strip_prefix(stem)?;
        kind.starts_with(|first: char| first.is_ascii_uppercase()).then_some((kind, member))
    })
}
