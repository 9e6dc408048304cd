//! References as answers: to which types of resources they may lead
//! (<https://hl7.org/fhir/R4/extension-questionnaire-referenceresource.html>).

use super::form::{Question, extensions};
use super::{Check, found};
use crate::fhir::{Key, Node};
use crate::profile::findings::Finding;

/// Does the answer lead to a resource of a type that the question takes?
pub(super) fn check<'d>(check: &mut Check<'_, '_, '_, 'd>, question: &Question<'d>, answer: Node<'d>) {
    let mut types: Vec<String> = extensions(question.node, "questionnaire-referenceResource")
        .filter_map(|kind| Some(kind.as_str()?.into_owned()))
        .collect();
    let mut is_known = true;
    for profile in extensions(question.node, "questionnaire-referenceProfile").filter_map(Node::as_str) {
        match check.walk.schemas.definitions().structure(&profile) {
            Some(structure) => types.push(structure.type_name.clone()),
            None => is_known = false,
        }
        let text = format!("whether what the answer refers to meets the profile {profile} is not checked here");
        check.walk.report_once(&text, || {
            Finding::not_checked(answer, text.clone()).hint("check the resource itself against it")
        });
    }
    if types.is_empty() || !is_known || types.iter().any(|kind| kind == "Resource") {
        return;
    }
    let Some(kind) = found::target_type(answer, check.walk) else { return };
    if !types.contains(&kind) {
        let at = answer.get("reference").unwrap_or(answer);
        let text = format!("\"{}\" takes no reference to a {kind}", question.link_id);
        let hint = format!("reference a resource of type {}", types.join(" or "));
        check.report(Finding::error(Key::QuestionnaireOption, at, text).hint(hint));
    }
}
