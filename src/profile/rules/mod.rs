//! Every rule, one a file.
//!
//! Some rules are about the form of objects and run while the walk passes them: [`unknown_element`], [`cardinality`],
//! [`json_kind`], [`choice`], [`sibling`], [`empty`], [`resource_type`]. The others are compiled from what a definition
//! says about an element, and run on each value: they are listed in [`of_value`] and [`of_object`], and nowhere else.

pub(super) mod binding;
pub(super) mod bundle;
pub(super) mod cardinality;
pub(super) mod choice;
pub(super) mod claims;
pub(super) mod contained;
pub(super) mod empty;
pub(super) mod format;
pub(super) mod json_kind;
pub(super) mod reference;
pub(super) mod resource_id;
pub(super) mod resource_type;
pub(super) mod sibling;
pub(super) mod unknown_element;

use super::compile::Definition;
use super::questionnaire;
use super::walk::Walk;
use crate::definitions::TypeRef;
use crate::fhir::Node;

/// A rule that was compiled from a definition.
#[derive(Debug, PartialEq)]
pub(super) enum Rule {
    /// The text has the form of its type
    Format(format::Format),
    /// The id of a resource
    ResourceId,
    /// The code is in a value set
    Binding(binding::Bound),
    /// The reference has a form, and leads to an allowed type
    Reference(reference::Targets),
    /// The profiles that a resource claims to meet
    Claims,
    /// Resources inside a resource
    Contained,
    /// Bundles
    Bundle,
    /// Answers to a form
    Questionnaire,
}

/// Adds the rules that a definition states about each value of an element, for one of its types.
pub(super) fn of_value(definition: Definition<'_>, allowed: &TypeRef, rules: &mut Vec<Rule>) {
    let found = [
        resource_id::compile(definition),
        format::compile(definition, allowed),
        reference::compile(definition, allowed),
    ];
    let found = found.into_iter().flatten().chain(binding::compile(definition, allowed));
    add(found, rules);
}

/// Adds the rules that a definition states about an object as a whole.
pub(super) fn of_object(definition: Definition<'_>, rules: &mut Vec<Rule>) {
    add(
        [
            claims::compile(definition),
            contained::compile(definition),
            bundle::compile(definition),
            questionnaire::compile(definition),
        ]
        .into_iter()
        .flatten(),
        rules,
    );
}

/// A rule that several definitions state runs once.
fn add(found: impl Iterator<Item = Rule>, rules: &mut Vec<Rule>) {
    for rule in found {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
}

impl Rule {
    /// Looks at a value; what is wrong is reported to the walk.
    pub(super) fn check<'d>(&self, node: Node<'d>, walk: &mut Walk<'_, 'd>) {
        match self {
            Self::Format(format) => format.check(node, walk),
            Self::ResourceId => resource_id::check(node, walk),
            Self::Binding(bound) => bound.check(node, walk),
            Self::Reference(targets) => targets.check(node, walk),
            Self::Claims => claims::check(node, walk),
            Self::Contained => contained::check(node, walk),
            Self::Bundle => bundle::check(node, walk),
            Self::Questionnaire => questionnaire::check(node, walk),
        }
    }
}
