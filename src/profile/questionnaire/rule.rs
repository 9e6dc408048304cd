//! The rules about forms and their answers.

use std::rc::Rc;

use super::form::QuestionnaireForm;
use super::response_check::ResponseCheck;
use super::{enable, resolve};
use crate::fhir::Node;
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::profile) enum QuestionnaireRule {
    /// A QuestionnaireResponse
    Answers,
    /// An `enableWhen` of a Questionnaire
    Condition,
}

impl QuestionnaireRule {
    /// The rule, for people.
    pub(in crate::profile) fn describe(self) -> &'static str {
        match self {
            Self::Answers => "answers as the Questionnaire asks for them",
            Self::Condition => "invariant que-7: the operator exists has a boolean to compare with",
        }
    }
}

/// Every QuestionnaireResponse, and the conditions of every Questionnaire.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<QuestionnaireRule> {
    let is_response = definition.index == 0 && definition.structure.type_name == "QuestionnaireResponse";
    let is_condition = definition.element.path == "Questionnaire.item.enableWhen";
    is_response.then_some(QuestionnaireRule::Answers).or(is_condition.then_some(QuestionnaireRule::Condition))
}

impl QuestionnaireRule {
    /// Checks a QuestionnaireResponse against the Questionnaire that it names, or a condition of a Questionnaire.
    pub(in crate::profile) fn check<'d>(self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        match self {
            Self::Answers => answers(node, context),
            Self::Condition => enable::check(node, context),
        }
    }
}

fn answers<'d>(response: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let Some(root) = resolve::questionnaire(response, context) else { return };
    resolve::check_use(response, root, context);
    let key = (root.document().text().as_ptr(), root.index());
    let form = Rc::clone(context.forms.entry(key).or_insert_with(|| Rc::new(QuestionnaireForm::of(root))));
    let mut check = ResponseCheck::new(response, &form, context);
    check.items(response, None);
    if check.is_exhausted() {
        let text = "the form and its answers are too much to compare at once; the rest of the answers is not checked";
        context.report(Finding::not_checked(response, text));
    }
}
