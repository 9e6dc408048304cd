//! Is what is kept as a sum the sum, and what is kept as the newest the newest?

use crate::error::Result;

use super::finding::{Findings, Part, StoreFinding};
use crate::store::sql::{Ask, Database, read, values};
use crate::store::unanswered::AnswerState;
use crate::store::visibility::Visibility;

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
    (
        "SELECT count(*) FROM resource r
         WHERE (r.shown IS NOT NULL) <> EXISTS (SELECT 1 FROM renewal n WHERE n.resource = r.id AND n.told = 0)",
        "resources are held back without a change that is still to be decided, or are not held back with one",
    ),
    ("SELECT count(*) FROM feed f, store s WHERE f.seq > s.seq", "changes are owed of commits that there never were"),
    (
        "SELECT count(*) FROM counted c WHERE c.resources <>
             (SELECT count(*) FROM token t WHERE t.parameter = c.parameter AND t.value = c.value AND t.system = c.system)",
        "codes are said to be those of another number of resources than have them",
    ),
    (
        "SELECT count(*) FROM (
             SELECT organization, kind, resource, tasks FROM seen
             EXCEPT
             SELECT p.organization, r.kind, t.resource, count(*)
             FROM (SELECT DISTINCT task, organization FROM task_party WHERE until IS NULL) p
             CROSS JOIN task_resource t CROSS JOIN resource r
             WHERE t.task = p.task AND t.until IS NULL AND r.id = t.resource GROUP BY 1, 2, 3) q",
        "resources are seen by organizations through other referrals than those that share them",
    ),
    (
        "SELECT count(*) FROM (
             SELECT DISTINCT p.organization, r.kind, t.resource
             FROM task_party p CROSS JOIN task_resource t CROSS JOIN resource r
             WHERE p.until IS NULL AND t.task = p.task AND t.until IS NULL AND r.id = t.resource
             EXCEPT
             SELECT organization, kind, resource FROM seen) q",
        "resources are shared with organizations that do not see them",
    ),
];

pub(in crate::store) fn check(connection: &dyn Database) -> Result<Vec<StoreFinding>> {
    let mut findings = Findings::of(Part::Counts);
    let kinds = connection.rows(
        "SELECT k.name, k.resources, (SELECT count(*) FROM resource r WHERE r.kind = k.id AND r.version > 0) FROM kind k",
        values![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    for (kind, kept, counted) in kinds {
        let (kind, kept, counted): (String, i64, i64) = (kind, kept, counted);
        if kept != counted {
            findings.add(format!("{kept} resources of type {kind} are said to be there, and {counted} are"));
        }
    }
    for (sql, what) in NONE_OF {
        let found = connection.number(sql, values![])?;
        if found > 0 {
            findings.add(format!("{found} {what}"));
        }
    }
    let answered = answered(connection)?;
    if answered > 0 {
        findings.add(format!("{answered} referrals are said to wait for an answer that were answered"));
    }
    Ok(findings.finish())
}

/// How many referrals are said to wait for an answer whose Tasks say otherwise. One that cannot be read says nothing.
fn answered(connection: &dyn Database) -> Result<u64> {
    let mut answered = 0;
    for task in connection.rows("SELECT task FROM unanswered", values![], |row| row.get(0))? {
        let Some(found) = read::find_newest(connection, Visibility::All, task)? else { continue };
        let Ok(stored) = found else { continue };
        let state = AnswerState::of(&stored.key, &stored.document);
        answered += u64::from(matches!(state, Some(AnswerState::NotAwaited)));
    }
    Ok(answered)
}
