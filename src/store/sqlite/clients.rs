//! Clients. Every change raises their version, which other processes that serve the same file see, too.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use crate::error::Result;
use crate::store::ClientRow;

use super::read::moment;
use super::session::Session;
use super::statement::Connection;

/// All clients, in the order of their making.
pub(super) fn all(connection: &Connection) -> Result<Vec<ClientRow>> {
    connection
        .prepare_cached(
            "SELECT id, name, role, organization, hash, created, revoked, acts_for, certificates FROM client ORDER BY number",
        )?
        .query_and_then([], client)?
        .collect()
}

fn client(row: &Row<'_>) -> Result<ClientRow> {
    Ok(ClientRow {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        organization: row.get(3)?,
        acts_for: words(row, 7)?,
        certificates: words(row, 8)?,
        hash: row.get(4)?,
        created: moment(row.get(5)?)?,
        revoked: row.get::<_, Option<i64>>(6)?.map(moment).transpose()?,
    })
}

/// The words of a column.
fn words(row: &Row<'_>, column: usize) -> Result<Vec<String>> {
    Ok(row.get::<_, String>(column)?.split_whitespace().map(str::to_owned).collect())
}

/// Adds a client, or puts it in the place of the one with its id.
pub(super) fn put(session: &mut Session<'_>, client: &ClientRow) -> Result<()> {
    session
        .connection
        .prepare_cached(
            "INSERT INTO client (id, name, role, organization, hash, created, revoked, acts_for, certificates)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, hash = excluded.hash,
                 organization = excluded.organization, created = excluded.created, revoked = excluded.revoked,
                 acts_for = excluded.acts_for, certificates = excluded.certificates",
        )?
        .execute(params![
            client.id,
            client.name,
            client.role,
            client.organization,
            client.hash,
            client.created.as_millisecond(),
            client.revoked.map(Timestamp::as_millisecond),
            client.acts_for.join(" "),
            client.certificates.join(" "),
        ])?;
    changed(session)
}

/// Revokes a client; false if there is none with this id.
pub(super) fn revoke(session: &mut Session<'_>, id: &str, at: i64) -> Result<bool> {
    let found = session
        .connection
        .prepare_cached("UPDATE client SET revoked = coalesce(revoked, ?2) WHERE id = ?1")?
        .execute(params![id, at])?;
    if found > 0 {
        changed(session)?;
    }
    Ok(found > 0)
}

fn changed(session: &mut Session<'_>) -> Result<()> {
    let version = session
        .connection
        .prepare_cached("UPDATE store SET clients = clients + 1 RETURNING clients")?
        .query_row([], |row| row.get(0))
        .optional()?;
    session.clients = version;
    Ok(())
}
