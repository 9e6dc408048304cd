//! Does every row lead where it says? SQLite is not told of these references (see `schema/001.sql`), so they are asked
//! here, each with one query.

use crate::error::Result;

use super::finding::{Findings, Part, StoreFinding};
use crate::store::sqlite::statement::Connection;

/// A column that holds the id of a row of another table.
struct Reference {
    table: &'static str,
    column: &'static str,
    target: &'static str,
    /// Of which rows
    of: &'static str,
}

const fn reference(table: &'static str, column: &'static str, target: &'static str) -> Reference {
    Reference { table, column, target, of: "1" }
}

/// Every one that there is.
const REFERENCES: &[Reference] = &[
    reference("resource", "kind", "kind"),
    Reference { of: "c.author > 0", ..reference("resource", "author", "resource") },
    Reference { of: "c.version > 0", ..reference("resource", "current", "version") },
    reference("version", "resource", "resource"),
    reference("task_party", "task", "resource"),
    reference("task_party", "organization", "resource"),
    reference("task_resource", "task", "resource"),
    reference("task_resource", "resource", "resource"),
    Reference { of: "c.giver > 0", ..reference("task_resource", "giver", "resource") },
    reference("withheld", "task", "resource"),
    reference("withheld", "organization", "resource"),
    reference("withheld", "resource", "resource"),
    reference("seen", "organization", "resource"),
    reference("seen", "resource", "resource"),
    reference("seen", "kind", "kind"),
    reference("extras", "task", "resource"),
    reference("task_step", "task", "resource"),
    reference("unanswered", "task", "resource"),
    reference("consent_rule", "person", "resource"),
    // 0 and below stand for anyone, and for nobody who is known.
    Reference { of: "c.recipient > 0", ..reference("consent_rule", "recipient", "resource") },
    reference("consent_rule", "consent", "resource"),
    reference("task_consent", "person", "resource"),
    // 0 and below stand for each Consent, and for none.
    Reference { of: "c.rests_on > 0", ..reference("task_consent", "rests_on", "resource") },
    reference("task_consent", "task", "resource"),
    reference("feed", "task", "resource"),
    reference("feed", "organization", "resource"),
    reference("parameter", "kind", "kind"),
    reference("token", "parameter", "parameter"),
    reference("token", "resource", "resource"),
    // 0 and below stand in the place of a system.
    Reference { of: "c.system > 0", ..reference("token", "system", "system") },
    reference("counted", "parameter", "parameter"),
    Reference { of: "c.system > 0", ..reference("counted", "system", "system") },
    reference("reference", "parameter", "parameter"),
    reference("reference", "resource", "resource"),
    reference("reference", "target", "resource"),
    reference("text", "parameter", "parameter"),
    reference("text", "resource", "resource"),
    reference("date", "parameter", "parameter"),
    reference("date", "resource", "resource"),
];

/// Tables whose rows say nothing of others.
#[cfg(test)]
const ALONE: &[&str] =
    &["audit", "audit_chain", "base", "client", "idempotency", "kind", "restored", "room", "store", "system"];

pub(super) fn check(connection: &Connection) -> Result<Vec<StoreFinding>> {
    let mut findings = Findings::of(Part::References);
    for Reference { table, column, target, of } in REFERENCES {
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" c WHERE {of} AND NOT EXISTS (SELECT 1 FROM \"{target}\" t WHERE t.id = c.{column})"
        );
        let lost: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        if lost > 0 {
            findings.add(format!("{lost} rows of {table} name a {target} in {column} that is not there"));
        }
    }
    Ok(findings.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::connection::open_memory;

    #[test]
    fn every_table_is_asked_or_known_to_stand_alone() {
        let connection = open_memory().unwrap();
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        for table in tables {
            let asked = REFERENCES.iter().any(|reference| reference.table == table);
            assert!(asked != ALONE.contains(&table.as_str()), "{table}: list its references, or that it has none");
        }
    }
}
