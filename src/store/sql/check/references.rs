//! Does every row lead where it says? No database is told of these references, so they are asked
//! here, each with one query.

use crate::error::Result;

use super::finding::{Findings, Part, StoreFinding};
use crate::store::sql::{Ask, Database, values};

/// A column that holds the id of a row of another table.
struct Reference {
    table: &'static str,
    column: &'static str,
    target: &'static str,
    /// Of which rows
    of: &'static str,
}

const fn reference(table: &'static str, column: &'static str, target: &'static str) -> Reference {
    Reference { table, column, target, of: "TRUE" }
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
    reference("renewal", "resource", "resource"),
    reference("withdrawal", "resource", "resource"),
    reference("withdrawal", "cause", "resource"),
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

/// Is it told here where each row of this table leads, or that it leads nowhere?
#[cfg(test)]
pub(in crate::store) fn is_asked_or_alone(table: &str) -> bool {
    REFERENCES.iter().any(|reference| reference.table == table) != ALONE.contains(&table)
}

pub(in crate::store) fn check(connection: &dyn Database) -> Result<Vec<StoreFinding>> {
    let mut findings = Findings::of(Part::References);
    for Reference { table, column, target, of } in REFERENCES {
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" c WHERE {of} AND NOT EXISTS (SELECT 1 FROM \"{target}\" t WHERE t.id = c.{column})"
        );
        let lost = connection.number(&sql, values![])?;
        if lost > 0 {
            findings.add(format!("{lost} rows of {table} name a {target} in {column} that is not there"));
        }
    }
    Ok(findings.finish())
}
