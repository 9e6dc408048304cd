//! Reading one source: which resources of a referral speak about the person, which of them stand, and when what they say was
//! so. What their values are worth is [`super::value`]'s.

use std::borrow::Cow;

use jiff::Timestamp;

use super::address;
use super::book::{Definition, ReadAs, SearchRange, Source};
use super::known::{FactOrigin, FactValue, Texts};
use super::sources::FactSources;
use super::token::Token;
use super::value::{FoundValue, one_text, values};
use crate::fhir::{Node, Truth, period};
use crate::fhirpath::Context;
use crate::referral::Resource;
use crate::routing::area;

/// Something that a resource says.
#[derive(Debug)]
pub(super) struct Statement<'r> {
    /// When it was so; the day itself for what stands on it
    pub(super) when: Option<Timestamp>,
    pub(super) known: FactValue,
    pub(super) from: FactOrigin<'r>,
}

/// Does a resource count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    /// It does
    Stands,
    /// What it says is over or refuted
    Over,
    /// It is a mistake
    Void,
}

impl<'r> FactSources<'r> {
    /// All that the sources of this fact say, in their order. `code` is what the rule names, if it does.
    pub(super) fn statements(&self, definition: &'r Definition, code: Option<&Token>) -> Vec<Statement<'r>> {
        let mut statements = Vec::new();
        for source in &definition.sources {
            let resources: &mut dyn Iterator<Item = &'r Resource> = match &source.search_range {
                SearchRange::Person => &mut std::iter::once(self.referral.person),
                SearchRange::Request => &mut std::iter::once(self.referral.request),
                SearchRange::Task => &mut std::iter::once(self.referral.task),
                SearchRange::Kind(kind) => &mut self.referral.graph.all().filter(move |one| one.kind() == &**kind),
            };
            for resource in resources {
                self.read(source, resource, code, &mut statements);
            }
        }
        statements
    }

    fn read(
        &self,
        source: &'r Source,
        resource: &'r Resource,
        code: Option<&Token>,
        statements: &mut Vec<Statement<'r>>,
    ) {
        let node = resource.node();
        let is_one_of_many = matches!(source.search_range, SearchRange::Kind(_));
        if is_one_of_many && !(has_code(source, node, code) && self.is_about(node)) {
            return;
        }
        let validity = if is_one_of_many { validity(resource.kind(), node, self.at) } else { Validity::Stands };
        if validity == Validity::Void {
            return;
        }
        if let Some(condition) = &source.condition
            && !matches!(condition.it.evaluate_bool(&Context::new(node), node), Ok(Some(true)))
        {
            return;
        }
        let when = if is_one_of_many { dated(resource.kind(), node, self.at) } else { Some(self.at) };
        let mut say = |known: Option<FactValue>, node: Option<Node<'r>>| {
            if let Some(known) = known.and_then(|known| apply_validity(known, validity)) {
                statements.push(Statement { when, known, from: FactOrigin { resource, node } });
            }
        };
        match source.reading {
            ReadAs::Says(flag) => say(Some(FactValue::Flag(flag)), None),
            ReadAs::Classes => say(self.classes(node), node.get("code")),
            ReadAs::County | ReadAs::Zip | ReadAs::State => {
                let found = values(source, resource);
                let addresses = found.into_iter().filter_map(|found| match found {
                    FoundValue::Node(node) => Some(node),
                    FoundValue::Text(_) => None,
                });
                let Some(current) = address::current(addresses, self.at) else { return };
                let (part, form): (_, fn(&str) -> String) = match source.reading {
                    ReadAs::County => ("district", area::county),
                    ReadAs::Zip => ("postalCode", area::zip),
                    _ => ("state", area::state),
                };
                let text = current.str(part).map(|text| form(&text)).filter(|text| !text.is_empty());
                say(text.map(one_text), current.get(part));
            }
            _ => {
                for found in values(source, resource) {
                    let node = if let FoundValue::Node(node) = found { Some(node) } else { None };
                    say(self.value(source, &found, when), node);
                }
            }
        }
    }

    /// Is this resource about the person, and not about somebody else whose data travels with the referral?
    fn is_about(&self, node: Node<'_>) -> bool {
        let named =
            ["subject", "patient", "beneficiary"].iter().find_map(|name| self.referral.graph.follow(node, name));
        named.is_some_and(|subject| subject.url == self.referral.person.url)
    }
}

// === resources

fn has_code(source: &Source, node: Node<'_>, code: Option<&Token>) -> bool {
    if source.codes.is_empty() && !source.code_of_rule {
        return true;
    }
    let Some(coded) = node.get("code") else { return false };
    let by_rule = code.filter(|_| source.code_of_rule);
    source.codes.iter().chain(by_rule).any(|token| token.means_any(coded))
}

fn validity(kind: &str, node: Node<'_>, at: Timestamp) -> Validity {
    let is_status = |codes: &[&str]| node.str("status").is_some_and(|status| codes.contains(&&*status));
    let says = |name: &str, codes: &[&str]| {
        let codings = node.get(name).into_iter().flat_map(|concept| concept.list("coding"));
        codings.filter_map(|coding| coding.str("code")).any(|code| codes.contains(&&*code))
    };
    let (void, over) = match kind {
        "Condition" => (
            says("verificationStatus", &["entered-in-error"]),
            says("verificationStatus", &["refuted"]) || says("clinicalStatus", &["inactive", "remission", "resolved"]),
        ),
        "Coverage" => (
            is_status(&["entered-in-error", "draft"]),
            is_status(&["cancelled"]) || node.get("period").is_some_and(|time| period::includes(time, at) == Truth::No),
        ),
        _ => (is_status(&["entered-in-error", "cancelled"]), false),
    };
    if void {
        Validity::Void
    } else if over {
        Validity::Over
    } else {
        Validity::Stands
    }
}

/// What a resource says that is over: that its codes are so no longer. Flags and numbers of it say nothing.
fn apply_validity(known: FactValue, validity: Validity) -> Option<FactValue> {
    match (validity, known) {
        (Validity::Stands, known) => Some(known),
        (Validity::Over, FactValue::Texts(texts)) => {
            Some(FactValue::Texts(Texts { has: Vec::new(), not: texts.has, closed: false }))
        }
        _ => None,
    }
}

/// When what a resource says was so: findings have their time, everything else is as it stands.
fn dated(kind: &str, node: Node<'_>, at: Timestamp) -> Option<Timestamp> {
    let instant = |text: Cow<'_, str>| period::instants(&text).map(|(first, _)| first);
    match kind {
        "Observation" => {
            let effective = node.str("effectiveDateTime").or_else(|| node.str("effectiveInstant"));
            let effective = effective.or_else(|| node.get("effectivePeriod")?.str("start"));
            effective.or_else(|| node.str("issued")).and_then(instant)
        }
        "QuestionnaireResponse" => node.str("authored").and_then(instant),
        _ => Some(at),
    }
}
