//! What bounds the answers to a question, as the form says it (`maxLength` and the extensions of
//! <https://hl7.org/fhir/R4/questionnaire-profiles.html>).

use std::borrow::Cow;

use super::elements::{extension, extensions, value};
use crate::fhir::Node;
use crate::fhirpath::{Extent, Pattern};

/// What bounds the answers to a question.
#[derive(Debug)]
pub(super) struct Limits<'d> {
    pub(super) max_length: Option<usize>,
    pub(super) min_length: Option<usize>,
    pub(super) regex: Option<Cow<'d, str>>,
    /// Nothing, where the regex is none that we know
    pub(super) pattern: Option<Pattern>,
    pub(super) entry_format: Option<Cow<'d, str>>,
    pub(super) decimal_places: Option<usize>,
    pub(super) min: Option<(&'d str, Node<'d>)>,
    pub(super) max: Option<(&'d str, Node<'d>)>,
    pub(super) media_types: Vec<Cow<'d, str>>,
    pub(super) max_size: Option<f64>,
}

impl<'d> Limits<'d> {
    pub(super) fn of(question: Node<'d>) -> Self {
        let whole = |node: Node<'d>| node.as_number()?.parse::<usize>().ok();
        let text = |name: &str| extension(question, name).and_then(Node::as_str);
        let bound = |name: &str| {
            let is_it = |extension: &Node<'d>| extension.str("url").is_some_and(|url| url.ends_with(name));
            extension(question, name)?;
            question.list("extension").find(is_it).and_then(value)
        };
        let regex = text("regex");
        Self {
            max_length: question.get("maxLength").and_then(whole),
            min_length: extension(question, "minLength").and_then(whole),
            pattern: regex.as_deref().and_then(|regex| Pattern::parse(regex, Extent::Whole).ok()),
            regex,
            entry_format: text("entryFormat"),
            decimal_places: extension(question, "maxDecimalPlaces").and_then(whole),
            min: bound("minValue"),
            max: bound("maxValue"),
            media_types: extensions(question, "mimeType").filter_map(Node::as_str).collect(),
            max_size: extension(question, "maxSize").and_then(Node::as_number).and_then(|size| size.parse().ok()),
        }
    }
}
