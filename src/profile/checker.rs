//! The public face of the check.

use std::collections::HashMap;
use std::sync::Arc;

use super::amendments::Amendments;
use super::report::Report;
use super::schemas::Schemas;
use super::walk::Walk;
use crate::definitions::Definitions;
use crate::fhir::{Issue, Node, Resources};
use crate::fhirpath::Temporal;

/// Checks resources against definitions. Rules are compiled when a type is first met and then kept, so make one and share
/// it.
#[derive(Debug)]
pub struct Checker {
    schemas: Schemas,
}

/// What a check is asked for besides the resource.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Request<'a> {
    /// Profiles to check against besides those that it claims to meet: canonical URLs
    pub profiles: &'a [&'a str],
    /// Resources beside it: where references and canonicals may lead
    pub with: Option<&'a Resources>,
    /// Profiles that every resource of a type has to meet, wherever it stands in the document
    pub by_type: Option<&'a HashMap<String, Vec<String>>>,
    /// What `now()` and `today()` are in invariants, and what durations are counted from; without it they cannot be known
    pub now: Option<Temporal>,
    /// There is somebody to ask about codes that the value sets at hand cannot judge: leave questions open for them
    pub questions: bool,
    /// Say too which elements that must be supported are absent
    pub must_support: bool,
    /// Refuse plain texts that hold what looks like HTML, which a careless page would act upon
    pub security: bool,
    /// Refuse HTML in markdown, rather than warn of it
    pub no_html: bool,
    /// Refuse addresses that are made for examples (`example.org` and its like), which no real message has
    pub no_examples: bool,
    /// Say too where it keeps to the rules but not to what is recommended
    pub best_practice: bool,
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
        self.schemas.definitions()
    }

    /// Everything that is wrong with a resource or bundle, in the order of the document, each with path and place.
    pub fn check(&self, root: Node<'_>) -> Vec<Issue> {
        self.check_against(root, &[])
    }

    /// As [`Checker::check`], with everything that can be asked for.
    pub fn report<'d>(&self, root: Node<'d>, request: &Request<'d>) -> Report {
        let mut walk = Walk::new(&self.schemas, root, *request);
        walk.root(root);
        walk.findings.locate(walk.open, root)
    }

    /// As [`Checker::check`], and against these profiles (canonical URLs) besides those that it claims to meet. A profile
    /// that cannot be checked is an information issue, never an error.
    pub fn check_against(&self, root: Node<'_>, profiles: &[&str]) -> Vec<Issue> {
        let request = Request { profiles, ..Request::default() };
        self.report(root, &request).settle(|_| None)
    }
}
