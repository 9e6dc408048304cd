//! Requests that carry a key of the client's own: a repetition is told by it and changes nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fhir::{Document, Key, Kind, Node};
use crate::referral::plan::Idempotency;
use crate::security::Caller;

use super::message::{Entry, EntryRequest};

/// Longest key that is taken, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// A key under which a request may be repeated.
#[derive(Debug, Clone)]
pub struct RepeatKey {
    request: Idempotency,
    /// The length of the key that the client sent; none of one that follows from what was sent, which is no promise of
    /// the client's
    sent: Option<usize>,
}

impl RepeatKey {
    /// The key that the client sent, with the digest of what it asks.
    pub fn of(caller: &Caller, key: Option<&str>, parts: &[&str]) -> Option<Self> {
        let request = Idempotency {
            client: caller.client.clone(),
            key: key?.to_owned(),
            digest: digest(parts),
            answer: String::new(),
        };
        Some(Self { sent: Some(request.key.len()), request })
    }

    /// The key of one entry of a batch that came under the client's key: each is repeated on its own, also where another
    /// one was refused. A header holds no line break, so the client has no other key like it.
    pub fn of_entry(caller: &Caller, key: &str, number: usize, entry: Node<'_>) -> Option<Self> {
        let mut own = Self::of(caller, Some(key), &["batch entry", entry.text()])?;
        own.request.key = format!("{key}\n{number}");
        Some(own)
    }

    /// A transaction that creates its referral's Task conditionally says by that which referral it is. Sent again with
    /// the same content, it is the same message: what stands around the Task is not made twice either, though its
    /// entries have no condition of their own. The key is the organization's, whichever of its clients repeats.
    pub(super) fn of_condition(caller: &Caller, document: &Document, entries: &[Entry<'_>]) -> Option<Self> {
        let condition = entries.iter().find_map(|entry| match &entry.ask {
            EntryRequest::Create { if_none_exist: Some(condition) } if entry.kind() == "Task" => Some(condition),
            _ => None,
        })?;
        let content = content(document.root());
        let parts: Vec<&str> = content.iter().map(AsRef::as_ref).collect();
        let request = Idempotency {
            client: format!("Organization/{}", caller.organization),
            key: format!("Task?{condition}"),
            digest: digest(&parts),
            answer: String::new(),
        };
        Some(Self { request, sent: None })
    }

    /// Whose key it is.
    pub(super) fn client(&self) -> &str {
        &self.request.client
    }

    /// The key itself.
    pub(super) fn key(&self) -> &str {
        &self.request.key
    }

    /// Did the client send it?
    pub(super) fn is_explicit(&self) -> bool {
        self.sent.is_some()
    }

    /// Can it be used?
    ///
    /// # Errors
    /// `Incorrect`, where the client sent one that is empty or too long.
    pub(super) fn check(&self) -> Result<()> {
        if self.sent.is_none_or(|length| (1..=MAX_KEY_LENGTH).contains(&length)) {
            return Ok(());
        }
        Err(Error::incorrect(Key::Parameter, format!("Idempotency-Key has 1 to {MAX_KEY_LENGTH} characters")))
    }

    /// What was answered before, if that was this request.
    ///
    /// # Errors
    /// If the client used its key for another request.
    pub(super) fn answer_of(&self, before: Idempotency) -> Result<Option<String>> {
        if before.digest == self.request.digest {
            return Ok(Some(before.answer));
        }
        if !self.is_explicit() {
            return Ok(None);
        }
        Err(Error::refused(Key::Parameter, "", "this Idempotency-Key was used for another request; use a new one"))
    }

    /// What is stored with the change.
    pub(super) fn with_answer(&self, answer: String) -> Idempotency {
        Idempotency { answer, ..self.request.clone() }
    }
}

/// What a message says, member by member, whatever its white space and whatever `urn:uuid:` names it gave to its
/// entries this time.
fn content(root: Node<'_>) -> Vec<Cow<'_, str>> {
    let mut names: Vec<&str> = Vec::new();
    let mut content = Vec::new();
    for node in root.descendants() {
        content.push(Cow::Borrowed(node.name()));
        content.push(match node.kind() {
            Kind::Object => Cow::Borrowed("{"),
            Kind::Array => Cow::Borrowed("["),
            Kind::String if node.text().starts_with("\"urn:uuid:") => {
                let number = names.iter().position(|name| *name == node.text()).unwrap_or_else(|| {
                    names.push(node.text());
                    names.len() - 1
                });
                Cow::Owned(format!("urn {number}"))
            }
            _ => Cow::Borrowed(node.text()),
        });
    }
    content
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_of(text: &str) -> Vec<String> {
        let document = Document::parse(text).unwrap();
        content(document.root()).into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn a_repetition_is_told_by_its_content() {
        let first = content_of(r#"{"a":"urn:uuid:1","b":["urn:uuid:2","urn:uuid:1"],"c":1.10}"#);
        assert_eq!(first, content_of(r#"{ "a":"urn:uuid:7", "b":["urn:uuid:8","urn:uuid:7"], "c":1.10 }"#));
        assert_ne!(first, content_of(r#"{"a":"urn:uuid:1","b":["urn:uuid:1","urn:uuid:2"],"c":1.10}"#));
        assert_ne!(first, content_of(r#"{"a":"urn:uuid:1","b":["urn:uuid:2","urn:uuid:1"],"c":1.1}"#));
    }
}
