//! Is what is kept as a sum the sum, and what is kept as the newest the newest?

use crate::error::Result;

use super::finding::{Findings, Part, StoreFinding};
use crate::store::sqlite::statement::Connection;

/// How many there are of what should not be, and what that is.
const NONE_OF: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM resource r JOIN version v ON v.id = r.current
         WHERE r.version > 0 AND (v.resource, v.version, v.updated, v.seq) <> (r.id, r.version, r.updated, r.seq)",
        "resources say of their newest version what it does not say of itself",
    ),
    (
        "SELECT count(*) FROM resource r
         WHERE r.version <> coalesce((SELECT max(v.version) FROM version v WHERE v.resource = r.id), 0)",
        "resources have another newest version than they say",
    ),
    (
        "SELECT count(*) FROM version v, store s WHERE v.seq > s.seq OR v.updated > s.updated",
        "versions are newer than the store says that it is",
    ),
    ("SELECT count(*) FROM feed f, store s WHERE f.seq > s.seq", "changes are owed of commits that there never were"),
    (
        "SELECT count(*) FROM counted c WHERE c.resources <>
             (SELECT count(*) FROM token t WHERE t.parameter = c.parameter AND t.value = c.value AND t.system = c.system)",
        "codes are said to be those of another number of resources than have them",
    ),
    (
        "SELECT count(*) FROM (
             SELECT task FROM unanswered
             EXCEPT
             SELECT r.id FROM resource r CROSS JOIN version v WHERE v.id = r.current AND json_valid(v.document)
                 AND v.document ->> '$.status' IN ('requested', 'received', 'ready'))",
        "referrals are said to wait for an answer that were answered",
    ),
    (
        "SELECT count(*) FROM (
             SELECT organization, kind, resource, tasks FROM seen
             EXCEPT
             SELECT p.organization, r.kind, t.resource, count(*)
             FROM (SELECT DISTINCT task, organization FROM task_party WHERE until IS NULL) p
             CROSS JOIN task_resource t CROSS JOIN resource r
             WHERE t.task = p.task AND t.until IS NULL AND r.id = t.resource GROUP BY 1, 2, 3)",
        "resources are seen by organizations through other referrals than those that share them",
    ),
    (
        "SELECT count(*) FROM (
             SELECT DISTINCT p.organization, r.kind, t.resource
             FROM task_party p CROSS JOIN task_resource t CROSS JOIN resource r
             WHERE p.until IS NULL AND t.task = p.task AND t.until IS NULL AND r.id = t.resource
             EXCEPT
             SELECT organization, kind, resource FROM seen)",
        "resources are shared with organizations that do not see them",
    ),
];

pub(super) fn check(connection: &Connection) -> Result<Vec<StoreFinding>> {
    let mut findings = Findings::of(Part::Counts);
    let mut statement = connection.prepare_cached(
        "SELECT k.name, k.resources, (SELECT count(*) FROM resource r WHERE r.kind = k.id AND r.version > 0) FROM kind k",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, kept, counted): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if kept != counted {
            findings.add(format!("{kept} resources of type {kind} are said to be there, and {counted} are"));
        }
    }
    for (sql, what) in NONE_OF {
        let found: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        if found > 0 {
            findings.add(format!("{found} {what}"));
        }
    }
    Ok(findings.finish())
}
