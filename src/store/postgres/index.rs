//! The generations of the search index. Each set of search parameters (and of the URLs that references to what is stored here begin
//! with) has its own, told by what it is made with. A gateway that starts with another set than the others makes its generation
//! beside theirs and begins to serve when it has all rows; they go on meanwhile and afterwards, and what either stores is made found
//! by the other before it looks (`write::generation`). One that no gateway uses is removed.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::info;

use super::write::blocking::BlockingConnection;
use super::write::generation::{build_group, catch_up};
use crate::error::Result;
use crate::store::index::SearchParameters;
use crate::store::index_definition::IndexDefinition;
use crate::store::index_ids::Index;

/// How a generation stands in the state of the database that is read: a row with one word, [`CURRENT`] where all that is stored is
/// found by it. For a statement with the number of the generation in the place of `{}`.
pub(super) fn state_query(generation: i64) -> String {
    format!(
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM index_generation WHERE id = {generation} AND ready = 1) THEN 'gone'
             WHEN EXISTS (SELECT 1 FROM index_pending WHERE generation = {generation}) THEN 'behind' ELSE '{CURRENT}' END"
    )
}

/// See [`state_query`].
pub(super) const CURRENT: &str = "current";
/// Others have stored what is still to be made found by it.
pub(super) const BEHIND: &str = "behind";

/// The index of these parameters, made where there is none yet. Several gateways that begin with the same one make it together, a
/// group at a time.
pub(super) fn prepare(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    let index = connection.within_transaction(|| begin(connection, parameters))?;
    let mut groups = 0;
    while !build_group(connection, &index)? {
        if groups == 0 {
            info!("the search index of these parameters is made; gateways with others go on meanwhile");
        }
        groups += 1;
    }
    if groups > 0 {
        info!(groups, "the search index is made");
    }
    catch_up(connection, &index)?;
    Ok(index)
}

/// An index by which nothing is found, for who neither writes nor searches resources.
pub(super) fn none(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    let definition = IndexDefinition::new(parameters, bases(connection)?);
    Ok(Index { fingerprint: String::new(), generation: 0, counted: Vec::new(), definition, ids: Vec::new() })
}

/// Finds the generation of these parameters, or begins one, in a transaction.
fn begin(connection: &BlockingConnection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    connection.query("SELECT 1 FROM store FOR UPDATE", &[])?;
    if let Some(base) = parameters.base() {
        let base = base.trim_end_matches('/');
        connection.execute("INSERT INTO base (url) VALUES ($1) ON CONFLICT DO NOTHING", &[&base])?;
    }
    let definition = IndexDefinition::new(parameters, bases(connection)?);
    let fingerprint = definition.fingerprint();
    let found = connection.query(
        "UPDATE index_generation SET used = clock_timestamp() WHERE definition = $1 RETURNING id",
        &[&fingerprint],
    )?;
    let generation: i64 = match found.first() {
        Some(row) => row.try_get(0)?,
        None => {
            // Parameters of one that was removed may still be there, with rows: its number is not given again.
            let added = connection.query_one(
                "INSERT INTO index_generation (id, definition, built, ready, used)
                 SELECT 1 + greatest((SELECT coalesce(max(id), 0) FROM index_generation),
                                     (SELECT coalesce(max(generation), 0) FROM parameter)),
                        $1, 0, 0, clock_timestamp() RETURNING id",
                &[&fingerprint],
            )?;
            added.try_get(0)?
        }
    };
    let ids = ids(connection, &definition, generation)?;
    Ok(Index { fingerprint, generation, counted: definition.counted(), definition, ids })
}

/// Under which URLs FHIR was served from the store, in alphabetical order.
pub(super) fn bases(connection: &BlockingConnection) -> Result<Vec<String>> {
    let rows = connection.query("SELECT url FROM base ORDER BY url", &[])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The ids of the parameters by their numbers, in this generation.
fn ids(connection: &BlockingConnection, definition: &IndexDefinition, generation: i64) -> Result<Vec<i64>> {
    let mut kinds: HashMap<String, i64> = HashMap::new();
    for row in connection.query("SELECT name, id FROM kind", &[])? {
        kinds.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let mut parameters: HashMap<(i64, String), i64> = HashMap::new();
    for row in connection.query("SELECT kind, code, id FROM parameter WHERE generation = $1", &[&generation])? {
        parameters.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let newest = connection.query_one("SELECT coalesce(max(id), 0) FROM parameter", &[])?;
    let mut next_kind = kinds.values().max().copied().unwrap_or(0);
    let mut next_parameter: i64 = newest.try_get(0)?;
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
        "INSERT INTO parameter (id, kind, code, generation)
         SELECT id, kind, code, $4::bigint FROM unnest($1::bigint[], $2::bigint[], $3::text[]) n (id, kind, code)",
        &[&new_ids, &of_kinds, &codes, &generation],
    )?;
    Ok(ids)
}
