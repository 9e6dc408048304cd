//! References (<https://hl7.org/fhir/R4/references.html>): their form, the types that they may lead to, and whether there
//! is something where they lead, as far as the message itself can tell.

use std::borrow::Cow;

use super::Rule;
use crate::definitions::{CORE, TypeRef};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Reference};
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;
use crate::profile::walk::Walk;

/// More types than this are not told one by one.
const FEW: usize = 12;

/// The resource types that a reference may lead to; none is any.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::profile) struct Targets {
    types: Vec<String>,
}

/// The types that the definition allows.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<Rule> {
    if allowed.code != "Reference" {
        return None;
    }
    let definitions = definition.registry.definitions();
    let view = definition.view();
    let mut types: Vec<String> = Vec::new();
    for profile in &allowed.target_profiles {
        let of_core =
            profile.strip_prefix(CORE).filter(|name| definitions.is_resource_type(name) || *name == "Resource");
        let name = of_core.map(str::to_owned).or_else(|| Some(view.look_up(profile)?.definition.type_name.clone()));
        match name {
            // A profile that is not at hand may be of any type.
            None => return Some(Rule::Reference(Targets { types: Vec::new() })),
            Some(name) if name == "Resource" => return Some(Rule::Reference(Targets { types: Vec::new() })),
            Some(name) if !types.contains(&name) => types.push(name),
            Some(_) => {}
        }
    }
    Some(Rule::Reference(Targets { types }))
}

impl Targets {
    pub(in crate::profile) fn check<'d>(&self, node: Node<'d>, walk: &mut Walk<'_, 'd>) {
        let stated_type = node.get("type").and_then(|at| Some((at, at.as_str()?)));
        let Some(text) = node.get("reference") else {
            if let Some((at, kind)) = stated_type {
                self.allow(at, &kind, walk);
            }
            return;
        };
        // Another kind of JSON value has been reported where it stands.
        let Some(value) = text.as_str() else { return };
        let kind = match Reference::parse(&value) {
            // What is there is found under any id; that the id is no good is said where it stands.
            _ if value.strip_prefix('#').is_some_and(|id| walk.scope.contained(id).is_some()) => {
                value.strip_prefix('#').and_then(|id| walk.scope.contained(id)?.str("resourceType"))
            }
            Some(Reference::Contained(id)) => contained(text, id, walk),
            _ if value.starts_with("urn:uuid:") && walk.scope.bundle.is_some() => in_bundle(text, &value, walk),
            Some(reference @ Reference::Relative { kind, .. }) => {
                if !walk.registry.definitions().is_resource_type(kind) {
                    return unknown_type(text, kind, walk);
                }
                reference.kind().map(|kind| Cow::Owned(kind.to_owned()))
            }
            // A URL may look RESTful by chance.
            Some(reference) => reference
                .kind()
                .filter(|kind| walk.registry.definitions().is_resource_type(kind))
                .map(|kind| Cow::Owned(kind.to_owned())),
            None => match conditional(&value, walk) {
                Some(kind) => Some(Cow::Owned(kind)),
                None => return malformed(text, &value, walk),
            },
        };
        if let Some(kind) = kind {
            self.allow(text, &kind, walk);
            if let Some((at, stated_type)) = stated_type
                && *stated_type != *kind
                && walk.registry.definitions().is_resource_type(&stated_type)
            {
                let text = format!("the type says {stated_type}, but the reference leads to {kind}");
                walk.report(
                    Finding::error(Key::ReferenceTarget, at, text).hint("leave type out; the reference tells it"),
                );
            }
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        if self.types.is_empty() {
            "a reference".to_owned()
        } else {
            format!("a reference to {}", self.types.join(" | "))
        }
    }

    fn allow(&self, node: Node<'_>, kind: &str, walk: &mut Walk<'_, '_>) {
        if self.types.is_empty()
            || self.types.iter().any(|allowed| allowed == kind)
            || self.types.iter().any(|allowed| walk.registry.is_a(kind, allowed))
        {
            return;
        }
        let text = format!("a reference to {kind} is not allowed here");
        let few = self.types.len() <= FEW;
        let hint = few.then(|| format!("reference a resource of type {}", self.types.join(", ")));
        walk.report(Finding::error(Key::ReferenceTarget, node, text).hint_if(hint));
    }
}

/// The type of a contained resource.
fn contained<'d>(node: Node<'d>, id: &str, walk: &mut Walk<'_, 'd>) -> Option<Cow<'d, str>> {
    let target = if id.is_empty() { Some(walk.scope.container) } else { walk.scope.contained(id) };
    if target.is_none() {
        let text = "no contained resource has this id";
        let hint = "put the resource into contained, or reference it where it is";
        walk.report(Finding::error(Key::ReferenceDangling, node, text).hint(hint));
    }
    target?.str("resourceType")
}

/// The type of the entry with this fullUrl. Nobody outside of a bundle can know what a `urn:uuid` of the bundle means:
/// in a message that is acted upon that is an error, in a mere collection it is worth a warning.
fn in_bundle<'d>(node: Node<'d>, urn: &str, walk: &mut Walk<'_, 'd>) -> Option<Cow<'d, str>> {
    let bundle = walk.scope.bundle.clone()?;
    if let Some(target) = bundle.resource(urn) {
        return target.str("resourceType");
    }
    if let Some(severity) = bundle.dangling() {
        let text = "no entry of this bundle has this fullUrl";
        let hint = "add the entry, or reference the resource where it is stored";
        walk.report(Finding::error(Key::ReferenceDangling, node, text).hint(hint).severity(severity));
    }
    None
}

/// The type of a conditional reference (`Patient?identifier=...`), which only transactions know
/// (<https://hl7.org/fhir/R4/http.html#trules>).
fn conditional(text: &str, walk: &Walk<'_, '_>) -> Option<String> {
    let (kind, query) = text.split_once('?')?;
    let is_transaction = walk.scope.bundle.as_ref().is_some_and(|bundle| bundle.is_transaction());
    let is_known = walk.registry.definitions().is_resource_type(kind);
    (is_transaction && is_known && query.contains('=')).then(|| kind.to_owned())
}

fn unknown_type(node: Node<'_>, kind: &str, walk: &mut Walk<'_, '_>) {
    let types = walk.registry.definitions().resource_types();
    let hint = nearest(kind, types.iter().map(String::as_str)).map(|known| format!("did you mean \"{known}\"?"));
    walk.report(Finding::error(Key::ReferenceTarget, node, format!("{kind} is no resource type")).hint_if(hint));
}

fn malformed(node: Node<'_>, text: &str, walk: &mut Walk<'_, '_>) {
    // An empty string has been reported as such.
    if text.is_empty() {
        return;
    }
    let known = |name: &str| walk.registry.definitions().is_resource_type(name);
    let hint = if text.starts_with("urn:uuid:") {
        Some("write urn:uuid: and a UUID such as urn:uuid:0f4a5b7e-9c1d-4e2f-8a3b-5c6d7e8f9a0b".to_owned())
    } else if text.split_once('?').is_some_and(|(kind, _)| known(kind)) {
        Some("a conditional reference is understood in a transaction only; reference Type/id".to_owned())
    } else if !text.contains('/') {
        Some("an id alone does not say of which type; write Type/id".to_owned())
    } else {
        None
    };
    let text = "the value is no reference: expected Type/id, an absolute URL, urn:uuid:... or #id";
    walk.report(Finding::error(Key::ReferenceSyntax, node, text).hint_if(hint));
}
