//! An agency's programs and what they can take on (SDOH Clinical Care 3.0.0, HealthcareService for Referral Management:
//! the capacity extension).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{Category, Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::{Document, Issue, Key, Node, ResourceKey};
use crate::referral::plan::{Plan, Write};
use crate::referral::task::SDOHCC_CODES;
use crate::routing::program::{CAPACITY, PROGRAM_TYPES};
use crate::security::Caller;
use crate::store::Stored;

use super::disposition::audit;
use super::{Exchange, write_target};

/// The codes of capacity.
const STATUSES: &[&str] = &["capacity", "no-capacity", "waitlist", "additional-assessment-required"];

impl Exchange {
    /// The programs of the caller's organization, with their capacity.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn programs(&self, caller: &Caller) -> Result<Vec<Value>> {
        let stored = self.store.directory().await?;
        Ok(stored.iter().filter(|stored| is_program_of(stored, &caller.organization)).map(program).collect())
    }

    /// Says what a program of the caller's organization can take on: `{"status": CODE, "notes"?: TEXT}`.
    ///
    /// # Errors
    /// An unknown program, an unknown status, a stale version.
    pub async fn set_capacity(
        &self,
        caller: &Caller,
        program_id: &str,
        capacity: &Document,
        if_match: Option<u64>,
    ) -> Result<Value> {
        let key = ResourceKey::new("HealthcareService", program_id);
        let (status, notes) = read(capacity.root())?;
        let stored = self.store.read(&caller.scope(), &key, None).await?;
        let stored = stored.filter(|stored| is_program_of(stored, &caller.organization));
        let stored = stored.ok_or_else(|| Error::not_found("this program of your organization"))?;
        if if_match.is_some_and(|version| version != stored.version) {
            return Err(write_target::stale(&key, stored.version));
        }
        let node = stored.document.root();
        let text = capacity_of(&stored);
        if text["status"].as_str() == Some(&status) && text["notes"].as_str() == notes.as_deref() {
            return Ok(program(&stored));
        }
        let at = self.clock.now();
        let mut edits = Edits::new(node);
        let json = extension(&status, notes.as_deref()).to_string();
        match extension_of(node) {
            Some(there) => edits.replace(there, json),
            None => edits.append(node, "extension", &json),
        }
        edits.stamp(program_id, stored.version + 1, at);
        let document = Arc::new(Document::parse(edits.finish())?);
        let write = Write {
            key: key.clone(),
            version: stored.version + 1,
            document,
            updated: at,
            author: stored.author,
            public: true,
        };
        let audit = vec![audit(caller, "capacity", Some(&key), status, at)];
        let committed =
            self.store.commit(Plan { writes: vec![write], audit, ..Plan::default() }).await.map_err(|error| {
                if error.category == Category::Conflict { write_target::stale(&key, stored.version + 1) } else { error }
            })?;
        let mut now = as_stored(&committed.writes, committed.seq);
        now.pop().map(|stored| program(&stored)).ok_or_else(|| Error::fault("the capacity was committed and is gone"))
    }
}

fn as_stored(writes: &[Write], seq: u64) -> Vec<Stored> {
    let stored = |write: &Write| Stored {
        key: write.key.clone(),
        version: write.version,
        updated: write.updated,
        seq,
        author: write.author.clone(),
        public: write.public,
        document: write.document.clone(),
    };
    writes.iter().map(stored).collect()
}

fn read(node: Node<'_>) -> Result<(String, Option<String>)> {
    let mut issues = Vec::new();
    for member in node.members().filter(|member| !matches!(member.name(), "status" | "notes")) {
        let text = format!("capacity has no member \"{}\"; it has status and notes", member.name());
        issues.push(Issue::error(Key::UnknownElement, member.name(), text).at(member.name_position()));
    }
    let status = node.str("status").unwrap_or_default().into_owned();
    if !STATUSES.contains(&status.as_str()) {
        let text = format!("expected the member status to be one of {}", STATUSES.join(", "));
        let position = node.get("status").map_or(node.position(), Node::position);
        issues.push(Issue::error(Key::UnknownCode, "status", text).at(position));
    }
    if let Some(notes) = node.get("notes").filter(|notes| notes.as_str().is_none()) {
        issues.push(
            Issue::error(Key::WrongType, "notes", format!("expected a string, found {}", notes.kind()))
                .at(notes.position()),
        );
    }
    let notes = node.str("notes").map(std::borrow::Cow::into_owned);
    if issues.is_empty() { Ok((status, notes)) } else { Err(Error::unprocessable(issues)) }
}

fn extension(status: &str, notes: Option<&str>) -> Value {
    let concept = json!({ "coding": [{ "system": SDOHCC_CODES, "code": status }] });
    let mut parts = vec![json!({ "url": "capacityStatus", "valueCodeableConcept": concept })];
    parts.extend(notes.map(|notes| json!({ "url": "capacityNotes", "valueString": notes })));
    json!({ "extension": parts, "url": CAPACITY })
}

fn extension_of(node: Node<'_>) -> Option<Node<'_>> {
    node.list("extension").find(|extension| extension.get("url").is_some_and(|url| url.is_str(CAPACITY)))
}

fn is_program_of(stored: &Stored, organization: &str) -> bool {
    let provider = stored.document.root().get("providedBy").and_then(|by| by.str("reference"));
    stored.key.kind == "HealthcareService"
        && stored.public
        && provider.is_some_and(|provider| provider == format!("Organization/{organization}"))
}

/// A program as agencies see it.
fn program(stored: &Stored) -> Value {
    let node = stored.document.root();
    let codes = |member: &str, system: &str| -> Vec<String> {
        let codings = node.list(member).flat_map(|concept| concept.list("coding"));
        let ours = codings.filter(|coding| coding.get("system").is_some_and(|of| of.is_str(system)));
        ours.filter_map(|coding| Some(coding.str("code")?.into_owned())).collect()
    };
    json!({
        "id": stored.key.id,
        "name": node.str("name"),
        "type": codes("program", PROGRAM_TYPES).first(),
        "needCategories": codes("category", SDOHCC_CODES),
        "capacity": capacity_of(stored),
        "version": stored.version,
    })
}

/// What a program says that it can take on: `{"status"?, "notes"?}`.
fn capacity_of(stored: &Stored) -> Value {
    let extension = extension_of(stored.document.root());
    let part = |url: &str| extension?.list("extension").find(|part| part.get("url").is_some_and(|of| of.is_str(url)));
    let concept = part("capacityStatus").and_then(|part| part.get("valueCodeableConcept"));
    let status = concept.and_then(|concept| concept.list("coding").next()?.str("code"));
    let notes = part("capacityNotes").and_then(|part| part.str("valueString"));
    let mut capacity = serde_json::Map::new();
    capacity.extend(status.map(|status| ("status".to_owned(), json!(status))));
    capacity.extend(notes.map(|notes| ("notes".to_owned(), json!(notes))));
    Value::Object(capacity)
}
