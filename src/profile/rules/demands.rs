//! What a profile demands of a resource that stands inside another: in an entry of a Bundle, in a parameter, contained.

use super::claims;
use crate::fhir::{Key, Node};
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;
use crate::profile::schema::Demand;
use crate::profile::walk::Walk;

/// The schema that the resource has to meet here besides its own.
pub(in crate::profile) fn add<'d>(
    node: Node<'d>,
    mut schema: SchemaRef,
    demands: &[Demand],
    walk: &mut Walk<'_, 'd>,
) -> SchemaRef {
    let kind = node.str("resourceType").unwrap_or_default();
    for demand in demands {
        let is_allowed = |code: &str| walk.registry.is_a(&kind, code);
        let allowed: Vec<_> = demand.types.iter().filter(|allowed| is_allowed(&allowed.code)).collect();
        if allowed.is_empty() && !demand.types.is_empty() {
            let codes: Vec<&str> = demand.types.iter().map(|allowed| allowed.code.as_str()).collect();
            let text = format!("a {kind} is not allowed here");
            let hint = format!("put a resource of type {} here", codes.join(" or "));
            walk.report(Finding::error(Key::TypeNotAllowed, node, text).hint(hint).from(&demand.origin));
        }
        let profiles: Vec<&String> = allowed.iter().flat_map(|allowed| &allowed.profiles).collect();
        match &profiles[..] {
            [] => {}
            [only] => schema = claims::add(node, schema, only, walk),
            several => one_of(node, several, demand, walk),
        }
        if let Some(inside) = &demand.inside {
            schema = walk.registry.with_part(schema, inside);
        }
    }
    schema
}

/// The resource has to meet one of several profiles.
fn one_of<'d>(node: Node<'d>, profiles: &[&String], demand: &Demand, walk: &mut Walk<'_, 'd>) {
    if let Some(hint) = walk.nearest_unmet(node, profiles.iter().map(|profile| profile.as_str())) {
        let names: Vec<&str> = profiles.iter().map(|profile| profile.as_str()).collect();
        let text = format!("the resource meets none of the profiles {}", names.join(", "));
        walk.report(Finding::error(Key::Profile, node, text).hint(hint).from(&demand.origin));
    }
}
