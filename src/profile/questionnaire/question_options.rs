//! What a question offers to choose from, as the form says it (`answerOption`).

use std::collections::BTreeMap;

use super::elements::{extension, value};
use crate::fhir::Node;
use crate::fhirpath::Decimal;

/// The options of a question.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Those on offer; true where it goes with no other
    pub(super) by_identity: BTreeMap<Identity, bool>,
    /// The types of what is on offer, as the ends of the element's names, each once
    pub(super) types: Vec<&'static str>,
    /// Does one of them go with no other?
    pub(super) has_exclusive: bool,
    /// How they are called, in the order of the form
    pub(super) names: Vec<String>,
}

/// What makes two values the same option: the type, and what identifies a value of it.
pub(super) type Identity = (&'static str, String, String);

impl Options {
    pub(super) fn of(question: Node<'_>) -> Self {
        let mut options = Self::default();
        for option in question.list("answerOption") {
            let Some((kind, node)) = value(option) else { continue };
            let Some(identity) = identity(kind, node) else { continue };
            let is_exclusive = extension(option, "questionnaire-optionExclusive").and_then(Node::as_bool);
            options.names.push(identity.2.clone());
            options.by_identity.insert(identity, is_exclusive == Some(true));
        }
        options.types = options.by_identity.keys().map(|(kind, ..)| *kind).collect();
        // In the order of identities the types stand together.
        options.types.dedup();
        options.has_exclusive = options.by_identity.values().any(|is_exclusive| *is_exclusive);
        options
    }
}

/// What identifies a value; nothing for a type that is never on offer.
pub(super) fn identity(kind: &str, node: Node<'_>) -> Option<Identity> {
    let text = |name: &str| node.str(name).unwrap_or_default().into_owned();
    Some(match kind {
        "Coding" => ("Coding", text("system"), text("code")),
        "Integer" => ("Integer", String::new(), Decimal::parse(node.as_number()?)?.to_string()),
        "String" => ("String", String::new(), node.as_str()?.into_owned()),
        "Date" => ("Date", String::new(), node.as_str()?.into_owned()),
        "Time" => ("Time", String::new(), node.as_str()?.into_owned()),
        "Reference" => ("Reference", String::new(), text("reference")),
        _ => return None,
    })
}
