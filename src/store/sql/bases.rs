//! Under which URLs FHIR was served from the store: an absolute reference that begins with one of them leads to what is
//! stored here.

use crate::error::Result;

use super::{Ask, Database, values};

/// All of them, in alphabetical order.
pub(in crate::store) fn all(connection: &dyn Database) -> Result<Vec<String>> {
    connection.rows("SELECT url FROM base ORDER BY url", values![], |row| row.get(0))
}
