//! Codes of elements that are bound to a value set (<https://hl7.org/fhir/R4/terminologies.html#strength>): required, an
//! error if it is another; extensible, a warning; preferred, worth knowing. A looser binding may name a set that no code
//! may leave (<https://hl7.org/fhir/R4/extension-elementdefinition-maxvalueset.html>).
//!
//! What the value sets at hand cannot decide is left open for whoever can ask a terminology server.

use std::borrow::Cow;
use std::sync::Arc;

use crate::definitions::value_set::Codes;
use crate::definitions::{Membership, Strength, TypeRef, ValueSet};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Severity};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;
use crate::profile::finding::OpenQuestion;

/// More codes than this are not listed one by one.
const MAX_LISTED: usize = 16;

/// A value set that the codes of an element have to be in.
#[derive(Debug)]
pub(in crate::profile) struct ValueSetBinding {
    /// Canonical URL, as the definition gives it
    url: String,
    /// Nothing, where it is not at hand
    set: Option<Arc<ValueSet>>,
    coded_type: CodedType,
    /// How bad it is to use another code
    severity: Severity,
    /// A code has to be there; otherwise a text alone will do
    is_required: bool,
}

/// How the type of the element carries codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodedType {
    /// `code`, `string`, `uri`: the system is the value set's business
    Code,
    /// `Coding`
    Coding,
    /// `Quantity`: its unit may be for people only, without a code
    Quantity,
    /// `CodeableConcept`: one of its codings is enough
    Concept,
}

impl PartialEq for ValueSetBinding {
    fn eq(&self, other: &Self) -> bool {
        (&self.url, self.coded_type, self.severity, self.is_required)
            == (&other.url, other.coded_type, other.severity, other.is_required)
    }
}

/// The sets that the definition names.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Vec<ValueSetBinding> {
    let Some(binding) = &definition.element.binding else { return Vec::new() };
    let Some(coded_type) = CodedType::of(&allowed.code) else { return Vec::new() };
    let severity = match binding.strength {
        Strength::Required => Some(Severity::Error),
        Strength::Extensible => Some(Severity::Warning),
        Strength::Preferred => Some(Severity::Information),
        Strength::Example => None,
    };
    let is_required = binding.strength == Strength::Required;
    let stated = binding.value_set.as_ref().zip(severity).map(|(url, severity)| (url, severity, is_required));
    let maximum = binding.max_value_set.as_ref().map(|url| (url, Severity::Error, false));
    let bound = |(url, severity, is_required): (&String, Severity, bool)| {
        ValueSetBinding::of(definition, url, coded_type, severity, is_required)
    };
    stated.into_iter().chain(maximum).map(bound).collect()
}

impl CodedType {
    /// How this type carries codes, if it does.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "CodeableConcept" => Self::Concept,
            "Coding" => Self::Coding,
            "Quantity" => Self::Quantity,
            "code" | "string" | "uri" | "url" | "canonical" => Self::Code,
            _ => return None,
        })
    }
}

impl ValueSetBinding {
    pub(super) fn of(
        definition: Definition<'_>,
        url: &str,
        coded_type: CodedType,
        severity: Severity,
        is_required: bool,
    ) -> Self {
        let set = definition.view().value_set(url);
        Self { url: url.to_owned(), set, coded_type, severity, is_required }
    }

    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        match self.membership(node) {
            Membership::In => {}
            Membership::Out => {
                // Nobody reads more than are listed, so there is no use in working out what would help.
                let finding = if context.findings.is_full() { self.finding(node, "") } else { self.not_in_set(node) };
                context.report(finding);
            }
            Membership::Unknown => self.leave_open(node, context),
        }
    }

    /// Is the code of this value in the set?
    pub(super) fn membership(&self, node: Node<'_>) -> Membership {
        let Some(set) = &self.set else {
            return if self.may_be_absent(node) { Membership::In } else { Membership::Unknown };
        };
        match self.coded_type {
            CodedType::Code => set.contains_code(&node.as_str().unwrap_or_default()),
            CodedType::Quantity if node.get("code").is_none() => Membership::In,
            CodedType::Coding | CodedType::Quantity => set.contains_coding(node),
            CodedType::Concept if self.may_be_absent(node) => Membership::In,
            // A text alone is in no set.
            CodedType::Concept if node.get("coding").is_none() => Membership::Out,
            CodedType::Concept => set.contains_coded(node),
        }
    }

    /// Is there no code, and need there be none? An extension may say why.
    fn may_be_absent(&self, node: Node<'_>) -> bool {
        match self.coded_type {
            CodedType::Code => false,
            CodedType::Quantity | CodedType::Coding => node.get("code").is_none() && !self.is_required,
            CodedType::Concept => node.get("coding").is_none() && !(self.is_required && node.get("text").is_some()),
        }
    }

    /// What is wrong with a value that is not in the set.
    pub(super) fn not_in_set(&self, node: Node<'_>) -> Finding {
        let Some(set) = &self.set else {
            return self.finding(node, format!("the code is not in the value set {}", self.name()));
        };
        match self.coded_type {
            CodedType::Code => self.code_not_in_set(set, node, &node.as_str().unwrap_or_default(), None),
            CodedType::Coding | CodedType::Quantity => self.coding_not_in_set(set, node),
            CodedType::Concept => {
                let mut codings = node.list("coding");
                match (codings.next(), codings.next()) {
                    (Some(only), None) => self.coding_not_in_set(set, only),
                    (None, _) => {
                        let set_name = self.name();
                        let text =
                            format!("a text alone is not enough: a code of the value set {set_name} is required");
                        self.finding(node, text).hint_if(code_hint(set))
                    }
                    _ => {
                        let text = format!("none of the codings is in the value set {}", self.name());
                        self.finding(node, text).hint_if(code_hint(set))
                    }
                }
            }
        }
    }

    /// What cannot be decided here is left open, for a terminology server if there is one.
    pub(super) fn leave_open(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        let codes = if context.request.questions { self.codes(node) } else { Vec::new() };
        if codes.is_empty() {
            context.report_once(&self.url, || Finding::not_checked(node, self.not_at_hand()));
            return;
        }
        let if_not = self.finding(node, format!("the code is not in the value set {}", self.name()));
        let if_unknown = Finding::not_checked(node, self.not_at_hand());
        context.leave_open(OpenQuestion { value_set: self.url.clone(), codes, if_not, if_unknown });
    }

    fn not_at_hand(&self) -> String {
        match &self.set {
            None => format!("the value set {} is not at hand; codes are not checked against it", self.url),
            Some(_) => format!("the codes of the value set {} are not at hand; they are not checked", self.name()),
        }
    }

    /// The codes that a value carries, with their systems.
    pub(super) fn codes(&self, node: Node<'_>) -> Vec<(Option<String>, String)> {
        let coding =
            |node: Node<'_>| Some((node.str("system").map(Cow::into_owned), node.str("code").map(Cow::into_owned)?));
        match self.coded_type {
            CodedType::Code => node.as_str().map(|code| (None, code.into_owned())).into_iter().collect(),
            CodedType::Coding | CodedType::Quantity => coding(node).into_iter().collect(),
            CodedType::Concept => node.list("coding").filter_map(coding).collect(),
        }
    }

    fn finding(&self, node: Node<'_>, text: impl Into<String>) -> Finding {
        Finding::error(Key::Binding, node, text).severity(self.severity)
    }

    pub(in crate::profile) fn describe(&self) -> String {
        let strength = match (self.severity, self.is_required) {
            (Severity::Error | Severity::Fatal, true) => "required",
            (Severity::Error | Severity::Fatal, false) => "maximum",
            (Severity::Warning, _) => "extensible",
            (Severity::Information, _) => "preferred",
        };
        format!("{strength} binding to {}", self.url)
    }

    fn coding_not_in_set(&self, set: &ValueSet, node: Node<'_>) -> Finding {
        let at = |name: &str| node.get(name).unwrap_or(node);
        let code = node.str("code");
        let Some(system) = node.str("system") else {
            let text = format!("a coding without a system is not in the value set {}", self.name());
            let meant = code.as_deref().and_then(|code| set.systems_with(code).next());
            return self.finding(node, text).hint_if(meant.map(|system| format!("add \"system\": \"{system}\"")));
        };
        let systems: Vec<&str> = set.systems().collect();
        if !systems.contains(&&*system) {
            let text = format!("the value set {} takes no codes from this system", self.name());
            let hint = (systems.len() <= 3).then(|| format!("use the system {}", systems.join(" or ")));
            return self.finding(at("system"), text).hint_if(hint);
        }
        match code {
            None => {
                let text = format!("a coding without a code is not in the value set {}", self.name());
                self.finding(node, text).hint_if(code_hint(set))
            }
            Some(code) => self.code_not_in_set(set, at("code"), &code, Some(&system)),
        }
    }

    fn code_not_in_set(&self, set: &ValueSet, node: Node<'_>, code: &str, system: Option<&str>) -> Finding {
        let is_near = |of: &str, known: &str| {
            system.is_none_or(|system| of == system) && set.contains(of, known) == Membership::In
        };
        let known = set.listed().filter(|(of, known)| is_near(of, known)).map(|(_, code)| code);
        let meant = nearest(code, known).map(|meant| format!("did you mean \"{meant}\"?"));
        let text = format!("the code is not in the value set {}", self.name());
        self.finding(node, text).hint_if(meant.or_else(|| code_hint(set)))
    }

    /// The canonical URL without the version, which only says which release of the standard this is.
    pub(super) fn name(&self) -> &str {
        self.url.split('|').next().unwrap_or(&self.url)
    }
}

/// The codes, where they are few enough to read, or what they look like.
fn code_hint(set: &ValueSet) -> Option<String> {
    if set.parts.iter().any(|part| part.codes == Codes::MediaTypes) {
        return Some("write a media type such as application/pdf".to_owned());
    }
    if set.parts.iter().any(|part| part.codes == Codes::Languages) {
        return Some("write a language tag such as en-US".to_owned());
    }
    let codes: Vec<&str> = set.listed().map(|(_, code)| code).take(MAX_LISTED + 1).collect();
    (set.is_complete() && !codes.is_empty() && codes.len() <= MAX_LISTED)
        .then(|| format!("use one of {}", codes.join(", ")))
}
