//! The answers of a QuestionnaireResponse against the questions of its Questionnaire
//! (<https://hl7.org/fhir/R4/questionnaireresponse.html>, and the extensions of <http://hl7.org/fhir/uv/sdc/> that bound
//! an answer).
//!
//! `found` says which form it is, `form` makes it ready, `items` goes through items and answers in step with it; the
//! other files hold one question each that is asked of an answer. The form itself is checked as any resource is; where
//! it is wrong or unclear, nothing is demanded of the answers.

mod answer;
mod enable;
mod form;
mod found;
mod items;
mod limits;
mod options;
mod quantity;
mod reference;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::definition::Definition;
use super::finding::Finding;
use super::rules::Rule;
use super::walk::Walk;
use crate::definitions::ValueSet;
use crate::fhir::{Node, RuleSource, Severity};
use enable::Occurrences;
use form::QuestionnaireForm;

/// What a check may spend: one is about as much as looking at one item. A form and a response can each be made so that
/// every item of one concerns every item of the other.
const MAX_STEPS: u64 = 4_000_000;

/// The forms of a check, made ready once for all responses to them.
pub(super) type Forms<'d> = HashMap<(*const u8, u32), Rc<QuestionnaireForm<'d>>>;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A QuestionnaireResponse
    Answers,
    /// An `enableWhen` of a Questionnaire
    Condition,
}

impl Subject {
    /// The rule, for people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Answers => "answers as the Questionnaire asks for them",
            Self::Condition => "invariant que-7: the operator exists has a boolean to compare with",
        }
    }
}

/// Every QuestionnaireResponse, and the conditions of every Questionnaire.
pub(super) fn compile(definition: Definition<'_>) -> Option<Rule> {
    let is_response = definition.index == 0 && definition.structure.type_name == "QuestionnaireResponse";
    let is_condition = definition.element.path == "Questionnaire.item.enableWhen";
    let subject = is_response.then_some(Subject::Answers).or(is_condition.then_some(Subject::Condition));
    subject.map(Rule::Questionnaire)
}

/// Checks a QuestionnaireResponse against the Questionnaire that it names, or a condition of a Questionnaire.
pub(super) fn check<'d>(subject: Subject, node: Node<'d>, walk: &mut Walk<'_, 'd>) {
    match subject {
        Subject::Answers => answers(node, walk),
        Subject::Condition => enable::check(node, walk),
    }
}

fn answers<'d>(response: Node<'d>, walk: &mut Walk<'_, 'd>) {
    let Some(root) = found::questionnaire(response, walk) else { return };
    found::check_use(response, root, walk);
    let key = (root.document().text().as_ptr(), root.index());
    let form = Rc::clone(walk.forms.entry(key).or_insert_with(|| Rc::new(QuestionnaireForm::of(root))));
    let mut check = Check {
        form: &form,
        stage: Stage::of(response),
        name: name(root),
        asking: None,
        occurrences: Occurrences::of(response),
        value_sets: HashMap::new(),
        steps: MAX_STEPS,
        walk,
    };
    check.items(response, None);
    if check.steps == 0 || check.walk.findings.is_full() {
        let text = "the form and its answers are too much to compare at once; the rest of the answers is not checked";
        walk.report(Finding::not_checked(response, text));
    }
}

/// One response under check.
struct Check<'f, 'w, 'c, 'd> {
    form: &'f QuestionnaireForm<'d>,
    stage: Stage,
    /// The form's name, and the question whose answers are looked at
    name: String,
    asking: Option<u32>,
    /// The items that answer each question
    occurrences: Occurrences<'d>,
    /// Those that answers were looked up in, by how the form names them
    value_sets: HashMap<String, Option<Arc<ValueSet>>>,
    /// What is left of [`MAX_STEPS`]
    steps: u64,
    walk: &'w mut Walk<'c, 'd>,
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
enum Stage {
    /// Nothing may be missing
    Complete,
    /// Something may still be missing
    Open,
    /// Withdrawn: nobody will complete it
    Withdrawn,
}

impl Stage {
    fn of(response: Node<'_>) -> Self {
        match response.str("status").as_deref() {
            Some("in-progress" | "stopped") => Self::Open,
            Some("entered-in-error") => Self::Withdrawn,
            _ => Self::Complete,
        }
    }

    /// How bad it is if something is not as a complete response has it.
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Complete => Some(Severity::Error),
            Self::Open => Some(Severity::Warning),
            Self::Withdrawn => None,
        }
    }
}

impl Check<'_, '_, '_, '_> {
    /// May this much more be done?
    fn spend(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_sub(steps as u64);
        self.steps > 0 && !self.walk.findings.is_full()
    }

    /// Keeps a finding, with the question that it is about.
    fn report(&mut self, finding: Finding) {
        let question = self.asking.and_then(|number| self.form.question(number));
        let finding = match question {
            Some(question) if !self.walk.findings.is_full() => finding.from(&Arc::new(RuleSource {
                profile: self.name.clone(),
                element: question.link_id.to_string(),
                constraint: None,
            })),
            _ => finding,
        };
        self.walk.report(finding);
    }
}
