//! The eligibility rules that a program has of its own, as its HealthcareService says them (see [`super::directory`]).

use std::sync::Arc;

use super::comparison::{Comparison, ComparisonValue};
use super::comparison_check::{ComparisonText, Part};
use super::facts::FactBook;
use super::rule::{Rule, Strength, Test};
use super::rulebook::Rulebook;
use crate::fhir::{Issue, Key, Node};

/// The extension that holds one eligibility rule.
const ELIGIBILITY: &str = "urn:handoff:fhir:StructureDefinition:eligibility";

/// The program's own rules, and those of the presets that it chooses.
pub(super) fn own_rules(service: Node<'_>, kind: &str, rulebook: &Rulebook, issues: &mut Vec<Issue>) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    for extension in extensions(service, ELIGIBILITY) {
        let read = match extensions(extension, "preset").next() {
            Some(preset) => chosen(extension, preset, kind, rulebook),
            None => rule(extension, rulebook.facts()).map(|rule| vec![Arc::new(rule)]),
        };
        match read {
            Ok(read) => rules.extend(read),
            Err(issue) => issues.push(*issue),
        }
    }
    rules
}

/// The rules of the preset that an extension names, and of nothing besides.
fn chosen(
    extension: Node<'_>,
    preset: Node<'_>,
    kind: &str,
    rulebook: &Rulebook,
) -> Result<Vec<Arc<Rule>>, Box<Issue>> {
    if extension.list("extension").count() > 1 {
        let message = "a rule names a preset, or says what it asks; not both";
        return Err(Box::new(Issue::error_at(Key::DirectoryInvalid, extension, message)));
    }
    let name = preset.str("valueCode").unwrap_or_default();
    let rules = rulebook.preset(kind, &name).ok_or_else(|| {
        let known: Vec<&str> = rulebook.presets().map(|(name, _)| name).collect();
        let message = format!("there is no such preset; expected valueCode with one of {}", known.join(", "));
        Box::new(Issue::error_at(Key::DirectoryInvalid, preset, message))
    })?;
    Ok(rules.to_vec())
}

fn rule(extension: Node<'_>, facts: &FactBook) -> Result<Rule, Box<Issue>> {
    let part = |name: &'static str| extensions(extension, name).next();
    let refuse = |at: Node<'_>, text: &str| Box::new(Issue::error_at(Key::DirectoryInvalid, at, text));
    let strength = match part("strength") {
        None => Strength::Required,
        Some(given) => given
            .str("valueCode")
            .and_then(|code| Strength::from_code(&code))
            .ok_or_else(|| refuse(given, "strength is valueCode required or preferred"))?,
    };
    let effective = match part("effective") {
        None => None,
        Some(given) => {
            let date = given.str("valueDate").and_then(|text| text.parse().ok());
            Some(date.ok_or_else(|| refuse(given, "effective is valueDate with a whole day"))?)
        }
    };
    let text =
        |name: &'static str| part(name).and_then(|part| part.str("valueString")).map(std::borrow::Cow::into_owned);
    let id = part("id").and_then(|part| part.str("valueCode").or_else(|| part.str("valueString")));
    let test = test(extension, facts)?;
    Ok(Rule { id: id.map(std::borrow::Cow::into_owned), strength, effective, source: text("source"), test })
}

/// What a rule asks, or one test of a group: `any` or `all` with `test`s, each of which is one of the three again.
fn test(extension: Node<'_>, facts: &FactBook) -> Result<Test, Box<Issue>> {
    let part = |name: &'static str| extensions(extension, name).next();
    let refuse = |at: Option<Node<'_>>, text: String| {
        Box::new(Issue::error_at(Key::DirectoryInvalid, at.unwrap_or(extension), text))
    };
    for (name, make) in [("any", Test::Any as fn(Vec<Test>) -> Test), ("all", Test::All)] {
        let Some(group) = part(name) else { continue };
        if part("criterion").is_some() || (name == "any" && part("all").is_some()) {
            let message = "a test is either any, or all, or a criterion with op and value; not both";
            return Err(refuse(None, message.to_owned()));
        }
        let tests: Vec<Test> = extensions(group, "test").map(|one| test(one, facts)).collect::<Result<_, _>>()?;
        if tests.is_empty() {
            return Err(refuse(Some(group), format!("{name} needs at least one extension test")));
        }
        return Ok(make(tests));
    }
    let code = |name: &'static str| part(name).and_then(|part| part.str("valueCode"));
    let mut values = Vec::new();
    for value in extensions(extension, "value") {
        values.push(given(value).ok_or_else(|| {
            refuse(
                Some(value),
                "value is valueDecimal, valueInteger, valueBoolean, valueCode or valueString".to_owned(),
            )
        })?);
    }
    let word =
        |name: &'static str| part(name).and_then(|part| part.str("valueString").or_else(|| part.str("valueCode")));
    let (criterion, op) = (code("criterion").unwrap_or_default(), code("op").unwrap_or_default());
    let (of, unit) = (word("of"), word("unit"));
    let words = ComparisonText { criterion: &criterion, of: of.as_deref(), op: &op, unit: unit.as_deref() };
    let comparison = Comparison::new(facts, words, values).map_err(|flaw| {
        let at = match flaw.part {
            Part::Criterion => part("criterion"),
            Part::Of => part("of"),
            Part::Op => part("op"),
            Part::Value => part("value"),
            Part::Unit => part("unit"),
        };
        refuse(at, flaw.text)
    })?;
    Ok(Test::One(comparison))
}

fn given(value: Node<'_>) -> Option<ComparisonValue> {
    if let Some(number) = value.get("valueDecimal").or_else(|| value.get("valueInteger")) {
        return Some(ComparisonValue::Number(number.as_number()?.parse().ok()?));
    }
    if let Some(flag) = value.get("valueBoolean") {
        return flag.as_bool().map(ComparisonValue::Flag);
    }
    value.str("valueCode").or_else(|| value.str("valueString")).map(|text| ComparisonValue::Text(text.into_owned()))
}

/// The extensions with this URL.
pub(super) fn extensions<'n>(node: Node<'n>, url: &'static str) -> impl Iterator<Item = Node<'n>> {
    node.list("extension").filter(move |extension| extension.get("url").is_some_and(|of| of.is_str(url)))
}
