//! Search (<https://hl7.org/fhir/R4/search.html>) over the index: the SQL of a [`Query`], with the eyes of a scope.
//!
//! What a query means is said by [`Query::matches`]; here is how it is found without looking at everything. A search
//! takes its candidates from one source, asks every other condition of each, and reads no document but those of its page.

mod find;
mod include;
mod order;
mod source;
mod sql;

use rusqlite::{Connection, params_from_iter};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::scope::Scope;
use crate::store::Page;
use crate::store::index::ParameterKind;
use crate::store::query::{Clause, Condition, Query, Subject, Test};

use super::index::Index;
use super::keys;
use super::read::{self, Visibility};
use find::Find;
use order::{Order, Spot};
use source::Source;
use sql::Sql;

/// A search by ids, ready to be asked in several ways.
struct Search {
    kind: i64,
    eyes: Visibility,
    order: Order,
    source: Source,
    /// When the resource has to have changed: of each list one
    changed: Vec<Vec<Find>>,
    /// Every other condition, asked of a candidate
    conditions: Vec<Sql>,
}

/// A page of what matches and is seen.
pub(super) fn search(connection: &Connection, index: &Index, scope: &Scope, query: &Query) -> Result<Page> {
    let Some(search) = Search::of(connection, index, scope, query)? else {
        return Ok(Page { total: Some(0), ..Page::default() });
    };
    if query.count_only {
        return Ok(Page { total: Some(search.count(connection)?), ..Page::default() });
    }
    let after = query.page.as_deref().map(|cursor| search.order.spot(cursor)).transpose()?;
    let mut spots = search.spots(connection, after.as_ref(), query.count + 1)?;
    let more = spots.len() > query.count;
    spots.truncate(query.count);
    let mut page = Page::default();
    for spot in &spots {
        page.matches.extend(read::newest(connection, spot.resource)?);
    }
    page.total = match (query.total, more || after.is_some()) {
        (true, true) => Some(search.count(connection)?),
        (_, false) => Some(spots.len() as u64),
        (false, true) => None,
    };
    page.next = spots.last().filter(|_| more).map(|last| search.order.cursor(last));
    page.included = include::included(connection, index, search.eyes, query, &spots, &page.matches)?;
    Ok(page)
}

/// The first match, if there is one.
pub(super) fn first(
    connection: &Connection,
    index: &Index,
    scope: &Scope,
    query: &Query,
) -> Result<Option<ResourceKey>> {
    let Some(search) = Search::of(connection, index, scope, query)? else { return Ok(None) };
    let first = search.spots(connection, None, 1)?.pop();
    Ok(first.map(|spot| ResourceKey::new(&query.kind, spot.logical)))
}

impl Search {
    /// Nothing where no resource of the type is known.
    fn of(connection: &Connection, index: &Index, scope: &Scope, query: &Query) -> Result<Option<Self>> {
        let Some(kind) = keys::kind(connection, &query.kind)? else { return Ok(None) };
        let (eyes, order) = (Visibility::of(connection, scope)?, Order::of(query));
        let (mut sources, mut changed, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
        let pair = index.derived.pair(query);
        let paired = |clause: &Clause| {
            let is_it = |number| clause.subject == Subject::Parameter(number);
            pair.as_ref().is_some_and(|(_, _, numbers)| numbers.iter().any(|number| is_it(*number)))
        };
        if let Some((number, conditions, _)) = &pair {
            sources.extend(Source::of(&finds(connection, index.id(*number), conditions)?, kind));
        }
        for clause in &query.clauses {
            let parameter = match clause.subject {
                Subject::Parameter(number) => index.id(number),
                Subject::Id | Subject::LastUpdated => 0,
            };
            match &clause.test {
                Test::Any(any) if clause.subject == Subject::LastUpdated => {
                    changed.push(finds(connection, parameter, any)?);
                }
                Test::Any(any) => {
                    let finds = finds(connection, parameter, any)?;
                    if !paired(clause) {
                        sources.extend(Source::of(&finds, kind));
                    }
                    conditions.push(any_of(&finds));
                }
                Test::None(none) => {
                    let mut sql = Sql::new("NOT ");
                    sql.append(any_of(&finds(connection, parameter, none)?));
                    conditions.push(sql);
                }
                Test::Missing(missing) => {
                    if let Some((number, condition)) = index.derived.absent(clause).filter(|_| *missing) {
                        sources.extend(Source::of(&finds(connection, index.id(number), &[condition])?, kind));
                    }
                    conditions.push(is_missing(index, clause, *missing));
                }
            }
        }
        let source = match sources.first() {
            // Nothing is narrower, and it is read only as far as the page goes.
            Some(first) if pair.is_some() && first.is_in(&order) => sources.remove(0),
            _ => Source::best(connection, sources, eyes, kind, &order, &changed)?,
        };
        Ok(Some(Self { kind, eyes, order, source, changed, conditions }))
    }

    /// `FROM ... WHERE ...`
    fn from(&self) -> Sql {
        let mut sql = self.source.from(self.kind, &self.order);
        let (updated, _) = self.source.names();
        sql.append(source::changed(&self.changed, updated));
        for condition in &self.conditions {
            sql.push(" AND ").append(condition.clone());
        }
        if let Visibility::Of(organization) = self.eyes {
            sql.with(" AND (r.author = ? OR r.public = 1 OR EXISTS (SELECT 1 FROM seen s", organization)
                .with(" WHERE s.organization = ? AND s.kind = r.kind AND s.resource = +r.id))", organization);
        }
        sql
    }

    /// Where up to `count` matches stand, in order, beginning after a place.
    fn spots(&self, connection: &Connection, after: Option<&Spot>, count: usize) -> Result<Vec<Spot>> {
        let (updated, resource) = self.source.names();
        let mut sql = Sql::new("SELECT r.id, r.updated, r.logical");
        sql.append(self.from());
        if let Some(spot) = after {
            sql.push(" AND ").append(self.order.after(spot, updated, resource));
        }
        sql.push(&self.order.by(updated, resource));
        let mut statement = connection.prepare_cached(sql.text())?;
        let mut rows = statement.query(params_from_iter(sql.values()))?;
        let mut spots: Vec<Spot> = Vec::new();
        while spots.len() < count {
            let Some(row) = rows.next()? else { break };
            let spot = Spot { resource: row.get(0)?, updated: row.get(1)?, logical: row.get(2)? };
            // A code that two systems have comes twice, one right behind the other.
            if spots.last() != Some(&spot) {
                spots.push(spot);
            }
        }
        Ok(spots)
    }

    fn count(&self, connection: &Connection) -> Result<u64> {
        let mut sql = Sql::new("SELECT count(DISTINCT r.id)");
        sql.append(self.from());
        let count: i64 =
            connection.prepare_cached(sql.text())?.query_row(params_from_iter(sql.values()), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }
}

/// These conditions by ids.
fn finds(connection: &Connection, parameter: i64, conditions: &[Condition]) -> Result<Vec<Find>> {
    let mut finds = Vec::with_capacity(conditions.len());
    for condition in conditions {
        finds.append(&mut find::resolve(connection, parameter, condition)?);
    }
    Ok(finds)
}

fn any_of(finds: &[Find]) -> Sql {
    let mut sql = Sql::default();
    sql.joined(finds.iter().map(Find::asked_of_resource).collect(), " OR ", "0");
    sql
}

/// Has the resource no value (or one) for the parameter of the clause?
fn is_missing(index: &Index, clause: &Clause, missing: bool) -> Sql {
    let Subject::Parameter(number) = clause.subject else {
        // Every resource has an id and a time of its last change.
        return Sql::new(if missing { "0" } else { "1" });
    };
    let tables: &[&str] = match index.parameters.parameter(number).map(|parameter| parameter.kind) {
        Some(ParameterKind::Token | ParameterKind::Uri) | None => &["token"],
        Some(ParameterKind::Reference) => &["reference", "token"],
        Some(ParameterKind::String) => &["text"],
        Some(ParameterKind::Date) => &["date"],
    };
    let has: Vec<Sql> = tables
        .iter()
        .map(|table| {
            let mut sql = Sql::default();
            sql.with(&format!("r.id IN (SELECT resource FROM {table} WHERE parameter = ?)"), index.id(number));
            sql
        })
        .collect();
    let mut sql = Sql::new(if missing { "NOT " } else { "" });
    sql.joined(has, " OR ", "0");
    sql
}
