//! Where a search begins: the rows that candidates are taken from. Every other condition is asked of each candidate, so
//! the beginning decides what a search costs.
//!
//! Sources are counted, up to a bound, and the smallest one is taken. Where all are large, a source that stands in the
//! order wanted is: candidates are then looked at only until the page is full.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::error::Result;

use super::find::{self, Find, System};
use super::order::Order;
use super::sql::Sql;
use crate::store::sqlite::read::Visibility;

/// How far a source is counted. Looking at this many candidates takes some milliseconds.
const COUNTED: i64 = 2000;

/// So few candidates that looking for fewer is not worth it.
const FEW: i64 = 50;

/// See the module head.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Rows of `token` with one value, in the order of change
    Token { parameter: i64, value: String, system: System },
    /// Rows of `reference` with one target, in the order of change
    Reference { parameter: i64, target: i64 },
    /// The resources of several sets
    Set(Vec<Sql>),
    /// All resources of the type, in any order that the search may want
    Kind,
}

impl Source {
    /// The source of the resources that meet one of these conditions, if an index leads to them.
    pub(super) fn of(finds: &[Find], kind: i64) -> Option<Self> {
        if let [find] = finds {
            match find {
                Find::Token { parameter, value, system } => {
                    return Some(Self::Token { parameter: *parameter, value: value.clone(), system: *system });
                }
                Find::Reference { parameter, target } => {
                    return Some(Self::Reference { parameter: *parameter, target: *target });
                }
                _ => {}
            }
        }
        let mut pieces = Vec::with_capacity(finds.len());
        for find in finds {
            if let Find::Id(id) = find {
                let mut sql = Sql::new("SELECT id AS resource FROM resource WHERE kind = ");
                sql.with("?", kind).with(" AND logical = ?", id.clone());
                pieces.push(sql);
            } else if find.is_indexed() {
                pieces.push(find.all());
            } else {
                return None;
            }
        }
        Some(Self::Set(pieces))
    }

    /// All that the Organization sees of the type.
    pub(super) fn seen(organization: i64, kind: i64) -> Self {
        let mut shared = Sql::new("SELECT resource FROM seen WHERE organization = ");
        shared.with("?", organization).with(" AND kind = ?", kind);
        let mut sent = Sql::new("SELECT id AS resource FROM resource WHERE author = ");
        sent.with("?", organization).with(" AND author > 0 AND kind = ?", kind);
        let mut public = Sql::new("SELECT id AS resource FROM resource WHERE public = 1 AND kind = ");
        public.with("?", kind);
        Self::Set(vec![shared, sent, public])
    }

    /// The best of the sources for this search.
    pub(super) fn best(
        connection: &Connection,
        mut sources: Vec<Self>,
        eyes: Visibility,
        kind: i64,
        order: &Order,
        changed: &[Vec<Find>],
    ) -> Result<Self> {
        if let Visibility::Of(organization) = eyes {
            sources.push(Self::seen(organization, kind));
        }
        let mut best: Option<(i64, usize)> = None;
        for (position, source) in sources.iter().enumerate() {
            if best.is_some_and(|(least, _)| least <= FEW) {
                break;
            }
            let count = source.count(connection, changed)?;
            if count < best.map_or(COUNTED, |(least, _)| least) {
                best = Some((count, position));
            }
        }
        let ordered = || sources.iter().position(|source| source.is_in(order));
        let chosen = best.map(|(_, position)| position).or_else(ordered);
        Ok(chosen.map_or(Self::Kind, |position| sources.swap_remove(position)))
    }

    /// Do its rows come in this order?
    pub(super) fn is_in(&self, order: &Order) -> bool {
        matches!(self, Self::Token { .. } | Self::Reference { .. }) && order.is_by_change()
    }

    /// How many rows it has, up to the bound.
    fn count(&self, connection: &Connection, changed: &[Vec<Find>]) -> Result<i64> {
        let rows = |find: Find| {
            let mut sql = find.all();
            sql.append(self::changed(changed, "t.updated"));
            vec![sql]
        };
        let sets = match self {
            Self::Token { parameter, value, system } => {
                rows(Find::Token { parameter: *parameter, value: value.clone(), system: *system })
            }
            Self::Reference { parameter, target } => rows(Find::Reference { parameter: *parameter, target: *target }),
            Self::Set(sets) => sets.clone(),
            Self::Kind => return Ok(COUNTED),
        };
        let mut sql = Sql::new("SELECT count(*) FROM (");
        sql.append(union(sets, " UNION ALL ")).with(" LIMIT ?)", COUNTED);
        Ok(connection.prepare_cached(sql.text())?.query_row(params_from_iter(sql.values()), |row| row.get(0))?)
    }

    /// `FROM ... WHERE ...` of this source, with its candidates as `r`; what follows begins with ` AND `.
    pub(super) fn from(&self, kind: i64, order: &Order) -> Sql {
        let mut sql = Sql::default();
        match self {
            Self::Token { parameter, value, system } => sql
                .with(" FROM token d CROSS JOIN resource r WHERE d.parameter = ?", *parameter)
                .with(" AND d.value = ?", value.clone())
                .append(system.condition("d"))
                .push(" AND r.id = d.resource"),
            Self::Reference { parameter, target } => sql
                .with(" FROM reference d CROSS JOIN resource r WHERE d.parameter = ?", *parameter)
                .with(" AND d.target = ? AND r.id = d.resource", *target),
            Self::Set(set) => sql
                .push(" FROM (")
                .append(union(set.clone(), " UNION "))
                .with(") d CROSS JOIN resource r WHERE r.id = d.resource AND r.version > 0 AND r.kind = ?", kind),
            Self::Kind => {
                let index = if order.is_by_change() { "resource_kind" } else { "resource_key" };
                sql.with(
                    &format!(" FROM resource r INDEXED BY {index} WHERE r.version > 0 AND r.kind = ?"),
                    Value::from(kind),
                )
            }
        };
        sql
    }

    /// The names of lastUpdated and of the id, by which the source is in order.
    pub(super) fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Token { .. } | Self::Reference { .. } => ("d.updated", "d.resource"),
            Self::Set(_) | Self::Kind => ("r.updated", "r.id"),
        }
    }
}

/// When a resource has to have changed, by the column of this name; begins with ` AND ` if it is anything.
pub(super) fn changed(changed: &[Vec<Find>], updated: &str) -> Sql {
    let mut sql = Sql::default();
    for any in changed {
        let any = any.iter().filter_map(|find| match find {
            Find::Updated { prefix, low, high } => {
                Some(find::compare_interval(*prefix, (*low, *high), (updated, updated)))
            }
            _ => None,
        });
        sql.push(" AND ").joined(any.collect(), " OR ", "0");
    }
    sql
}

/// The sets as one.
fn union(sets: Vec<Sql>, by: &str) -> Sql {
    // The empty set first: a union of one set, too, has each resource once.
    let mut sql = Sql::new("SELECT 0 AS resource WHERE 0");
    for set in sets {
        sql.push(by).append(set);
    }
    sql
}
