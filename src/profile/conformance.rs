//! Does a resource meet a profile? Asked about what references lead to, and by discriminators.

use std::rc::Rc;

use super::conformance_cache::Conformance;
use super::context::CheckContext;
use super::registry::Derived;
use super::slicing::SliceMatch;
use crate::fhir::Node;

/// Resources that refer to resources that refer to resources: deeper than this nobody asks.
const MAX_DEPTH: u32 = 8;

impl<'d> CheckContext<'_, 'd> {
    /// Does this resource, or this value of a datatype, meet the profile?
    pub(super) fn conforms(&mut self, node: Node<'d>, profile: &str) -> SliceMatch {
        self.conformance(node, profile).result
    }

    /// The same, with what is wrong.
    pub(super) fn conformance(&mut self, node: Node<'d>, profile: &str) -> Conformance {
        let unknown = Conformance { result: SliceMatch::Unknown, first_error: None, errors: 0 };
        let Some(structure) = self.registry.definitions().nearest_structure(profile).map(|it| it.definition) else {
            return unknown;
        };
        if let Some(kind) = node.str("resourceType") {
            if !self.registry.is_a(&kind, &structure.type_name) {
                let first_error = format!("it is a {kind}, not a {}", structure.type_name);
                return Conformance { result: SliceMatch::No, first_error: Some(first_error), errors: 1 };
            }
            if !structure.is_profile || claims_profile(node, &structure.url) {
                return Conformance { result: SliceMatch::Yes, first_error: None, errors: 0 };
            }
        }
        let key = (std::ptr::from_ref(node.document()) as usize, node.index(), profile.to_owned());
        let cache = &self.conformance_cache;
        if let Some(known) = cache.answers.borrow().get(&key) {
            // Whoever refers in a circle is taken at his word.
            return known.clone().unwrap_or(Conformance { result: SliceMatch::Yes, first_error: None, errors: 0 });
        }
        if cache.depth.get() >= MAX_DEPTH {
            return unknown;
        }
        cache.answers.borrow_mut().insert(key.clone(), None);
        cache.depth.set(cache.depth.get() + 1);
        let answer = self.check_conformance(node, &structure.type_name, profile).unwrap_or(unknown);
        cache.depth.set(cache.depth.get() - 1);
        cache.answers.borrow_mut().insert(key, Some(answer.clone()));
        answer
    }

    /// Which of several profiles a resource or value comes nearest to, if it meets none of them: how to fix it. Where
    /// one is met, or nobody can say, nothing.
    pub(super) fn nearest_unmet<'p>(
        &mut self,
        node: Node<'d>,
        profiles: impl IntoIterator<Item = &'p str>,
    ) -> Option<String> {
        let mut nearest: Option<(&str, Conformance)> = None;
        for profile in profiles {
            let answer = self.conformance(node, profile);
            if answer.result != SliceMatch::No {
                return None;
            }
            if nearest.as_ref().is_none_or(|(_, least)| answer.errors < least.errors) {
                nearest = Some((profile, answer));
            }
        }
        let (profile, answer) = nearest?;
        Some(format!("{profile} comes nearest: {}", answer.first_error.as_deref().unwrap_or("see its definition")))
    }

    /// Walks through the resource or value as a check of its own would; nothing where its schema cannot be told.
    fn check_conformance(&self, node: Node<'d>, type_name: &str, profile: &str) -> Option<Conformance> {
        let base = match node.get("resourceType") {
            Some(kind) => self.registry.resource(&kind.as_str()?)?,
            None => self.registry.of_type(type_name),
        };
        let (Derived::Schema(schema) | Derived::Other(schema, _)) = self.registry.derive(base, profile) else {
            return None;
        };
        let mut context = CheckContext::new(self.registry, self.walker, node, self.request);
        context.conformance_cache = Rc::clone(&self.conformance_cache);
        context.scope.bundle.clone_from(&self.scope.bundle);
        let findings = self.walker.walk(context, node, schema);
        let errors = findings.errors();
        let result = if errors == 0 { SliceMatch::Yes } else { SliceMatch::No };
        Some(Conformance { result, first_error: findings.first_error(), errors })
    }
}

/// Does the resource itself claim to meet the profile? Then it is held to it where it stands.
fn claims_profile(node: Node<'_>, url: &str) -> bool {
    let claimed = node.get("meta").map(|meta| meta.list("profile")).into_iter().flatten();
    claimed.filter_map(Node::as_str).any(|claim| claim.split('|').next() == Some(url))
}
