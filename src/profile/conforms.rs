//! Does a resource meet a profile? Asked about what references lead to, and by discriminators; every answer is kept, so
//! that it is worked out once however many ask.

use std::rc::Rc;

use super::conformance_cache::Conformance;
use super::registry::Derived;
use super::rules::resource_type;
use super::scope::Scope;
use super::slicing::SliceMatch;
use super::walk::Walk;
use crate::fhir::Node;

/// Resources that refer to resources that refer to resources: deeper than this nobody asks.
const MAX_DEPTH: u32 = 8;

impl<'d> Walk<'_, 'd> {
    /// Does this resource, or this value of a datatype, meet the profile?
    pub(super) fn conforms(&mut self, node: Node<'d>, profile: &str) -> SliceMatch {
        self.conformance(node, profile).result
    }

    /// The same, with what is wrong.
    pub(super) fn conformance(&mut self, node: Node<'d>, profile: &str) -> Conformance {
        let unknown = Conformance { result: SliceMatch::Unknown, why: None, errors: 0 };
        let Some(structure) = self.registry.definitions().look_up(profile).map(|it| it.definition) else {
            return unknown;
        };
        if let Some(kind) = node.str("resourceType") {
            if !self.registry.is_a(&kind, &structure.type_name) {
                let why = format!("it is a {kind}, not a {}", structure.type_name);
                return Conformance { result: SliceMatch::No, why: Some(why), errors: 1 };
            }
            if !structure.is_profile || claims(node, &structure.url) {
                return Conformance { result: SliceMatch::Yes, why: None, errors: 0 };
            }
        }
        let key = (std::ptr::from_ref(node.document()) as usize, node.index(), profile.to_owned());
        if let Some(known) = self.known.answers.borrow().get(&key) {
            // Whoever refers in a circle is taken at his word.
            return known.clone().unwrap_or(Conformance { result: SliceMatch::Yes, why: None, errors: 0 });
        }
        if self.known.depth.get() >= MAX_DEPTH {
            return unknown;
        }
        self.known.answers.borrow_mut().insert(key.clone(), None);
        self.known.depth.set(self.known.depth.get() + 1);
        let answer = self.work_out(node, &structure.type_name, profile).unwrap_or(unknown);
        self.known.depth.set(self.known.depth.get() - 1);
        self.known.answers.borrow_mut().insert(key, Some(answer.clone()));
        answer
    }

    /// Which of several profiles a resource or value comes nearest to, if it meets none of them: how to mend it. Where
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
        Some(format!("{profile} comes nearest: {}", answer.why.as_deref().unwrap_or("see its definition")))
    }

    fn work_out(&self, node: Node<'d>, type_name: &str, profile: &str) -> Option<Conformance> {
        let mut walk = Walk::new(self.schemas, node, self.request);
        walk.known = Rc::clone(&self.known);
        walk.scope = Scope::new(node);
        walk.scope.bundle.clone_from(&self.scope.bundle);
        let base = if node.get("resourceType").is_some() {
            resource_type::schema(node, &mut walk)?
        } else {
            self.registry.of_type(type_name)
        };
        let (Derived::Schema(schema) | Derived::Other(schema, _)) = self.registry.derive(base, profile) else {
            return None;
        };
        walk.bounded(node, schema);
        let errors = walk.findings.errors();
        let verdict = if errors == 0 { SliceMatch::Yes } else { SliceMatch::No };
        Some(Conformance { result: verdict, why: walk.findings.first_error(), errors })
    }
}

/// Does the resource itself claim to meet the profile? Then it is held to it where it stands.
fn claims(node: Node<'_>, url: &str) -> bool {
    let claimed = node.get("meta").map(|meta| meta.list("profile")).into_iter().flatten();
    claimed.filter_map(Node::as_str).any(|claim| claim.split('|').next() == Some(url))
}
