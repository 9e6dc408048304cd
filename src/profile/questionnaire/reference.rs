//! References as answers: to which types of resources they may lead, and which profiles those have to meet
//! (<https://hl7.org/fhir/R4/extension-questionnaire-referenceresource.html>,
//! <https://hl7.org/fhir/R4/extension-questionnaire-referenceprofile.html>).

use std::borrow::Cow;

use super::elements::extensions;
use super::form::Question;
use super::resolve;
use super::response_check::ResponseCheck;
use crate::fhir::{Key, Node};
use crate::profile::finding::Finding;
use crate::profile::slicing::SliceMatch;

/// Does the answer lead to a resource that the question takes?
pub(super) fn check<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, question: &Question<'d>, answer: Node<'d>) {
    let profiles: Vec<Cow<'_, str>> =
        extensions(question.node, "questionnaire-referenceProfile").filter_map(Node::as_str).collect();
    if check_type(check, question, &profiles, answer) && !profiles.is_empty() {
        check_profiles(check, question, &profiles, answer);
    }
}

/// Is it of one of the types, as far as that can be told?
fn check_type<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    profiles: &[Cow<'_, str>],
    answer: Node<'d>,
) -> bool {
    let mut types: Vec<String> = extensions(question.node, "questionnaire-referenceResource")
        .filter_map(|kind| Some(kind.as_str()?.into_owned()))
        .collect();
    for profile in profiles {
        // Of a profile that is not at hand nobody knows which type it is of.
        let Some(structure) = check.context.registry.definitions().structure(profile) else { return true };
        types.push(structure.type_name.clone());
    }
    if types.is_empty() || types.iter().any(|kind| kind == "Resource") {
        return true;
    }
    let Some(kind) = resolve::target_type(answer, check.context) else { return true };
    if types.contains(&kind) {
        return true;
    }
    let at = answer.get("reference").unwrap_or(answer);
    let text = format!("\"{}\" takes no reference to a {kind}", question.link_id);
    types.dedup();
    let hint = format!("reference a resource of type {}", types.join(" or "));
    check.report(Finding::error(Key::QuestionnaireOption, at, text).hint(hint));
    false
}

/// Does the resource meet one of the profiles?
fn check_profiles<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    profiles: &[Cow<'_, str>],
    answer: Node<'d>,
) {
    let Some((at, reference)) = answer.get("reference").and_then(|at| Some((at, at.as_str()?))) else { return };
    let target = check.context.target(&reference);
    let mut why = None;
    for profile in profiles {
        let met = target.map(|target| check.context.conformance(target, profile));
        match met.map(|met| (met.result, met.first_error)) {
            Some((SliceMatch::Yes, _)) => return,
            Some((SliceMatch::No, reason)) => why = reason,
            _ => {
                let text = format!("whether what the answer refers to meets the profile {profile} is not checked");
                let hint = "send the resource along, or check it itself against the profile";
                check.context.report_once(&text, || Finding::not_checked(at, text.clone()).hint(hint));
                return;
            }
        }
    }
    let list = profiles.join(" or ");
    let text =
        format!("the answer to \"{}\" leads to a resource that does not meet the profile {list}", question.link_id);
    check.report(Finding::error(Key::QuestionnaireOption, at, text).hint_if(why));
}
