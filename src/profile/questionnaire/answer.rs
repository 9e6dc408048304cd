//! The answers to one question: how many there are, and of which type
//! (<https://hl7.org/fhir/R4/valueset-item-type.html>). What else is asked of them is asked in the files beside this one.

use super::elements::value;
use super::form::{ItemKind, Question};
use super::response_check::ResponseCheck;
use super::{limits, options, quantity, reference};
use crate::fhir::{Key, Node, Severity};
use crate::profile::finding::Finding;

/// The types of answers that a choice may offer.
const OFFERED_TYPES: &[&str] = &["Coding", "String", "Integer", "Date", "Time", "Reference"];

/// Checks one answer of an item that is a question, without the items below it.
pub(super) fn check<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, question: &Question<'d>, answer: Node<'d>) {
    if let Some((kind, value)) = value(answer) {
        check_value(check, question, kind, value);
    } else if !has_reason(answer) {
        let text = format!("the answer to \"{}\" has no value", question.link_id);
        let finding = Finding::error(Key::QuestionnaireType, answer, text).about_missing("value[x]");
        check.report(finding.severity(Severity::Warning).hint("say why in an extension, or leave out the answer"));
    }
}

/// Does something stand there that says why there is no value, or that was meant to be one?
fn has_reason(answer: Node<'_>) -> bool {
    answer.members().any(|member| matches!(member.name(), "extension" | "modifierExtension") || is_value(member))
}

fn is_value(member: Node<'_>) -> bool {
    member.name().trim_start_matches('_').starts_with("value")
}

/// Are there as many answers as the form asks for?
pub(super) fn check_count<'d>(
    check: &mut ResponseCheck<'_, '_, '_, 'd>,
    item: Node<'d>,
    question: &Question<'d>,
    answers: &[Node<'d>],
) {
    let min_count = question.min_count.max(1);
    let given = answers.iter().filter(|answer| answer.members().any(is_value)).count() as u32;
    if let Some(severity) = check.completion.severity() {
        if question.min_count > 1 && given < question.min_count {
            let text = format!("\"{}\" takes at least {min_count} answers, found {given}", question.link_id);
            let finding = Finding::error(Key::QuestionnaireCount, item, text).about_missing("answer");
            check.report(finding.severity(severity));
        } else if question.is_required && given == 0 && answers.is_empty() {
            let text = format!("the question \"{}\" is required, but not answered", question.link_id);
            let finding = Finding::error(Key::QuestionnaireRequired, item, text).about_missing("answer");
            check.report(finding.severity(severity));
        }
    }
    if let Some(max_count) = question.max_count
        && let Some(first) = answers.get(max_count as usize)
    {
        let (text, hint) = if max_count == 1 {
            (format!("\"{}\" takes one answer, found {}", question.link_id, answers.len()), "keep one of the answers")
        } else {
            let text = format!("\"{}\" takes at most {max_count} answers, found {}", question.link_id, answers.len());
            (text, "leave out what is too much")
        };
        check.report(Finding::error(Key::QuestionnaireCount, *first, text).hint(hint));
    }
}

/// One value: its type, then everything that is asked of a value of this type.
fn check_value<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, question: &Question<'d>, kind: &str, value: Node<'d>) {
    let allowed = answer_types(check, question);
    if allowed.is_empty() {
        let text = format!("the Questionnaire gives \"{}\" a type that is not known here", question.link_id);
        check.context.report_once(&text, || {
            let text = format!("{text}; its answers are not checked");
            Finding::not_checked(value, text).hint("have the type corrected in the Questionnaire")
        });
        return;
    }
    if !is_element(kind) {
        // No answer can be of this type, which has been said.
        return;
    }
    if !allowed.contains(&kind) {
        let names: Vec<String> = allowed.iter().map(|kind| format!("value{kind}")).collect();
        let text = format!(
            "\"{}\" is of type {}: expected {}, found value{kind}",
            question.link_id,
            question.type_name(),
            names.join(" or ")
        );
        check.report(Finding::error(Key::QuestionnaireType, value, text).about_name());
        return;
    }
    if question.kind == ItemKind::String && value.as_str().is_some_and(|text| text.contains(['\n', '\r'])) {
        let text =
            format!("the answer to \"{}\" has line breaks, but the question is of type string", question.link_id);
        let hint = "write one line; only questions of type text take several";
        check.report(Finding::error(Key::QuestionnaireLimit, value, text).severity(Severity::Warning).hint(hint));
    }
    options::check(check, question, kind, value);
    limits::check(check, question, kind, value);
    match kind {
        "Quantity" => quantity::check(check, question, value),
        "Reference" => reference::check(check, question, value),
        _ => {}
    }
}

/// The types that QuestionnaireResponse.item.answer.value[x] has.
fn is_element(kind: &str) -> bool {
    const TYPES: &[&str] = &["Boolean", "Decimal", "DateTime", "Uri", "Attachment", "Quantity"];
    TYPES.contains(&kind) || OFFERED_TYPES.contains(&kind)
}

/// The types that an answer to the question may have, as the ends of the element's names; nothing for a type of items
/// that is not known.
fn answer_types<'q>(check: &mut ResponseCheck<'_, '_, '_, '_>, question: &'q Question<'_>) -> Vec<&'q str> {
    match question.kind {
        ItemKind::Boolean => vec!["Boolean"],
        ItemKind::Decimal => vec!["Decimal"],
        ItemKind::Integer => vec!["Integer"],
        ItemKind::Date => vec!["Date"],
        ItemKind::DateTime => vec!["DateTime"],
        ItemKind::Time => vec!["Time"],
        ItemKind::String | ItemKind::Text => vec!["String"],
        ItemKind::Url => vec!["Uri"],
        ItemKind::Attachment => vec!["Attachment"],
        ItemKind::Reference => vec!["Reference"],
        ItemKind::Quantity => vec!["Quantity"],
        ItemKind::Choice | ItemKind::OpenChoice => choices(check, question),
        ItemKind::Group | ItemKind::Display | ItemKind::Abstract | ItemKind::Unknown => Vec::new(),
    }
}

/// A choice is answered with what it offers; an open one with a text besides.
fn choices<'q>(check: &mut ResponseCheck<'_, '_, '_, '_>, question: &'q Question<'_>) -> Vec<&'q str> {
    let mut types = options::of(check, question).types.clone();
    if types.is_empty() {
        types = if question.node.get("answerValueSet").is_some() { vec!["Coding"] } else { OFFERED_TYPES.to_vec() };
    }
    if question.kind == ItemKind::OpenChoice && !types.contains(&"String") {
        types.push("String");
    }
    types
}
