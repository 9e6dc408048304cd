//! What a value has to meet to be in a slice: a path inside the value, and what is looked for there. Made by
//! `discriminator` when a profile is compiled; checked here while a document is walked.

use std::sync::Arc;

use super::slice_match::SliceMatch;
use crate::definitions::{Membership, ValueSet};
use crate::fhir::{Document, Node, Reference};
use crate::profile::context::CheckContext;
use crate::profile::rules::literal;

/// What a value has to meet to be in a slice.
#[derive(Debug)]
pub(in crate::profile) struct Condition {
    pub(super) path: Vec<PathStep>,
    pub(super) check: Check,
    /// The discriminator, for people: `type`, `resolve()`
    pub(in crate::profile) description: String,
}

/// One step from a value to what is inside.
#[derive(Debug, Clone)]
pub(super) enum PathStep {
    /// A member by one of these names: more than one where it is a choice
    Member(Vec<String>),
    /// The extension with this URL
    Extension(String),
    /// What the reference leads to
    Resolve,
}

#[derive(Debug)]
pub(super) enum Check {
    /// Exactly this
    Fixed(Arc<Document>),
    /// At least this
    Pattern(Arc<Document>),
    /// A code of this set
    In(Option<Arc<ValueSet>>),
    /// Of one of these types
    Type(Vec<String>),
    /// There, or not there
    Exists(bool),
    /// Meets one of these profiles
    Conforms(Vec<String>),
    /// Nobody can say
    Never,
}

impl Condition {
    /// A condition that nobody can check.
    pub(super) fn never() -> Self {
        Self { path: Vec::new(), check: Check::Never, description: String::new() }
    }

    /// Is it met by this value, which is of this type?
    pub(in crate::profile) fn matches<'d>(
        &self,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) -> SliceMatch {
        if let Check::Exists(expected) = self.check {
            return match self.best_match(&self.path, node, &mut |_, _| SliceMatch::Yes, context) {
                SliceMatch::Unknown => SliceMatch::Unknown,
                found if (found == SliceMatch::Yes) == expected => SliceMatch::Yes,
                _ => SliceMatch::No,
            };
        }
        let is_here = self.path.is_empty();
        self.best_match(
            &self.path,
            node,
            &mut |node, context| self.check.matches(node, is_here.then_some(type_name), context),
            context,
        )
    }

    /// The best match among the values that the steps lead to.
    fn best_match<'d>(
        &self,
        steps: &[PathStep],
        node: Node<'d>,
        matches: &mut dyn FnMut(Node<'d>, &mut CheckContext<'_, 'd>) -> SliceMatch,
        context: &mut CheckContext<'_, 'd>,
    ) -> SliceMatch {
        let Some((step, rest)) = steps.split_first() else { return matches(node, context) };
        let mut best = SliceMatch::No;
        match step {
            PathStep::Member(names) => {
                let members = node.members().filter(|member| names.iter().any(|name| name == member.name()));
                for value in members.flat_map(Node::each) {
                    best = best.max(self.best_match(rest, value, matches, context));
                    if best == SliceMatch::Yes {
                        break;
                    }
                }
            }
            PathStep::Extension(url) => {
                for extension in node.list("extension").filter(|it| it.get("url").is_some_and(|it| it.is_str(url))) {
                    best = best.max(self.best_match(rest, extension, matches, context));
                }
            }
            PathStep::Resolve => {
                best = match resolve(node, context) {
                    Some(target) => self.best_match(rest, target, matches, context),
                    None => self.match_by_reference(node),
                };
            }
        }
        best
    }

    /// What a reference alone says about the resource that it leads to.
    fn match_by_reference(&self, node: Node<'_>) -> SliceMatch {
        let text = node.str("reference");
        let kind = text.as_deref().and_then(Reference::parse).and_then(|reference| reference.kind());
        let kind = kind.map(str::to_owned).or_else(|| node.str("type").map(std::borrow::Cow::into_owned));
        match (&self.check, kind) {
            (Check::Type(types), Some(kind)) if types.contains(&kind) => SliceMatch::Yes,
            (Check::Type(_), Some(_)) => SliceMatch::No,
            _ => SliceMatch::Unknown,
        }
    }
}

impl Check {
    fn matches<'d>(&self, node: Node<'d>, type_name: Option<&str>, context: &mut CheckContext<'_, 'd>) -> SliceMatch {
        let met = match self {
            Self::Fixed(fixed) => literal::equals(fixed.root(), node),
            Self::Pattern(pattern) => literal::includes(pattern.root(), node),
            Self::In(set) => {
                return match set.as_ref().map_or(Membership::Unknown, |set| set.contains_coded(node)) {
                    Membership::In => SliceMatch::Yes,
                    Membership::Out => SliceMatch::No,
                    Membership::Unknown => SliceMatch::Unknown,
                };
            }
            Self::Type(types) => {
                let kind = node.str("resourceType");
                match kind.as_deref().or(type_name) {
                    Some(kind) => types.iter().any(|known| known == kind || known == "Resource"),
                    None => return SliceMatch::Unknown,
                }
            }
            Self::Conforms(profiles) => return conforms(profiles, node, context),
            Self::Exists(expected) => *expected,
            Self::Never => return SliceMatch::Unknown,
        };
        if met { SliceMatch::Yes } else { SliceMatch::No }
    }
}

fn conforms<'d>(profiles: &[String], node: Node<'d>, context: &mut CheckContext<'_, 'd>) -> SliceMatch {
    let mut best = SliceMatch::No;
    for profile in profiles {
        best = best.max(context.conforms(node, profile));
    }
    best
}

/// The resource that a reference leads to, as far as it is at hand.
fn resolve<'d>(node: Node<'d>, context: &mut CheckContext<'_, 'd>) -> Option<Node<'d>> {
    let text = if node.is_object() { node.str("reference") } else { node.as_str() };
    context.target(&text?)
}
