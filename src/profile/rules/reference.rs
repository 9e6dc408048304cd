//! References (<https://hl7.org/fhir/R4/references.html>): their form, the types that they may lead to, and whether there
//! is something where they lead, as far as the message itself can tell.

use std::borrow::Cow;

use crate::definitions::{CORE_URL, TypeRef};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node, Reference, query_string};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// More types than this are not listed one by one.
const MAX_LISTED: usize = 12;

/// The resource types that a reference may lead to; none is any.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::profile) struct AllowedTypes {
    types: Vec<String>,
}

/// The types that the definition allows.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<AllowedTypes> {
    if allowed.code != "Reference" {
        return None;
    }
    let definitions = definition.registry.definitions();
    let view = definition.view();
    let mut types: Vec<String> = Vec::new();
    for profile in &allowed.target_profiles {
        let of_core =
            profile.strip_prefix(CORE_URL).filter(|name| definitions.is_resource_type(name) || *name == "Resource");
        let name =
            of_core.map(str::to_owned).or_else(|| Some(view.nearest_structure(profile)?.definition.type_name.clone()));
        match name {
            // A profile that is not at hand may be of any type.
            None => return Some(AllowedTypes { types: Vec::new() }),
            Some(name) if name == "Resource" => return Some(AllowedTypes { types: Vec::new() }),
            Some(name) if !types.contains(&name) => types.push(name),
            Some(_) => {}
        }
    }
    Some(AllowedTypes { types })
}

impl AllowedTypes {
    pub(in crate::profile) fn check<'d>(&self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        let stated_type = node.get("type").and_then(|at| Some((at, at.as_str()?)));
        let Some(text) = node.get("reference") else {
            if let Some((at, kind)) = stated_type {
                self.check_type(at, &kind, context);
            }
            return;
        };
        // Another kind of JSON value has been reported where it stands.
        let Some(value) = text.as_str() else { return };
        let kind = match Reference::parse(&value) {
            // What is there is found under any id; that the id is no good is said where it stands.
            _ if value.strip_prefix('#').is_some_and(|id| context.scope.contained(id).is_some()) => {
                value.strip_prefix('#').and_then(|id| context.scope.contained(id)?.str("resourceType"))
            }
            Some(Reference::Contained(id)) => contained_type(text, id, context),
            _ if value.starts_with("urn:uuid:") && context.scope.bundle.is_some() => {
                bundled_type(text, &value, context)
            }
            Some(reference @ Reference::Relative { kind, .. }) => {
                if !context.registry.definitions().is_resource_type(kind) {
                    return report_unknown_type(text, kind, context);
                }
                reference.kind().map(|kind| Cow::Owned(kind.to_owned()))
            }
            // A URL may look RESTful by chance.
            Some(reference) => reference
                .kind()
                .filter(|kind| context.registry.definitions().is_resource_type(kind))
                .map(|kind| Cow::Owned(kind.to_owned())),
            None => match conditional_type(&value, context) {
                Some(kind) => Some(Cow::Owned(kind)),
                None => return report_malformed(text, &value, context),
            },
        };
        if let Some(kind) = kind {
            self.check_type(text, &kind, context);
            if let Some((at, stated_type)) = stated_type
                && *stated_type != *kind
                && context.registry.definitions().is_resource_type(&stated_type)
            {
                let text = format!("the type says {stated_type}, but the reference leads to {kind}");
                context.report(
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

    fn check_type(&self, node: Node<'_>, kind: &str, context: &mut CheckContext<'_, '_>) {
        if self.types.is_empty()
            || self.types.iter().any(|allowed| allowed == kind)
            || self.types.iter().any(|allowed| context.registry.is_a(kind, allowed))
        {
            return;
        }
        let text = format!("a reference to {kind} is not allowed here");
        let few = self.types.len() <= MAX_LISTED;
        let hint = few.then(|| format!("reference a resource of type {}", self.types.join(", ")));
        context.report(Finding::error(Key::ReferenceTarget, node, text).hint_if(hint));
    }
}

/// The type of a contained resource.
fn contained_type<'d>(node: Node<'d>, id: &str, context: &mut CheckContext<'_, 'd>) -> Option<Cow<'d, str>> {
    let target = if id.is_empty() { Some(context.scope.container) } else { context.scope.contained(id) };
    if target.is_none() {
        let text = "no contained resource has this id";
        let hint = "put the resource into contained, or reference it where it is";
        context.report(Finding::error(Key::ReferenceDangling, node, text).hint(hint));
    }
    target?.str("resourceType")
}

/// The type of the entry with this fullUrl. Nobody outside of a bundle can know what a `urn:uuid` of the bundle means:
/// in a message that is acted upon that is an error, in a mere collection it is worth a warning.
fn bundled_type<'d>(node: Node<'d>, urn: &str, context: &mut CheckContext<'_, 'd>) -> Option<Cow<'d, str>> {
    let bundle = context.scope.bundle.clone()?;
    if let Some(target) = bundle.resource(urn) {
        return target.str("resourceType");
    }
    if let Some(severity) = bundle.dangling() {
        let text = "no entry of this bundle has this fullUrl";
        let hint = "add the entry, or reference the resource where it is stored";
        context.report(Finding::error(Key::ReferenceDangling, node, text).hint(hint).severity(severity));
    }
    None
}

/// The type of a conditional reference (`Patient?identifier=...`), which only transactions know
/// (<https://hl7.org/fhir/R4/http.html#trules>).
fn conditional_type(text: &str, context: &CheckContext<'_, '_>) -> Option<String> {
    let (kind, query) = text.split_once('?')?;
    let is_transaction = context.scope.bundle.as_ref().is_some_and(|bundle| bundle.is_transaction());
    let is_known = context.registry.definitions().is_resource_type(kind);
    let is_condition = query.contains('=') && query_string::parse(query).is_ok();
    (is_transaction && is_known && is_condition).then(|| kind.to_owned())
}

fn report_unknown_type(node: Node<'_>, kind: &str, context: &mut CheckContext<'_, '_>) {
    let types = context.registry.definitions().resource_types();
    let hint = nearest(kind, types.iter().map(String::as_str)).map(|known| format!("did you mean \"{known}\"?"));
    context.report(Finding::error(Key::ReferenceTarget, node, format!("{kind} is no resource type")).hint_if(hint));
}

fn report_malformed(node: Node<'_>, text: &str, context: &mut CheckContext<'_, '_>) {
    // An empty string has been reported as such.
    if text.is_empty() {
        return;
    }
    let known = |name: &str| context.registry.definitions().is_resource_type(name);
    let hint = if text.starts_with("urn:uuid:") {
        Some("write urn:uuid: and a UUID such as urn:uuid:0f4a5b7e-9c1d-4e2f-8a3b-5c6d7e8f9a0b".to_owned())
    } else if let Some((_, query)) = text.split_once('?').filter(|(kind, _)| known(kind)) {
        match query_string::parse(query) {
            Err(issue) => Some(format!("{}; {}", issue.text, issue.fix())),
            Ok(_) => Some("a conditional reference is understood in a transaction only; reference Type/id".to_owned()),
        }
    } else if !text.contains('/') {
        Some("an id alone does not say of which type; write Type/id".to_owned())
    } else {
        None
    };
    let text = "the value is no reference: expected Type/id, an absolute URL, urn:uuid:... or #id";
    context.report(Finding::error(Key::ReferenceSyntax, node, text).hint_if(hint));
}
