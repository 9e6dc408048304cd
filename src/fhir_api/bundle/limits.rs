//! How much a Bundle may ask for: entries, GETs, conditions. It is asked before any of its entries is read.

use std::collections::HashSet;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node};
use crate::limits::{ContentLimits, MEGABYTE};

use super::request::BundleType;

/// Refuses a Bundle that asks for more than it may, by the first entry that is too much.
///
/// # Errors
/// `Unprocessable`.
pub(super) fn check(bundle: Node<'_>, form: BundleType, limits: &ContentLimits) -> Result<()> {
    let entries = || bundle.list("entry");
    let count = entries().count();
    if let Some(first) = entries().nth(limits.bundle_entries) {
        return refuse(first, format!("the Bundle has {count} entries; at most {} are taken", limits.bundle_entries));
    }
    let mut reads = entries().filter(|entry| is_read(*entry));
    if let Some(first) = reads.nth(limits.bundle_reads) {
        let count = limits.bundle_reads + 1 + reads.count();
        return refuse(first, format!("the Bundle has {count} GETs; at most {} are answered", limits.bundle_reads));
    }
    let mut known = HashSet::new();
    let mut conditions = 0;
    for entry in entries() {
        if form == BundleType::Batch {
            // Its entries are carried out one by one.
            known.clear();
        }
        conditions += usize::from(has_condition(entry)) + new_searches(entry, &mut known);
        if conditions > limits.conditions {
            let text = format!(
                "the Bundle has more than {} conditions: conditional creates, updates and references",
                limits.conditions
            );
            return refuse(entry, text);
        }
    }
    Ok(())
}

fn refuse(entry: Node<'_>, text: String) -> Result<()> {
    let issue = Issue::error(Key::TooLarge, entry.path(), text).at(entry.position());
    Err(Error::unprocessable(vec![issue.hint("send it in parts")]))
}

fn is_read(entry: Node<'_>) -> bool {
    let method = entry.get("request").and_then(|request| request.get("method"));
    method.is_some_and(|method| method.is_str("GET") || method.is_str("HEAD"))
}

/// Is there a search to be made before it is known what the entry does?
fn has_condition(entry: Node<'_>) -> bool {
    let Some(request) = entry.get("request") else { return false };
    let by_url = || !is_read(entry) && request.str("url").is_some_and(|url| url.contains('?'));
    request.get("ifNoneExist").is_some() || by_url()
}

/// How many references of the resource are searches that are not known yet.
fn new_searches<'d>(entry: Node<'d>, known: &mut HashSet<&'d str>) -> usize {
    let Some(resource) = entry.get("resource") else { return 0 };
    let references = resource.descendants().filter(|node| node.name() == "reference");
    references.map(Node::text).filter(|text| text.contains('?') && known.insert(text)).count()
}

/// Why an entry of a batch is not answered: the answer has become too large for it.
pub(super) fn no_room(limits: &ContentLimits) -> Error {
    let text = format!(
        "the answer to the batch has no room for this entry, which was not carried out: no answer has more than {} MB",
        limits.answer_bytes / MEGABYTE
    );
    Error::new(Category::TooLarge, Issue::error(Key::TooLarge, "", text).hint("send this entry in another batch"))
}

/// What is said in the place of a resource that was written, where the answer has no room to repeat it.
pub(super) fn not_repeated() -> Issue {
    let text = "the resource was stored, and is not repeated: the answer would become too large";
    Issue::warning(Key::TooLarge, "", text).hint("read it at its location")
}
