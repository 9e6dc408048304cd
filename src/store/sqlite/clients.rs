//! Clients. Every change raises their version, which other processes that serve the same file see, too.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::store::ClientRow;

use super::session::Session;

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
