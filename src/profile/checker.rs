//! The public face of the check.

use std::sync::Arc;

use super::amendments::Amendments;
use super::report::Report;
use super::request::Request;
use super::schemas::Schemas;
use super::walk::check_document;
use crate::definitions::Definitions;
use crate::fhir::{Issue, Node};

/// Checks resources against definitions. Rules are compiled when a type is first met and then kept, so make one and share
/// it.
#[derive(Debug)]
pub struct Checker {
    schemas: Schemas,
}

impl Checker {
    /// A checker for these definitions.
    pub fn new(definitions: Arc<Definitions>) -> Self {
        Self { schemas: Schemas::new(definitions) }
    }

    /// This checker, which also says what the rules of guides mean where they do not say it. To be called before the
    /// first check.
    #[must_use]
    pub fn amended(self, amendments: Amendments) -> Self {
        Self { schemas: self.schemas.amended(amendments) }
    }

    /// The definitions that it checks against.
    pub fn definitions(&self) -> &Definitions {
        self.schemas.registry().definitions()
    }

    /// Everything that is wrong with a resource or bundle, in the order of the document, each with path and position.
    pub fn check(&self, root: Node<'_>) -> Vec<Issue> {
        self.check_against(root, &[])
    }

    /// As [`Checker::check`], with everything that can be asked for.
    pub fn report<'d>(&self, root: Node<'d>, request: &Request<'d>) -> Report {
        let (findings, questions) = check_document(&self.schemas, root, *request);
        findings.locate(questions, root)
    }

    /// As [`Checker::check`], and against these profiles (canonical URLs) besides those that it claims to meet. A profile
    /// that cannot be checked is an information issue, never an error.
    pub fn check_against(&self, root: Node<'_>, profiles: &[&str]) -> Vec<Issue> {
        let request = Request { profiles, ..Request::default() };
        self.report(root, &request).settle(|_| None)
    }
}
