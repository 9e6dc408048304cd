//! What a question offers to choose from: `answerOption`, or the codes of `answerValueSet`
//! (<https://hl7.org/fhir/R4/questionnaire.html#definition>).

use std::sync::Arc;

use super::elements::{extension, value};
use super::form::{ItemKind, Question};
use super::question_options::{Identity, Options, identity};
use super::resolve;
use super::response_check::ResponseCheck;
use crate::definitions::{Membership, ValueSet};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Severity};
use crate::profile::finding::Finding;
use crate::profile::finding::OpenQuestion;

/// More options than this are not listed one by one.
const MAX_LISTED: usize = 12;

/// More options than this are not searched for the one that may have been meant.
const MAX_SEARCHED: usize = 1_000;

/// How to fix a form that offers nothing.
const NO_OPTIONS_HINT: &str = "give the question answerOption or answerValueSet";

/// The options of a question, made ready once.
pub(super) fn of<'q>(check: &mut ResponseCheck<'_, '_, '_, '_>, question: &'q Question<'_>) -> &'q Options {
    question.options.get_or_init(|| {
        check.spend(question.node.list("answerOption").count());
        Options::of(question.node)
    })
}

/// Is the answer one of those on offer?
pub(super) fn check<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    kind: &str,
    node: Node<'d>,
) {
    let is_choice = matches!(question.kind, ItemKind::Choice | ItemKind::OpenChoice);
    let is_free = question.kind == ItemKind::OpenChoice && is_text(kind, node);
    let options = of(check, question);
    if is_free {
        return;
    }
    if !options.by_identity.is_empty() {
        if let Some(identity) = identity(kind, node)
            && !options.by_identity.contains_key(&identity)
        {
            check.report(not_offered(question, options, &identity, node));
        }
    } else if let Some(canonical) = question.node.str("answerValueSet") {
        if kind == "Coding" {
            check_in_value_set(check, question, &canonical, node);
        }
    } else if is_choice && extension(question.node, "sdc-questionnaire-answerExpression").is_none() {
        let text = format!(
            "the Questionnaire offers nothing to choose for \"{}\"; the answer is not checked",
            question.link_id
        );
        check.context.report_once(&text, || Finding::not_checked(node, text.clone()).hint(NO_OPTIONS_HINT));
    }
}

/// What somebody wrote who found nothing on offer: a text, or a coding that is nothing but one.
fn is_text(kind: &str, node: Node<'_>) -> bool {
    kind == "String"
        || (kind == "Coding"
            && node.get("display").is_some()
            && node.get("code").is_none()
            && node.get("system").is_none())
}

fn not_offered(question: &Question<'_>, options: &Options, identity: &Identity, node: Node<'_>) -> Finding {
    let (kind, system, name) = identity;
    let text = format!("the answer is none of the options of \"{}\"", question.link_id);
    // Among very many the one that was meant is not searched for.
    let searched = options.by_identity.keys().take(MAX_SEARCHED);
    let mut same_code = searched.filter(|(other, _, code)| other == kind && code == name);
    let hint = match same_code.next() {
        Some((_, right, _)) if right.is_empty() => Some("leave out the system; the option has none".to_owned()),
        Some((_, right, _)) if system.is_empty() => Some(format!("add \"system\": \"{right}\"")),
        Some((_, right, _)) => Some(format!("take the code of the system {right}")),
        None if options.names.len() <= MAX_LISTED => Some(format!("use one of {}", options.names.join(", "))),
        None => {
            let names = options.names.iter().take(MAX_LISTED * MAX_LISTED).map(String::as_str);
            nearest(name, names).map(|meant| format!("did you mean \"{meant}\"?"))
        }
    };
    Finding::error(Key::QuestionnaireOption, node, text).hint_if(hint)
}

/// Is the code in a value set?
fn check_in_value_set<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    canonical: &str,
    node: Node<'d>,
) {
    let Some(set) = value_set(check, canonical) else {
        let text = format!("the value set {canonical} is not at hand; answers are not checked against it");
        check.context.report_once(canonical, || Finding::not_checked(node, text));
        return;
    };
    let (system, code) = (node.str("system"), node.str("code"));
    let (Some(system), Some(code)) = (&system, &code) else {
        let missing = if system.is_none() { "system" } else { "code" };
        let text = format!("without a {missing} nobody knows whether the answer is in the value set {canonical}");
        let meant = code.as_deref().and_then(|code| set.systems_with(code).next());
        let hint = meant.map(|system| format!("add \"system\": \"{system}\""));
        let finding = Finding::error(Key::QuestionnaireOption, node, text).about_missing(missing);
        check.report(finding.severity(Severity::Warning).hint_if(hint));
        return;
    };
    match set.contains(system, code) {
        Membership::In => {}
        Membership::Unknown => {
            // Somebody may ask a terminology server.
            let wrong = format!("the answer to \"{}\" is not in the value set {canonical}", question.link_id);
            let text = format!("the codes of the value set {canonical} are not at hand; they are not checked");
            check.context.leave_open(OpenQuestion {
                value_set: canonical.to_owned(),
                codes: vec![(Some(system.to_string()), code.to_string())],
                if_not: Finding::error(Key::QuestionnaireOption, node, wrong),
                if_unknown: Finding::not_checked(node, text),
            });
        }
        // That there is no such code has been said.
        Membership::Out if is_no_code(check, system, code) => {}
        Membership::Out => {
            let text = format!("the answer to \"{}\" is not in the value set {canonical}", question.link_id);
            let known = set.listed().filter(|(of, _)| of == system).map(|(_, code)| code);
            let meant =
                nearest(code, known.take(MAX_LISTED * MAX_LISTED)).map(|meant| format!("did you mean \"{meant}\"?"));
            check.report(
                Finding::error(Key::QuestionnaireOption, node, text).hint_if(meant.or_else(|| code_hint(&set))),
            );
        }
    }
}

/// Is it known that the code system has no such code?
fn is_no_code(check: &ResponseCheck<'_, '_, '_, '_>, system: &str, code: &str) -> bool {
    let known = check.context.registry.definitions().code_system(system).filter(|known| known.is_complete);
    known.is_some_and(|known| known.position(code).is_none())
}

/// The codes, where they are few enough to read.
fn code_hint(set: &ValueSet) -> Option<String> {
    let codes: Vec<&str> = set.listed().map(|(_, code)| code).take(MAX_LISTED + 1).collect();
    (set.is_complete() && (1..=MAX_LISTED).contains(&codes.len())).then(|| format!("use one of {}", codes.join(", ")))
}

/// The value set that the form names: contained in it, or beside it, beside the document, or in a package.
pub(super) fn value_set(check: &mut ResponseCheck<'_, '_, '_, '_>, canonical: &str) -> Option<Arc<ValueSet>> {
    if let Some(known) = check.value_sets.get(canonical) {
        return known.clone();
    }
    let contained = canonical
        .strip_prefix('#')
        .and_then(|id| check.form.root.list("contained").find(|resource| resource.str("id").as_deref() == Some(id)));
    let resource = contained.or_else(|| resolve::find_canonical(canonical, check.context));
    let resource = resource.filter(|resource| resource.str("resourceType").as_deref() == Some("ValueSet"));
    let definitions = check.context.registry.definitions();
    let set = match resource {
        Some(resource) => Some(Arc::new(definitions.compose_value_set(resource))),
        None => definitions.value_set(canonical),
    };
    check.value_sets.insert(canonical.to_owned(), set.clone());
    set
}

/// An option that goes with no other stands alone
/// (<https://hl7.org/fhir/R4/extension-questionnaire-optionexclusive.html>).
pub(super) fn check_exclusive<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    question: &Question<'d>,
    answers: &[Node<'d>],
) {
    let options = of(check, question);
    if answers.len() < 2 || !options.has_exclusive {
        return;
    }
    for answer in answers {
        let Some((kind, node)) = value(*answer) else { continue };
        let is_exclusive = identity(kind, node).and_then(|identity| options.by_identity.get(&identity));
        if is_exclusive == Some(&true) {
            let text = format!("this answer to \"{}\" excludes every other", question.link_id);
            let hint = "keep this answer alone, or leave it out";
            check.report(Finding::error(Key::QuestionnaireOption, node, text).hint(hint));
            return;
        }
    }
}
