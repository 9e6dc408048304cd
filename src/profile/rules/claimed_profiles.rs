//! The profiles that a resource has to meet: those that it claims in `meta.profile`
//! (<https://hl7.org/fhir/R4/resource.html#Meta>), those that whoever asks demands, and those that a guide demands of all.
//!
//! What they say is added to the schema that the resource is walked with. What cannot be checked is said once for each
//! profile, never passed over.

use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;
use crate::profile::registry::Derived;

/// The schema with all profiles that the resource itself claims to meet, or that are demanded of its type.
pub(in crate::profile) fn add_claimed<'d>(
    node: Node<'d>,
    mut schema: SchemaRef,
    context: &mut CheckContext<'_, 'd>,
) -> SchemaRef {
    if let Some(meta) = node.get("meta") {
        for claim in meta.list("profile") {
            if let Some(canonical) = claim.as_str() {
                schema = add_at(node, claim, schema, &canonical, context);
            }
        }
    }
    if let Some(kind) = node.str("resourceType") {
        let demanded = context.request.by_type.and_then(|by_type| by_type.get(&*kind)).into_iter().flatten();
        for profile in demanded.chain(context.registry.definitions().global_profiles(&kind)) {
            schema = add_at(node, node, schema, profile, context);
        }
    }
    schema
}

/// The schema with this profile besides.
pub(in crate::profile) fn add<'d>(
    node: Node<'d>,
    schema: SchemaRef,
    canonical: &str,
    context: &mut CheckContext<'_, 'd>,
) -> SchemaRef {
    add_at(node, node, schema, canonical, context)
}

fn add_at<'d>(
    node: Node<'d>,
    claim: Node<'d>,
    schema: SchemaRef,
    canonical: &str,
    context: &mut CheckContext<'_, 'd>,
) -> SchemaRef {
    match context.registry.derive(schema, canonical) {
        Derived::Schema(schema) => return schema,
        Derived::Other(schema, used) => {
            context.report_once(canonical, || {
                let text = format!("the profile {canonical} is not at hand; {used} was used instead");
                Finding::not_checked(claim, text)
            });
            return schema;
        }
        Derived::Same => {}
        Derived::NotAtHand(why) => context.report_once(canonical, || {
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            let text = format!("the profile {canonical} is not at hand{why}; only its base type was checked");
            Finding::not_checked(claim, text)
        }),
        Derived::OfType(of) => {
            let kind = node.str("resourceType").unwrap_or_default();
            let text = format!("{canonical} is a profile of {of}, and this is a {kind}");
            let hint = "take the profile out of meta.profile, or name one of the resource's own type";
            context.report(Finding::error(Key::Profile, claim, text).hint(hint));
        }
    }
    schema
}
