//! The search index is made anew when what it is made of has changed: the search parameters, or the URLs that references to what
//! is stored here begin with.

use tracing::info;

use super::batch::Batch;
use super::blocking::BlockingConnection;
use super::consents;
use super::keys::{Keys, Names};
use super::progress::Progress;
use super::rows::{RowChanges, RowsOf};
use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::consent_rule::{ConsentRule, rules_of};
use crate::store::document;
use crate::store::index::IndexValue;
use crate::store::index_ids::Index;
use crate::store::prepared::ConsentRules;

/// How many resources are read at a time.
const BATCH: i64 = 500;

/// A resource whose rows are made.
struct Stored {
    id: i64,
    updated: i64,
    key: ResourceKey,
    text: String,
}

/// Makes all rows anew, in the open transaction of whoever holds the row of `store`. What Consents may say is kept by whom they
/// are about, which is read out of the index, so it is made anew as well.
pub(in crate::store) fn rebuild(connection: &BlockingConnection, index: &Index) -> Result<()> {
    info!("the search parameters have changed; the index is made anew");
    connection.batch(
        "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; DELETE FROM token; DELETE FROM reference;
         DELETE FROM text; DELETE FROM date; DELETE FROM counted; DELETE FROM consent_rule",
    )?;
    let newest = "SELECT (SELECT coalesce(max(id), 0) FROM resource), (SELECT coalesce(max(id), 0) FROM system)";
    let newest = connection.query_one(newest, &[])?;
    let mut progress = Progress { resource: newest.try_get(0)?, system: newest.try_get(1)?, ..Progress::default() };
    let (mut keys, mut last, mut resources) = (Keys::default(), 0, 0);
    loop {
        let stored = read(connection, last)?;
        let Some(newest) = stored.last() else { break };
        last = newest.id;
        resources += stored.len();
        write(connection, index, &mut keys, &mut progress, &stored)?;
    }
    info!(resources, "the index is made");
    Ok(())
}

/// The resources behind this one.
fn read(connection: &BlockingConnection, last: i64) -> Result<Vec<Stored>> {
    let rows = connection.query(
        "SELECT r.id, r.updated, k.name, r.logical, v.document
         FROM resource r JOIN kind k ON k.id = r.kind JOIN version v ON v.id = r.current
         WHERE r.id > $1 AND r.version > 0 ORDER BY r.id LIMIT $2",
        &[&last, &BATCH],
    )?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let key = ResourceKey { kind: row.try_get(2)?, id: row.try_get(3)? };
        found.push(Stored { id: row.try_get(0)?, updated: row.try_get(1)?, key, text: row.try_get(4)? });
    }
    Ok(found)
}

fn write(
    connection: &BlockingConnection,
    index: &Index,
    keys: &mut Keys,
    progress: &mut Progress,
    stored: &[Stored],
) -> Result<()> {
    let patient = index.definition.parameters.find("Consent", "patient").map(|(number, _)| number);
    let (mut indexed, mut said) = (Vec::with_capacity(stored.len()), Vec::new());
    for one in stored {
        let document = document::parse(one.text.as_str())?;
        let entries = index.definition.entries(&document)?;
        if one.key.kind == "Consent" {
            let of_patient = entries.iter().filter(|entry| Some(entry.parameter) == patient);
            let people = of_patient.filter_map(|entry| match &entry.value {
                IndexValue::Reference(person) => Some(person.clone()),
                _ => None,
            });
            let rules: Vec<ConsentRule> = rules_of(document.root());
            said.push(ConsentRules { consent: one.key.clone(), people: people.collect(), rules });
        }
        indexed.push((one, entries));
    }
    let mut names = Names::default();
    for (one, entries) in &indexed {
        names.resources.insert(one.key.clone());
        names.name_entries(entries);
    }
    consents::name(&[], &said, &mut names);
    let mut batch = Batch::default();
    let asked = keys.ask(&names, &mut batch);
    let answers = connection.run(&batch)?;
    keys.learn(&asked, &names, &answers)?;
    let mut new = keys.give(&names, progress);
    let mut batch = Batch::default();
    new.write(&mut batch);
    new.write_named(keys, &mut batch)?;
    let mut rows = RowsOf::default();
    for (one, entries) in &indexed {
        rows.take(keys, index, entries, one.id, one.updated)?;
    }
    RowChanges::between(RowsOf::default(), rows).write(&mut batch);
    consents::write(keys, &said, &mut batch)?;
    keys.keep_given();
    connection.run(&batch).map(drop)
}
