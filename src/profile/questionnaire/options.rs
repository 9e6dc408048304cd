//! What a question offers to choose from: `answerOption`, or the codes of `answerValueSet`
//! (<https://hl7.org/fhir/R4/questionnaire.html#definition>).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::form::{ItemKind, Question, extension, value};
use super::{Check, found};
use crate::definitions::{Membership, ValueSet};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Severity};
use crate::fhirpath::Decimal;
use crate::profile::finding::Finding;
use crate::profile::finding::OpenQuestion;

/// More options than this are not told one by one.
const FEW: usize = 12;

/// More options than this are not searched for the one that may have been meant.
const MANY: usize = 1_000;

/// How to mend a form that offers nothing.
const NO_OPTIONS: &str = "give the question answerOption or answerValueSet";

/// The options of a question.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Those on offer; true where it goes with no other
    by_identity: BTreeMap<Identity, bool>,
    /// How they are called, in the order of the form
    names: Vec<String>,
}

/// What makes two values the same option: the type, and what identifies a value of it.
type Identity = (&'static str, String, String);

impl Options {
    fn of(question: Node<'_>) -> Self {
        let mut options = Self::default();
        for option in question.list("answerOption") {
            let Some((kind, node)) = value(option) else { continue };
            let Some(identity) = identity(kind, node) else { continue };
            let is_exclusive = extension(option, "questionnaire-optionExclusive").and_then(Node::as_bool);
            options.names.push(identity.2.clone());
            options.by_identity.insert(identity, is_exclusive == Some(true));
        }
        options
    }

    /// The types of what is on offer, as the ends of the element's names.
    pub(super) fn types(&self) -> Vec<&'static str> {
        let mut types: Vec<&str> = self.by_identity.keys().map(|(kind, ..)| *kind).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}

/// The options of a question, made ready once.
pub(super) fn of<'q>(check: &mut Check<'_, '_, '_, '_>, question: &'q Question<'_>) -> &'q Options {
    question.options.get_or_init(|| {
        check.spend(question.node.list("answerOption").count());
        Options::of(question.node)
    })
}

fn identity(kind: &str, node: Node<'_>) -> Option<Identity> {
    let text = |name: &str| node.str(name).unwrap_or_default().into_owned();
    Some(match kind {
        "Coding" => ("Coding", text("system"), text("code")),
        "Integer" => ("Integer", String::new(), Decimal::parse(node.as_number()?)?.to_string()),
        "String" => ("String", String::new(), node.as_str()?.into_owned()),
        "Date" => ("Date", String::new(), node.as_str()?.into_owned()),
        "Time" => ("Time", String::new(), node.as_str()?.into_owned()),
        "Reference" => ("Reference", String::new(), text("reference")),
        _ => return None,
    })
}

/// Is the answer one of those on offer?
pub(super) fn check<'d>(check: &mut Check<'_, '_, '_, 'd>, question: &Question<'d>, kind: &str, node: Node<'d>) {
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
            in_value_set(check, question, &canonical, node);
        }
    } else if is_choice && extension(question.node, "sdc-questionnaire-answerExpression").is_none() {
        let text = format!(
            "the Questionnaire offers nothing to choose for \"{}\"; the answer is not checked",
            question.link_id
        );
        check.walk.report_once(&text, || Finding::not_checked(node, text.clone()).hint(NO_OPTIONS));
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
    let searched = options.by_identity.keys().take(MANY);
    let mut same_code = searched.filter(|(other, _, code)| other == kind && code == name);
    let hint = match same_code.next() {
        Some((_, right, _)) if right.is_empty() => Some("leave out the system; the option has none".to_owned()),
        Some((_, right, _)) if system.is_empty() => Some(format!("add \"system\": \"{right}\"")),
        Some((_, right, _)) => Some(format!("take the code of the system {right}")),
        None if options.names.len() <= FEW => Some(format!("use one of {}", options.names.join(", "))),
        None => {
            let names = options.names.iter().take(FEW * FEW).map(String::as_str);
            nearest(name, names).map(|meant| format!("did you mean \"{meant}\"?"))
        }
    };
    Finding::error(Key::QuestionnaireOption, node, text).hint_if(hint)
}

/// Is the code in a value set?
fn in_value_set<'d>(check: &mut Check<'_, '_, '_, 'd>, question: &Question<'d>, canonical: &str, node: Node<'d>) {
    let Some(set) = value_set(check, canonical) else {
        let text = format!("the value set {canonical} is not at hand; answers are not checked against it");
        check.walk.report_once(canonical, || Finding::not_checked(node, text));
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
            check.walk.ask(OpenQuestion {
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
            let meant = nearest(code, known.take(FEW * FEW)).map(|meant| format!("did you mean \"{meant}\"?"));
            check.report(Finding::error(Key::QuestionnaireOption, node, text).hint_if(meant.or_else(|| few(&set))));
        }
    }
}

/// Is it known that the code system has no such code?
fn is_no_code(check: &Check<'_, '_, '_, '_>, system: &str, code: &str) -> bool {
    let known = check.walk.registry.definitions().code_system(system).filter(|known| known.is_complete);
    known.is_some_and(|known| known.position(code).is_none())
}

/// The codes, where they are few enough to read.
fn few(set: &ValueSet) -> Option<String> {
    let codes: Vec<&str> = set.listed().map(|(_, code)| code).take(FEW + 1).collect();
    (set.is_complete() && (1..=FEW).contains(&codes.len())).then(|| format!("use one of {}", codes.join(", ")))
}

/// The value set that the form names: contained in it, or beside it, beside the document, or in a package.
pub(super) fn value_set(check: &mut Check<'_, '_, '_, '_>, canonical: &str) -> Option<Arc<ValueSet>> {
    if let Some(known) = check.value_sets.get(canonical) {
        return known.clone();
    }
    let contained = canonical
        .strip_prefix('#')
        .and_then(|id| check.form.root.list("contained").find(|resource| resource.str("id").as_deref() == Some(id)));
    let resource = contained.or_else(|| found::find(canonical, check.walk));
    let resource = resource.filter(|resource| resource.str("resourceType").as_deref() == Some("ValueSet"));
    let definitions = check.walk.registry.definitions();
    let set = match resource {
        Some(resource) => Some(Arc::new(definitions.value_set_of(resource))),
        None => definitions.value_set(canonical),
    };
    check.value_sets.insert(canonical.to_owned(), set.clone());
    set
}

/// An option that goes with no other stands alone
/// (<https://hl7.org/fhir/R4/extension-questionnaire-optionexclusive.html>).
pub(super) fn exclusive<'d>(check: &mut Check<'_, '_, '_, 'd>, question: &Question<'d>, answers: &[Node<'d>]) {
    let options = of(check, question);
    if answers.len() < 2 || !options.by_identity.values().any(|is_exclusive| *is_exclusive) {
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
