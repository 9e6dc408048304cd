//! Codes where a value set is required (<https://hl7.org/fhir/R4/terminologies.html#required>), or where a looser binding
//! names a set that no code may leave (<https://hl7.org/fhir/R4/extension-elementdefinition-maxvalueset.html>).
//!
//! What the value sets at hand cannot decide is said once for each of them, as information.

use std::sync::Arc;

use super::Rule;
use crate::definitions::value_set::Codes;
use crate::definitions::{Membership, Strength, TypeRef, ValueSet};
use crate::fhir::{Key, Node};
use crate::profile::compile::Definition;
use crate::profile::findings::Finding;
use crate::profile::nearest::nearest;
use crate::profile::walk::Walk;

/// More codes than this are not told one by one.
const FEW: usize = 16;

/// A value set that the codes of an element have to be in.
#[derive(Debug)]
pub(in crate::profile) struct Bound {
    /// Canonical URL, as the definition gives it
    url: String,
    /// Nothing, where it is not at hand
    set: Option<Arc<ValueSet>>,
    holds: Holds,
    /// A code has to be there; otherwise a text alone will do
    is_required: bool,
}

/// How the type of the element carries codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// `code`, `string`, `uri`: the system is the value set's business
    Code,
    /// `Coding`
    Coding,
    /// `Quantity`: its unit may be for people only, without a code
    Quantity,
    /// `CodeableConcept`: one of its codings is enough
    Concept,
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        (&self.url, self.holds, self.is_required) == (&other.url, other.holds, other.is_required)
    }
}

/// The sets that the definition demands.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Vec<Rule> {
    let Some(binding) = &definition.element.binding else { return Vec::new() };
    let holds = match allowed.code.as_str() {
        "CodeableConcept" => Holds::Concept,
        "Coding" => Holds::Coding,
        "Quantity" => Holds::Quantity,
        "code" | "string" | "uri" | "url" | "canonical" => Holds::Code,
        _ => return Vec::new(),
    };
    let required = binding.value_set.iter().filter(|_| binding.strength == Strength::Required);
    let bounds = required.map(|url| (url, true)).chain(binding.max_value_set.iter().map(|url| (url, false)));
    let bound = |(url, is_required): (&String, bool)| {
        let set = definition.schemas.definitions().value_set(url);
        Rule::Binding(Bound { url: url.clone(), set, holds, is_required })
    };
    bounds.map(bound).collect()
}

impl Bound {
    pub(in crate::profile) fn check(&self, node: Node<'_>, walk: &mut Walk<'_, '_>) {
        let Some(set) = &self.set else {
            walk.report_once(&self.url, || {
                Finding::not_checked(
                    node,
                    format!("the value set {} is not at hand; codes are not checked against it", self.url),
                )
            });
            return;
        };
        match self.holds {
            Holds::Code => {
                let code = node.as_str().unwrap_or_default();
                let found = set.contains_code(&code);
                self.say(found, node, walk, || self.wrong_code(set, node, &code, None));
            }
            Holds::Quantity if node.get("code").is_none() => {}
            Holds::Coding | Holds::Quantity => {
                let found = coding(set, node);
                self.say(found, node, walk, || self.wrong_coding(set, node));
            }
            Holds::Concept => self.concept(set, node, walk),
        }
    }

    fn concept(&self, set: &ValueSet, node: Node<'_>, walk: &mut Walk<'_, '_>) {
        let mut found = Membership::Out;
        for each in node.list("coding") {
            match coding(set, each) {
                Membership::In => return,
                Membership::Unknown => found = Membership::Unknown,
                Membership::Out => {}
            }
        }
        // An extension may say why there is no code.
        if node.get("coding").is_none() && !(self.is_required && node.get("text").is_some()) {
            return;
        }
        let mut codings = node.list("coding");
        let (first, second) = (codings.next(), codings.next());
        self.say(found, node, walk, || match (first, second) {
            (Some(only), None) => self.wrong_coding(set, only),
            (None, _) => {
                let text = format!("a text alone is not enough: a code of the value set {} is required", self.name());
                Finding::error(Key::Binding, node, text).hint_if(few(set))
            }
            _ => {
                let text = format!("none of the codings is in the value set {}", self.name());
                Finding::error(Key::Binding, node, text).hint_if(few(set))
            }
        });
    }

    fn say(&self, found: Membership, node: Node<'_>, walk: &mut Walk<'_, '_>, wrong: impl FnOnce() -> Finding) {
        match found {
            Membership::In => {}
            Membership::Out => {
                if walk.findings.is_full() {
                    walk.report(Finding::error(Key::Binding, node, ""));
                } else {
                    walk.report(wrong());
                }
            }
            Membership::Unknown => walk.report_once(&self.url, || {
                let text = format!("the codes of the value set {} are not at hand; they are not checked", self.name());
                Finding::not_checked(node, text)
            }),
        }
    }

    fn wrong_coding(&self, set: &ValueSet, node: Node<'_>) -> Finding {
        let at = |name: &str| node.get(name).unwrap_or(node);
        let code = node.str("code");
        let Some(system) = node.str("system") else {
            let text = format!("a coding without a system is not in the value set {}", self.name());
            let meant = code.as_deref().and_then(|code| set.systems_with(code).next());
            return Finding::error(Key::Binding, node, text)
                .hint_if(meant.map(|system| format!("add \"system\": \"{system}\"")));
        };
        let systems: Vec<&str> = set.systems().collect();
        if !systems.contains(&&*system) {
            let text = format!("the value set {} takes no codes from this system", self.name());
            let hint = (systems.len() <= 3).then(|| format!("use the system {}", systems.join(" or ")));
            return Finding::error(Key::Binding, at("system"), text).hint_if(hint);
        }
        match code {
            None => {
                let text = format!("a coding without a code is not in the value set {}", self.name());
                Finding::error(Key::Binding, node, text).hint_if(few(set))
            }
            Some(code) => self.wrong_code(set, at("code"), &code, Some(&system)),
        }
    }

    fn wrong_code(&self, set: &ValueSet, node: Node<'_>, code: &str, system: Option<&str>) -> Finding {
        let known = set.listed().filter(|(of, _)| system.is_none_or(|system| *of == system)).map(|(_, code)| code);
        let meant = nearest(code, known).map(|meant| format!("did you mean \"{meant}\"?"));
        let text = format!("the code is not in the value set {}", self.name());
        Finding::error(Key::Binding, node, text).hint_if(meant.or_else(|| few(set)))
    }

    /// The canonical URL without the version, which only says which release of the standard this is.
    fn name(&self) -> &str {
        self.url.split('|').next().unwrap_or(&self.url)
    }
}

/// Is a Coding, or the unit of a Quantity, in the set?
fn coding(set: &ValueSet, node: Node<'_>) -> Membership {
    match (node.str("system"), node.str("code")) {
        (Some(system), Some(code)) => set.contains(&system, &code),
        _ => Membership::Out,
    }
}

/// The codes, where they are few enough to read, or what they look like.
fn few(set: &ValueSet) -> Option<String> {
    if set.parts.iter().any(|part| part.codes == Codes::MediaTypes) {
        return Some("write a media type such as application/pdf".to_owned());
    }
    if set.parts.iter().any(|part| part.codes == Codes::Languages) {
        return Some("write a language tag such as en-US".to_owned());
    }
    let codes: Vec<&str> = set.listed().map(|(_, code)| code).take(FEW + 1).collect();
    (set.is_complete() && !codes.is_empty() && codes.len() <= FEW).then(|| format!("use one of {}", codes.join(", ")))
}
