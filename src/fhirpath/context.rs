//! What surrounds an evaluation: the resources, the constants, the questions that others answer.

use std::fmt;

use crate::fhir::Node;

use super::collection::Collection;
use super::date::Temporal;
use super::item::Item;
use super::model::{Inferred, Model};

/// Finds the resource that a reference points at.
pub type Resolve<'a> = dyn Fn(&str) -> Option<Node<'a>> + 'a;
/// Answers a question about an item and a canonical URL; nothing if it cannot be known here.
pub type Ask<'a> = dyn Fn(&Item<'_>, &str) -> Option<bool> + 'a;
/// Answers a question about two items; nothing if it cannot be known here.
pub type Relate<'a> = dyn Fn(&Item<'_>, &Item<'_>) -> Option<bool> + 'a;
/// Answers a question about a text; nothing if it cannot be known here.
pub type Judge<'a> = dyn Fn(&str) -> Option<bool> + 'a;
/// Answers whether an item is in a slice, by the canonical URL of a structure and the slice's name; nothing if there is no
/// such slice at hand.
pub type InSlice<'a> = dyn Fn(&Item<'_>, &str, &str) -> Option<bool> + 'a;
/// Finds the ElementDefinition of an item.
pub type Define<'a> = dyn Fn(&Item<'_>) -> Option<Node<'a>> + 'a;
/// Hears what `trace()` passes.
pub type Hear<'a> = dyn Fn(&str, &Collection<'_>) + 'a;

/// How many steps an evaluation may take unless the context says otherwise: some hundred milliseconds of work.
pub const STEPS: u64 = 4_000_000;

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
    pub(super) resolve: Option<&'a Resolve<'a>>,
    pub(super) member_of: Option<&'a Ask<'a>>,
    pub(super) conforms_to: Option<&'a Ask<'a>>,
    pub(super) subsumes: Option<&'a Relate<'a>>,
    pub(super) html_checks: Option<&'a Judge<'a>>,
    pub(super) slice: Option<&'a InSlice<'a>>,
    pub(super) define: Option<&'a Define<'a>>,
    pub(super) trace: Option<&'a Hear<'a>>,
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
            steps: STEPS,
            strict: false,
            resolve: None,
            member_of: None,
            conforms_to: None,
            subsumes: None,
            html_checks: None,
            slice: None,
            define: None,
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
    pub fn resolve(mut self, resolve: &'a Resolve<'a>) -> Self {
        self.resolve = Some(resolve);
        self
    }

    /// Who knows value sets.
    #[must_use]
    pub fn member_of(mut self, ask: &'a Ask<'a>) -> Self {
        self.member_of = Some(ask);
        self
    }

    /// Who knows profiles.
    #[must_use]
    pub fn conforms_to(mut self, ask: &'a Ask<'a>) -> Self {
        self.conforms_to = Some(ask);
        self
    }

    /// Who knows how codes of a code system contain each other.
    #[must_use]
    pub fn subsumes(mut self, relate: &'a Relate<'a>) -> Self {
        self.subsumes = Some(relate);
        self
    }

    /// Who judges narrative XHTML.
    #[must_use]
    pub fn html_checks(mut self, judge: &'a Judge<'a>) -> Self {
        self.html_checks = Some(judge);
        self
    }

    /// Who knows the slices of profiles.
    #[must_use]
    pub fn slice(mut self, ask: &'a InSlice<'a>) -> Self {
        self.slice = Some(ask);
        self
    }

    /// Who knows how elements are defined.
    #[must_use]
    pub fn element_definition(mut self, define: &'a Define<'a>) -> Self {
        self.define = Some(define);
        self
    }

    /// Who hears `trace()`.
    #[must_use]
    pub fn trace(mut self, hear: &'a Hear<'a>) -> Self {
        self.trace = Some(hear);
        self
    }
}
