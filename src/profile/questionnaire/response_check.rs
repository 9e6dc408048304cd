//! The check of one response: the form that it answers, how far it was filled in, and what may still be spent on it.

use std::collections::HashMap;
use std::sync::Arc;

use super::enable::Occurrences;
use super::form::QuestionnaireForm;
use crate::definitions::ValueSet;
use crate::fhir::{Node, RuleSource, Severity};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// What a check may spend: one is about as much as looking at one item. A form and a response can each be made so that
/// every item of one concerns every item of the other.
const MAX_STEPS: u64 = 4_000_000;

/// One response under check.
pub(super) struct ResponseCheck<'f, 'w, 'c, 'd> {
    pub(super) form: &'f QuestionnaireForm<'d>,
    pub(super) completion: Completion,
    /// The form's name, and the question whose answers are looked at
    pub(super) name: String,
    pub(super) current_question: Option<u32>,
    /// The items that answer each question
    pub(super) occurrences: Occurrences<'d>,
    /// Those that answers were looked up in, by how the form names them
    pub(super) value_sets: HashMap<String, Option<Arc<ValueSet>>>,
    /// What is left of [`MAX_STEPS`]
    pub(super) steps: u64,
    pub(super) context: &'w mut CheckContext<'c, 'd>,
}

/// The canonical URL of a form, with its version; its id where it is contained.
fn name(form: Node<'_>) -> String {
    match (form.str("url"), form.str("version")) {
        (Some(url), Some(version)) => format!("{url}|{version}"),
        (Some(url), None) => url.into_owned(),
        (None, _) => format!("#{}", form.str("id").unwrap_or_default()),
    }
}

/// How far the form was filled in (<https://hl7.org/fhir/R4/valueset-questionnaire-answers-status.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion {
    /// Nothing may be missing
    Complete,
    /// Something may still be missing
    Open,
    /// Withdrawn: nobody will complete it
    Withdrawn,
}

impl Completion {
    pub(super) fn of(response: Node<'_>) -> Self {
        match response.str("status").as_deref() {
            Some("in-progress" | "stopped") => Self::Open,
            Some("entered-in-error") => Self::Withdrawn,
            _ => Self::Complete,
        }
    }

    /// How bad it is if something is not as a complete response has it.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Complete => Some(Severity::Error),
            Self::Open => Some(Severity::Warning),
            Self::Withdrawn => None,
        }
    }
}

impl<'f, 'w, 'c, 'd> ResponseCheck<'f, 'w, 'c, 'd> {
    /// The check of a response to this form.
    pub(super) fn new(
        response: Node<'d>,
        form: &'f QuestionnaireForm<'d>,
        context: &'w mut CheckContext<'c, 'd>,
    ) -> Self {
        Self {
            form,
            completion: Completion::of(response),
            name: name(form.root),
            current_question: None,
            occurrences: Occurrences::of(response),
            value_sets: HashMap::new(),
            steps: MAX_STEPS,
            context,
        }
    }
}

impl ResponseCheck<'_, '_, '_, '_> {
    /// May this much more be done?
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_sub(steps as u64);
        self.steps > 0 && !self.context.findings.is_full()
    }

    /// Was there too much to do?
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps == 0 || self.context.findings.is_full()
    }

    /// Keeps a finding, with the question that it is about.
    pub(super) fn report(&mut self, finding: Finding) {
        let question = self.current_question.and_then(|number| self.form.question(number));
        let finding = match question {
            Some(question) if !self.context.findings.is_full() => finding.from(&Arc::new(RuleSource {
                profile: self.name.clone(),
                element: question.link_id.to_string(),
                constraint: None,
            })),
            _ => finding,
        };
        self.context.report(finding);
    }
}
