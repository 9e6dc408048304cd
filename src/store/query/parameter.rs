//! A search parameter of a type with its modifier and values, to a test. Modifiers are those of
//! <https://hl7.org/fhir/R4/search.html#modifiers> that an index can answer.

use crate::fhir::{Reference, ResourceKey, primitive};

use super::super::index::{Parameter, ParameterKind, SearchParameters, normal};
use super::model::{Condition, SystemTest, Test, TextTest};
use super::refusal::{Read, unknown, wrong};
use super::value::{self, split_unescaped, unescaped};

/// What a parameter asks.
pub(super) fn test(
    served: &SearchParameters,
    parameter: &Parameter,
    modifier: Option<&str>,
    value: &str,
) -> Read<Test> {
    if modifier == Some("missing") {
        return match value {
            "true" => Ok(Test::Missing(true)),
            "false" => Ok(Test::Missing(false)),
            _ => wrong(format!("{}:missing is true or false, found '{value}'", parameter.code)),
        };
    }
    let conditions =
        split_unescaped(value, ',').map(|piece| condition(served, parameter, modifier, piece)).collect::<Read<_>>()?;
    Ok(if modifier == Some("not") { Test::None(conditions) } else { Test::Any(conditions) })
}

fn condition(served: &SearchParameters, parameter: &Parameter, modifier: Option<&str>, piece: &str) -> Read<Condition> {
    if piece.is_empty() {
        return wrong(format!("a value of {} is empty; remove the comma beside it", parameter.code));
    }
    match (parameter.kind, modifier) {
        (ParameterKind::Token, None | Some("not")) | (ParameterKind::Reference, Some("identifier")) => token(piece),
        (ParameterKind::Reference, None) => reference(served, parameter, None, piece),
        (ParameterKind::Reference, Some(kind)) if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
            reference(served, parameter, Some(kind), piece)
        }
        (ParameterKind::String, None) => text(piece, TextTest::Start),
        (ParameterKind::String, Some("contains")) => text(piece, TextTest::Anywhere),
        (ParameterKind::String, Some("exact")) => text(piece, TextTest::Exact),
        (ParameterKind::Date, None) => value::date(piece),
        (ParameterKind::Uri, None) => Ok(Condition::Uri(unescaped(piece))),
        (kind, Some(modifier)) => {
            let known = match kind {
                ParameterKind::Token => ":not and :missing",
                ParameterKind::Reference => ":missing, :identifier and the name of a type, such as :Patient",
                ParameterKind::String => ":exact, :contains and :missing",
                ParameterKind::Date | ParameterKind::Uri => ":missing",
            };
            unknown(format!(
                "{}, a {} parameter, has no modifier :{modifier} here; it has {known}",
                parameter.code,
                kind.code()
            ))
        }
    }
}

/// `code`, `system|code`, `|code`, `system|`
fn token(piece: &str) -> Read<Condition> {
    let mut parts = split_unescaped(piece, '|');
    let (first, second, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if more.is_some() {
        return wrong(format!("expected code or system|code, found '{piece}'; write \\| for a bar in a code"));
    }
    let (system, code) = match (unescaped(first), second.map(unescaped)) {
        (code, None) => (SystemTest::Any, code),
        (system, Some(code)) if system.is_empty() => (SystemTest::None, code),
        (system, Some(code)) => (SystemTest::Is(system), code),
    };
    if code.is_empty() && !matches!(system, SystemTest::Is(_)) {
        return wrong("a token has a system, a code or both");
    }
    Ok(Condition::Token { system, code: Some(code).filter(|code| !code.is_empty()) })
}

/// `Type/id`, `id`, an absolute URL, a urn; with `:Type` the type is given.
fn reference(served: &SearchParameters, parameter: &Parameter, kind: Option<&str>, piece: &str) -> Read<Condition> {
    let text = unescaped(piece);
    let allows = |kind: &str| parameter.targets.is_empty() || parameter.targets.iter().any(|target| target == kind);
    if let Some(kind) = kind.filter(|kind| !allows(kind)) {
        return wrong(format!("{} references {}, never a {kind}", parameter.code, parameter.targets.join(", ")));
    }
    if primitive::is_id(&text) && !text.contains('/') {
        return Ok(match (kind, parameter.targets.as_slice()) {
            (Some(kind), _) => Condition::Reference(ResourceKey::new(kind, text)),
            (None, [only]) => Condition::Reference(ResourceKey::new(only, text)),
            (None, targets) => Condition::ReferenceId { id: text, kinds: targets.to_vec() },
        });
    }
    match Reference::parse(&text) {
        Some(Reference::Contained(_)) => wrong(format!("'{text}' names a contained resource; those are not searched")),
        Some(parsed) => {
            let condition = match parsed.local(served.base()) {
                Some(key) => Condition::Reference(key),
                None => Condition::ReferenceUrl(text.clone()),
            };
            match parsed.kind() {
                Some(found) if !allows(found) || kind.is_some_and(|kind| kind != found) => {
                    let targets = kind.map_or_else(|| parameter.targets.join(", "), str::to_owned);
                    wrong(format!("{} references {targets}, never a {found}", parameter.code))
                }
                _ => Ok(condition),
            }
        }
        // A canonical URL may have any scheme.
        None if text.contains(':') => Ok(Condition::ReferenceUrl(text)),
        None => wrong(format!("'{text}' is no reference; expected Type/id, an id or an absolute URL")),
    }
}

fn text(piece: &str, how: TextTest) -> Read<Condition> {
    let text = unescaped(piece);
    let text = if how == TextTest::Exact { text } else { normal(&text) };
    if text.is_empty() {
        return wrong("a text that has no letter is found everywhere; leave the parameter out to search for anything");
    }
    Ok(Condition::Text { text, how })
}
