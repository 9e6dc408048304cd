//! What a profile demands of a resource that stands inside another: in an entry of a Bundle, in a parameter, contained.

use super::claimed_profiles;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;
use crate::profile::schema::InnerResourceRule;

/// The schema that the resource has to meet here besides its own.
pub(in crate::profile) fn add<'d>(
    node: Node<'d>,
    mut schema: SchemaRef,
    rules: &[InnerResourceRule],
    context: &mut CheckContext<'_, 'd>,
) -> SchemaRef {
    let kind = node.str("resourceType").unwrap_or_default();
    for rule in rules {
        let is_allowed = |code: &str| context.registry.is_a(&kind, code);
        let allowed: Vec<_> = rule.types.iter().filter(|allowed| is_allowed(&allowed.code)).collect();
        if allowed.is_empty() && !rule.types.is_empty() {
            let codes: Vec<&str> = rule.types.iter().map(|allowed| allowed.code.as_str()).collect();
            let text = format!("a {kind} is not allowed here");
            let hint = format!("put a resource of type {} here", codes.join(" or "));
            context.report(Finding::error(Key::TypeNotAllowed, node, text).hint(hint).from(&rule.origin));
        }
        let profiles: Vec<&String> = allowed.iter().flat_map(|allowed| &allowed.profiles).collect();
        match &profiles[..] {
            [] => {}
            [only] => schema = claimed_profiles::add(node, schema, only, context),
            several => check_one_of(node, several, rule, context),
        }
        if let Some(inside) = &rule.inside {
            schema = context.registry.with_part(schema, inside);
        }
    }
    schema
}

/// The resource has to meet one of several profiles.
fn check_one_of<'d>(
    node: Node<'d>,
    profiles: &[&String],
    rule: &InnerResourceRule,
    context: &mut CheckContext<'_, 'd>,
) {
    if let Some(hint) = context.nearest_unmet(node, profiles.iter().map(|profile| profile.as_str())) {
        let names: Vec<&str> = profiles.iter().map(|profile| profile.as_str()).collect();
        let text = format!("the resource meets none of the profiles {}", names.join(", "));
        context.report(Finding::error(Key::Profile, node, text).hint(hint).from(&rule.origin));
    }
}
