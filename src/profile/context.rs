//! What a rule sees of a check: what is asked for, where it looks things up, and where its findings and questions go.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::conformance_cache::ConformanceCache;
use super::finding::{Finding, OpenQuestion};
use super::findings::Findings;
use super::part::SchemaRef;
use super::questionnaire::Forms;
use super::registry::Registry;
use super::report::MAX_QUESTIONS;
use super::request::Request;
use super::scope::Scope;
use crate::fhir::{Node, RuleSource};

/// One check under way, of a document or of something that it leads to.
pub(super) struct CheckContext<'c, 'd> {
    pub(super) registry: &'c Registry,
    /// Who checks what a rule leads to
    pub(super) walker: &'c dyn Walker,
    pub(super) request: Request<'d>,
    pub(super) findings: Findings,
    /// What the value sets at hand cannot decide
    pub(super) questions: Vec<OpenQuestion>,
    /// Where references lead from here
    pub(super) scope: Scope<'d>,
    /// The objects that are open, the innermost last
    pub(super) trail: Vec<OpenObject<'c>>,
    /// Which resources are known to meet which profiles
    pub(super) conformance_cache: Rc<ConformanceCache>,
    /// The forms that answers were checked against
    pub(super) forms: Forms<'d>,
    /// What was reported once and is not repeated
    reported_once: HashSet<String>,
}

/// Goes through a resource or value. Rules ask for it where what a reference leads to, or a value, has to meet a profile:
/// the one place where the check of one thing is part of the check of another.
pub(super) trait Walker {
    /// Checks a resource or value against a schema, in a context of its own; gives back what was found.
    fn walk<'c, 'd>(&'c self, context: CheckContext<'c, 'd>, node: Node<'d>, schema: SchemaRef) -> Findings;
}

/// An object that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenObject<'c> {
    /// What the object is called: `Task.restriction`, `CodeableConcept`
    pub(super) schema: &'c str,
    /// The element that it stands in; "" for a resource
    pub(super) element: &'c str,
    /// A resource begins here
    pub(super) is_resource: bool,
}

/// How much had been reported and asked at some point of a check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported {
    findings: usize,
    questions: usize,
}

impl<'c, 'd> CheckContext<'c, 'd> {
    /// A context in which nothing has been found yet.
    pub(super) fn new(registry: &'c Registry, walker: &'c dyn Walker, root: Node<'d>, request: Request<'d>) -> Self {
        Self {
            registry,
            walker,
            request,
            findings: Findings::default(),
            questions: Vec::new(),
            scope: Scope::new(root),
            trail: Vec::new(),
            conformance_cache: Rc::default(),
            forms: Forms::default(),
            reported_once: HashSet::new(),
        }
    }

    /// Keeps a finding.
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Keeps a finding that is not worth repeating; `about` says what makes it the same.
    pub(super) fn report_once(&mut self, about: &str, finding: impl FnOnce() -> Finding) {
        if !self.reported_once.contains(about) {
            self.reported_once.insert(about.to_owned());
            self.report(finding());
        }
    }

    /// Keeps a question that the value sets at hand cannot answer. Where there is nobody to ask, that is said once.
    pub(super) fn leave_open(&mut self, question: OpenQuestion) {
        if !self.request.questions {
            self.report_once(&question.value_set, || question.if_unknown);
        } else if self.questions.len() < MAX_QUESTIONS {
            self.questions.push(question);
        }
    }

    /// How much has been reported so far.
    pub(super) fn reported(&self) -> Reported {
        Reported { findings: self.findings.len(), questions: self.questions.len() }
    }

    /// Says of all that was reported since then which rule found it: what it demands and where it is written, unless that
    /// is known better.
    pub(super) fn attribute(&mut self, since: Reported, describe: impl Fn() -> String, origin: &Arc<RuleSource>) {
        for finding in self.findings.since(since.findings) {
            finding.attribute(&describe, origin);
        }
        for question in &mut self.questions[since.questions..] {
            question.if_not.attribute(&describe, origin);
            question.if_unknown.attribute(&describe, origin);
        }
    }

    /// The resource that a reference leads to, as far as it is at hand.
    pub(super) fn target(&mut self, reference: &str) -> Option<Node<'d>> {
        if let Some(id) = reference.strip_prefix('#') {
            return if id.is_empty() { Some(self.scope.container) } else { self.scope.contained(id) };
        }
        self.scope.entry(reference).or_else(|| self.request.with?.find(reference))
    }
}
