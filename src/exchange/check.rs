//! What is wrong with a resource: against the standard, the profiles that it claims, and those that are demanded here of
//! what is sent.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fhir::{Issue, Node};
use crate::fhirpath::Temporal;
use crate::profile::{Checker, Request};
use crate::terminology::Terminology;

use super::parts::Clock;

/// See the module head.
pub(super) struct ResourceCheck {
    checker: Arc<Checker>,
    /// Who is asked about codes that the definitions at hand do not know
    terminology: Terminology,
    /// The profiles that every resource of a type has to meet which is sent: type to canonical URLs
    required: HashMap<String, Vec<String>>,
    clock: Arc<dyn Clock>,
}

impl ResourceCheck {
    pub(super) fn new(
        checker: Arc<Checker>,
        terminology: Terminology,
        required: HashMap<String, Vec<String>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { checker, terminology, required, clock }
    }

    /// Everything that is wrong with a resource, against these profiles (canonical URLs) as well; as one that is sent,
    /// against those that are demanded here, too.
    pub(super) async fn issues(&self, root: Node<'_>, profiles: &[&str], as_sent: bool) -> Vec<Issue> {
        let request = Request {
            profiles,
            by_type: as_sent.then_some(&self.required),
            now: Temporal::from_epoch_millis(self.clock.now().as_millisecond()),
            questions: self.terminology.is_configured(),
            ..Request::default()
        };
        let report = self.checker.report(root, &request);
        self.terminology.answer_questions(report).await
    }

    /// The profiles that a resource of this type has to meet which is sent.
    pub(super) fn required(&self, kind: &str) -> &[String] {
        self.required.get(kind).map_or(&[], Vec::as_slice)
    }
}
