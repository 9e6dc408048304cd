//! The audit log, as it is stored.

use std::fmt::Write as _;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, AuditOutcome};
use crate::store::audit_chain::{AuditRow, ChainEnd, START};
use crate::store::audit_log::{AuditPage, AuditQuery};

use super::read::moment;
use super::value::OwnedValue;
use super::{Ask, Database, Dialect, Row, Value, keys, values};

/// The columns of a row, for [`row`].
pub(in crate::store) const COLUMNS: &str = "id, chain, number, previous, hash, at, action, outcome, client, organization, request, correlation, \
                       subject, entities, detail";

/// The rows that are wanted.
pub(in crate::store) fn rows(connection: &dyn Database, query: &AuditQuery) -> Result<AuditPage> {
    let asked = condition(connection, query)?;
    let mut values = asked.values();
    let order = if query.descending { "DESC" } else { "ASC" };
    // One more than is wanted tells whether there is another page.
    let limit = query.limit.saturating_add(1);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE {} ORDER BY id {order} LIMIT ?{}", asked.sql, values.len());
    let mut rows: Vec<AuditRow> = connection.rows(&sql, &values, row)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = if more { rows.last().map(|row| row.position) } else { None };
    Ok(AuditPage { rows, next })
}

/// How many rows are wanted.
pub(in crate::store) fn count(connection: &dyn Database, query: &AuditQuery) -> Result<u64> {
    let asked = condition(connection, query)?;
    let sql = format!("SELECT count(*) FROM audit WHERE {}", asked.sql);
    Ok(connection.number(&sql, &asked.values())?.cast_unsigned())
}

/// No resource has this id.
const NOT_THERE: i64 = -1;

/// Where the value stands in a condition that is added.
const VALUE: &str = "{}";

/// A condition, and the values in it.
struct Condition {
    sql: String,
    values: Vec<OwnedValue>,
}

impl Condition {
    fn add(&mut self, sql: &str, value: impl Into<OwnedValue>) {
        self.values.push(value.into());
        // Writing to a string does not fail.
        let value = format!("?{}", self.values.len());
        let _ = write!(self.sql, " AND {}", sql.replace(VALUE, &value));
    }

    fn values(&self) -> Vec<Value<'_>> {
        self.values.iter().map(Value::from).collect()
    }
}

fn condition(connection: &dyn Database, query: &AuditQuery) -> Result<Condition> {
    let dialect = connection.dialect();
    let mut condition = Condition { sql: "TRUE".to_owned(), values: Vec::new() };
    if let Some(since) = query.since {
        condition.add("at >= {}", since.as_millisecond());
    }
    if let Some(until) = query.until {
        condition.add("at <= {}", until.as_millisecond());
    }
    if let Some(client) = &query.client {
        condition.add("client = {}", client.as_str());
    }
    if let Some(organization) = &query.organization {
        condition.add("organization = {}", organization.as_str());
    }
    if let Some(subject) = &query.subject {
        let among = dialect.contains("' ' || entities || ' '", "' ' || {} || ' '");
        let sql = match dialect {
            // By the id that the resource had when the row was written. Each part has an index, which SQLite does not see where
            // they are told as one condition.
            Dialect::Sqlite => {
                let id = keys::resource(connection, &subject.kind, &subject.id)?;
                condition.values.push(id.unwrap_or(NOT_THERE).into());
                let about = format!("about = ?{}", condition.values.len());
                let parts = [&*about, "about IS NULL AND subject = {}", &*format!("entities IS NOT NULL AND {among}")];
                let parts = parts.map(|part| format!("SELECT id FROM audit WHERE {part}"));
                format!("id IN ({})", parts.join(" UNION ALL "))
            }
            Dialect::Postgres => format!("(subject = {{}} OR (entities IS NOT NULL AND {among}))"),
        };
        condition.add(&sql, subject.to_string());
    }
    if let Some(outcome) = query.outcome {
        condition.add("outcome = {}", outcome.code());
    }
    if let Some(cursor) = query.cursor {
        condition.add(if query.descending { "id < {}" } else { "id > {}" }, cursor.cast_signed());
    }
    if !query.actions.is_empty() {
        let first = condition.values.len() + 1;
        let places: Vec<String> = (first..first + query.actions.len()).map(|place| format!("?{place}")).collect();
        condition.values.extend(query.actions.iter().map(|action| OwnedValue::from(&**action)));
        let _ = write!(condition.sql, " AND action IN ({})", places.join(", "));
    }
    Ok(condition)
}

/// The row with this number of this chain.
pub(in crate::store) fn one(connection: &dyn Database, chain: &str, number: u64) -> Result<Option<AuditRow>> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain = ?1 AND number = ?2");
    connection.row(&sql, values![chain, number.cast_signed()], row)
}

/// Where each chain ends, as it was noted; of a chain that only rows speak of, that it has none.
pub(in crate::store) fn ends(connection: &dyn Database) -> Result<Vec<ChainEnd>> {
    connection.rows(
        "SELECT chain, number, hash FROM audit_chain
         UNION ALL
         SELECT DISTINCT chain, 0, CAST(NULL AS bytea) FROM audit
         WHERE chain IS NOT NULL AND chain NOT IN (SELECT chain FROM audit_chain)
         ORDER BY chain",
        values![],
        |row| {
            let (number, hash) = (row.get::<i64>(1)?.cast_unsigned(), row.get::<Option<_>>(2)?);
            Ok(ChainEnd { chain: row.get(0)?, number, hash: hash.unwrap_or(START) })
        },
    )
}

/// The rows of a chain, or of none, after this number and position.
pub(in crate::store) fn chain(
    connection: &dyn Database,
    chain: &str,
    (number, position): (u64, u64),
    limit: usize,
) -> Result<Vec<AuditRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (number, position) = (number.cast_signed(), position.cast_signed());
    if chain.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
        return connection.rows(&sql, values![position, limit], row);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE chain = ?1 AND (number, id) > (?2, ?3) ORDER BY number, id LIMIT ?4"
    );
    connection.rows(&sql, values![chain, number, position, limit], row)
}

/// A row of [`COLUMNS`]. What is damaged is given as it can be read, so that it is found to be damaged.
pub(in crate::store) fn row(row: &Row<'_>) -> Result<AuditRow> {
    let outcome: String = row.get(7)?;
    let entities: Option<String> = row.get(13)?;
    let subject: Option<String> = row.get(12)?;
    let key = |text: &str| {
        let (kind, id) = text.split_once('/').unwrap_or((text, ""));
        ResourceKey::new(kind, id)
    };
    Ok(AuditRow {
        position: row.get::<i64>(0)?.cast_unsigned(),
        chain: row.get::<Option<String>>(1)?.unwrap_or_default(),
        number: row.get::<Option<i64>>(2)?.unwrap_or_default().cast_unsigned(),
        previous: row.get::<Option<Vec<u8>>>(3)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START),
        hash: row.get::<Option<Vec<u8>>>(4)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START),
        entry: AuditEntry {
            at: moment(row.get(5)?)?,
            action: row.get::<String>(6)?.into(),
            outcome: AuditOutcome::from_code(&outcome),
            client: row.get(8)?,
            organization: row.get(9)?,
            request: row.get(10)?,
            correlation: row.get(11)?,
            subject: subject.as_deref().map(key),
            entities: entities.iter().flat_map(|keys| keys.split(' ')).map(key).collect(),
            detail: row.get(14)?,
        },
    })
}
