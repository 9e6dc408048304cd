//! Quantities: the units on offer, and the smallest and largest that is allowed
//! (<https://hl7.org/fhir/R4/extension-questionnaire-unitoption.html>,
//! <http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-minQuantity>).

use std::cmp::Ordering;

use super::elements::{extension, extensions};
use super::form::Question;
use super::options;
use super::response_check::ResponseCheck;
use crate::definitions::Membership;
use crate::fhir::{Key, Node};
use crate::fhirpath::Quantity;
use crate::profile::finding::Finding;

/// Has the answer a unit on offer, and is it within bounds?
pub(super) fn check<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, question: &Question<'d>, answer: Node<'d>) {
    check_unit(check, question, answer);
    for (name, beyond, word, hint) in [
        ("sdc-questionnaire-minQuantity", Ordering::Less, "less", "or more"),
        ("sdc-questionnaire-maxQuantity", Ordering::Greater, "more", "or less"),
    ] {
        let Some(limit) = extension(question.node, name) else { continue };
        let limit_text = describe(limit);
        let link_id = &question.link_id;
        let (text, hint) = match compare(answer, limit) {
            Ok(found) if found == beyond => (
                format!("the answer to \"{link_id}\" is {word} than {limit_text}"),
                format!("answer with {limit_text} {hint}"),
            ),
            Ok(_) => continue,
            Err(why) => {
                (format!("the answer to \"{link_id}\" has to be {limit_text} {hint}, but {why}"), unit_hint(limit))
            }
        };
        check.report(Finding::error(Key::QuestionnaireLimit, answer, text).hint(hint));
    }
}

/// Which is more. A limit is only met by what can be compared with it: units for people say nothing to a program.
fn compare(answer: Node<'_>, limit: Node<'_>) -> Result<Ordering, &'static str> {
    let is_bare: fn(Node<'_>) -> bool = |node| node.get("unit").is_none() && node.get("code").is_none();
    let is_formal: fn(Node<'_>) -> bool = |node| node.get("system").is_some() && node.get("code").is_some();
    let both = |is_so: fn(Node<'_>) -> bool| is_so(answer) && is_so(limit);
    if !(both(is_bare) || both(is_formal)) {
        return Err("they cannot be compared: both need a unit with system and code");
    }
    match (Quantity::read(answer), Quantity::read(limit)) {
        (Some(answer), Some(limit)) => answer.compare(&limit).ok_or("the units do not measure the same"),
        _ => Err("the answer has no value of its own"),
    }
}

fn describe(quantity: Node<'_>) -> String {
    let value = quantity.get("value").map_or("?", Node::text);
    match quantity.str("code").or_else(|| quantity.str("unit")) {
        Some(unit) => format!("{value} {unit}"),
        None => value.to_owned(),
    }
}

fn unit_hint(limit: Node<'_>) -> String {
    match (limit.str("system"), limit.str("code")) {
        (Some(system), Some(code)) => format!("give the unit as a code that measures what {code} of {system} does"),
        _ => "have the limit in the Questionnaire say its unit as a code".to_owned(),
    }
}

/// The unit is one of those that the question names.
fn check_unit<'d>(check: &mut ResponseCheck<'_, '_, '_, 'd>, question: &Question<'d>, answer: Node<'d>) {
    let coded = answer.str("system").zip(answer.str("code"));
    let at = answer.get("code").or_else(|| answer.get("unit")).unwrap_or(answer);
    let offered: Vec<Node<'d>> = extensions(question.node, "questionnaire-unitOption").collect();
    let link_id = &question.link_id;
    if !offered.is_empty() {
        let is_it = |option: &&Node<'_>| {
            coded.as_ref().is_some_and(|(system, code)| {
                option.str("system").as_deref() == Some(system) && option.str("code").as_deref() == Some(code)
            })
        };
        if check.spend(offered.len()) && !offered.iter().any(|option| is_it(&option)) {
            let names: Vec<_> = offered.iter().filter_map(|option| option.str("code")).collect();
            let text = format!("the unit is none of those that \"{link_id}\" takes");
            let hint = format!("use one of {}, with its system", names.join(", "));
            check.report(Finding::error(Key::QuestionnaireOption, at, text).hint(hint));
        }
    }
    let Some(canonical) = extension(question.node, "questionnaire-unitValueSet").and_then(Node::as_str) else { return };
    let Some(set) = options::value_set(check, &canonical) else {
        let text = format!("the value set {canonical} is not at hand; units are not checked against it");
        check.context.report_once(&canonical, || Finding::not_checked(at, text));
        return;
    };
    match coded.map_or(Membership::Out, |(system, code)| set.contains(&system, &code)) {
        Membership::In => {}
        Membership::Out => {
            let text = format!("the unit of the answer to \"{link_id}\" is not in the value set {canonical}");
            check.report(Finding::error(Key::QuestionnaireOption, at, text).hint("give the unit as system and code"));
        }
        Membership::Unknown => {
            let text = format!("the codes of the value set {canonical} are not at hand; units are not checked");
            check.context.report_once(&canonical, || Finding::not_checked(at, text));
        }
    }
}
