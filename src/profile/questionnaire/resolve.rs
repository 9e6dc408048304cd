//! Which Questionnaire a response answers, and whether it was meant to be answered so: `questionnaire`, the form's
//! status, its period and its subjects (<https://hl7.org/fhir/R4/questionnaireresponse.html>).

use crate::fhir::{Key, Node, Reference, Severity};
use crate::fhirpath::Temporal;
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// The Questionnaire; nothing, and a finding, where none is named or at hand.
pub(super) fn questionnaire<'d>(response: Node<'d>, context: &mut CheckContext<'_, 'd>) -> Option<Node<'d>> {
    let Some(named) = response.get("questionnaire") else {
        let text = "the response names no Questionnaire, so its answers cannot be checked against one";
        context.report(Finding::not_checked(response, text).hint("name the form in questionnaire"));
        return None;
    };
    let canonical = named.as_str()?;
    let found = find_canonical(&canonical, context)
        .filter(|found| found.str("resourceType").as_deref() == Some("Questionnaire"));
    if found.is_none() {
        let (url, version) = canonical.split_once('|').map_or((&*canonical, None), |(url, it)| (url, Some(it)));
        let other = version.and_then(|_| find_canonical(url, context)).and_then(|other| other.str("version"));
        let text = format!("the Questionnaire {canonical} is not at hand; the answers are not checked against it");
        let hint = other.map(|other| format!("version {other} is at hand; name that one if it was answered"));
        context
            .report(Finding::error(Key::QuestionnaireMissing, named, text).severity(Severity::Warning).hint_if(hint));
    }
    found
}

/// The resource with this canonical URL or `#id`: contained, in the bundle around, or beside the document.
pub(super) fn find_canonical<'d>(canonical: &str, context: &mut CheckContext<'_, 'd>) -> Option<Node<'d>> {
    if let Some(id) = canonical.strip_prefix('#') {
        return context.scope.contained(id);
    }
    let in_bundle = context.scope.bundle.as_ref().and_then(|bundle| bundle.canonical(canonical));
    in_bundle.or_else(|| context.request.with?.find(canonical))
}

/// Says where the form was not meant to be answered, or not then, or not about this subject.
pub(super) fn check_use<'d>(response: Node<'d>, form: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let warn = |node, text: &str, hint: &'static str| {
        Finding::error(Key::QuestionnaireUse, node, text).severity(Severity::Warning).hint(hint)
    };
    if form.str("status").as_deref() == Some("retired")
        && let Some(named) = response.get("questionnaire")
    {
        let text = "the Questionnaire is retired; it should not be answered any more";
        context.report(warn(named, text, "answer the Questionnaire that replaces it"));
    }
    if let (Some(authored), Some(period)) = (response.get("authored"), form.get("effectivePeriod")) {
        let moment = |node: Node<'_>| Some(Temporal::parse_date_time(&node.as_str()?)?.interval());
        let edge = |name: &str| period.get(name).and_then(moment);
        let at = moment(authored);
        if let (Some((_, latest)), Some((start, _))) = (at, edge("start"))
            && latest < start
        {
            let text = "the answers were authored before the Questionnaire came into effect (effectivePeriod.start)";
            context.report(warn(authored, text, "check the date, and whether this is the right version of the form"));
        }
        if let (Some((earliest, _)), Some((_, end))) = (at, edge("end"))
            && earliest > end
        {
            let text = "the answers were authored after the Questionnaire ceased to be in effect (effectivePeriod.end)";
            context.report(warn(authored, text, "check the date, and whether this is the right version of the form"));
        }
    }
    check_subject(response, form, context);
}

fn check_subject<'d>(response: Node<'d>, form: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let Some(subject) = response.get("subject") else { return };
    let mut types = form.list("subjectType").filter_map(Node::as_str).peekable();
    if types.peek().is_none() {
        return;
    }
    let Some(kind) = target_type(subject, context) else { return };
    let types: Vec<_> = types.collect();
    if !types.iter().any(|allowed| *allowed == *kind) {
        let text = format!("the subject is a {kind}, but the Questionnaire is about a {}", types.join(" or "));
        let hint = "let subject reference what the form asks about";
        context.report(Finding::error(Key::QuestionnaireUse, subject, text).severity(Severity::Warning).hint(hint));
    }
}

/// The resource type that a Reference leads to, as far as it can be told.
pub(super) fn target_type<'d>(reference: Node<'d>, context: &mut CheckContext<'_, 'd>) -> Option<String> {
    let Some(text) = reference.str("reference") else {
        return reference.str("type").map(std::borrow::Cow::into_owned);
    };
    if let Some(id) = text.strip_prefix('#') {
        return context.scope.contained(id)?.str("resourceType").map(std::borrow::Cow::into_owned);
    }
    let in_bundle = context.scope.bundle.as_ref().and_then(|bundle| bundle.resource(&text));
    if let Some(resource) = in_bundle {
        return resource.str("resourceType").map(std::borrow::Cow::into_owned);
    }
    let kind = Reference::parse(&text)?.kind()?;
    context.registry.definitions().is_resource_type(kind).then(|| kind.to_owned())
}
