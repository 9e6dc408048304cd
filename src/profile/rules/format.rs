//! The form of each primitive type (<https://hl7.org/fhir/R4/datatypes.html#primitive>), and the most characters that a
//! definition allows.

use super::{empty, resource_id};
use crate::definitions::TypeRef;
use crate::fhir::{Key, Kind, Node, primitive};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// What a text of a type has to look like.
#[derive(Debug, Clone)]
pub(in crate::profile) struct Format {
    type_name: String,
    matches: fn(&str) -> bool,
    max_length: Option<u32>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        (&self.type_name, self.max_length) == (&other.type_name, other.max_length)
    }
}

/// The form of a primitive type.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<Format> {
    let matches = primitive::matcher(&allowed.code)?;
    if resource_id::applies(definition) {
        return None;
    }
    // A string as such has at most 1 MB (<https://hl7.org/fhir/R4/datatypes.html#string>).
    let of_type = definition.registry.definitions().structure(&allowed.code);
    let of_type = of_type.and_then(|structure| structure.child(0, "value")?.element.max_length);
    let max_length = definition.element.max_length.into_iter().chain(of_type).min();
    Some(Format { type_name: allowed.code.clone(), matches, max_length })
}

impl Format {
    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        let string = node.as_str();
        let text = string.as_deref().unwrap_or_else(|| node.text());
        if text.is_empty() && node.kind() == Kind::String {
            empty::string(node, context);
        } else if !(self.matches)(text) {
            let message =
                format!("the value is no {}: expected {}", self.type_name, primitive::describe(&self.type_name));
            context.report(Finding::error(Key::PrimitiveFormat, node, message));
        } else if let Some(max) = self.max_length.filter(|max| text.len() > *max as usize)
            && text.chars().count() > max as usize
        {
            let message = format!("the value has {} characters, at most {max} are allowed", text.chars().count());
            context.report(Finding::error(Key::PrimitiveFormat, node, message));
        } else if context.request.no_examples
            && matches!(&*self.type_name, "uri" | "url" | "canonical")
            && is_example(text)
        {
            let message = "the address is one of those that are reserved for examples (RFC 2606)";
            context.report(Finding::error(Key::PrimitiveFormat, node, message).hint("write the real address"));
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        match self.max_length {
            Some(most) => format!("type {}, at most {most} characters", self.type_name),
            None => format!("type {}", self.type_name),
        }
    }
}

/// Is it at `example.org` or its like (<https://www.rfc-editor.org/rfc/rfc2606>)?
fn is_example(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let mut labels = host.rsplit('.');
    match (labels.next(), labels.next()) {
        (Some("example"), _) => true,
        (Some("com" | "net" | "org"), Some(name)) => name == "example",
        _ => false,
    }
}
