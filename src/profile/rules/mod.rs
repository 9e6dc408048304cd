//! Every rule, one a file.
//!
//! Some rules are about the form of objects and run while the walk passes them: [`unknown_element`], [`cardinality`],
//! [`json_kind`], [`choice`], [`sibling`], [`empty`], [`resource_type`]. The others are compiled from what a definition
//! says about an element, and run on each value: they are listed in [`of_value`] and [`of_object`], and nowhere else.

pub(super) mod additional_binding;
pub(super) mod attachment;
pub(super) mod binding;
pub(super) mod bundle;
pub(super) mod cardinality;
pub(super) mod choice;
pub(super) mod claims;
pub(super) mod coding;
pub(super) mod conforms;
pub(super) mod contained;
pub(super) mod demands;
pub(super) mod empty;
pub(super) mod extension;
pub(super) mod fixed;
pub(super) mod format;
pub(super) mod invariant;
pub(super) mod json_kind;
pub(super) mod literal;
pub(super) mod markup;
pub(super) mod narrative;
pub(super) mod narrative_link;
pub(super) mod pattern;
pub(super) mod reference;
pub(super) mod resource_id;
pub(super) mod resource_type;
pub(super) mod shorten;
pub(super) mod sibling;
pub(super) mod slice_path;
pub(super) mod target;
pub(super) mod unknown_element;
pub(super) mod value_range;

use std::sync::Arc;

use super::definition::Definition;
use super::finding::Finding;
use super::questionnaire;
use super::schema::Stated;
use super::walk::Walk;
use crate::definitions::TypeRef;
use crate::fhir::xhtml::Text;
use crate::fhir::{Node, RuleSource};

/// A rule that was compiled from a definition.
#[derive(Debug, PartialEq)]
pub(super) enum Rule {
    /// The text has the form of its type
    Format(format::Format),
    /// The id of a resource
    ResourceId,
    /// The code is in a value set
    Binding(binding::Bound),
    /// The code is in value sets that depend on what the resource is about
    Additional(additional_binding::Additional),
    /// The size of an attachment
    Attachment,
    /// The code is one of its code system
    Coding,
    /// The reference has a form, and leads to an allowed type
    Reference(reference::Targets),
    /// What the reference leads to meets a profile
    Target(target::Profiles),
    /// The value is exactly this
    Fixed(fixed::Fixed),
    /// The value holds this
    Pattern(pattern::Pattern),
    /// The value is not smaller or larger
    Range(value_range::Range),
    /// A rule in FHIRPath
    Invariant(invariant::Invariant),
    /// The value meets one of several profiles
    Conforms(conforms::OneOf),
    /// The profile that the value has to meet is not at hand; another version of it may be
    Unresolved { profile: String, used: Option<String> },
    /// Resources inside a resource
    Contained,
    /// Bundles
    Bundle,
    /// Answers to a form
    Questionnaire(questionnaire::Subject),
    /// Discriminators that lead somewhere
    SlicePath,
    /// XHTML that tells of the resource
    Narrative,
    /// No HTML in a text that is none
    Markup(Text),
}

/// Adds the rules that a definition states about each value of an element, for one of its types.
pub(super) fn of_value(definition: Definition<'_>, allowed: &TypeRef, rules: &mut Vec<Stated>) {
    let found = [
        resource_id::compile(definition),
        format::compile(definition, allowed),
        reference::compile(definition, allowed),
        target::compile(definition, allowed),
        coding::compile(allowed),
        attachment::compile(allowed),
        additional_binding::compile(definition, allowed),
        fixed::compile(definition),
        pattern::compile(definition),
        conforms::compile(definition, allowed),
        narrative::compile(allowed),
        markup::compile(allowed),
    ];
    let found = found.into_iter().flatten();
    let found = found.chain(binding::compile(definition, allowed)).chain(value_range::compile(definition));
    let origin = definition.origin();
    add(found.map(|rule| (rule, Arc::clone(&origin))), rules);
}

/// Adds the rules that a definition states about an object as a whole.
pub(super) fn of_object(definition: Definition<'_>, rules: &mut Vec<Stated>) {
    let origin = definition.origin();
    let found = [
        contained::compile(definition),
        bundle::compile(definition),
        questionnaire::compile(definition),
        slice_path::compile(definition),
    ];
    add(found.into_iter().flatten().map(|rule| (rule, Arc::clone(&origin))), rules);
}

/// Adds the invariants that a definition states.
pub(super) fn invariants(definition: Definition<'_>, rules: &mut Vec<Stated>) {
    add(invariant::compile(definition), rules);
}

/// A rule that several definitions state runs once.
fn add(found: impl Iterator<Item = (Rule, Arc<RuleSource>)>, rules: &mut Vec<Stated>) {
    for (rule, origin) in found {
        if !rules.iter().any(|known| known.rule == rule) {
            rules.push(Stated { rule, origin });
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
            Self::Additional(bindings) => bindings.check(node, walk),
            Self::Attachment => attachment::check(node, walk),
            Self::Coding => coding::check(node, walk),
            Self::Reference(targets) => targets.check(node, walk),
            Self::Target(profiles) => profiles.check(node, walk),
            Self::Fixed(fixed) => fixed.check(node, walk),
            Self::Pattern(pattern) => pattern.check(node, walk),
            Self::Range(range) => range.check(node, walk),
            // They wait for the end of the resource.
            Self::Invariant(_) => {}
            Self::Conforms(profiles) => profiles.check(node, walk),
            Self::Unresolved { profile, used } => walk.report_once(profile, || {
                let instead = used
                    .as_deref()
                    .map_or("only the base type was checked".to_owned(), |used| format!("{used} was used instead"));
                Finding::not_checked(node, format!("the profile {profile} is not at hand; {instead}"))
            }),
            Self::Contained => contained::check(node, walk),
            Self::Bundle => bundle::check(node, walk),
            Self::Questionnaire(subject) => questionnaire::check(*subject, node, walk),
            Self::SlicePath => slice_path::check(node, walk),
            Self::Narrative => narrative::check(node, walk),
            Self::Markup(kind) => markup::check(*kind, node, walk),
        }
    }

    /// The rule in its own words, for people: `pattern {"coding":[...]}`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Format(format) => format.describe(),
            Self::ResourceId => "type id".to_owned(),
            Self::Binding(bound) => bound.describe(),
            Self::Additional(bindings) => bindings.describe(),
            Self::Attachment => "the size of the data".to_owned(),
            Self::Coding => "a code of its code system".to_owned(),
            Self::Reference(targets) => targets.describe(),
            Self::Target(profiles) => profiles.describe(),
            Self::Fixed(fixed) => fixed.describe(),
            Self::Pattern(pattern) => pattern.describe(),
            Self::Range(range) => range.describe(),
            Self::Invariant(invariant) => invariant.describe(),
            Self::Conforms(profiles) => profiles.describe(),
            Self::Unresolved { profile, .. } => format!("profile {profile}"),
            Self::Contained => "contained resources".to_owned(),
            Self::Bundle => "bundle entries".to_owned(),
            Self::Questionnaire(subject) => subject.describe().to_owned(),
            Self::SlicePath => "discriminators that lead somewhere".to_owned(),
            Self::Narrative => "XHTML of formatting elements only".to_owned(),
            Self::Markup(_) => "no HTML".to_owned(),
        }
    }
}
