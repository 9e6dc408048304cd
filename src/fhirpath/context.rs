//! What surrounds an evaluation: the resources, the constants, the questions that others answer.

use std::fmt;

use crate::fhir::Node;

use super::collection::Collection;
use super::date::Temporal;
use super::item::Item;
use super::model::{Inferred, Model};

/// Finds the resource that a reference points at.
pub type ResolveReference<'a> = dyn Fn(&str) -> Option<Node<'a>> + 'a;
/// Answers a question about an item and a canonical URL; nothing if it cannot be known here.
pub type CheckItem<'a> = dyn Fn(&Item<'_>, &str) -> Option<bool> + 'a;
/// Answers a question about two items; nothing if it cannot be known here.
pub type CheckPair<'a> = dyn Fn(&Item<'_>, &Item<'_>) -> Option<bool> + 'a;
/// Answers a question about a text; nothing if it cannot be known here.
pub type CheckText<'a> = dyn Fn(&str) -> Option<bool> + 'a;
/// Answers whether an item is in a slice, by the canonical URL of a structure and the slice's name; nothing if there is no
/// such slice at hand.
pub type CheckSlice<'a> = dyn Fn(&Item<'_>, &str, &str) -> Option<bool> + 'a;
/// Finds the ElementDefinition of an item.
pub type FindDefinition<'a> = dyn Fn(&Item<'_>) -> Option<Node<'a>> + 'a;
/// Hears what `trace()` passes.
pub type TraceSink<'a> = dyn Fn(&str, &Collection<'_>) + 'a;

/// How many steps an evaluation may take unless the context says otherwise: some hundred milliseconds of work.
pub const MAX_STEPS: u64 = 4_000_000;

/// Everything that an evaluation may ask for. Made once per document, used for any number of expressions.
#[derive(Clone)]
pub struct Context<'a> {
    pub(super) resource: Node<'a>,
    pub(super) root_resource: Node<'a>,
    pub(super) root_type: Option<&'a str>,
    pub(super) constants: Vec<(&'a str, Collection<'a>)>,
    pub(super) model: &'a dyn Model,
    pub(super) now: Option<Temporal>,
    pub(super) steps: u64,
    pub(super) strict: bool,
    pub(super) resolve: Option<&'a ResolveReference<'a>>,
    pub(super) member_of: Option<&'a CheckItem<'a>>,
    pub(super) conforms_to: Option<&'a CheckItem<'a>>,
    pub(super) subsumes: Option<&'a CheckPair<'a>>,
    pub(super) html_checks: Option<&'a CheckText<'a>>,
    pub(super) slice: Option<&'a CheckSlice<'a>>,
    pub(super) find_definition: Option<&'a FindDefinition<'a>>,
    pub(super) trace: Option<&'a TraceSink<'a>>,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context of {:?}", self.resource)
    }
}

impl<'a> Context<'a> {
    /// The context of a resource (or of any other document): `%resource` and `%rootResource` are it.
    pub fn new(resource: Node<'a>) -> Self {
        Self {
            resource,
            root_resource: resource,
            root_type: None,
            constants: Vec::new(),
            model: &Inferred,
            now: None,
            steps: MAX_STEPS,
            strict: false,
            resolve: None,
            member_of: None,
            conforms_to: None,
            subsumes: None,
            html_checks: None,
            slice: None,
            find_definition: None,
            trace: None,
        }
    }

    /// The resource that contains `%resource`, where that one is contained.
    #[must_use]
    pub fn root_resource(mut self, root: Node<'a>) -> Self {
        self.root_resource = root;
        self
    }

    /// The type of the document's root, where that is no resource (`HumanName`).
    #[must_use]
    pub fn root_type(mut self, kind: &'a str) -> Self {
        self.root_type = Some(kind);
        self
    }

    /// A constant: `%name`.
    #[must_use]
    pub fn constant(mut self, name: &'a str, value: Collection<'a>) -> Self {
        self.constants.retain(|(known, _)| *known != name);
        self.constants.push((name, value));
        self
    }

    /// Who knows the types of elements.
    #[must_use]
    pub fn model(mut self, model: &'a dyn Model) -> Self {
        self.model = model;
        self
    }

    /// What `now()` and `today()` answer. Without it they are errors: no clock is read here.
    #[must_use]
    pub fn now(mut self, now: Temporal) -> Self {
        self.now = Some(now);
        self
    }

    /// How many steps an evaluation may take.
    #[must_use]
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Makes `as` of several items an error, as the language demands. Published R4 expressions rely on the opposite,
    /// which is the default: `as` keeps the items that have the type.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Who finds the resources that references point at.
    #[must_use]
    pub fn resolve(mut self, resolve: &'a ResolveReference<'a>) -> Self {
        self.resolve = Some(resolve);
        self
    }

    /// Who knows value sets.
    #[must_use]
    pub fn member_of(mut self, check: &'a CheckItem<'a>) -> Self {
        self.member_of = Some(check);
        self
    }

    /// Who knows profiles.
    #[must_use]
    pub fn conforms_to(mut self, check: &'a CheckItem<'a>) -> Self {
        self.conforms_to = Some(check);
        self
    }

    /// Who knows how codes of a code system contain each other.
    #[must_use]
    pub fn subsumes(mut self, check: &'a CheckPair<'a>) -> Self {
        self.subsumes = Some(check);
        self
    }

    /// Who judges narrative XHTML.
    #[must_use]
    pub fn html_checks(mut self, check: &'a CheckText<'a>) -> Self {
        self.html_checks = Some(check);
        self
    }

    /// Who knows the slices of profiles.
    #[must_use]
    pub fn slice(mut self, check: &'a CheckSlice<'a>) -> Self {
        self.slice = Some(check);
        self
    }

    /// Who knows how elements are defined.
    #[must_use]
    pub fn element_definition(mut self, find_definition: &'a FindDefinition<'a>) -> Self {
        self.find_definition = Some(find_definition);
        self
    }

    /// Who hears `trace()`.
    #[must_use]
    pub fn trace(mut self, trace: &'a TraceSink<'a>) -> Self {
        self.trace = Some(trace);
        self
    }
}
