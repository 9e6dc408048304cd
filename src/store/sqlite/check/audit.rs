//! Are the rows of the audit log found by what they are about? The id is kept beside the name, and the chain covers the name.

use crate::error::Result;
use crate::store::sql::Ask;
use crate::store::sql::check::{Findings, Part, StoreFinding};
use crate::store::sqlite::statement::Connection;

/// The rows that lead to another resource than they name.
pub(in crate::store::sqlite) fn check(reader: &Connection) -> Result<Vec<StoreFinding>> {
    let mut findings = Findings::of(Part::Audit);
    let astray = reader.number(
        "SELECT count(*) FROM audit a LEFT JOIN resource r ON r.id = a.about LEFT JOIN kind k ON k.id = r.kind
         WHERE a.about IS NOT NULL AND a.subject IS NOT k.name || '/' || r.logical",
        &[],
    )?;
    if astray > 0 {
        findings.add(format!("{astray} rows are found as being about another resource than they name"));
    }
    Ok(findings.finish())
}
