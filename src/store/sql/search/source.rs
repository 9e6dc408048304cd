//! The SQL of a source: `FROM ... WHERE ...`, and how many rows it has.

use crate::error::Result;
use crate::store::search::criterion::Criterion;
use crate::store::search::order::Order;
use crate::store::search::source::{CandidateSet, MAX_COUNTED, Source};

use super::criterion::{self, code_system, compare_interval};
use super::sql::Sql;
use crate::store::sql::{Ask, Database, Dialect};

/// How many rows the source has, up to the bound.
pub(super) fn count(connection: &dyn Database, source: &Source, changed: &[Vec<Criterion>]) -> Result<i64> {
    let dialect = connection.dialect();
    let rows = |criterion: Criterion| {
        let mut sql = criterion::all(dialect, &criterion);
        sql.append(self::changed(changed, "t.updated"));
        vec![sql]
    };
    let sets = match source {
        Source::Token { parameter, value, system } => {
            rows(Criterion::Token { parameter: *parameter, value: value.clone(), system: *system })
        }
        Source::Reference { parameter, target } => {
            rows(Criterion::Reference { parameter: *parameter, target: *target })
        }
        Source::Sets(sets) => sets.iter().map(|set| candidates(dialect, set)).collect(),
        Source::Kind => return Ok(MAX_COUNTED),
    };
    let mut sql = Sql::new("SELECT count(*) FROM (");
    sql.append(union(sets, " UNION ALL ")).with(" LIMIT ?) c", MAX_COUNTED);
    connection.number(sql.text(), &sql.values())
}

/// The number of candidates of a source that one index has, without looking at any of them.
pub(super) fn count_index(source: &Source) -> Option<Sql> {
    let mut sql = Sql::new("SELECT count(DISTINCT d.resource) FROM ");
    match source {
        Source::Token { parameter, value, system } => sql
            .with("token d WHERE d.parameter = ?", *parameter)
            .with(" AND d.value = ?", value.clone())
            .append(code_system(*system, "d")),
        Source::Reference { parameter, target } => {
            sql.with("reference d WHERE d.parameter = ?", *parameter).with(" AND d.target = ?", *target)
        }
        Source::Sets(_) | Source::Kind => return None,
    };
    Some(sql)
}

/// `FROM ... WHERE ...` of the source, with its candidates as `r`; what follows begins with ` AND `.
pub(super) fn from(dialect: Dialect, source: &Source, kind: i64, order: &Order) -> Sql {
    let mut sql = Sql::default();
    match source {
        Source::Token { parameter, value, system } => sql
            .with(" FROM token d CROSS JOIN resource r WHERE d.parameter = ?", *parameter)
            .with(" AND d.value = ?", value.clone())
            .append(code_system(*system, "d"))
            .push(" AND r.id = d.resource"),
        Source::Reference { parameter, target } => sql
            .with(" FROM reference d CROSS JOIN resource r WHERE d.parameter = ?", *parameter)
            .with(" AND d.target = ? AND r.id = d.resource", *target),
        Source::Sets(sets) => sql
            .push(" FROM (")
            .append(union(sets.iter().map(|set| candidates(dialect, set)).collect(), " UNION "))
            .with(") d CROSS JOIN resource r WHERE r.id = d.resource AND r.version > 0 AND r.kind = ?", kind),
        Source::Kind => {
            let index = if order.is_by_change() { "resource_kind" } else { "resource_key" };
            let indexed = dialect.indexed_by(index);
            sql.with(&format!(" FROM resource r{indexed} WHERE r.version > 0 AND r.kind = ?"), kind)
        }
    };
    sql
}

/// The names of lastUpdated and of the id, by which the source is in order.
pub(super) fn names(source: &Source) -> (&'static str, &'static str) {
    match source {
        Source::Token { .. } | Source::Reference { .. } => ("d.updated", "d.resource"),
        Source::Sets(_) | Source::Kind => ("r.updated", "r.id"),
    }
}

/// When a resource has to have changed, by the column of this name; begins with ` AND ` if it is anything.
pub(super) fn changed(changed: &[Vec<Criterion>], updated: &str) -> Sql {
    let mut sql = Sql::default();
    for any in changed {
        let any = any.iter().filter_map(|criterion| match criterion {
            Criterion::Updated { prefix, low, high } => {
                Some(compare_interval(*prefix, (*low, *high), (updated, updated)))
            }
            _ => None,
        });
        sql.push(" AND ").joined(any.collect(), " OR ", "FALSE");
    }
    sql
}

/// One set of candidates.
fn candidates(dialect: Dialect, set: &CandidateSet) -> Sql {
    let mut sql = Sql::default();
    match set {
        CandidateSet::Meets(criterion) => return criterion::all(dialect, criterion),
        CandidateSet::Logical { kind, logical } => sql
            .with("SELECT id AS resource FROM resource WHERE kind = ?", *kind)
            .with(" AND logical = ?", logical.clone()),
        CandidateSet::SharedWith { organization, kind } => {
            sql.with("SELECT resource FROM seen WHERE organization = ?", *organization).with(" AND kind = ?", *kind)
        }
        CandidateSet::SentBy { organization, kind } => sql
            .with("SELECT id AS resource FROM resource WHERE author = ?", *organization)
            .with(" AND author > 0 AND kind = ?", *kind),
        CandidateSet::Public { kind } => {
            sql.with("SELECT id AS resource FROM resource WHERE public = 1 AND kind = ?", *kind)
        }
    };
    sql
}

/// So many sets one statement joins; more are joined by parts (SQLite takes 500).
const MAX_UNITED: usize = 400;

/// The sets as one.
fn union(sets: Vec<Sql>, by: &str) -> Sql {
    // The empty set first: a union of one set, too, has each resource once.
    let mut sql = Sql::new("SELECT 0 AS resource WHERE FALSE");
    if sets.len() <= MAX_UNITED {
        for set in sets {
            sql.push(by).append(set);
        }
        return sql;
    }
    let mut rest = sets.into_iter().peekable();
    while rest.peek().is_some() {
        let part = union(rest.by_ref().take(MAX_UNITED).collect(), by);
        sql.push(by).push("SELECT resource FROM (").append(part).push(") u");
    }
    sql
}
