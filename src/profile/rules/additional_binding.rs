//! Bindings beside the main one (<https://hl7.org/fhir/R4/extensions/StructureDefinition-additional-binding.html>): they hold
//! where the resource is used for what they name, such as one value set of codes for each category of a request.
//!
//! Where several hold at once, a code of one of their sets is enough: a request of two categories has one code.

use super::binding::{CodedType, ValueSetBinding};
use super::shorten::shorten;
use crate::definitions::structure::{Purpose, Usage};
use crate::definitions::{AdditionalBinding, Membership, TypeRef};
use crate::fhir::{Node, Severity};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;

/// The additional bindings of an element.
#[derive(Debug, PartialEq)]
pub(in crate::profile) struct AdditionalBindings {
    bindings: Vec<(ValueSetBinding, Vec<Usage>)>,
}

/// The bindings by which something is checked.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<AdditionalBindings> {
    let coded_type = CodedType::of(&allowed.code)?;
    let made = |binding: &AdditionalBinding| {
        let severity = match binding.purpose {
            Purpose::Required | Purpose::Current | Purpose::Maximum => Severity::Error,
            Purpose::Extensible => Severity::Warning,
            Purpose::Preferred => Severity::Information,
            Purpose::Minimum | Purpose::Design => return None,
        };
        let is_required = matches!(binding.purpose, Purpose::Required | Purpose::Current);
        let bound = ValueSetBinding::of(definition, &binding.value_set, coded_type, severity, is_required);
        Some((bound, binding.usage.clone()))
    };
    let bindings: Vec<_> = definition.element.binding.as_ref()?.additional.iter().filter_map(made).collect();
    (!bindings.is_empty()).then_some(AdditionalBindings { bindings })
}

impl AdditionalBindings {
    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        let resource = context.scope.container;
        let holds = |usage: &[Usage]| usage.is_empty() || usage.iter().any(|usage| applies(usage, resource));
        let applicable: Vec<&ValueSetBinding> =
            self.bindings.iter().filter(|(_, usage)| holds(usage)).map(|(bound, _)| bound).collect();
        let memberships: Vec<Membership> = applicable.iter().map(|binding| binding.membership(node)).collect();
        if memberships.contains(&Membership::In) {
            return;
        }
        // One that cannot be decided may be the one that the code is in.
        match (applicable.first(), memberships.iter().position(|found| *found == Membership::Unknown)) {
            (_, Some(unknown)) => applicable[unknown].leave_open(node, context),
            (Some(first), None) => context.report(first.not_in_set(node)),
            (None, None) => {}
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        let sets: Vec<String> = self.bindings.iter().map(|(bound, _)| bound.name().to_owned()).collect();
        format!("a code of the value set for its use: {}", shorten(&sets.join(", ")))
    }
}

/// Is the resource used for this? The usage names an element of it, and the codes that stand there.
fn applies(usage: &Usage, resource: Node<'_>) -> bool {
    let mut names = usage.code.split('.');
    let kind = names.next().unwrap_or_default();
    if !resource.get("resourceType").is_some_and(|it| it.is_str(kind)) {
        return false;
    }
    let mut nodes = vec![resource];
    for name in names {
        nodes = nodes.into_iter().filter_map(|node| node.get(name)).flat_map(Node::each).collect();
    }
    let is_named = |system: Option<&str>, code: &str| {
        usage.values.iter().any(|(of, known)| known == code && of.as_deref().is_none_or(|of| Some(of) == system))
    };
    nodes.into_iter().any(|node| {
        if let Some(code) = node.as_str() {
            return is_named(None, &code);
        }
        let codings = if node.get("coding").is_some() { node.list("coding") } else { node.each() };
        codings
            .into_iter()
            .any(|coding| coding.str("code").is_some_and(|code| is_named(coding.str("system").as_deref(), &code)))
    })
}
