//! The rows of one generation of the search index, where gateways of another one have stored or nobody has made them yet.
//!
//! A generation is what one set of search parameters gives (`postgres::index`). While its rows are made, in groups, the gateways of
//! the others go on; whoever stores something marks it for every other generation that has rows of it, in the same transaction, and
//! a gateway of that generation makes the rows anew before it looks for anything. All of it is done by whoever holds the row of
//! `store`, so each mark is seen and each group is made once.

use super::batch::{Batch, owned};
use super::blocking::BlockingConnection;
use super::consents;
use super::keys::{Keys, Names};
use super::progress::Progress;
use super::resources::Targets;
use super::rows::{RowChanges, RowsOf};
use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::consent_rule::{ConsentRule, rules_of};
use crate::store::document;
use crate::store::failure::superseded;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::index_ids::Index;
use crate::store::prepared::ConsentRules;

/// How many resources are dealt with in one transaction: others wait meanwhile.
const GROUP: i64 = 200;
/// How many rows of a generation that is gone are removed in one transaction, of each table.
const REMOVED: i64 = 5000;

/// A resource whose rows are made.
struct Stored {
    id: i64,
    updated: i64,
    key: ResourceKey,
    text: String,
    /// When the version was made that its rows are of, and what that says; nothing where it has none
    indexed: Option<(i64, String)>,
}

/// How a generation stands, as whoever holds the row of `store` sees it.
struct State {
    built: i64,
    is_ready: bool,
    /// Was it begun after all others? Whom a Consent is about is read out of the entries, and kept as that one reads them
    is_newest: bool,
}

/// Makes the rows of a group of resources that have none in this generation. Says whether that was the last one.
///
/// # Errors
/// Where the generation was removed meanwhile.
pub(in crate::store) fn build_group(connection: &BlockingConnection, index: &Index) -> Result<bool> {
    connection.within_transaction(|| {
        connection.query("SELECT 1 FROM store FOR UPDATE", &[])?;
        let state = state(connection, index)?;
        if state.is_ready {
            return Ok(true);
        }
        let rows = connection.query(
            "SELECT r.id, r.updated, k.name, r.logical, v.document
             FROM resource r JOIN kind k ON k.id = r.kind JOIN version v ON v.id = r.current
             WHERE r.id > $1 AND r.version > 0 ORDER BY r.id LIMIT $2",
            &[&state.built, &GROUP],
        )?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let key = ResourceKey { kind: row.try_get(2)?, id: row.try_get(3)? };
            let (id, updated, text) = (row.try_get(0)?, row.try_get(1)?, row.try_get(4)?);
            found.push(Stored { id, updated, key, text, indexed: None });
        }
        let Some(last) = found.last().map(|stored| stored.id) else {
            let done = "UPDATE index_generation SET ready = 1, used = clock_timestamp() WHERE id = $1";
            connection.execute(done, &[&index.generation])?;
            connection.execute("UPDATE store SET parameters = $1", &[&index.fingerprint])?;
            return Ok(true);
        };
        let mut progress = newest_ids(connection)?;
        write(connection, index, &mut Keys::default(), &mut progress, &found, state.is_newest)?;
        let further = "UPDATE index_generation SET built = $2, used = clock_timestamp() WHERE id = $1";
        connection.execute(further, &[&index.generation, &last])?;
        Ok(false)
    })
}

/// Makes the rows anew of what was marked for this generation, all of it in transactions of a group each.
pub(in crate::store) fn catch_up(connection: &BlockingConnection, index: &Index) -> Result<()> {
    loop {
        let done = connection.within_transaction(|| {
            connection.query("SELECT 1 FROM store FOR UPDATE", &[])?;
            let mut progress = newest_ids(connection)?;
            index_marked(connection, index, &mut Keys::default(), &mut progress)
        })?;
        if done == 0 {
            return Ok(());
        }
    }
}

/// Makes the rows anew of a group of what was marked for this generation, in the open transaction of whoever holds the row of
/// `store`. Says how many there were.
pub(super) fn index_marked(
    connection: &BlockingConnection,
    index: &Index,
    keys: &mut Keys,
    progress: &mut Progress,
) -> Result<usize> {
    let rows = connection.query(
        "SELECT r.id, r.updated, k.name, r.logical, v.document, o.updated, o.document
         FROM index_pending p JOIN resource r ON r.id = p.resource JOIN kind k ON k.id = r.kind
         JOIN version v ON v.id = r.current LEFT JOIN version o ON o.id = p.indexed
         WHERE p.generation = $1 ORDER BY p.resource LIMIT $2",
        &[&index.generation, &GROUP],
    )?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let key = ResourceKey { kind: row.try_get(2)?, id: row.try_get(3)? };
        let indexed = match row.try_get::<_, Option<i64>>(5)? {
            Some(updated) => Some((updated, row.try_get(6)?)),
            None => None,
        };
        found.push(Stored { id: row.try_get(0)?, updated: row.try_get(1)?, key, text: row.try_get(4)?, indexed });
    }
    let is_newest = state(connection, index)?.is_newest;
    write(connection, index, keys, progress, &found, is_newest)?;
    let done: Vec<i64> = found.iter().map(|stored| stored.id).collect();
    let unmark = "DELETE FROM index_pending WHERE generation = $1 AND resource = ANY($2)";
    connection.execute(unmark, &[&index.generation, &done])?;
    Ok(found.len())
}

/// Marks what a plan writes for the other generations that have rows of it, or would have had.
pub(super) fn mark(index: &Index, targets: &Targets, batch: &mut Batch<'_>) {
    batch.add_rows(
        "INSERT INTO index_pending (generation, resource, indexed)
         SELECT g.id, n.resource,
                coalesce((SELECT v.id FROM version v WHERE v.resource = n.resource AND v.version = n.version), 0)
         FROM index_generation g CROSS JOIN unnest($1::bigint[], $2::bigint[]) n (resource, version)
         WHERE g.id <> $3 AND (g.ready = 1 OR n.resource <= g.built) ON CONFLICT DO NOTHING",
        targets.values().map(|target| (target.id, target.stored.version)),
        owned![index.generation],
    );
}

/// Says that this generation is used, and removes what is left of those that no gateway has used for so many seconds: some rows.
/// Says whether there may be more.
pub(super) fn tend(connection: &BlockingConnection, index: &Index, kept_seconds: i64) -> Result<bool> {
    connection.execute("UPDATE index_generation SET used = clock_timestamp() WHERE id = $1", &[&index.generation])?;
    let unused = "id <> $1 AND used < clock_timestamp() - make_interval(secs => $2::bigint)";
    let asked = format!("SELECT 1 FROM index_generation WHERE {unused}");
    if !connection.query(&asked, &[&index.generation, &kept_seconds])?.is_empty() {
        connection.within_transaction(|| {
            // Nobody stores with it meanwhile, and whoever begins with it comes before or after.
            connection.query("SELECT 1 FROM store FOR UPDATE", &[])?;
            let removed = connection.query(
                &format!("DELETE FROM index_generation WHERE {unused} RETURNING id"),
                &[&index.generation, &kept_seconds],
            )?;
            for row in removed {
                let generation: i64 = row.try_get(0)?;
                tracing::info!(generation, "a search index that no gateway uses any more is removed");
            }
            Ok(())
        })?;
    }
    remove_rows(connection)
}

/// Removes rows of generations that are gone.
fn remove_rows(connection: &BlockingConnection) -> Result<bool> {
    let mut more = connection.execute(
        "DELETE FROM index_pending WHERE ctid IN (SELECT p.ctid FROM index_pending p
             WHERE NOT EXISTS (SELECT 1 FROM index_generation g WHERE g.id = p.generation) LIMIT $1)",
        &[&REMOVED],
    )? > 0;
    let rows = connection.query(
        "SELECT p.id FROM parameter p WHERE NOT EXISTS (SELECT 1 FROM index_generation g WHERE g.id = p.generation) LIMIT 100",
        &[],
    )?;
    let parameters: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
    if parameters.is_empty() {
        return Ok(more);
    }
    let mut removed = 0;
    for sql in [
        "DELETE FROM token WHERE ctid IN (SELECT ctid FROM token WHERE parameter = ANY($1) LIMIT $2)",
        "DELETE FROM reference WHERE ctid IN (SELECT ctid FROM reference WHERE parameter = ANY($1) LIMIT $2)",
        "DELETE FROM text WHERE ctid IN (SELECT ctid FROM text WHERE parameter = ANY($1) LIMIT $2)",
        "DELETE FROM date WHERE ctid IN (SELECT ctid FROM date WHERE parameter = ANY($1) LIMIT $2)",
        "DELETE FROM counted WHERE ctid IN (SELECT ctid FROM counted WHERE parameter = ANY($1) LIMIT $2)",
    ] {
        removed += connection.execute(sql, &[&parameters, &REMOVED])?;
    }
    more |= removed > 0;
    if removed == 0 {
        // What they are known by goes last, so that what was left by a gateway that stopped is found again.
        more |= connection.execute("DELETE FROM parameter WHERE id = ANY($1)", &[&parameters])? > 0;
    }
    Ok(more)
}

fn state(connection: &BlockingConnection, index: &Index) -> Result<State> {
    let sql = "SELECT built, ready, id = (SELECT max(id) FROM index_generation) FROM index_generation WHERE id = $1";
    let row = connection.query_opt(sql, &[&index.generation])?.ok_or_else(|| superseded("the search index"))?;
    Ok(State { built: row.try_get(0)?, is_ready: row.try_get::<_, i64>(1)? == 1, is_newest: row.try_get(2)? })
}

fn newest_ids(connection: &BlockingConnection) -> Result<Progress> {
    let newest = "SELECT (SELECT coalesce(max(id), 0) FROM resource), (SELECT coalesce(max(id), 0) FROM system)";
    let newest = connection.query_one(newest, &[])?;
    Ok(Progress { resource: newest.try_get(0)?, system: newest.try_get(1)?, ..Progress::default() })
}

/// What a document is found by; by nothing where it cannot be read, which is told where it is read.
fn entries(index: &Index, text: &str) -> Vec<IndexEntry> {
    document::parse(text).and_then(|document| index.definition.entries(&document)).unwrap_or_default()
}

/// Makes the rows of these, in the place of those that they have.
fn write(
    connection: &BlockingConnection,
    index: &Index,
    keys: &mut Keys,
    progress: &mut Progress,
    found: &[Stored],
    keeps_consents: bool,
) -> Result<()> {
    let mut indexed = Vec::with_capacity(found.len());
    let mut said = Vec::new();
    for one in found {
        let now = entries(index, &one.text);
        if one.key.kind == "Consent" && keeps_consents {
            said.push(rules(index, one, &now));
        }
        let before = one.indexed.as_ref().map(|(updated, text)| (*updated, entries(index, text)));
        indexed.push((one, now, before));
    }
    let mut names = Names::default();
    for (one, now, before) in &indexed {
        names.resources.insert(one.key.clone());
        names.name_entries(now);
        names.name_entries(before.iter().flat_map(|(_, entries)| entries));
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
    let (mut removed, mut added) = (RowsOf::default(), RowsOf::default());
    for (one, now, before) in &indexed {
        if let Some((updated, entries)) = before {
            removed.take(keys, index, entries, one.id, *updated)?;
        }
        added.take(keys, index, now, one.id, one.updated)?;
    }
    RowChanges::between(removed, added).write(&mut batch);
    consents::write(keys, &said, &mut batch)?;
    keys.keep_given();
    connection.run(&batch).map(drop)
}

/// What a Consent may say, about whom its entries say that it is.
fn rules(index: &Index, consent: &Stored, entries: &[IndexEntry]) -> ConsentRules {
    let patient = index.definition.parameters.find("Consent", "patient").map(|(number, _)| number);
    let people =
        entries.iter().filter(|entry| Some(entry.parameter) == patient).filter_map(|entry| match &entry.value {
            IndexValue::Reference(person) => Some(person.clone()),
            _ => None,
        });
    // One that cannot be read may say anything.
    let rules: Vec<ConsentRule> = match document::parse(consent.text.as_str()) {
        Ok(document) => rules_of(document.root()),
        Err(_) => vec![ConsentRule::of_unreadable()],
    };
    ConsentRules { consent: consent.key.clone(), people: people.collect(), rules }
}
