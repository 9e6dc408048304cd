//! Is each resource the one that its row says, and is it found by what it holds? The newest version of each is read, what it is
//! found by is computed as if it were written now, and both are compared with the rows that are there.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::error::Result;
use crate::store::Stored;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::index_ids::Index;
use crate::store::search::criterion::{NO_SYSTEM, VERBATIM};
use crate::store::sql::database::Wanted;
use crate::store::sql::{Ask, Database, keys, read, unanswered, values};
use crate::store::unanswered::AnswerState;
use crate::store::visibility::Visibility;

use super::finding::{Findings, Part, StoreFinding};

/// A number that no row has.
const UNKNOWN: i64 = i64::MIN;

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) struct Looked {
    /// Resources
    pub(in crate::store) resources: u64,
    /// Rows of the index
    pub(in crate::store) rows: u64,
}

/// Checks every resource, or one of so many. Without an index only the documents are.
pub(in crate::store) fn check(
    connection: &dyn Database,
    index: Option<&Index>,
    one_of: NonZeroU64,
) -> Result<(Looked, Vec<StoreFinding>)> {
    let (mut documents, mut entries) = (Findings::of(Part::Documents), Findings::of(Part::Index));
    let mut looked = Looked::default();
    let mut counted = match index {
        Some(index) => count_rows(connection, index, one_of)?,
        None => HashMap::new(),
    };
    let sql = "SELECT id, updated FROM resource WHERE version > 0 AND id % ?1 = 0 ORDER BY id";
    connection.each_row(sql, values![step(one_of)], Wanted::Some, &mut |row| {
        let (id, updated): (i64, i64) = (row.get(0)?, row.get(1)?);
        let found = counted.remove(&id).unwrap_or(0);
        let stored = match read::newest(connection, Visibility::All, id) {
            Ok(Some(stored)) => stored,
            // That there is none is told of the references.
            Ok(None) => return Ok(ControlFlow::Continue(())),
            Err(error) => {
                documents.add(format!("the resource with the number {id} cannot be read: {error}"));
                return Ok(ControlFlow::Continue(()));
            }
        };
        looked.resources += 1;
        if let Some(wrong) = disagreement(&stored) {
            documents.add(format!("{}, version {}: {wrong}", stored.key, stored.version));
        }
        if let Some(answer) = AnswerState::of(&stored.key, stored.whole())
            && unanswered::stored(connection, id)? != answer
        {
            documents.add(format!("{}: whether it waits for an answer is kept otherwise than it says", stored.key));
        }
        if let Some(index) = index {
            looked.rows += found;
            let expected = expected_rows(connection, index, &stored)?;
            let mut absent = 0;
            for row in &expected {
                absent += u64::from(!is_there(connection, row, id, updated)?);
            }
            if absent > 0 || found != expected.len() as u64 {
                let wanted = expected.len();
                entries.add(format!(
                    "{}: {wanted} rows should lead to it; {found} do, and {absent} of those that should are not there",
                    stored.key
                ));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if !counted.is_empty() {
        let (rows, resources) = (counted.values().sum::<u64>(), counted.len());
        entries.add(format!("{rows} rows lead to {resources} resources that are not there"));
    }
    let mut findings = documents.finish();
    findings.extend(entries.finish());
    Ok((looked, findings))
}

fn step(one_of: NonZeroU64) -> i64 {
    i64::try_from(one_of.get()).unwrap_or(i64::MAX)
}

// === documents ===

/// What the document says of itself that its row says otherwise.
fn disagreement(stored: &Stored) -> Option<&'static str> {
    let root = stored.document.root();
    let meta = root.get("meta");
    let of_meta = |member| meta.and_then(|meta| meta.str(member)).unwrap_or_default();
    let is = |member, expected: &str| root.str(member).is_some_and(|found| found == expected);
    if !is("resourceType", &stored.key.kind) || !is("id", &stored.key.id) {
        return Some("the document is that of another resource");
    }
    if of_meta("versionId") != stored.version.to_string() {
        return Some("the document is that of another version");
    }
    let updated: Option<Timestamp> = of_meta("lastUpdated").parse().ok();
    (updated != Some(stored.updated)).then_some("the document says another time of its last change")
}

// === the index ===

/// A row of the index, but for the resource that it leads to.
#[derive(Debug, PartialEq, Eq, Hash)]
enum ExpectedRow {
    Token { parameter: i64, value: String, system: i64 },
    Reference { parameter: i64, target: i64 },
    Text { parameter: i64, value: String },
    Date { parameter: i64, low: i64, high: i64 },
}

/// How many rows of the index lead to each resource.
fn count_rows(connection: &dyn Database, index: &Index, one_of: NonZeroU64) -> Result<HashMap<i64, u64>> {
    // Where a database holds several indexes beside each other, those of the others are theirs.
    let of_others = match index.generation {
        0 => String::new(),
        number => format!(" AND parameter NOT IN (SELECT p.id FROM parameter p WHERE p.generation <> {number})"),
    };
    let sql = format!(
        "SELECT resource, count(*) FROM (
             SELECT resource, parameter FROM token UNION ALL SELECT resource, parameter FROM reference
             UNION ALL SELECT resource, parameter FROM text UNION ALL SELECT resource, parameter FROM date) q
         WHERE resource % ?1 = 0{of_others} GROUP BY resource"
    );
    let mut counted = HashMap::new();
    connection.each_row(&sql, values![step(one_of)], Wanted::Some, &mut |row| {
        counted.insert(row.get(0)?, row.get::<i64>(1)?.cast_unsigned());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(counted)
}

/// The rows that a resource is found by, each once.
fn expected_rows(connection: &dyn Database, index: &Index, stored: &Stored) -> Result<HashSet<ExpectedRow>> {
    let entries = index.definition.entries(stored.whole())?;
    entries.iter().map(|entry| expected_row(connection, index, entry)).collect()
}

/// The row of an entry. What has no number in the database yet is in no row of it: then the number is one that no row has.
fn expected_row(connection: &dyn Database, index: &Index, entry: &IndexEntry) -> Result<ExpectedRow> {
    let parameter = index.id(entry.parameter);
    let verbatim = |value: &String| ExpectedRow::Token { parameter, value: value.clone(), system: VERBATIM };
    Ok(match &entry.value {
        IndexValue::Token { system, code } => {
            let system = match system {
                Some(uri) => keys::system(connection, uri)?.unwrap_or(UNKNOWN),
                None => NO_SYSTEM,
            };
            ExpectedRow::Token { parameter, value: code.clone(), system }
        }
        IndexValue::Reference(key) => {
            let target = keys::resource(connection, &key.kind, &key.id)?.unwrap_or(UNKNOWN);
            ExpectedRow::Reference { parameter, target }
        }
        IndexValue::Uri(text) | IndexValue::ReferenceUrl(text) | IndexValue::Exact(text) => verbatim(text),
        IndexValue::Text(text) => ExpectedRow::Text { parameter, value: text.clone() },
        IndexValue::Date { low, high } => ExpectedRow::Date { parameter, low: *low, high: *high },
    })
}

/// Does this row lead to this resource?
fn is_there(connection: &dyn Database, row: &ExpectedRow, resource: i64, updated: i64) -> Result<bool> {
    match row {
        ExpectedRow::Token { parameter, value, system } => connection.exists(
            "SELECT 1 FROM token WHERE parameter = ?1 AND value = ?2 AND updated = ?3 AND resource = ?4 AND system = ?5",
            values![parameter, value, updated, resource, system],
        ),
        ExpectedRow::Reference { parameter, target } => connection.exists(
            "SELECT 1 FROM reference WHERE parameter = ?1 AND target = ?2 AND updated = ?3 AND resource = ?4",
            values![parameter, target, updated, resource],
        ),
        ExpectedRow::Text { parameter, value } => connection.exists(
            "SELECT 1 FROM text WHERE parameter = ?1 AND value = ?2 AND updated = ?3 AND resource = ?4",
            values![parameter, value, updated, resource],
        ),
        ExpectedRow::Date { parameter, low, high } => connection.exists(
            "SELECT 1 FROM date WHERE parameter = ?1 AND high = ?2 AND low = ?3 AND resource = ?4",
            values![parameter, high, low, resource],
        ),
    }
}
