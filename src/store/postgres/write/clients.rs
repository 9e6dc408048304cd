//! Changes of the clients. Every change raises their version, which the other gateways see, too.

use jiff::Timestamp;

use crate::error::Result;
use crate::store::ClientRow;

use super::session::Session;

/// Adds a client, or puts it in the place of the one with its id.
pub(in crate::store) fn put(session: &mut Session<'_>, client: &ClientRow) -> Result<()> {
    session.connection.execute(
        "INSERT INTO client (number, id, name, role, organization, hash, created, revoked, acts_for, certificates)
         SELECT coalesce(max(number), 0) + 1, $1::text, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::bigint,
             $8::text, $9::text FROM client
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, hash = excluded.hash,
             organization = excluded.organization, created = excluded.created, revoked = excluded.revoked,
             acts_for = excluded.acts_for, certificates = excluded.certificates",
        &[
            &client.id,
            &client.name,
            &client.role,
            &client.organization,
            &client.hash.as_slice(),
            &client.created.as_millisecond(),
            &client.revoked.map(Timestamp::as_millisecond),
            &client.acts_for.join(" "),
            &client.certificates.join(" "),
        ],
    )?;
    changed(session)
}

/// Revokes a client; false if there is none with this id.
pub(in crate::store) fn revoke(session: &mut Session<'_>, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE client SET revoked = coalesce(revoked, $2) WHERE id = $1";
    let found = session.connection.execute(sql, &[&id, &at.as_millisecond()])?;
    if found > 0 {
        changed(session)?;
    }
    Ok(found > 0)
}

fn changed(session: &mut Session<'_>) -> Result<()> {
    let row = session.connection.query_one("UPDATE store SET clients = clients + 1 RETURNING clients", &[])?;
    session.clients = Some(row.try_get(0)?);
    Ok(())
}
