//! A code is one of its code system (<https://hl7.org/fhir/R4/terminologies.html#code-system>), as far as the code systems
//! at hand are complete.

use crate::definitions::TypeRef;
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// Every Coding.
pub(in crate::profile) fn applies(allowed: &TypeRef) -> bool {
    allowed.code == "Coding"
}

pub(in crate::profile) fn check(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let Some((at, url)) = node.get("system").and_then(|at| Some((at, at.as_str()?))) else { return };
    if !is_system(at, &url, context) {
        return;
    }
    let Some((at, code)) = node.get("code").and_then(|at| Some((at, at.as_str()?))) else { return };
    let Some(system) = context.registry.code_system(&url) else { return };
    if !system.has(&code) {
        let text = format!("the code system {url} has no such code");
        let known = nearest(&code, system.concepts().iter().map(|concept| concept.code.as_str()));
        let hint = known.map(|known| format!("did you mean \"{known}\"?"));
        context.report(Finding::error(Key::Coding, at, text).hint_if(hint));
    }
}

/// Can it be a code system? Its URL is absolute, and not that of a value set.
fn is_system(at: Node<'_>, url: &str, context: &mut CheckContext<'_, '_>) -> bool {
    if !url.is_empty() && !url.contains(':') {
        let text = "the system of a code is an absolute URL or a URN";
        let hint = "write the canonical URL of the code system, such as http://loinc.org";
        context.report(Finding::error(Key::Coding, at, text).hint(hint));
        return false;
    }
    let definitions = context.registry.definitions();
    if url.contains("/ValueSet/") && definitions.code_system(url).is_none() && definitions.value_set(url).is_some() {
        let text = format!("{url} is a value set; a code comes from a code system");
        let systems = definitions.value_set(url).map(|set| set.systems().map(str::to_owned).collect::<Vec<_>>());
        let hint = systems.filter(|it| (1..=3).contains(&it.len())).map(|it| format!("use {}", it.join(" or ")));
        context.report(Finding::error(Key::Coding, at, text).hint_if(hint));
        return false;
    }
    true
}
