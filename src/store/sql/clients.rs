//! Clients, as they are stored.

use crate::error::Result;
use crate::store::ClientRow;

use super::read::moment;
use super::{Ask, Database, Row, values};

/// All clients, in the order of their making.
pub(in crate::store) fn all(connection: &dyn Database) -> Result<Vec<ClientRow>> {
    let sql = "SELECT id, name, role, organization, hash, created, revoked, acts_for, certificates FROM client ORDER BY number";
    connection.rows(sql, values![], client)
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
        revoked: row.get::<Option<i64>>(6)?.map(moment).transpose()?,
    })
}

/// The words of a column.
fn words(row: &Row<'_>, column: usize) -> Result<Vec<String>> {
    Ok(row.get::<String>(column)?.split_whitespace().map(str::to_owned).collect())
}
