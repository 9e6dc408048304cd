//! May more be withheld of a referral when one of its resources changes? Told by the rules alone, for all referrals that the resource is
//! part of.

use crate::fhir::Node;
use crate::fhirpath::Context;

use super::model::{Find, Model, NodeRule, Withhold};

/// May a rule of this map apply with the resource as it is after a change that did not before? In doubt it may.
pub(super) fn may_withhold_more(model: &Model, before: Node<'_>, after: Node<'_>) -> bool {
    let kind = after.str("resourceType").unwrap_or_default();
    model.withhold.iter().any(|rule| {
        let node = &model.nodes[rule.node];
        if may_be_found_by(model, node, &kind) {
            return true;
        }
        may_be(node, &kind) && applies(rule, after) && !applies(rule, before)
    })
}

/// What cannot be judged is withheld.
fn applies(rule: &Withhold, resource: Node<'_>) -> bool {
    rule.when.evaluate_bool(&Context::new(resource), resource).map_or(true, |applies| applies == Some(true))
}

/// May resources of this type be this node?
fn may_be(node: &NodeRule, kind: &str) -> bool {
    node.resource.as_deref().is_none_or(|resource| resource == kind)
}

/// May it follow from a resource of this type which one the node is?
fn may_be_found_by(model: &Model, node: &NodeRule, kind: &str) -> bool {
    let leads = |on_the_way: usize| {
        let on_the_way = &model.nodes[on_the_way];
        may_be(on_the_way, kind) || may_be_found_by(model, on_the_way, kind)
    };
    match &node.find {
        Find::Root => false,
        Find::At(ends) => ends.iter().any(|end| leads(end.node)),
        Find::Search => may_be(node, kind),
        Find::Items(end) => leads(end.node),
        Find::Versions => true,
    }
}
