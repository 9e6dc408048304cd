//! The search index is made anew when the parameters that it is made of have changed, or another URL was added under which FHIR
//! is served: in one transaction that holds the order, so nobody commits meanwhile, and whoever reads finds by the old index until
//! it is through. A gateway of another version that serves the database stores nothing more from then on.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::info;

use super::connection::Connection;
use super::database::PostgresDatabase;
use super::index_value::fit;
use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::index_ids::Index;
use crate::store::search::criterion::{NO_SYSTEM, VERBATIM};
use crate::store::sql::{Ask, Database, consents, keys, read, values};
use crate::store::visibility::Visibility;

/// How many resources are read at a time.
const BATCH: i64 = 500;

/// Makes the index anew, if the database has another. Gives how many resources are found by it; none where it has this one.
pub(super) async fn rebuild_if_other(connection: Connection, index: &Arc<Index>) -> Result<Option<usize>> {
    let (index, runtime) = (index.clone(), Handle::current());
    let rebuilding = tokio::task::spawn_blocking(move || {
        runtime.block_on(connection.batch("BEGIN; SET LOCAL statement_timeout = 0"))?;
        let outcome = rebuild_locked(&PostgresDatabase::new(&connection, &runtime), &index);
        // What is not committed here is rolled back with the connection.
        if outcome.is_ok() {
            runtime.block_on(connection.batch("COMMIT"))?;
        }
        connection.discard();
        outcome
    });
    rebuilding.await.map_err(Error::fault)?
}

fn rebuild_locked(database: &dyn Database, index: &Index) -> Result<Option<usize>> {
    let found: Option<String> = database.row("SELECT parameters FROM store FOR UPDATE", values![], |row| row.get(0))?;
    if found.is_some_and(|found| found == index.fingerprint) {
        return Ok(None);
    }
    info!("the search parameters have changed; the index is made anew");
    for table in ["token", "reference", "text", "date", "counted"] {
        database.execute(&format!("DELETE FROM \"{table}\""), values![])?;
    }
    let mut given = GivenIds { database, kinds: HashMap::new(), systems: HashMap::new() };
    let (mut last, mut count) = (0, 0);
    loop {
        let sql = "SELECT id, updated FROM resource WHERE id > ?1 AND version > 0 ORDER BY id LIMIT ?2";
        let resources: Vec<(i64, i64)> =
            database.rows(sql, values![last, BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((newest, _)) = resources.last() else { break };
        last = *newest;
        count += resources.len();
        for (id, updated) in resources {
            if let Some(stored) = read::newest(database, Visibility::All, id)? {
                for entry in &index.definition.entries(&stored.document)? {
                    add(&mut given, index, entry, (id, updated))?;
                }
            }
        }
    }
    for number in &index.counted {
        database.execute(
            "INSERT INTO counted (parameter, value, system, resources)
             SELECT parameter, value, system, count(*) FROM token WHERE parameter = ?1 GROUP BY parameter, value, system",
            values![index.id(*number)],
        )?;
    }
    // Whom a Consent is about is read out of the index.
    consents::keep_existing(database)?;
    database.execute("UPDATE store SET parameters = ?1", values![&index.fingerprint])?;
    info!(resources = count, "the index is made");
    Ok(Some(count))
}

/// Adds the row of an entry of this resource, which was last changed at this time.
fn add(given: &mut GivenIds<'_>, index: &Index, entry: &IndexEntry, (resource, updated): (i64, i64)) -> Result<()> {
    let parameter = index.id(entry.parameter);
    let token = |value: &str, system: i64| {
        given.database.execute(
            "INSERT INTO token (parameter, value, updated, resource, system) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            values![parameter, &*fit(value), updated, resource, system],
        )
    };
    match &entry.value {
        IndexValue::Token { system: None, code } => token(code, NO_SYSTEM)?,
        IndexValue::Uri(text) | IndexValue::ReferenceUrl(text) | IndexValue::Exact(text) => token(text, VERBATIM)?,
        IndexValue::Token { system: Some(uri), code } => {
            let system = given.system(uri)?;
            given.database.execute(
                "INSERT INTO token (parameter, value, updated, resource, system) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
                values![parameter, &*fit(code), updated, resource, system],
            )?
        }
        IndexValue::Reference(key) => {
            let target = given.resource(key)?;
            given.database.execute(
                "INSERT INTO reference (parameter, target, updated, resource) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
                values![parameter, target, updated, resource],
            )?
        }
        IndexValue::Text(text) => given.database.execute(
            "INSERT INTO text (parameter, value, updated, resource) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            values![parameter, &*fit(text), updated, resource],
        )?,
        IndexValue::Date { low, high } => given.database.execute(
            "INSERT INTO date (parameter, high, low, resource) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            values![parameter, high, low, resource],
        )?,
    };
    Ok(())
}

/// The narrow ids of what entries name; what has none is given one.
struct GivenIds<'d> {
    database: &'d dyn Database,
    kinds: HashMap<String, i64>,
    systems: HashMap<String, i64>,
}

impl GivenIds<'_> {
    fn kind(&mut self, name: &str) -> Result<i64> {
        if let Some(id) = self.kinds.get(name) {
            return Ok(*id);
        }
        let id = match keys::kind(self.database, name)? {
            Some(id) => id,
            None => {
                let id = self.next("kind")?;
                let sql = "INSERT INTO kind (id, name, resources) VALUES (?1, ?2, 0)";
                self.database.execute(sql, values![id, name])?;
                id
            }
        };
        self.kinds.insert(name.to_owned(), id);
        Ok(id)
    }

    fn system(&mut self, uri: &str) -> Result<i64> {
        if let Some(id) = self.systems.get(uri) {
            return Ok(*id);
        }
        let id = match keys::system(self.database, uri)? {
            Some(id) => id,
            None => {
                let id = self.next("system")?;
                let sql = "INSERT INTO system (id, uri) VALUES (?1, ?2)";
                self.database.execute(sql, values![id, &*fit(uri)])?;
                id
            }
        };
        self.systems.insert(uri.to_owned(), id);
        Ok(id)
    }

    fn resource(&mut self, key: &ResourceKey) -> Result<i64> {
        if let Some(id) = keys::resource(self.database, &key.kind, &key.id)? {
            return Ok(id);
        }
        let (kind, id) = (self.kind(&key.kind)?, self.next("resource")?);
        self.database.execute(
            "INSERT INTO resource (id, kind, logical, version, current, updated, seq, author, public)
             VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0)",
            values![id, kind, &key.id],
        )?;
        Ok(id)
    }

    /// The id that comes after all that are given: whoever holds the row of `store` gives them.
    fn next(&self, table: &str) -> Result<i64> {
        self.database.number(&format!("SELECT coalesce(max(id), 0) + 1 FROM {table}"), values![])
    }
}
