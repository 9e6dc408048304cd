//! The world of the demo: its directory, and its clients with their tokens.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app;
use crate::error::{Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::{Document, ResourceKey};
use crate::referral::Scope;
use crate::referral::plan::{Plan, Write};
use crate::security::token;
use crate::store::{ClientRow, Credentials, Resources};

pub(super) const DIRECTORY: &str = include_str!("../../../fixtures/demo/directory.json");
const CLIENTS: &str = include_str!("../../../fixtures/demo/clients.json");

const MESSAGES: &[(&str, &str)] = &[
    ("consent-denied", include_str!("../../../fixtures/demo/ehr/consent-denied.json")),
    ("food-insecurity", include_str!("../../../fixtures/demo/ehr/food-insecurity.json")),
    ("homelessness", include_str!("../../../fixtures/demo/ehr/homelessness.json")),
    ("utility-insecurity", include_str!("../../../fixtures/demo/ehr/utility-insecurity.json")),
];

/// A client of the demo.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) organization: String,
    #[serde(default)]
    pub(super) token: String,
}

/// Puts the directory into the store, where it is not there yet, and says how many organizations and programs it has.
pub(super) async fn load_directory(store: &dyn Resources, at: Timestamp) -> Result<(usize, usize)> {
    let bundle = Document::parse(DIRECTORY)?;
    let mut plan = Plan::default();
    let (mut organizations, mut programs) = (0, 0);
    for resource in bundle.root().list("entry").filter_map(|entry| entry.get("resource")) {
        let (kind, id) = (resource.str("resourceType").unwrap_or_default(), resource.str("id").unwrap_or_default());
        organizations += usize::from(kind == "Organization");
        programs += usize::from(kind == "HealthcareService");
        let key = ResourceKey::new(kind, id.clone());
        if store.read(&Scope::Gateway, &key, None).await?.is_some() {
            continue;
        }
        let mut edits = Edits::new(resource);
        edits.stamp(&id, 1, at);
        let document = Arc::new(Document::parse(edits.finish())?);
        plan.writes.push(Write { key, version: 1, document, updated: at, author: None, public: true, replaces: None });
    }
    if !plan.writes.is_empty() {
        store.commit(plan).await?;
    }
    Ok((organizations, programs))
}

/// The demo's clients, as they are listed.
pub(super) fn listed_clients() -> Result<Vec<Client>> {
    serde_json::from_str(CLIENTS).map_err(Error::fault)
}

/// A transaction that an EHR of the demo sends.
pub(super) fn message(name: &str) -> Option<&'static str> {
    MESSAGES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The demo's clients with tokens that are let in: those of the tokens file, where it is there and still right, else new
/// ones.
pub(super) async fn load_clients(store: &dyn Credentials, tokens: Option<&Path>, at: Timestamp) -> Result<Vec<Client>> {
    let known = app::load_clients(store).await?;
    let rows = store.clients().await?;
    let before = tokens.map(read_tokens).unwrap_or_default();
    let listed = listed_clients()?;
    let mut clients = Vec::with_capacity(listed.len());
    for mut client in listed {
        let kept = before.iter().find(|kept| {
            kept.name == client.name
                && known
                    .authenticate(&kept.token, None, String::new())
                    .is_ok_and(|caller| client.organization.ends_with(&caller.organization))
        });
        client.token = match kept {
            Some(kept) => kept.token.clone(),
            None => let_in(store, &client, &rows, at).await?,
        };
        clients.push(client);
    }
    Ok(clients)
}

/// Lets the client in. One that an earlier run made gets a new token: what the old one was nobody knows any more.
async fn let_in(store: &dyn Credentials, client: &Client, rows: &[ClientRow], at: Timestamp) -> Result<String> {
    let organization = client.organization.trim_start_matches("Organization/");
    let is_same = |row: &&ClientRow| {
        (row.name.as_str(), row.role.as_str(), row.organization.as_str()) == (&client.name, &client.role, organization)
            && row.revoked.is_none()
    };
    let earlier = rows.iter().find(is_same);
    let issued = earlier.map_or_else(token::issue, |row| token::issue_for(row.id.clone()));
    let row = ClientRow {
        id: issued.client.clone(),
        name: client.name.clone(),
        role: client.role.clone(),
        organization: organization.to_owned(),
        acts_for: Vec::new(),
        hash: issued.hash,
        certificates: earlier.map_or_else(Vec::new, |row| row.certificates.clone()),
        created: earlier.map_or(at, |row| row.created),
        revoked: None,
    };
    store.put_client(row).await?;
    Ok(issued.text)
}

/// The clients of an earlier run; none where the file is absent or is none of ours.
fn read_tokens(path: &Path) -> Vec<Client> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let file: Value = serde_json::from_str(&text).unwrap_or_default();
    serde_json::from_value(file["clients"].clone()).unwrap_or_default()
}

/// Writes the tokens file, for its owner's eyes alone, and whole: who finds it finds all of it.
pub(super) fn write_tokens(path: &Path, base: &str, clients: &[Client]) -> Result<()> {
    let list: Vec<Value> = clients
        .iter()
        .map(|client| {
            json!({ "name": client.name, "role": client.role, "organization": client.organization, "token": client.token })
        })
        .collect();
    let text = format!("{:#}\n", json!({ "base": base, "clients": list }));
    let failed = |error: std::io::Error| Error::unwritable_file(path, &error);
    let beside = path.with_extension("part");
    fs::write(&beside, text).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    fs::rename(&beside, path).map_err(failed)
}
