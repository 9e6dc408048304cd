//! The rules that are compiled from what a definition says about an element: which there are, and how each is run.

use std::sync::Arc;

use super::{
    additional_binding, attachment, binding, bundle, coding, contained, fixed, format, markup, narrative, pattern,
    profile_choice, reference, resource_id, slice_path, target_profile, value_range,
};
use crate::definitions::TypeRef;
use crate::fhir::xhtml::TextFormat;
use crate::fhir::{Node, RuleSource};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;
use crate::profile::questionnaire::{self, QuestionnaireRule};

/// A rule that was compiled from a definition.
#[derive(Debug, PartialEq)]
pub(in crate::profile) enum Rule {
    /// The text has the form of its type
    Format(format::Format),
    /// The id of a resource
    ResourceId,
    /// The code is in a value set
    Binding(binding::ValueSetBinding),
    /// The code is in value sets that depend on what the resource is about
    AdditionalBindings(additional_binding::AdditionalBindings),
    /// The size of an attachment
    Attachment,
    /// The code is one of its code system
    Coding,
    /// The reference has a form, and leads to an allowed type
    Reference(reference::AllowedTypes),
    /// What the reference leads to meets a profile
    TargetProfiles(target_profile::TargetProfiles),
    /// The value is exactly this
    Fixed(fixed::Fixed),
    /// The value holds this
    Pattern(pattern::Pattern),
    /// The value is not smaller or larger
    Range(value_range::Range),
    /// The value meets one of several profiles
    ProfileChoice(profile_choice::ProfileChoice),
    /// The profile that the value has to meet is not at hand; another version of it may be
    Unresolved { profile: String, used: Option<String> },
    /// Resources inside a resource
    Contained,
    /// Bundles
    Bundle,
    /// Answers to a form
    Questionnaire(QuestionnaireRule),
    /// Discriminators that lead somewhere
    SlicePath,
    /// XHTML that tells of the resource
    Narrative,
    /// No HTML in a text that is none
    Markup(TextFormat),
}

/// A rule, and where it is written.
#[derive(Debug)]
pub(in crate::profile) struct SourcedRule {
    pub(in crate::profile) rule: Rule,
    pub(in crate::profile) origin: Arc<RuleSource>,
}

/// Adds the rules that a definition states about each value of an element, for one of its types.
pub(in crate::profile) fn of_value(definition: Definition<'_>, allowed: &TypeRef, rules: &mut Vec<SourcedRule>) {
    let found = [
        resource_id::applies(definition).then_some(Rule::ResourceId),
        format::compile(definition, allowed).map(Rule::Format),
        reference::compile(definition, allowed).map(Rule::Reference),
        target_profile::compile(definition, allowed).map(Rule::TargetProfiles),
        coding::applies(allowed).then_some(Rule::Coding),
        attachment::applies(allowed).then_some(Rule::Attachment),
        additional_binding::compile(definition, allowed).map(Rule::AdditionalBindings),
        fixed::compile(definition).map(Rule::Fixed),
        pattern::compile(definition).map(Rule::Pattern),
        profile_choice::compile(definition, allowed).map(Rule::ProfileChoice),
        narrative::applies(allowed).then_some(Rule::Narrative),
        markup::compile(allowed).map(Rule::Markup),
    ];
    let bindings = binding::compile(definition, allowed).into_iter().map(Rule::Binding);
    let ranges = value_range::compile(definition).into_iter().map(Rule::Range);
    add(found.into_iter().flatten().chain(bindings).chain(ranges), &definition.origin(), rules);
}

/// Adds the rules that a definition states about an object as a whole.
pub(in crate::profile) fn of_object(definition: Definition<'_>, rules: &mut Vec<SourcedRule>) {
    let found = [
        contained::applies(definition).then_some(Rule::Contained),
        bundle::applies(definition).then_some(Rule::Bundle),
        questionnaire::compile(definition).map(Rule::Questionnaire),
        slice_path::applies(definition).then_some(Rule::SlicePath),
    ];
    add(found.into_iter().flatten(), &definition.origin(), rules);
}

/// A rule that several definitions state runs once.
fn add(found: impl Iterator<Item = Rule>, origin: &Arc<RuleSource>, rules: &mut Vec<SourcedRule>) {
    for rule in found {
        if !rules.iter().any(|known| known.rule == rule) {
            rules.push(SourcedRule { rule, origin: Arc::clone(origin) });
        }
    }
}

impl SourcedRule {
    /// Looks at a value; what is wrong is reported to the context, with what the rule demands and where it is written.
    pub(in crate::profile) fn check<'d>(&self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        let before = context.reported();
        self.rule.check(node, context);
        if context.reported() != before {
            context.attribute(before, || self.rule.describe(), &self.origin);
        }
    }
}

impl Rule {
    /// Looks at a value; what is wrong is reported to the context.
    fn check<'d>(&self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        match self {
            Self::Format(format) => format.check(node, context),
            Self::ResourceId => resource_id::check(node, context),
            Self::Binding(binding) => binding.check(node, context),
            Self::AdditionalBindings(bindings) => bindings.check(node, context),
            Self::Attachment => attachment::check(node, context),
            Self::Coding => coding::check(node, context),
            Self::Reference(types) => types.check(node, context),
            Self::TargetProfiles(profiles) => profiles.check(node, context),
            Self::Fixed(fixed) => fixed.check(node, context),
            Self::Pattern(pattern) => pattern.check(node, context),
            Self::Range(range) => range.check(node, context),
            Self::ProfileChoice(profiles) => profiles.check(node, context),
            Self::Unresolved { profile, used } => context.report_once(profile, || {
                let instead = used
                    .as_deref()
                    .map_or("only the base type was checked".to_owned(), |used| format!("{used} was used instead"));
                Finding::not_checked(node, format!("the profile {profile} is not at hand; {instead}"))
            }),
            Self::Contained => contained::check(node, context),
            Self::Bundle => bundle::check(node, context),
            Self::Questionnaire(rule) => rule.check(node, context),
            Self::SlicePath => slice_path::check(node, context),
            Self::Narrative => narrative::check(node, context),
            Self::Markup(kind) => markup::check(*kind, node, context),
        }
    }

    /// The rule in its own words, for people: `pattern {"coding":[...]}`.
    fn describe(&self) -> String {
        match self {
            Self::Format(format) => format.describe(),
            Self::ResourceId => "type id".to_owned(),
            Self::Binding(binding) => binding.describe(),
            Self::AdditionalBindings(bindings) => bindings.describe(),
            Self::Attachment => "the size of the data".to_owned(),
            Self::Coding => "a code of its code system".to_owned(),
            Self::Reference(types) => types.describe(),
            Self::TargetProfiles(profiles) => profiles.describe(),
            Self::Fixed(fixed) => fixed.describe(),
            Self::Pattern(pattern) => pattern.describe(),
            Self::Range(range) => range.describe(),
            Self::ProfileChoice(profiles) => profiles.describe(),
            Self::Unresolved { profile, .. } => format!("profile {profile}"),
            Self::Contained => "contained resources".to_owned(),
            Self::Bundle => "bundle entries".to_owned(),
            Self::Questionnaire(rule) => rule.describe().to_owned(),
            Self::SlicePath => "discriminators that lead somewhere".to_owned(),
            Self::Narrative => "XHTML of formatting elements only".to_owned(),
            Self::Markup(_) => "no HTML".to_owned(),
        }
    }
}
