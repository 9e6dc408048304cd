//! As many values as the definition demands and no more
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.min>).

use crate::fhir::{Key, Node};
use crate::profile::findings::Finding;
use crate::profile::schema::{ElementSchema, Schema};
use crate::profile::walk::Walk;

/// Names that are told one by one.
const FEW: usize = 6;

/// Checks the counts of an object whose members have all been met; they begin at `base`.
pub(in crate::profile) fn check(node: Node<'_>, schema: &Schema, base: usize, walk: &mut Walk<'_, '_>) {
    for position in &schema.required {
        let element = &schema.elements[usize::from(*position)];
        let count = walk.seen(base + usize::from(*position)).count;
        if count < element.min {
            missing(node, schema, element, count, walk);
        }
    }
    for position in &schema.bounded {
        let element = &schema.elements[usize::from(*position)];
        let count = walk.seen(base + usize::from(*position)).count;
        if let Some(max) = element.max.filter(|max| count > *max) {
            let text = match max {
                0 => format!("{} is not allowed here", element.name),
                _ => format!("there are {count} of {}, at most {max} are allowed", element.name),
            };
            let present = node.members().find(|member| element.instance_names().any(|name| name == member.name()));
            walk.report(Finding::error(Key::TooMany, present.unwrap_or(node), text));
        }
    }
}

fn missing(node: Node<'_>, schema: &Schema, element: &ElementSchema, count: u32, walk: &mut Walk<'_, '_>) {
    let ElementSchema { name, min, .. } = element;
    let text = match count {
        0 if *min == 1 => format!("{} requires {name}", schema.name),
        0 => format!("{} requires at least {min} of {name}", schema.name),
        _ => format!("{} requires at least {min} of {name}, there are {count}", schema.name),
    };
    let names: Vec<String> = element.instance_names().collect();
    let hint = (names.len() > 1 && names.len() <= FEW).then(|| format!("add one of {}", names.join(", ")));
    walk.report(Finding::error(Key::Missing, node, text).about_missing(name.as_str()).hint_if(hint));
}
