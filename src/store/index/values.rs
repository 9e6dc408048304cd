//! What the elements at a search parameter's place say: one small table a kind, by the shape of the element
//! (<https://hl7.org/fhir/R4/search.html#token>, `#reference`, `#string`, `#date`, `#uri`).

use crate::fhir::{Kind, Node, Reference, ResourceKey};
use crate::fhirpath::{Item, Temporal};

use super::entry::IndexValue;
use super::normal::normal;
use super::parameter::{Parameter, ParameterKind};

/// Says what an item is found by.
pub(super) fn push(parameter: &Parameter, bases: &[String], item: &Item<'_>, say: &mut impl FnMut(IndexValue)) {
    let Some(node) = item.node() else {
        // `Patient.deceased.exists() and ...`: a value that no element holds.
        if let (ParameterKind::Token, Some(code)) = (parameter.kind, item.to_text()) {
            say(IndexValue::Token { system: None, code: code.into_owned() });
        }
        return;
    };
    match parameter.kind {
        ParameterKind::Token => token(node, parameter.system.as_deref(), say),
        ParameterKind::Reference => reference(node, bases, say),
        ParameterKind::String => string(node, say),
        ParameterKind::Date => date(node, say),
        ParameterKind::Uri => {
            if let Some(uri) = node.as_str() {
                say(IndexValue::Uri(uri.into_owned()));
            }
        }
    }
}

/// A code, boolean, Coding, CodeableConcept, Identifier or ContactPoint.
fn token(node: Node<'_>, system: Option<&str>, say: &mut impl FnMut(IndexValue)) {
    match node.kind() {
        Kind::String => {
            let code = node.as_str().unwrap_or_default().into_owned();
            say(IndexValue::Token { system: system.map(str::to_owned), code });
        }
        Kind::Bool | Kind::Number => say(IndexValue::Token { system: None, code: node.text().to_owned() }),
        Kind::Object => {
            let (mut own_system, mut code, mut is_concept) = (None, None, false);
            for member in node.members() {
                match member.name() {
                    "coding" => {
                        is_concept = true;
                        member.each().for_each(|coding| token(coding, None, say));
                    }
                    "system" => own_system = member.as_str(),
                    "code" | "value" => code = member.as_str(),
                    _ => {}
                }
            }
            if !is_concept && (code.is_some() || own_system.is_some()) {
                let code = code.unwrap_or_default().into_owned();
                say(IndexValue::Token { system: own_system.map(std::borrow::Cow::into_owned), code });
            }
        }
        Kind::Null | Kind::Array => {}
    }
}

/// A Reference (by `reference`, by `identifier`, or both), a canonical or a uri.
fn reference(node: Node<'_>, bases: &[String], say: &mut impl FnMut(IndexValue)) {
    if node.kind() == Kind::String {
        if let Some(url) = node.as_str() {
            say(IndexValue::ReferenceUrl(url.into_owned()));
        }
        return;
    }
    if let Some(text) = node.str("reference") {
        match Reference::parse(&text) {
            Some(Reference::Contained(_)) | None => {}
            Some(parsed) => say(match local(&parsed, bases) {
                Some(key) => IndexValue::Reference(key),
                None => IndexValue::ReferenceUrl(text.into_owned()),
            }),
        }
    }
    if let Some(identifier) = node.get("identifier").filter(|identifier| identifier.is_object()) {
        token(identifier, None, say);
    }
}

/// What is stored here that a reference leads to.
pub(in crate::store) fn local(reference: &Reference<'_>, bases: &[String]) -> Option<ResourceKey> {
    reference.local(None).or_else(|| bases.iter().find_map(|base| reference.local(Some(base))))
}

/// A string, or the parts of a HumanName or an Address.
fn string(node: Node<'_>, say: &mut impl FnMut(IndexValue)) {
    match node.kind() {
        Kind::String => {
            let text = node.as_str().unwrap_or_default();
            say(IndexValue::Text(normal(&text)));
            say(IndexValue::Exact(text.into_owned()));
        }
        Kind::Object => {
            for member in node.members() {
                if !matches!(member.name(), "use" | "period" | "type" | "id" | "extension") {
                    member.each().filter(|part| part.kind() == Kind::String).for_each(|part| string(part, say));
                }
            }
        }
        _ => {}
    }
}

/// A date, dateTime, instant, Period or Timing.
fn date(node: Node<'_>, say: &mut impl FnMut(IndexValue)) {
    let interval = |node: Node<'_>| Temporal::parse_date_time(&node.as_str()?).map(|moment| moment.interval());
    if node.kind() == Kind::String {
        if let Some((low, high)) = interval(node) {
            say(IndexValue::Date { low, high });
        }
        return;
    }
    let (start, end) = (node.get("start").and_then(interval), node.get("end").and_then(interval));
    if start.is_some() || end.is_some() {
        let (low, high) = (start.map_or(i64::MIN, |start| start.0), end.map_or(i64::MAX, |end| end.1));
        say(IndexValue::Date { low, high });
    }
    // Of a Timing, the events and the bounds.
    node.list("event").for_each(|event| date(event, say));
    if let Some(period) = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")) {
        date(period, say);
    }
}
