//! What of a resource is withheld from somebody who sees the rest of it, and how it leaves and comes back then.
//!
//! What is given out has not the elements that are withheld, nor the narrative, which may tell of them, and says so: its
//! `meta.tag` is SUBSETTED (<https://hl7.org/fhir/R4/resource.html#Meta>). That is never stored: what is written from such a
//! part gets back what its writer could not see.
//!
//! It must not know who reads, or why something is withheld.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::edit::{Edits, quote};
use crate::fhir::{Document, Issue, Key, Node};

use super::task_edits;

/// The CodeSystem of the tag.
const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
/// The tag.
const SUBSETTED: &str = "SUBSETTED";

/// What is withheld of a resource, or of what it contains: a member, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HiddenElement {
    /// The member at the top level of the resource: `telecom`; of what it contains by type: `contained[Patient].telecom`
    pub member: String,
    /// Only those items of it whose author is this, by reference
    pub by: Option<String>,
    /// The name of the rule
    pub rule: String,
}

/// How a member of everything of this type is named that a resource contains.
pub fn member_of_contained(kind: &str, member: &str) -> String {
    format!("contained[{kind}].{member}")
}

/// What is hidden of something of this type that a resource contains, by its own members.
fn hidden_in(hidden: &[HiddenElement], contained: Node<'_>) -> Vec<HiddenElement> {
    let prefix = member_of_contained(&contained.str("resourceType").unwrap_or_default(), "");
    let own = |it: &HiddenElement| {
        let member = it.member.strip_prefix(&prefix)?.to_owned();
        Some(HiddenElement { member, ..it.clone() })
    };
    hidden.iter().filter_map(own).collect()
}

/// A resource of which something is withheld.
#[derive(Debug, Clone)]
pub struct Withheld {
    /// All of it
    pub whole: Arc<Document>,
    /// What is withheld of it
    pub hidden: Vec<HiddenElement>,
}

/// What is left of a resource without what is hidden; nothing where it has nothing of that.
///
/// # Errors
/// A fault, if the text that results cannot be read.
pub fn without(resource: &Document, hidden: &[HiddenElement]) -> Result<Option<Document>> {
    let root = resource.root();
    let Some(mut members) = left(root, hidden) else { return Ok(None) };
    let meta = named("meta", &root.get("meta").map_or_else(|| format!("{{\"tag\":[{}]}}", tag()), tagged));
    match members.iter_mut().find(|member| member.starts_with("\"meta\":")) {
        Some(member) => *member = meta,
        None => members.push(meta),
    }
    Ok(Some(Document::parse(format!("{{{}}}", members.join(",")))?))
}

/// The members of a resource without what is hidden; nothing where it has nothing of that.
fn left(resource: Node<'_>, hidden: &[HiddenElement]) -> Option<Vec<String>> {
    let parts = left_of_contained(resource, hidden);
    if parts.is_none() && !resource.members().any(|member| hides(hidden, member)) {
        return None;
    }
    let mut members = Vec::new();
    for member in resource.members().filter(|member| !is_left_out(hidden, *member)) {
        match &parts {
            Some(parts) if member.name() == "contained" => members.push(named("contained", parts)),
            _ if hides(hidden, member) => {
                let kept: Vec<&str> =
                    member.items().filter(|item| !is_by(hidden, member, *item)).map(Node::text).collect();
                if !kept.is_empty() {
                    members.push(named(member.name(), &format!("[{}]", kept.join(","))));
                }
            }
            _ => members.push(named(member.name(), member.text())),
        }
    }
    Some(members)
}

/// What a resource contains without what is hidden of that, as JSON; nothing where it has nothing of that.
fn left_of_contained(resource: Node<'_>, hidden: &[HiddenElement]) -> Option<String> {
    let mut is_cut = false;
    let items: Vec<String> = resource
        .list("contained")
        .map(|one| match left(one, &hidden_in(hidden, one)) {
            Some(members) => {
                is_cut = true;
                format!("{{{}}}", members.join(","))
            }
            None => one.text().to_owned(),
        })
        .collect();
    is_cut.then(|| format!("[{}]", items.join(",")))
}

/// What was written from a part of a resource, with what was withheld of that in its place.
///
/// # Errors
/// If it brings something of its own where something is withheld.
pub fn put_back(written: &Document, withheld: &Withheld) -> Result<Document> {
    let Withheld { whole, hidden } = withheld;
    let members = restored(written.root(), whole.root(), hidden)?;
    Ok(Document::parse(format!("{{{}}}", members.join(",")))?)
}

/// The members of what was written from a part of `whole`, with what was withheld.
fn restored(written: Node<'_>, whole: Node<'_>, hidden: &[HiddenElement]) -> Result<Vec<String>> {
    let mut members = Vec::new();
    for member in written.members() {
        // Whoever read it before it was withheld brings it as it is.
        let left_out = whole.get(member.name()).filter(|_| is_left_out(hidden, member));
        if let Some(stored) = left_out {
            if stored.to_value() != member.to_value() {
                return Err(brings_withheld(member));
            }
            continue;
        }
        let stored = whole.get(member.name()).filter(|stored| hides(hidden, *stored));
        members.push(match stored {
            Some(stored) => named(member.name(), &merged(stored, member, hidden)),
            None if member.name() == "contained" => named("contained", &restored_contained(member, whole, hidden)?),
            None if member.name() == "meta" => match untagged(member, whole) {
                Some(meta) => named("meta", &meta),
                None => continue,
            },
            None => named(member.name(), member.text()),
        });
    }
    for stored in whole.members() {
        if is_left_out(hidden, stored) {
            members.push(named(stored.name(), stored.text()));
        } else if written.get(stored.name()).is_none() && hides(hidden, stored) {
            let kept: Vec<&str> = stored.items().filter(|item| is_by(hidden, stored, *item)).map(Node::text).collect();
            members.push(named(stored.name(), &format!("[{}]", kept.join(","))));
        }
    }
    Ok(members)
}

/// What is written as contained, each with what was withheld of the stored one with its type and id.
fn restored_contained(written: Node<'_>, whole: Node<'_>, hidden: &[HiddenElement]) -> Result<String> {
    let mut items = Vec::new();
    for one in written.items() {
        let is_it = |stored: &Node<'_>| ["resourceType", "id"].iter().all(|name| stored.str(name) == one.str(name));
        let own = hidden_in(hidden, one);
        items.push(match whole.list("contained").find(is_it) {
            Some(stored) if left(stored, &own).is_some() => format!("{{{}}}", restored(one, stored, &own)?.join(",")),
            _ => one.text().to_owned(),
        });
    }
    Ok(format!("[{}]", items.join(",")))
}

/// Does it say that it is a part of a resource?
pub fn is_part(resource: Node<'_>) -> bool {
    resource.get("meta").is_some_and(|meta| meta.list("tag").any(is_tag))
}

/// Is anything of this member hidden?
fn hides(hidden: &[HiddenElement], member: Node<'_>) -> bool {
    let is_whole = hidden.iter().any(|it| it.by.is_none() && it.member == plain(member));
    is_whole || member.items().any(|item| is_by(hidden, member, item))
}

/// Is the member left out with everything in it? The narrative goes with whatever is hidden.
fn is_left_out(hidden: &[HiddenElement], member: Node<'_>) -> bool {
    let name = plain(member);
    name == "text" || hidden.iter().any(|it| it.by.is_none() && it.member == name)
}

/// Is this item of a member hidden by who wrote it?
fn is_by(hidden: &[HiddenElement], member: Node<'_>, item: Node<'_>) -> bool {
    let Some(author) = task_edits::note_author(item) else { return false };
    hidden.iter().any(|it| it.member == member.name() && it.by.as_deref() == Some(author.as_ref()))
}

/// The name of a member, or of the one whose extensions it holds.
fn plain(member: Node<'_>) -> &str {
    member.name().trim_start_matches('_')
}

/// A list as it was written, with the hidden items of the stored one where they stood: behind the item that they stood
/// behind, as far as that is there.
fn merged(stored: Node<'_>, written: Node<'_>, hidden: &[HiddenElement]) -> String {
    let mut items: Vec<&str> = written.items().map(Node::text).collect();
    let values: Vec<_> = written.items().map(Node::to_value).collect();
    // How many written items are passed by; hidden ones that were put in before count besides.
    let (mut passed, mut put_in) = (0, 0);
    for item in stored.items() {
        match values[passed..].iter().position(|value| *value == item.to_value()) {
            // It is there; also one that was read before it was withheld.
            Some(ahead) => passed += ahead + 1,
            None if is_by(hidden, stored, item) => {
                items.insert(passed + put_in, item.text());
                put_in += 1;
            }
            None => {}
        }
    }
    format!("[{}]", items.join(","))
}

fn brings_withheld(member: Node<'_>) -> Error {
    let text = format!("{} is withheld from your organization, so it cannot be written either", member.name());
    let issue = Issue::error_at(Key::ReadOnly, member, text).hint("leave it out; what is stored of it stays as it is");
    Error::unprocessable(vec![issue])
}

fn named(name: &str, json: &str) -> String {
    // A name is as it was written, its escapes included.
    format!("\"{name}\":{json}")
}

fn tag() -> String {
    format!("{{\"system\":{},\"code\":{}}}", quote(OBSERVATION_VALUE), quote(SUBSETTED))
}

fn is_tag(tag: Node<'_>) -> bool {
    let is = |name: &str, text: &str| tag.get(name).is_some_and(|value| value.is_str(text));
    is("code", SUBSETTED) && is("system", OBSERVATION_VALUE)
}

/// A resource's meta with the tag, once.
pub fn tagged(meta: Node<'_>) -> String {
    let mut edits = Edits::new(meta);
    if !meta.list("tag").any(is_tag) {
        edits.append(meta, "tag", &tag());
    }
    edits.finish()
}

/// A meta without the tag, unless the stored resource has it itself; nothing where it has nothing else.
fn untagged(meta: Node<'_>, whole: Node<'_>) -> Option<String> {
    if is_part(whole) || !meta.list("tag").any(is_tag) {
        return Some(meta.text().to_owned());
    }
    let kept: Vec<&str> = meta.list("tag").filter(|tag| !is_tag(*tag)).map(Node::text).collect();
    let mut edits = Edits::new(meta);
    if kept.is_empty() {
        edits.remove(meta, "tag");
    } else {
        edits.set(meta, "tag", format!("[{}]", kept.join(",")));
    }
    Some(edits.finish()).filter(|text| !text.trim_matches(['{', '}', ' ']).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(member: &str) -> HiddenElement {
        HiddenElement { member: member.to_owned(), by: None, rule: "rule".to_owned() }
    }

    fn of(author: &str) -> HiddenElement {
        HiddenElement { by: Some(author.to_owned()), ..whole("note") }
    }

    #[test]
    fn what_is_hidden_goes_with_its_extensions_and_the_narrative() {
        let text = r#"{"resourceType":"Patient","meta":{"versionId":"1"},"text":{"div":"555"},"birthDate":"2001-01-01",
            "_birthDate":{"id":"a"},"gender":"male"}"#;
        let document = Document::parse(text).unwrap();
        let seen = without(&document, &[whole("birthDate"), whole("photo")]).unwrap().unwrap();
        let expected =
            format!(r#"{{"resourceType":"Patient","meta":{{"versionId":"1","tag":[{}]}},"gender":"male"}}"#, tag());
        assert_eq!(seen.text(), expected);
        assert!(
            without(&document, &[whole("photo")]).unwrap().is_none(),
            "the narrative alone tells of nothing hidden"
        );
    }

    #[test]
    fn items_go_by_who_wrote_them_and_come_back_where_they_stood() {
        let note = |author: &str, text: &str| {
            format!(r#"{{"authorReference":{{"reference":"Organization/{author}"}},"text":"{text}"}}"#)
        };
        let stored = format!(
            r#"{{"resourceType":"Task","note":[{},{},{},{}]}}"#,
            note("x", "1"),
            note("o", "2"),
            note("x", "3"),
            note("o", "4")
        );
        let document = Arc::new(Document::parse(stored).unwrap());
        let hidden = vec![of("Organization/x")];
        let seen = without(&document, &hidden).unwrap().unwrap();
        let texts = |document: &Document| -> Vec<String> {
            document.root().list("note").filter_map(|note| Some(note.str("text")?.into_owned())).collect()
        };
        assert_eq!(texts(&seen), ["2", "4"]);
        let withheld = Withheld { whole: document.clone(), hidden };
        assert_eq!(put_back(&seen, &withheld).unwrap().root().to_value(), document.root().to_value());
        let written = |notes: &[String]| {
            Document::parse(format!(r#"{{"resourceType":"Task","note":[{}]}}"#, notes.join(","))).unwrap()
        };
        let added = put_back(&written(&[note("o", "2"), note("o", "4"), note("o", "5")]), &withheld).unwrap();
        assert_eq!(texts(&added), ["1", "2", "3", "4", "5"]);
        let one_gone = put_back(&written(&[note("o", "4")]), &withheld).unwrap();
        assert_eq!(texts(&one_gone), ["1", "3", "4"]);
        let none_left = Document::parse(r#"{"resourceType":"Task"}"#).unwrap();
        assert_eq!(texts(&put_back(&none_left, &withheld).unwrap()), ["1", "3"]);
    }

    #[test]
    fn nobody_writes_what_is_withheld_from_them() {
        let whole_document =
            Arc::new(Document::parse(r#"{"resourceType":"Patient","telecom":[{"value":"1"}]}"#).unwrap());
        let withheld = Withheld { whole: whole_document, hidden: vec![whole("telecom")] };
        let written = Document::parse(r#"{"resourceType":"Patient","telecom":[{"value":"2"}]}"#).unwrap();
        assert_eq!(put_back(&written, &withheld).unwrap_err().issues[0].path, "Patient.telecom");
    }

    #[test]
    fn a_tag_that_was_sent_stays() {
        let own = format!(r#"{{"resourceType":"Patient","meta":{{"tag":[{}]}},"telecom":[{{"value":"1"}}]}}"#, tag());
        let document = Arc::new(Document::parse(own).unwrap());
        let withheld = Withheld { whole: document.clone(), hidden: vec![whole("telecom")] };
        let seen = without(&document, &withheld.hidden).unwrap().unwrap();
        assert_eq!(seen.root().get("meta").map(|meta| meta.list("tag").count()), Some(1));
        assert_eq!(put_back(&seen, &withheld).unwrap().root().to_value(), document.root().to_value());
    }

    #[test]
    fn what_is_contained_is_cut_and_comes_back() {
        let stored = r#"{"resourceType":"Task","contained":[{"resourceType":"Patient","id":"p","text":{"div":"555"},
            "telecom":[{"value":"555"}],"gender":"male"},{"resourceType":"Organization","id":"o","telecom":[{"value":"1"}]}],
            "text":{"div":"555"},"status":"requested"}"#;
        let document = Arc::new(Document::parse(stored).unwrap());
        let hidden = vec![whole(&member_of_contained("Patient", "telecom"))];
        let seen = without(&document, &hidden).unwrap().unwrap();
        let expected = format!(
            r#"{{"resourceType":"Task","contained":[{{"resourceType":"Patient","id":"p","gender":"male"}},{{"resourceType":"Organization","id":"o","telecom":[{{"value":"1"}}]}}],"status":"requested","meta":{{"tag":[{}]}}}}"#,
            tag()
        );
        assert_eq!(seen.text(), expected);
        let withheld = Withheld { whole: document.clone(), hidden };
        assert_eq!(put_back(&seen, &withheld).unwrap().root().to_value(), document.root().to_value());
        let brought =
            Document::parse(seen.text().replace("\"gender\"", "\"telecom\":[{\"value\":\"2\"}],\"gender\"")).unwrap();
        assert_eq!(put_back(&brought, &withheld).unwrap_err().issues[0].path, "Task.contained[0].telecom");
    }
}
