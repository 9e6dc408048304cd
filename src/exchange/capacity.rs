//! An agency's programs and what they can take on (SDOH Clinical Care 3.0.0, HealthcareService for Referral Management:
//! the capacity extension).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::precondition::Validators;
use crate::fhir::{Document, Issue, Key, Node, Preconditions, ResourceKey};
use crate::referral::plan::{Plan, Write};
use crate::referral::task::SDOHCC_CODES;
use crate::referral::{Graph, Scope};
use crate::routing::Directory;
use crate::routing::program::{CAPACITY, PROGRAM_TYPES};
use crate::security::Caller;
use crate::store::{Resources, Stored};

use super::audit::audit;
use super::consequences::Consequence;
use super::stale;
use super::step::{Built, Change};

/// The codes of capacity.
const STATUSES: &[&str] = &["capacity", "no-capacity", "waitlist", "additional-assessment-required"];

/// What an agency says of a program's capacity.
pub(super) struct StatedCapacity<'a> {
    pub(super) store: &'a dyn Resources,
    pub(super) caller: &'a Caller,
    /// The HealthcareService
    pub(super) program: &'a ResourceKey,
    /// `{"status": CODE, "notes"?: TEXT}`
    pub(super) capacity: &'a Document,
    /// What it depends on
    pub(super) conditions: Preconditions,
}

/// The programs of an organization, with their capacity, by id.
///
/// # Errors
/// Those of the store.
pub(super) async fn programs(store: &dyn Resources, directory: &Directory, organization: &str) -> Result<Vec<Value>> {
    let known = directory.programs_of(organization);
    let keys: Vec<ResourceKey> = known.map(|known| ResourceKey::new("HealthcareService", &*known.id)).collect();
    let stored = store.read_each(&Scope::Public, &keys).await?;
    let own = stored.iter().flatten().filter(|stored| is_program_of(stored, organization));
    Ok(own.map(program).collect())
}

impl Change for StatedCapacity<'_> {
    type Outcome = Value;

    async fn build(&self, at: Timestamp) -> Result<Built<Value>> {
        let Self { store, caller, program: key, .. } = self;
        let (status, notes) = read(self.capacity.root())?;
        let stored = store.read(&caller.scope(), key, None).await?;
        let stored = stored.filter(|stored| is_program_of(stored, &caller.organization));
        let stored = stored.ok_or_else(|| Error::not_found("this program of your organization"))?;
        stale::check(&self.conditions, key, Validators::of(stored.version, stored.updated))?;
        let before = capacity_of(&stored);
        if before["status"].as_str() == Some(&status) && before["notes"].as_str() == notes.as_deref() {
            return Ok(Built::nothing(program(&stored)));
        }
        let version = stored.version + 1;
        let document = Arc::new(with_capacity(&stored, &status, notes.as_deref(), at)?);
        let now = Stored { version, document: document.clone(), ..stored.clone() };
        let write = Write {
            key: (*key).clone(),
            version,
            document,
            updated: at,
            // The program stays its author's: whoever says what it can take on does not make it its own.
            author: stored.author,
            public: true,
            replaces: Some(stored.document),
        };
        let audit = vec![audit(caller, "capacity", Some(key), status, at)];
        let plan = Plan { writes: vec![write], audit, ..Plan::default() };
        Ok(Built { plan, context: Graph::default(), outcome: program(&now), refused: None })
    }

    /// A program is no referral's.
    fn tell(&self, _: &mut Value, _: Vec<Consequence>) {}

    fn remember(&self, _: &Plan, program: &Value) -> String {
        program.to_string()
    }
}

/// The program with another capacity.
fn with_capacity(stored: &Stored, status: &str, notes: Option<&str>, at: Timestamp) -> Result<Document> {
    let node = stored.document.root();
    let mut edits = Edits::new(node);
    let json = extension(status, notes).to_string();
    match extension_of(node) {
        Some(there) => edits.replace(there, json),
        None => edits.append(node, "extension", &json),
    }
    edits.stamp(&stored.key.id, stored.version + 1, at);
    Ok(Document::parse(edits.finish())?)
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
