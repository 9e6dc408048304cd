//! Bundles (<https://hl7.org/fhir/R4/bundle.html>): what each type of bundle demands of its entries (invariants bdl-1 to
//! bdl-12).

use std::collections::{HashMap, HashSet};

use super::narrative_link;
use crate::fhir::{Key, Node, Reference};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// The types of bundles (<https://hl7.org/fhir/R4/valueset-bundle-type.html>).
const BUNDLE_TYPES: &[&str] = &[
    "document",
    "message",
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "history",
    "searchset",
    "collection",
];

/// `Bundle` itself.
pub(in crate::profile) fn applies(definition: Definition<'_>) -> bool {
    definition.index == 0 && definition.structure.type_name == "Bundle"
}

pub(in crate::profile) fn check<'d>(node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let kind = node.str("type").unwrap_or_default();
    if let Some(total) = node.get("total")
        && !matches!(&*kind, "searchset" | "history" | "")
    {
        let text = format!("a bundle of type {kind} has no total; only searchset and history have one (bdl-1)");
        report_broken(Finding::error(Key::BundleRule, total, text).about_name(), "remove total", context);
    }
    check_links(node, context);
    // Where the type is missing or unknown, that is what is wrong, and has been said.
    let is_known = BUNDLE_TYPES.contains(&&*kind);
    let mut identities = HashMap::new();
    for (number, entry) in node.list("entry").enumerate().filter(|(_, entry)| entry.is_object() && is_known) {
        check_parts(entry, &kind, context);
        check_full_url(entry, &kind, number, &mut identities, context);
        if matches!(&*kind, "transaction" | "batch") {
            check_request(entry, context);
        }
    }
    match &*kind {
        "document" => {
            check_document(node, context);
            narrative_link::check(node, context);
        }
        "message" => check_first_entry(node, "MessageHeader", "bdl-12", context),
        _ => {}
    }
}

/// Each of the relations by which pages hang together leads to one page (RFC 5988).
fn check_links(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let mut met = HashSet::new();
    for relation in node.list("link").filter_map(|link| link.get("relation")) {
        let Some(name) = relation.as_str() else { continue };
        let is_single = matches!(&*name, "self" | "first" | "previous" | "prev" | "next" | "last");
        if is_single && !met.insert(name.clone()) {
            let text = format!("another link has the relation {name}; it can lead to one page only");
            report_broken(
                Finding::error(Key::BundleRule, relation, text),
                "remove the link that is not meant",
                context,
            );
        }
    }
}

fn report_broken(finding: Finding, hint: &str, context: &mut CheckContext<'_, '_>) {
    context.report(finding.hint(hint.to_owned()));
}

/// Which parts an entry has in which type of bundle.
fn check_parts(entry: Node<'_>, kind: &str, context: &mut CheckContext<'_, '_>) {
    for (name, kinds, key, hint) in [
        (
            "request",
            &["transaction", "batch", "history"][..],
            "bdl-3",
            "add \"request\": {\"method\": \"POST\", \"url\": \"Type\"}",
        ),
        (
            "response",
            &["transaction-response", "batch-response", "history"],
            "bdl-4",
            "add \"response\": {\"status\": \"200\"}",
        ),
    ] {
        match (entry.get(name), kinds.contains(&kind)) {
            (None, true) => {
                let text = format!("every entry of a {kind} has a {name} ({key})");
                report_broken(Finding::error(Key::BundleRule, entry, text).about_missing(name), hint, context);
            }
            (Some(part), false) => report_superfluous(part, kind, key, context),
            _ => {}
        }
    }
    if let Some(search) = entry.get("search").filter(|_| kind != "searchset") {
        report_superfluous(search, kind, "bdl-2", context);
    }
    if ["resource", "request", "response"].iter().all(|name| entry.get(name).is_none()) {
        let text = "an entry holds a resource, unless it has a request or response (bdl-5)";
        report_broken(
            Finding::error(Key::BundleRule, entry, text).about_missing("resource"),
            "add the resource, or remove the entry",
            context,
        );
    }
}

fn report_superfluous(part: Node<'_>, kind: &str, key: &str, context: &mut CheckContext<'_, '_>) {
    let name = part.name();
    let text = format!("an entry of a bundle of type {kind} has no {name} ({key})");
    report_broken(
        Finding::error(Key::BundleRule, part, text).about_name(),
        &format!("remove {name}, or correct Bundle.type"),
        context,
    );
}

/// The fullUrl: its form, that it agrees with the resource, and that it is the entry's own.
fn check_full_url(
    entry: Node<'_>,
    kind: &str,
    number: usize,
    identities: &mut HashMap<(String, String), usize>,
    context: &mut CheckContext<'_, '_>,
) {
    let resource = entry.get("resource");
    let Some((node, url)) = entry.get("fullUrl").and_then(|node| Some((node, node.as_str()?))) else {
        let is_optional = matches!(kind, "transaction" | "batch" | "transaction-response" | "batch-response");
        if entry.get("fullUrl").is_none() && resource.is_some() && !is_optional {
            let text = "every entry with a resource has a fullUrl, except in transactions and batches";
            report_broken(
                Finding::error(Key::BundleRule, entry, text).about_missing("fullUrl"),
                "add the URL of the resource, or urn:uuid: and a UUID",
                context,
            );
        }
        return;
    };
    match Reference::parse(&url) {
        _ if url.contains("/_history/") => {
            let text = "a fullUrl names no version (bdl-8)";
            report_broken(
                Finding::error(Key::BundleRule, node, text),
                "leave out /_history/ and what follows",
                context,
            );
        }
        Some(Reference::Absolute { restful: Some((_, of, id)), .. }) => {
            check_agreement(node, of, id, resource, context);
        }
        // Of the form of other URIs the type of the element takes care.
        _ if has_scheme(&url) => {}
        _ => {
            let text = "a fullUrl is an absolute URL, urn:uuid: and a UUID, or urn:oid: and an object identifier";
            report_broken(
                Finding::error(Key::BundleRule, node, text),
                "give the whole URL of the resource, or urn:uuid: and a UUID",
                context,
            );
        }
    }
    let version = resource.and_then(|resource| resource.get("meta")?.str("versionId")).unwrap_or_default();
    let first = *identities.entry((url.into_owned(), version.into_owned())).or_insert(number);
    if first != number && kind != "history" {
        let text = format!("entry[{first}] has the same fullUrl as entry[{number}] (bdl-7)");
        context.report(Finding::error(Key::BundleDuplicate, node, text));
    }
}

/// Does it begin as absolute URIs do?
fn has_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// A RESTful fullUrl and the resource say the same type and id.
fn check_agreement(node: Node<'_>, of: &str, id: &str, resource: Option<Node<'_>>, context: &mut CheckContext<'_, '_>) {
    let Some(resource) = resource else { return };
    let is_known = context.registry.definitions().is_resource_type(of);
    let differs = |name: &str, expected: &str| resource.str(name).is_some_and(|found| found != expected);
    if is_known && (differs("resourceType", of) || differs("id", id)) {
        let text = "the fullUrl names another resource than the one in this entry";
        report_broken(
            Finding::error(Key::BundleRule, node, text),
            "let type and id of the resource be those of the fullUrl",
            context,
        );
    }
}

/// What the request of a transaction or batch demands of its entry (<https://hl7.org/fhir/R4/http.html#transaction>).
fn check_request(entry: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let Some(request) = entry.get("request") else { return };
    let (Some(method), Some(at)) = (request.str("method"), request.get("url")) else { return };
    let url = at.as_str().unwrap_or_default();
    let is_operation = url.contains('$') || url.contains("_search");
    let Some(resource) = entry.get("resource") else {
        if matches!(&*method, "POST" | "PUT" | "PATCH") && !is_operation {
            let text = format!("a {method} sends a resource");
            report_broken(
                Finding::error(Key::BundleRule, entry, text).about_missing("resource"),
                "add the resource, or use another method",
                context,
            );
        }
        return;
    };
    let (path, query) = url.split_once('?').map_or((&*url, None), |(path, query)| (path, Some(query)));
    let (of, id) = path.split_once('/').map_or((path, None), |(of, id)| (of, Some(id)));
    let kind = resource.str("resourceType").unwrap_or_default();
    if is_operation || url.contains("://") || !matches!(&*method, "POST" | "PUT") || kind.is_empty() {
        return;
    }
    let expected = match (&*method, query) {
        ("POST", _) => kind.clone().into_owned(),
        ("PUT", Some(_)) => format!("{kind}?..."),
        _ => format!("{kind}/{}", resource.str("id").as_deref().unwrap_or("ID")),
    };
    let is_right = match &*method {
        "POST" => of == kind && id.is_none() && query.is_none(),
        _ => of == kind && (query.is_some() || id.is_some_and(|id| resource.str("id").is_some_and(|own| own == id))),
    };
    if !is_right {
        let text = format!("the url of this {method} does not fit the resource");
        report_broken(Finding::error(Key::BundleRule, at, text), &format!("write {expected}"), context);
    }
}

fn check_document(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let identifier = node.get("identifier");
    if !identifier.is_some_and(|it| it.get("system").is_some() && it.get("value").is_some()) {
        let text = "a document has an identifier with a system and a value (bdl-9)";
        context
            .report(Finding::error(Key::BundleRule, node, text).about_missing("identifier").hint("add the identifier"));
    }
    if node.get("timestamp").is_none() {
        let text = "a document has a timestamp (bdl-10)";
        context
            .report(Finding::error(Key::BundleRule, node, text).about_missing("timestamp").hint("add the timestamp"));
    }
    check_first_entry(node, "Composition", "bdl-11", context);
}

fn check_first_entry(node: Node<'_>, kind: &str, key: &str, context: &mut CheckContext<'_, '_>) {
    let first = node.list("entry").next();
    let found = first.and_then(|entry| entry.get("resource"));
    if !found.is_some_and(|resource| resource.get("resourceType").is_some_and(|it| it.is_str(kind))) {
        let text = format!("the first entry of this type of bundle is a {kind} ({key})");
        let hint = format!("put the {kind} first, or correct Bundle.type");
        context.report(Finding::error(Key::BundleRule, found.or(first).unwrap_or(node), text).hint(hint));
    }
}
