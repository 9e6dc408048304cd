//! One condition of a search by ids, and the SQL that it is: once as a question about a resource `r` at hand, once as
//! the set of all resources that meet it.

use rusqlite::Connection;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::store::query::{Condition, Prefix, SystemTest, TextTest};

use super::sql::Sql;
use crate::store::sqlite::keys;
use crate::store::sqlite::rows::{NO_SYSTEM, VERBATIM};

/// What one value may meet, by ids.
#[derive(Debug, Clone)]
pub(super) enum Find {
    /// Nothing meets it: it names what is in no row
    Nothing,
    /// A row of `token` with this value
    Token { parameter: i64, value: String, system: System },
    /// A row of `token` with this system, whatever its value
    OfSystem { parameter: i64, system: i64 },
    /// A row of `reference`
    Reference { parameter: i64, target: i64 },
    /// A row of `text` that begins so
    Start { parameter: i64, text: String },
    /// A row of `text` that holds this
    Anywhere { parameter: i64, text: String },
    /// A row of `date`
    Date { parameter: i64, prefix: Prefix, low: i64, high: i64 },
    /// The logical id
    Id(String),
    /// `meta.lastUpdated`
    Updated { prefix: Prefix, low: i64, high: i64 },
}

/// What the system of a token row has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// Any, or none; but a code, not a text or a URL
    Any,
    /// This one, or one of the words that stand in its place
    Is(i64),
}

/// The conditions by ids that this one is; several where the type of a reference's target is left open. `parameter` is
/// of no account for ids and times of change.
pub(super) fn resolve(connection: &Connection, parameter: i64, condition: &Condition) -> Result<Vec<Find>> {
    let verbatim = |value: &str| Find::Token { parameter, value: value.to_owned(), system: System::Is(VERBATIM) };
    Ok(vec![match condition {
        Condition::Id(id) => Find::Id(id.clone()),
        Condition::Date { prefix, low, high } if parameter == 0 => {
            Find::Updated { prefix: *prefix, low: *low, high: *high }
        }
        Condition::Date { prefix, low, high } => Find::Date { parameter, prefix: *prefix, low: *low, high: *high },
        Condition::Token { system, code } => token(connection, parameter, system, code.as_deref())?,
        Condition::Reference(key) => reference(connection, parameter, key)?,
        Condition::ReferenceId { id, kinds } => return references(connection, parameter, id, kinds),
        Condition::ReferenceUrl(url) | Condition::Uri(url) => verbatim(url),
        Condition::Text { text, how: TextTest::Exact } => verbatim(text),
        Condition::Text { text, how: TextTest::Start } => Find::Start { parameter, text: text.clone() },
        Condition::Text { text, how: TextTest::Anywhere } => Find::Anywhere { parameter, text: text.clone() },
    }])
}

fn token(connection: &Connection, parameter: i64, system: &SystemTest, code: Option<&str>) -> Result<Find> {
    let system = match system {
        SystemTest::Any => System::Any,
        SystemTest::None => System::Is(NO_SYSTEM),
        SystemTest::Is(uri) => match keys::system(connection, uri)? {
            Some(id) => System::Is(id),
            None => return Ok(Find::Nothing),
        },
    };
    Ok(match (code, system) {
        (Some(code), system) => Find::Token { parameter, value: code.to_owned(), system },
        (None, System::Is(system)) => Find::OfSystem { parameter, system },
        (None, System::Any) => Find::Nothing,
    })
}

fn reference(connection: &Connection, parameter: i64, key: &ResourceKey) -> Result<Find> {
    let target = keys::resource(connection, &key.kind, &key.id)?;
    Ok(target.map_or(Find::Nothing, |target| Find::Reference { parameter, target }))
}

fn references(connection: &Connection, parameter: i64, id: &str, kinds: &[String]) -> Result<Vec<Find>> {
    let mut statement = connection.prepare_cached(
        "SELECT k.name, r.id FROM kind k CROSS JOIN resource r WHERE r.kind = k.id AND r.logical = ?1",
    )?;
    let mut rows = statement.query([id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(0)?;
        if kinds.is_empty() || kinds.contains(&kind) {
            found.push(Find::Reference { parameter, target: row.get(1)? });
        }
    }
    Ok(found)
}

impl Find {
    /// Does the resource `r` meet it? `r.updated` and `r.id` have to be at hand, for ids `r.logical`.
    pub(super) fn asked_of_resource(&self) -> Sql {
        let mut sql = Sql::default();
        match self {
            Self::Nothing => sql.push("0"),
            Self::Token { parameter, value, system } => sql
                .with("EXISTS (SELECT 1 FROM token t WHERE t.parameter = ?", *parameter)
                .with(" AND t.value = ? AND t.updated = r.updated AND t.resource = +r.id", value.clone())
                .append(system.condition("t"))
                .push(")"),
            Self::Reference { parameter, target } => sql
                .with("EXISTS (SELECT 1 FROM reference t WHERE t.parameter = ?", *parameter)
                .with(" AND t.target = ? AND t.updated = r.updated AND t.resource = +r.id)", *target),
            Self::Date { parameter, prefix, low, high } => sql
                .with("EXISTS (SELECT 1 FROM date t WHERE t.resource = +r.id AND t.parameter = ? AND ", *parameter)
                .append(compare_interval(*prefix, (*low, *high), ("t.low", "t.high")))
                .push(")"),
            Self::Id(id) => sql.with("r.logical = ?", id.clone()),
            Self::Updated { prefix, low, high } => {
                sql.append(compare_interval(*prefix, (*low, *high), ("r.updated", "r.updated")))
            }
            // No index leads from the resource to these rows, so the set is made once and asked.
            Self::OfSystem { .. } | Self::Start { .. } | Self::Anywhere { .. } => {
                sql.push("r.id IN (").append(self.all()).push(")")
            }
        };
        sql
    }

    /// All resources of the parameter's type that meet it; those that may be many without an index to find them by,
    /// too. Ids and times of change belong to no parameter and are not asked for here.
    pub(super) fn all(&self) -> Sql {
        let mut sql = Sql::default();
        match self {
            Self::Nothing | Self::Id(_) | Self::Updated { .. } => {
                sql.push("SELECT id AS resource FROM resource WHERE 0")
            }
            Self::Token { parameter, value, system } => sql
                .with("SELECT t.resource FROM token t WHERE t.parameter = ?", *parameter)
                .with(" AND t.value = ?", value.clone())
                .append(system.condition("t")),
            Self::OfSystem { parameter, system } => sql
                .with("SELECT t.resource FROM token t WHERE t.parameter = ?", *parameter)
                .with(" AND t.system = ?", *system),
            Self::Reference { parameter, target } => sql
                .with("SELECT t.resource FROM reference t WHERE t.parameter = ?", *parameter)
                .with(" AND t.target = ?", *target),
            Self::Start { parameter, text } => {
                sql.with("SELECT t.resource FROM text t WHERE t.parameter = ?", *parameter)
                    .with(" AND t.value >= ?", text.clone());
                match after(text) {
                    Some(after) => sql.with(" AND t.value < ?", after),
                    None => &mut sql,
                }
            }
            Self::Anywhere { parameter, text } => sql
                .with("SELECT t.resource FROM text t WHERE t.parameter = ?", *parameter)
                .with(" AND instr(t.value, ?) > 0", text.clone()),
            Self::Date { parameter, prefix, low, high } => sql
                .with("SELECT t.resource FROM date t WHERE t.parameter = ? AND ", *parameter)
                .append(compare_interval(*prefix, (*low, *high), ("t.low", "t.high"))),
        };
        sql
    }

    /// Does an index lead to all resources that meet it, without a look at others?
    pub(super) fn is_indexed(&self) -> bool {
        match self {
            Self::Nothing | Self::Token { .. } | Self::Reference { .. } | Self::Start { .. } => true,
            Self::OfSystem { .. } | Self::Anywhere { .. } | Self::Id(_) | Self::Updated { .. } => false,
            Self::Date { prefix, .. } => !matches!(prefix, Prefix::Ne | Prefix::Lt | Prefix::Le),
        }
    }
}

impl System {
    /// As a condition on a row of `token`.
    pub(super) fn condition(self, table: &str) -> Sql {
        let mut sql = Sql::default();
        match self {
            Self::Any => sql.push(&format!(" AND {table}.system >= 0")),
            Self::Is(system) => sql.with(&format!(" AND {table}.system = ?"), system),
        };
        sql
    }
}

/// How an interval in two columns has to lie to the one asked for: the words of [`Prefix::holds`]. The end of the
/// interval is bounded first wherever it can be, because that is what the index is in order of.
pub(super) fn compare_interval(prefix: Prefix, asked: (i64, i64), columns: (&str, &str)) -> Sql {
    let ((from, to), (low, high)) = (asked, columns);
    let mut sql = Sql::default();
    match prefix {
        Prefix::Eq => sql
            .with(&format!("({high} >= ?"), from)
            .with(&format!(" AND {high} <= ?"), to)
            .with(&format!(" AND {low} >= ?)"), from),
        Prefix::Ne => sql.with(&format!("({low} < ?"), from).with(&format!(" OR {high} > ?)"), to),
        Prefix::Gt => sql.with(&format!("{high} > ?"), to),
        Prefix::Lt => sql.with(&format!("{low} < ?"), from),
        Prefix::Ge => sql
            .with(&format!("({high} >= ?"), from)
            .with(&format!(" AND ({high} > ?"), to)
            .with(&format!(" OR {low} >= ?))"), from),
        Prefix::Le => sql.with(&format!("({low} < ?"), from).with(&format!(" OR {high} <= ?)"), to),
        Prefix::Sa => sql.with(&format!("({high} > ?"), to).with(&format!(" AND {low} > ?)"), to),
        Prefix::Eb => sql.with(&format!("{high} < ?"), from),
        Prefix::Ap => sql.with(&format!("({high} >= ?"), from).with(&format!(" AND {low} <= ?)"), to),
    };
    sql
}

/// The first text, in the order of bytes, that comes after all that begin with this one.
fn after(text: &str) -> Option<String> {
    let mut after = text.to_owned();
    while let Some(last) = after.pop() {
        // The code points of surrogates are no characters, and U+10FFFF is the last of all.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            after.push(next);
            return Some(after);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_all_that_begin_so() {
        for (text, expected) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("é", Some("ê")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(after(text).as_deref(), expected, "{text:?}");
        }
    }
}
