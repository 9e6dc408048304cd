//! A code is one of its code system (<https://hl7.org/fhir/R4/terminologies.html#code-system>), as far as the code systems
//! at hand are complete.

use super::Rule;
use crate::definitions::TypeRef;
use crate::fhir::{Key, Node};
use crate::profile::findings::Finding;
use crate::profile::nearest::nearest;
use crate::profile::walk::Walk;

/// Every Coding.
pub(in crate::profile) fn compile(allowed: &TypeRef) -> Option<Rule> {
    (allowed.code == "Coding").then_some(Rule::Coding)
}

pub(in crate::profile) fn check(node: Node<'_>, walk: &mut Walk<'_, '_>) {
    let (Some(url), Some(code)) = (node.str("system"), node.get("code").and_then(|at| Some((at, at.as_str()?)))) else {
        return;
    };
    let (at, code) = code;
    let Some(system) = walk.schemas.definitions().code_system(&url).filter(|system| system.is_complete) else { return };
    if system.position(&code).is_none() {
        let text = format!("the code system {url} has no such code");
        let known = nearest(&code, system.concepts().iter().map(|concept| concept.code.as_str()));
        let hint = known.map(|known| format!("did you mean \"{known}\"?"));
        walk.report(Finding::error(Key::Coding, at, text).hint_if(hint));
    }
}
