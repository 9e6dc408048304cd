//! The SQL of one criterion: once as a question about a resource `r` at hand, once as the set of all resources that meet
//! it.

use crate::store::query::Prefix;
use crate::store::search::criterion::{CodeSystem, Criterion};

use super::sql::Sql;
use crate::store::sql::Dialect;

/// Does the resource `r` meet it? `r.updated` and `r.id` have to be at hand, for ids `r.logical`.
pub(super) fn asked_of_resource(dialect: Dialect, criterion: &Criterion) -> Sql {
    let mut sql = Sql::default();
    match criterion {
        Criterion::Nothing => sql.push("FALSE"),
        Criterion::Token { parameter, value, system } => sql
            .with("EXISTS (SELECT 1 FROM token t WHERE t.parameter = ?", *parameter)
            .with(" AND t.value = ? AND t.updated = r.updated AND t.resource = +r.id", value.clone())
            .append(code_system(*system, "t"))
            .push(")"),
        Criterion::Reference { parameter, target } => sql
            .with("EXISTS (SELECT 1 FROM reference t WHERE t.parameter = ?", *parameter)
            .with(" AND t.target = ? AND t.updated = r.updated AND t.resource = +r.id)", *target),
        Criterion::Date { parameter, prefix, low, high } => sql
            .with("EXISTS (SELECT 1 FROM date t WHERE t.resource = +r.id AND t.parameter = ? AND ", *parameter)
            .append(compare_interval(*prefix, (*low, *high), ("t.low", "t.high")))
            .push(")"),
        Criterion::Id(id) => sql.with("r.logical = ?", id.clone()),
        Criterion::Updated { prefix, low, high } => {
            sql.append(compare_interval(*prefix, (*low, *high), ("r.updated", "r.updated")))
        }
        Criterion::Start { parameter, text } => sql
            .with("EXISTS (SELECT 1 FROM text t WHERE t.resource = +r.id AND t.parameter = ?", *parameter)
            .append(begins_with(text))
            .push(")"),
        Criterion::Anywhere { parameter, text } => sql
            .with("EXISTS (SELECT 1 FROM text t WHERE t.resource = +r.id AND t.parameter = ?", *parameter)
            .with(&format!(" AND {})", dialect.contains("t.value", "?")), text.clone()),
        // No index leads from the resource to these rows, so the set is made once and asked.
        Criterion::OfSystem { .. } => sql.push("r.id IN (").append(all(dialect, criterion)).push(")"),
    };
    sql
}

/// All resources of the parameter's type that meet it; those that may be many without an index to find them by,
/// too. Ids and times of change belong to no parameter and are not asked for here.
pub(super) fn all(dialect: Dialect, criterion: &Criterion) -> Sql {
    let mut sql = Sql::default();
    match criterion {
        Criterion::Nothing | Criterion::Id(_) | Criterion::Updated { .. } => {
            sql.push("SELECT id AS resource FROM resource WHERE FALSE")
        }
        Criterion::Token { parameter, value, system } => sql
            .with("SELECT t.resource FROM token t WHERE t.parameter = ?", *parameter)
            .with(" AND t.value = ?", value.clone())
            .append(code_system(*system, "t")),
        Criterion::OfSystem { parameter, system } => sql
            .with("SELECT t.resource FROM token t WHERE t.parameter = ?", *parameter)
            .with(" AND t.system = ?", *system),
        Criterion::Reference { parameter, target } => sql
            .with("SELECT t.resource FROM reference t WHERE t.parameter = ?", *parameter)
            .with(" AND t.target = ?", *target),
        Criterion::Start { parameter, text } => {
            sql.with("SELECT t.resource FROM text t WHERE t.parameter = ?", *parameter).append(begins_with(text))
        }
        Criterion::Anywhere { parameter, text } => sql
            .with("SELECT t.resource FROM text t WHERE t.parameter = ?", *parameter)
            .with(&format!(" AND {}", dialect.contains("t.value", "?")), text.clone()),
        Criterion::Date { parameter, prefix, low, high } => sql
            .with("SELECT t.resource FROM date t WHERE t.parameter = ? AND ", *parameter)
            .append(compare_interval(*prefix, (*low, *high), ("t.low", "t.high"))),
    };
    sql
}

/// That a row of `text` begins with this, as a condition on it.
fn begins_with(text: &str) -> Sql {
    let mut sql = Sql::default();
    sql.with(" AND t.value >= ?", text.to_owned());
    if let Some(after) = after(text) {
        sql.with(" AND t.value < ?", after);
    }
    sql
}

/// The code system as a condition on a row of `token`.
pub(super) fn code_system(system: CodeSystem, table: &str) -> Sql {
    let mut sql = Sql::default();
    match system {
        CodeSystem::Any => sql.push(&format!(" AND {table}.system >= 0")),
        CodeSystem::Is(system) => sql.with(&format!(" AND {table}.system = ?"), system),
    };
    sql
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
