//! Invariants: rules of a definition in FHIRPath
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.constraint>).
//!
//! They are compiled with the definition and noted while the walk passes their elements; they run at the end of each
//! resource, all in one context, since `%resource` is the same for all of them. Those that hold for everything (`ele-1`,
//! `dom-2`, ...) are rules of their own, in files of their own, and do not run here.

use std::collections::HashSet;
use std::sync::Arc;

use crate::definitions::structure::Constraint;
use crate::fhir::{Key, Node, RuleSource, Severity, xhtml};
use crate::fhirpath::{Context, Element, Expression, Item};
use crate::profile::amendments::Amendment;
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;
use crate::profile::request::Request;
use crate::yielding;

/// Invariants that other rules hold: `empty` (ele-1), `extension` (ext-1), `contained` (dom-2 to dom-5), `reference` (ref-1),
/// `bundle` (bdl-1 to bdl-12), `narrative` (txt-1, txt-2), `questionnaire` (que-7, which no
/// FHIR boolean meets as it is printed).
const CHECKED_ELSEWHERE: &[&str] = &[
    "ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "bdl-1", "bdl-2", "bdl-3", "bdl-4", "bdl-5",
    "bdl-7", "bdl-8", "bdl-9", "bdl-10", "bdl-11", "bdl-12", "txt-1", "txt-2", "que-7",
];

/// A rule in FHIRPath, compiled.
#[derive(Debug)]
pub(in crate::profile) struct Invariant {
    key: String,
    human: String,
    severity: Severity,
    is_best_practice: bool,
    /// The defect of the printed rule, of which this says what is meant
    amends: Option<String>,
    /// It holds wherever none of these is a member; nothing where it has to be run to know
    tested_members: Option<Vec<Box<str>>>,
    /// Why it cannot run, where it is no FHIRPath
    expression: Result<Expression, String>,
    /// Where it is written
    origin: Arc<RuleSource>,
}

impl PartialEq for Invariant {
    fn eq(&self, other: &Self) -> bool {
        let text = |one: &Self| one.expression.as_ref().map(|it| it.text().to_owned()).map_err(Clone::clone);
        (&self.key, text(self)) == (&other.key, text(other))
    }
}

/// An invariant that waits to be run.
#[derive(Debug, Clone, Copy)]
pub(in crate::profile) struct PendingInvariant<'c, 'd> {
    pub(in crate::profile) invariant: &'c Invariant,
    pub(in crate::profile) node: Node<'d>,
    /// The object around it, where the value may have a sibling
    pub(in crate::profile) parent: Option<Node<'d>>,
}

/// Adds the invariants of an element, and what is meant by those that do not say it. One that several definitions state
/// runs once.
pub(in crate::profile) fn add(definition: Definition<'_>, invariants: &mut Vec<Invariant>) {
    let stated = definition.element.constraints.iter().filter(|it| !CHECKED_ELSEWHERE.contains(&it.key.as_str()));
    let stated = stated.map(|constraint| Invariant::of(constraint, definition));
    let amendments = definition.registry.amendments(definition.structure, definition.element).into_iter();
    for invariant in stated.chain(amendments.map(|amendment| Invariant::of_amendment(amendment, definition))) {
        if !invariants.contains(&invariant) {
            invariants.push(invariant);
        }
    }
}

/// Where an invariant of an element is written; `profile` is that which states it, if it is not the element's own.
fn origin(key: &str, profile: Option<&String>, definition: Definition<'_>) -> Arc<RuleSource> {
    let origin = definition.origin();
    Arc::new(RuleSource {
        constraint: Some(key.to_owned()),
        profile: profile.unwrap_or(&origin.profile).clone(),
        element: origin.element.clone(),
    })
}

impl Invariant {
    fn of(constraint: &Constraint, definition: Definition<'_>) -> Self {
        let expression = Expression::parse(&constraint.expression).map_err(|issue| issue.text);
        Self {
            key: constraint.key.clone(),
            human: constraint.human.clone(),
            severity: if constraint.is_error { Severity::Error } else { Severity::Warning },
            is_best_practice: constraint.is_best_practice,
            amends: None,
            tested_members: tested_members(&expression),
            expression,
            origin: origin(&constraint.key, constraint.source.as_ref(), definition),
        }
    }

    /// What a printed rule means: a warning that names its defect.
    fn of_amendment(amendment: &Amendment, definition: Definition<'_>) -> Self {
        let expression = Ok(amendment.expression.clone());
        Self {
            key: amendment.key.clone(),
            human: amendment.human.clone(),
            severity: Severity::Warning,
            is_best_practice: false,
            amends: Some(amendment.description.clone()),
            tested_members: tested_members(&expression),
            expression,
            origin: origin(&amendment.key, None, definition),
        }
    }

    fn describe(&self) -> String {
        match &self.expression {
            Ok(expression) => format!("invariant {}: {}", self.key, expression.text()),
            Err(_) => format!("invariant {}", self.key),
        }
    }

    /// Can it be seen without running it that it holds?
    pub(in crate::profile) fn holds_without_running(&self, node: Node<'_>) -> bool {
        let Some(tested_members) = &self.tested_members else { return false };
        node.is_object()
            && !node.members().any(|member| {
                let name = member.name();
                let name = name.strip_prefix('_').unwrap_or(name);
                tested_members.iter().any(|needed| is_named(name, needed))
            })
    }

    /// Is it asked for?
    fn is_due(&self, request: &Request<'_>) -> bool {
        !self.is_best_practice || request.best_practice
    }

    fn violation(&self, node: Node<'_>) -> Finding {
        let severity = if self.is_best_practice { Severity::Warning } else { self.severity };
        let human = self.human.trim().trim_end_matches('.');
        let text = if human.is_empty() { "the invariant does not hold" } else { human };
        match &self.amends {
            None => Finding::error(Key::Invariant, node, format!("{text} ({})", self.key)).severity(severity),
            Some(defect) => {
                let text =
                    format!("{text} ({}, as it is meant; as it is printed it lets this pass: {defect})", self.key);
                Finding::error(Key::GuideDefect, node, text).severity(severity)
            }
        }
    }
}

/// Runs the invariants that were noted in a resource.
pub(in crate::profile) fn run<'d>(
    resource: Node<'d>,
    pending: &[PendingInvariant<'_, 'd>],
    context: &mut CheckContext<'_, 'd>,
) {
    if pending.is_empty() {
        return;
    }
    let (registry, walker) = (context.registry, context.walker);
    let definitions = registry.definitions();
    let scope = context.scope.clone();
    let with = context.request.with;
    let resolve = |reference: &str| scope.entry(reference).or_else(|| with.and_then(|with| with.find(reference)));
    let member_of = |item: &Item<'_>, url: &str| {
        let set = definitions.value_set(url)?;
        let found = match item.node() {
            Some(node) => set.contains_coded(node),
            None => set.contains_code(&item.as_str()?),
        };
        found.as_bool()
    };
    let conforms_to = |item: &Item<'_>, url: &str| {
        let node = item.node()?;
        let mut context = CheckContext::new(registry, walker, node, Request::default());
        context.conforms(node, url).as_bool()
    };
    let html_checks = |text: &str| Some(xhtml::is_clean(text));
    let mut evaluation = Context::new(resource)
        .root_resource(context.scope.container)
        .model(definitions)
        .resolve(&resolve)
        .member_of(&member_of)
        .conforms_to(&conforms_to)
        .html_checks(&html_checks);
    if let Some(now) = context.request.now {
        evaluation = evaluation.now(now);
    }
    let mut found = Vec::new();
    let mut broken: HashSet<(u32, &str)> = HashSet::new();
    for PendingInvariant { invariant, node, parent } in pending {
        // Where the rule is broken as it is printed, what it means need not be said.
        let is_said = invariant.amends.is_some() && broken.contains(&(node.index(), invariant.key.as_str()));
        if !invariant.is_due(&context.request) || is_said {
            continue;
        }
        yielding::count(20);
        let mut finding = match &invariant.expression {
            Ok(expression) => match expression.condition(&evaluation, element(*node, *parent)) {
                Ok(Some(true)) => continue,
                // No answer is not true. What nobody here can know is another matter, and an issue of its own.
                Ok(_) => invariant.violation(*node),
                Err(issue) if issue.key == Key::NotChecked => undecided(invariant, *node),
                Err(issue) => not_run(invariant, *node, &issue.text),
            },
            Err(why) => not_run(invariant, *node, why),
        };
        broken.insert((node.index(), invariant.key.as_str()));
        finding.attribute(|| invariant.describe(), &invariant.origin);
        found.push(finding);
    }
    for finding in found {
        context.report(finding);
    }
}

/// The members that the rule is about, if it holds without them.
fn tested_members(expression: &Result<Expression, String>) -> Option<Vec<Box<str>>> {
    let names = expression.as_ref().ok()?.true_without()?;
    Some(names.into_iter().map(Into::into).collect())
}

/// Is it a member of this name, or a choice of it: `valueString` for `value`?
fn is_named(member: &str, name: &str) -> bool {
    member.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.as_bytes()[0].is_ascii_uppercase())
}

fn undecided(invariant: &Invariant, node: Node<'_>) -> Finding {
    let text = format!("whether the invariant {} holds cannot be told: what it asks for is not at hand", invariant.key);
    Finding::not_checked(node, text)
}

fn not_run(invariant: &Invariant, node: Node<'_>, why: &str) -> Finding {
    let text = format!("the invariant {} cannot be run: {why}", invariant.key);
    Finding::not_checked(node, text).severity(Severity::Warning)
}

/// The element with the sibling that carries its id and extensions.
fn element<'d>(node: Node<'d>, parent: Option<Node<'d>>) -> Item<'d> {
    let sibling = parent
        .filter(|_| !node.is_object())
        .and_then(|parent| parent.members().find(|member| member.name().strip_prefix('_') == Some(node.name())));
    let element = sibling.and_then(|sibling| Element::with_sibling(Some(node), Some(sibling)));
    Item::Element(element.unwrap_or_else(|| Element::new(node)))
}
