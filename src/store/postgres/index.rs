//! The ids that the database has given the search parameters, and with which of them its index was made.

use std::collections::HashMap;
use std::sync::Arc;

use super::write::blocking::BlockingConnection;
use super::write::reindex::rebuild;
use crate::error::Result;
use crate::store::index::SearchParameters;
use crate::store::index_definition::IndexDefinition;
use crate::store::index_ids::Index;

/// The index of these parameters, which are given ids where they have none. One gateway at a time does this.
pub(super) fn prepare(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    connection.batch("BEGIN")?;
    let prepared = prepare_locked(connection, parameters);
    connection.batch(if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    prepared
}

/// An index by which nothing is found, for who neither writes nor searches resources; it is taken for the one that there is.
pub(super) fn none(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    let definition = IndexDefinition::new(parameters, bases(connection)?);
    let found = connection.query_one("SELECT parameters FROM store", &[])?;
    Ok(Index { fingerprint: found.try_get(0)?, counted: Vec::new(), definition, ids: Vec::new() })
}

fn prepare_locked(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    let store = connection.query_one("SELECT parameters, seq FROM store FOR UPDATE", &[])?;
    let (found, newest): (String, i64) = (store.try_get(0)?, store.try_get(1)?);
    if let Some(base) = parameters.base() {
        let base = base.trim_end_matches('/');
        connection.execute("INSERT INTO base (url) VALUES ($1) ON CONFLICT DO NOTHING", &[&base])?;
    }
    let definition = IndexDefinition::new(parameters, bases(connection)?);
    let ids = ids(connection, &definition)?;
    let index = Index { fingerprint: definition.fingerprint(), counted: definition.counted(), definition, ids };
    if found != index.fingerprint {
        if newest > 0 {
            rebuild(connection, &index)?;
        }
        connection.execute("UPDATE store SET parameters = $1", &[&index.fingerprint])?;
    }
    Ok(index)
}

/// Under which URLs FHIR was served from the store, in alphabetical order.
pub(super) fn bases(connection: &BlockingConnection) -> Result<Vec<String>> {
    let rows = connection.query("SELECT url FROM base ORDER BY url", &[])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The ids of the parameters by their numbers.
fn ids(connection: &BlockingConnection, definition: &IndexDefinition) -> Result<Vec<i64>> {
    let mut kinds: HashMap<String, i64> = HashMap::new();
    for row in connection.query("SELECT name, id FROM kind", &[])? {
        kinds.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let mut parameters: HashMap<(i64, String), i64> = HashMap::new();
    for row in connection.query("SELECT kind, code, id FROM parameter", &[])? {
        parameters.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let mut next_kind = kinds.values().max().copied().unwrap_or(0);
    let mut next_parameter = parameters.values().max().copied().unwrap_or(0);
    let (mut new_kinds, mut new_names) = (Vec::new(), Vec::new());
    let (mut new_ids, mut of_kinds, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = Vec::new();
    for (name, code) in definition.names() {
        let kind = *kinds.entry(name.to_owned()).or_insert_with(|| {
            next_kind += 1;
            new_kinds.push(next_kind);
            new_names.push(name);
            next_kind
        });
        ids.push(*parameters.entry((kind, code.to_owned())).or_insert_with(|| {
            next_parameter += 1;
            new_ids.push(next_parameter);
            of_kinds.push(kind);
            codes.push(code);
            next_parameter
        }));
    }
    connection.execute(
        "INSERT INTO kind (id, name, resources) SELECT id, name, 0 FROM unnest($1::bigint[], $2::text[]) n (id, name)",
        &[&new_kinds, &new_names],
    )?;
    connection.execute(
        "INSERT INTO parameter (id, kind, code)
             SELECT id, kind, code FROM unnest($1::bigint[], $2::bigint[], $3::text[]) n (id, kind, code)",
        &[&new_ids, &of_kinds, &codes],
    )?;
    Ok(ids)
}
