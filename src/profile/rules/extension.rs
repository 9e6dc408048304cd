//! Extensions (<https://hl7.org/fhir/R4/extensibility.html>): each is held to the definition that its URL names, where
//! that is at hand; it stands where the definition lets it stand
//! (<https://hl7.org/fhir/R4/defining-extensions.html#context>), and among the modifiers if it is one. An extension has a
//! value or extensions inside, not both (invariant ext-1).

use crate::definitions::structure::{Context as ExtensionContext, Structure};
use crate::fhir::{Key, Node, Severity};
use crate::fhirpath::{Context, Expression};
use crate::profile::context::{CheckContext, OpenObject};
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;
use crate::profile::registry::Derived;

/// The schema of an extension that stands in `element`. Where it `is_open`, the element itself does not say which
/// extension it holds, and the URL tells.
pub(in crate::profile) fn schema<'d>(
    node: Node<'d>,
    default: SchemaRef,
    is_open: bool,
    element: &str,
    context: &mut CheckContext<'_, 'd>,
) -> SchemaRef {
    check_value_or_extensions(node, context);
    let Some(url) = node.str("url") else { return default };
    // A part of a complex extension has a name instead of a URL, and is described there.
    if !url.contains(':') {
        if context.trail.last().is_none_or(|open| open.schema != "Extension") {
            let text = "the url of an extension is absolute, but inside another extension";
            let hint = "write the canonical URL of the extension's definition";
            context.report(Finding::error(Key::Extension, node.get("url").unwrap_or(node), text).hint(hint));
        }
        return default;
    }
    let found = context.registry.derive(default, &url);
    match found {
        Derived::Schema(schema) | Derived::Other(schema, _) => {
            if let Some(structure) = context.registry.definitions().structure(&url) {
                check_context(node, &structure, element, context);
            }
            return if is_open { schema } else { default };
        }
        Derived::Same => {}
        Derived::NotAtHand(_) => report_unknown(node, &url, element, context),
        Derived::OfType(of) => {
            let text = format!("{url} defines a {of}, not an extension");
            context.report(Finding::error(Key::Extension, node.get("url").unwrap_or(node), text));
        }
    }
    default
}

/// Whoever does not know a modifier may misunderstand everything around it.
fn report_unknown(node: Node<'_>, url: &str, element: &str, context: &mut CheckContext<'_, '_>) {
    let at = node.get("url").unwrap_or(node);
    let is_modifier = element == "modifierExtension";
    context.report_once(url, || {
        let text = format!("the extension {url} is not at hand; its content is not checked");
        let finding = Finding::not_checked(at, text);
        if is_modifier { finding.severity(Severity::Warning) } else { finding }
    });
}

/// ext-1
fn check_value_or_extensions(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let value = node.members().find(|member| member.name().trim_start_matches('_').starts_with("value"));
    let inside = node.get("extension");
    let text = match (value, inside) {
        (Some(_), Some(_)) => "an extension has a value or extensions inside, not both (ext-1)",
        (None, None) => "an extension has a value or extensions inside (ext-1)",
        _ => return,
    };
    context
        .report(Finding::error(Key::Extension, node, text).hint("add the value[x] that the extension is defined with"));
}

fn check_context<'d>(node: Node<'d>, structure: &Structure, element: &str, context: &mut CheckContext<'_, 'd>) {
    let at = node.get("url").unwrap_or(node);
    let is_modifier = structure.root().is_some_and(|root| root.is_modifier);
    if is_modifier != (element == "modifierExtension") {
        let (text, hint) = if is_modifier {
            ("this extension changes what the element means, so it is a modifier", "move it into modifierExtension")
        } else {
            ("this extension is no modifier", "move it into extension")
        };
        context.report(Finding::error(Key::Extension, at, text).hint(hint));
    }
    let is_here = |extension_context: &ExtensionContext| is_context_met(extension_context, node, context);
    if !structure.contexts.is_empty() && !structure.contexts.iter().any(is_here) {
        let allowed: Vec<&str> =
            structure.contexts.iter().map(|extension_context| extension_context.expression.as_str()).collect();
        let text = format!("the extension {} may not stand here", structure.url);
        let hint = format!("it may stand in {}", allowed.join(", "));
        // The standard's own extensions have moved to a package of their own, where many may stand in more places.
        let is_outdated = structure.package.starts_with("hl7.fhir.r4.core#");
        let severity = if is_outdated { Severity::Warning } else { Severity::Error };
        context.report(Finding::error(Key::Extension, at, text).hint(hint).severity(severity));
    }
}

/// Is this where the extension stands?
fn is_context_met(extension_context: &ExtensionContext, node: Node<'_>, context: &CheckContext<'_, '_>) -> bool {
    let Some(holder) = context.trail.last() else { return true };
    match extension_context.kind.as_str() {
        "extension" => {
            let around = enclosing_object(context.scope.container.document().root(), node, 2);
            around.is_some_and(|outer| outer.get("url").is_some_and(|url| url.is_str(&extension_context.expression)))
        }
        "fhirpath" => selects(&extension_context.expression, node, context),
        _ => is_element(&extension_context.expression, holder, context),
    }
}

/// Is the innermost open object this element or type, or derived from it?
fn is_element(expression: &str, holder: &OpenObject<'_>, context: &CheckContext<'_, '_>) -> bool {
    let expression = expression.rsplit('/').next().unwrap_or(expression);
    let expression = expression.split_once('#').map_or(expression, |(_, path)| path);
    // The standard's own extensions name Element where they may stand anywhere, on resources too.
    if expression == "Element" || holder.schema == expression || context.registry.is_a(holder.schema, expression) {
        return true;
    }
    // The path by which it was reached, beginning at any of the types on the way: `Patient.contact.name`, `HumanName.given`.
    let mut path = String::new();
    for at in (0..context.trail.len()).rev() {
        let open = &context.trail[at];
        if !path.is_empty() {
            let type_name = open.schema;
            let from_here = format!("{type_name}.{path}");
            if from_here == expression || same_path(&from_here, expression, type_name, context) {
                return true;
            }
        }
        if open.is_resource {
            break;
        }
        path = if path.is_empty() { open.element.to_owned() } else { format!("{}.{path}", open.element) };
    }
    false
}

/// Does the path of a type derived from the one of the expression mean the same: `DomainResource.text`?
fn same_path(path: &str, expression: &str, type_name: &str, context: &CheckContext<'_, '_>) -> bool {
    let (Some((of, expected)), Some(rest)) =
        (expression.split_once('.'), path.strip_prefix(type_name).and_then(|rest| rest.strip_prefix('.')))
    else {
        return false;
    };
    expected == rest && context.registry.is_a(type_name, of)
}

/// Is the element that holds the extension among those that the expression selects?
fn selects(expression: &str, node: Node<'_>, context: &CheckContext<'_, '_>) -> bool {
    let resource = context.scope.container;
    let Some(holder) = enclosing_object(resource, node, 1) else { return true };
    let Ok(expression) = Expression::parse(expression) else { return true };
    let evaluation = Context::new(resource).model(context.registry.definitions());
    match expression.evaluate(&evaluation, resource) {
        Ok(found) => found.iter().any(|item| item.node() == Some(holder)),
        Err(_) => true,
    }
}

/// The object that is so many objects further out than `node`.
fn enclosing_object<'d>(root: Node<'d>, node: Node<'_>, levels: usize) -> Option<Node<'d>> {
    let mut objects = Vec::new();
    let mut at = root;
    while at.index() != node.index() {
        if at.is_object() {
            objects.push(at);
        }
        let mut children = if at.is_array() { at.items() } else { at.members() };
        at = children.find(|child| node.index() < child.after())?;
    }
    objects.len().checked_sub(levels).and_then(|position| objects.get(position)).copied()
}
