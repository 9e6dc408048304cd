//! What a reference leads to meets one of the profiles that the definition names, and is where the definition allows it
//! to be (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile>).
//!
//! Looked at where the target is at hand: contained, in the bundle, or beside the document.

use crate::definitions::{CORE_URL, TypeRef};
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// The profiles of which the target meets one, and the ways of being referred to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::profile) struct TargetProfiles {
    profiles: Vec<String>,
    /// `contained`, `referenced`, `bundled`; none is any
    aggregation: Vec<String>,
}

/// The target profiles that are more than types.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<TargetProfiles> {
    let TypeRef { target_profiles, aggregation, .. } = allowed;
    let is_profiled = target_profiles.iter().any(|profile| !profile.starts_with(CORE_URL));
    let is_due =
        allowed.code == "Reference" && definition.structure.is_profile && (is_profiled || !aggregation.is_empty());
    is_due.then(|| {
        let profiles = if is_profiled { definition.with_versions(target_profiles) } else { Vec::new() };
        TargetProfiles { profiles, aggregation: aggregation.clone() }
    })
}

impl TargetProfiles {
    pub(in crate::profile) fn check<'d>(&self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        let Some((at, text)) = node.get("reference").and_then(|at| Some((at, at.as_str()?))) else { return };
        self.check_aggregation(at, &text, context);
        if self.profiles.is_empty() {
            return;
        }
        let Some(target) = context.target(&text) else { return };
        let kind = target.str("resourceType").unwrap_or_default();
        let of_type = |profile: &String| {
            let structure = context.registry.definitions().nearest_structure(profile);
            // One that is not at hand may be of any type.
            structure.is_none_or(|found| context.registry.is_a(&kind, &found.definition.type_name))
        };
        // That the type is wrong is said by another rule.
        let profiles: Vec<&str> = self.profiles.iter().filter(|it| of_type(it)).map(String::as_str).collect();
        if let Some(hint) = context.nearest_unmet(target, profiles) {
            let text = format!("the {kind} that this leads to meets none of the profiles that are allowed here");
            context.report(Finding::error(Key::TargetProfile, at, text).hint(hint));
        }
    }

    fn check_aggregation(&self, at: Node<'_>, text: &str, context: &mut CheckContext<'_, '_>) {
        if self.aggregation.is_empty() {
            return;
        }
        let is_contained = text.starts_with('#');
        let is_bundled = !is_contained && context.scope.entry(text).is_some();
        let is_allowed = |how: &String| match how.as_str() {
            "contained" => is_contained,
            "bundled" => is_bundled,
            _ => !is_contained,
        };
        if !self.aggregation.iter().any(is_allowed) {
            let text = format!("the resource has to be {} here", self.aggregation.join(" or "));
            context.report(Finding::error(Key::ReferenceTarget, at, text));
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("a reference to {}", self.profiles.join(" | "))
    }
}
