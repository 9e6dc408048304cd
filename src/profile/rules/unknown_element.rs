//! No element but those of the type (<https://hl7.org/fhir/R4/json.html>): FHIR has extensions for everything else.

use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::schema::{ElementSchema, Schema};

/// More names than this are not listed one by one.
const MAX_LISTED: usize = 12;

/// Says that this member is none of the schema's, and what may have been meant.
pub(in crate::profile) fn report(member: Node<'_>, schema: &Schema, context: &mut CheckContext<'_, '_>) {
    let name = member.name();
    let hint = if context.findings.is_full() { None } else { hint(name, schema) };
    let text = format!("\"{name}\" is no element of {}", schema.name);
    context.report(Finding::error(Key::UnknownElement, member, text).about_name().hint_if(hint));
}

fn hint(name: &str, schema: &Schema) -> Option<String> {
    if name == "resourceType" {
        return Some(format!("{} is no resource; remove resourceType", schema.name));
    }
    if name.contains('\\') {
        return Some("write member names without escapes".to_owned());
    }
    if let Some(bare) = name.strip_prefix('_').filter(|bare| schema.names.get(bare).is_some()) {
        return Some(format!("{bare} is no primitive: write its id and extensions inside it"));
    }
    if let Some(choice) = schema.elements.iter().find(|element| is_choice_of(name, element)) {
        let names: Vec<String> = choice.instance_names().collect();
        return Some(if names.len() > MAX_LISTED {
            format!("{} takes one of {} types; none of them is called so", choice.name, names.len())
        } else {
            format!("{} is written as {}", choice.name, names.join(" or "))
        });
    }
    let known = schema.members.iter().filter(|member| !member.is_sibling).map(|member| member.name.as_str());
    nearest(name, known).map(|known| format!("did you mean \"{known}\"?"))
}

/// Does the name begin as a choice does (`valueThing` for `value[x]`)?
fn is_choice_of(name: &str, element: &ElementSchema) -> bool {
    let rest = element.name.strip_suffix("[x]").and_then(|stem| name.strip_prefix(stem));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|first: char| first.is_ascii_uppercase()))
}
