//! As many values as the definition demands and no more
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.min>).

use crate::fhir::{Key, Node, Severity};
use crate::profile::context::CheckContext;
use crate::profile::counts::ElementCount;
use crate::profile::finding::Finding;
use crate::profile::schema::{ElementSchema, Schema};

/// More names than this are not listed one by one.
const MAX_LISTED: usize = 6;

/// Checks how often the elements of an object were met, once all its members were.
pub(in crate::profile) fn check(
    node: Node<'_>,
    schema: &Schema,
    counts: &[ElementCount],
    context: &mut CheckContext<'_, '_>,
) {
    for position in &schema.required {
        let element = &schema.elements[usize::from(*position)];
        let count = counts[usize::from(*position)].count;
        if count < element.min.count {
            report_missing(node, schema, element, count, context);
        }
    }
    for position in &schema.bounded {
        let element = &schema.elements[usize::from(*position)];
        let count = counts[usize::from(*position)].count;
        if let Some(max) = element.max.as_ref().filter(|max| count > max.count) {
            let text = match max.count {
                0 => format!("{} is not allowed here", element.name),
                most => format!("there are {count} of {}, at most {most} are allowed", element.name),
            };
            let present = node.members().find(|member| element.instance_names().any(|name| name == member.name()));
            let finding = Finding::error(Key::TooMany, present.unwrap_or(node), text);
            context.report(finding.expected(describe(element)).from(&max.origin));
        }
    }
}

/// Says which elements that must be supported are absent, where that is asked for.
pub(in crate::profile) fn check_must_support(
    node: Node<'_>,
    schema: &Schema,
    counts: &[ElementCount],
    context: &mut CheckContext<'_, '_>,
) {
    for position in &schema.supported {
        let element = &schema.elements[usize::from(*position)];
        let Some(origin) = &element.supported else { continue };
        // What is required has been reported as missing.
        if counts[usize::from(*position)].count == 0 && element.min.count == 0 {
            let text = format!("{} must be supported, and is absent", element.name);
            let finding = Finding::error(Key::MustSupport, node, text).about_missing(element.name.as_str());
            context.report(finding.severity(Severity::Information).expected("must support").from(origin));
        }
    }
}

fn report_missing(
    node: Node<'_>,
    schema: &Schema,
    element: &ElementSchema,
    count: u32,
    context: &mut CheckContext<'_, '_>,
) {
    let (name, min) = (&element.name, element.min.count);
    // A datatype is called as the element that it stands in, where only that one demands it.
    let of = match context.trail.last() {
        Some(open)
            if !schema.is_resource
                && !open.element.is_empty()
                && element.min.origin.element != format!("{}.{name}", schema.name) =>
        {
            open.element
        }
        _ => schema.name.as_str(),
    };
    let text = match count {
        0 if min == 1 => format!("{of} requires {name}"),
        0 => format!("{of} requires at least {min} of {name}"),
        _ => format!("{of} requires at least {min} of {name}, there are {count}"),
    };
    let names: Vec<String> = element.instance_names().collect();
    let hint = (names.len() > 1 && names.len() <= MAX_LISTED).then(|| format!("add one of {}", names.join(", ")));
    let finding = Finding::error(Key::Missing, node, text).about_missing(name.as_str()).hint_if(hint);
    context.report(finding.expected(describe(element)).from(&element.min.origin));
}

/// `cardinality 1..*`
fn describe(element: &ElementSchema) -> String {
    let max = element.max.as_ref().map_or_else(|| "*".to_owned(), |max| max.count.to_string());
    format!("cardinality {}..{max}", element.min.count)
}
