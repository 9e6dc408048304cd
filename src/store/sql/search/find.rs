//! Finds what matches: the statement of a [`SearchPlan`], its rows, and the page made of them.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::scope::Scope;
use crate::store::index::ParameterKind;
use crate::store::query::{Query, Subject, Test, Total};
use crate::store::search::criterion::{Criterion, resolve_all};
use crate::store::search::identifiers::Identifiers;
use crate::store::search::order::MatchPosition;
use crate::store::search::plan::{Planner, Requirement, SearchPlan};
use crate::store::search::source::MAX_COUNTED;
use crate::store::visibility::Visibility;
use crate::store::{Page, Stored, Unreadable};

use super::include::Included;
use super::lookup::Lookup;
use super::sql::Sql;
use super::{criterion, include, order, source, withheld};
use crate::store::index_ids::Index;
use crate::store::sql::database::Wanted;
use crate::store::sql::read::{find_newest, visibility};
use crate::store::sql::{Ask, Database, Dialect, counted, renewals};

/// Of more alternatives than this it is not asked first whether there are any.
const MAX_LOOKED_UP: usize = 4;

/// A page of what matches and is seen, as far as it finds room.
pub(in crate::store) fn search(connection: &dyn Database, index: &Index, scope: &Scope, query: &Query) -> Result<Page> {
    let kept = match scope {
        Scope::Gateway if query.count_only || query.total != Total::None => counted::matches(connection, index, query)?,
        _ => None,
    };
    if let Some(total) = kept.filter(|_| query.count_only) {
        return Ok(Page { total: Some(total), ..Page::default() });
    }
    let nothing = || Page { total: Some(0), ..Page::default() };
    if is_impossible(connection, index, scope, query)? {
        return Ok(nothing());
    }
    let Some(plan) = plan(connection, index, scope, query)? else { return Ok(nothing()) };
    if query.count_only {
        return Ok(Page { total: Some(count(connection, &plan)?), ..Page::default() });
    }
    let after = query.page.as_deref().map(|cursor| plan.order.position_of(cursor)).transpose()?;
    let mut positions = positions(connection, &plan, after.as_ref(), query.count.saturating_add(1))?;
    let mut more = positions.len() > query.count;
    positions.truncate(query.count);
    let total = match (query.total, more || after.is_some()) {
        (_, false) => Some(positions.len() as u64),
        (Total::None, true) => None,
        _ if kept.is_some() => kept,
        (Total::Estimate, true) => count_few(connection, &plan)?,
        (Total::Accurate, true) => Some(count(connection, &plan)?),
    };
    let mut included = Included::new(connection, index, plan.visibility, query);
    let mut matches: Vec<Stored> = Vec::with_capacity(positions.len());
    let mut unreadable = Vec::new();
    let mut bytes = 0_usize;
    let mut shown = 0;
    for position in &positions {
        let found = match find_newest(connection, plan.visibility, position.resource)? {
            Some(Err(damaged)) if query.tells_unreadable => {
                unreadable.push(Unreadable { place: matches.len(), ..damaged });
                None
            }
            Some(Err(damaged)) => return Err(damaged.error),
            found => found.and_then(std::result::Result::ok),
        };
        bytes = bytes.saturating_add(found.as_ref().map_or(0, |stored| stored.document.text().len()));
        let room = query.bytes.saturating_sub(bytes);
        let fits = (bytes <= query.bytes || shown == 0) && included.add(position, found.as_ref(), room)?;
        if !fits {
            if shown == 0 {
                return Err(include::too_many(query.bytes));
            }
            more = true;
            break;
        }
        bytes = bytes.saturating_add(included.added());
        matches.extend(found);
        shown += 1;
    }
    positions.truncate(shown);
    let next = positions.last().filter(|_| more).map(|last| plan.order.cursor(last));
    let place = matches.len();
    let (included, damaged) = included.without(&positions);
    unreadable.extend(damaged.into_iter().map(|damaged| Unreadable { place, ..damaged }));
    Ok(Page { matches, unreadable, included, total, next })
}

/// Does any condition ask for a value that no resource has, whoever asks? Then nothing matches. This is all that most
/// conditional creates come to: one look into an index.
fn is_impossible(connection: &dyn Database, index: &Index, scope: &Scope, query: &Query) -> Result<bool> {
    let ids = Lookup { connection, index };
    for clause in &query.clauses {
        let (Subject::Parameter(number), Test::Any(conditions)) = (clause.subject, &clause.test) else { continue };
        let criteria = resolve_all(&ids, ids.parameter(number), conditions)?;
        let is_looked_up = |criterion: &Criterion| {
            matches!(criterion, Criterion::Nothing | Criterion::Token { .. } | Criterion::Reference { .. })
        };
        if criteria.len() > MAX_LOOKED_UP || !criteria.iter().all(is_looked_up) {
            continue;
        }
        let mut any = false;
        for criterion in criteria.iter().filter(|criterion| !matches!(criterion, Criterion::Nothing)) {
            let mut sql = criterion::all(connection.dialect(), criterion);
            sql.push(&connection.dialect().at_most(1));
            any = any || connection.exists(sql.text(), &sql.values())?;
        }
        if !any {
            // Of what is shown as it was the index knows what it is.
            return Ok(!matches!(scope, Scope::Organization(_)) || !renewals::is_any_held_back(connection)?);
        }
    }
    Ok(false)
}

/// The first match, if there is one.
pub(in crate::store) fn first(
    connection: &dyn Database,
    index: &Index,
    scope: &Scope,
    query: &Query,
) -> Result<Option<ResourceKey>> {
    if is_impossible(connection, index, scope, query)? {
        return Ok(None);
    }
    let Some(plan) = plan(connection, index, scope, query)? else { return Ok(None) };
    let first = positions(connection, &plan, None, 1)?.pop();
    Ok(first.map(|position| ResourceKey::new(&query.kind, position.logical)))
}

/// The plan; nothing where no resource of the type is known.
fn plan(connection: &dyn Database, index: &Index, scope: &Scope, query: &Query) -> Result<Option<SearchPlan>> {
    let ids = Lookup { connection, index };
    let visibility = visibility(connection, scope)?;
    let planner = Planner { ids: &ids, parameters: &index.definition.parameters, derived: &index.definition.derived };
    let plan = planner.plan(query, visibility, |source, changed| source::count(connection, source, changed))?;
    let Some(mut plan) = plan else { return Ok(None) };
    if let Visibility::Of(organization) = visibility {
        let (unmatched, matched) = withheld::corrections(connection, index, query, organization, plan.kind)?;
        plan.correct(organization, unmatched, matched);
    }
    Ok(Some(plan))
}

/// `FROM ... WHERE ...`
fn from(dialect: Dialect, plan: &SearchPlan) -> Sql {
    let mut sql = source::from(dialect, &plan.source, plan.kind, &plan.order);
    let (updated, _) = source::names(&plan.source);
    sql.append(source::changed(&plan.changed, updated));
    if plan.matched.is_empty() {
        // What candidates were taken by is not asked of them again.
        let is_met = |it: &&Requirement| matches!(it, Requirement::AnyOf(any) if plan.source.meets(any));
        for requirement in plan.requirements.iter().filter(|it| !is_met(it)) {
            sql.push(" AND ").append(required(dialect, requirement));
        }
    } else {
        sql.push(" AND ((TRUE");
        for requirement in &plan.requirements {
            sql.push(" AND ").append(required(dialect, requirement));
        }
        sql.with(&format!(") OR r.id IN {})", dialect.numbers_of("?")), dialect.list(&plan.matched));
    }
    if !plan.unmatched.is_empty() {
        sql.with(&format!(" AND r.id NOT IN {}", dialect.numbers_of("?")), dialect.list(&plan.unmatched));
    }
    if let Visibility::Of(organization) = plan.visibility {
        sql.with(" AND (r.author = ? OR r.public = 1 OR EXISTS (SELECT 1 FROM seen s", organization)
            .with(" WHERE s.organization = ? AND s.kind = r.kind AND s.resource = +r.id)", organization)
            // What may have been withdrawn from some Tasks is seen through others.
            .push(" AND (NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.resource = +r.id) OR EXISTS (SELECT 1")
            .push(" FROM task_resource d CROSS JOIN task_party p WHERE d.resource = +r.id AND d.until IS NULL")
            .with(" AND p.task = d.task AND p.organization = ? AND p.until IS NULL", organization)
            .push(" AND NOT EXISTS (SELECT 1 FROM undecided u WHERE u.resource = d.resource AND u.task = d.task))))");
    }
    sql
}

/// Where up to `count` matches stand, in order, beginning after a position.
fn positions(
    connection: &dyn Database,
    plan: &SearchPlan,
    after: Option<&MatchPosition>,
    count: usize,
) -> Result<Vec<MatchPosition>> {
    // Each comes twice at most for each system that it has a code of, so twice as many are hardly ever too few.
    let mut most = count.saturating_mul(2).next_power_of_two();
    loop {
        let (found, rows) = positions_among(connection, plan, after, count, most)?;
        if found.len() >= count || rows < most || !connection.dialect().makes_all_ready() {
            return Ok(found);
        }
        most = most.saturating_mul(4);
    }
}

/// As [`positions`], among so many rows; with how many rows were looked at.
fn positions_among(
    connection: &dyn Database,
    plan: &SearchPlan,
    after: Option<&MatchPosition>,
    count: usize,
    most: usize,
) -> Result<(Vec<MatchPosition>, usize)> {
    let dialect = connection.dialect();
    let (updated, resource) = source::names(&plan.source);
    let mut sql = Sql::new("SELECT r.id, r.updated, r.logical");
    sql.append(from(dialect, plan));
    if let Some(last) = after {
        sql.push(" AND ").append(order::after(&plan.order, last, updated, resource));
    }
    sql.push(&order::order_by(&plan.order, updated, resource)).push(&dialect.at_most(most));
    let mut positions: Vec<MatchPosition> = Vec::new();
    let mut rows = 0;
    if count == 0 {
        return Ok((positions, rows));
    }
    connection.each_row(sql.text(), &sql.values(), Wanted::All, &mut |row| {
        rows += 1;
        let position = MatchPosition { resource: row.get(0)?, updated: row.get(1)?, logical: row.get(2)? };
        // A code that two systems have comes twice, one right behind the other.
        if positions.last() != Some(&position) {
            positions.push(position);
        }
        Ok(if positions.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok((positions, rows))
}

/// How many match, where few candidates have to be looked at for that.
fn count_few(connection: &dyn Database, plan: &SearchPlan) -> Result<Option<u64>> {
    let are_few = source::count(connection, &plan.source, &plan.changed)? < MAX_COUNTED;
    are_few.then(|| count(connection, plan)).transpose()
}

/// How many match. Of one condition that is all that is asked, and of somebody who sees everything, the index alone is counted.
fn count(connection: &dyn Database, plan: &SearchPlan) -> Result<u64> {
    let is_all = plan.changed.is_empty()
        && plan.unmatched.is_empty()
        && plan.matched.is_empty()
        && plan.visibility == Visibility::All
        && plan.requirements.iter().all(|it| matches!(it, Requirement::AnyOf(any) if plan.source.meets(any)));
    if let Some(sql) = is_all.then(|| source::count_index(&plan.source)).flatten() {
        return Ok(connection.number(sql.text(), &sql.values())?.cast_unsigned());
    }
    let mut sql = Sql::new("SELECT count(DISTINCT r.id)");
    sql.append(from(connection.dialect(), plan));
    Ok(connection.number(sql.text(), &sql.values())?.cast_unsigned())
}

/// What is required of the resource `r`.
fn required(dialect: Dialect, requirement: &Requirement) -> Sql {
    match requirement {
        Requirement::AnyOf(criteria) => any_of(dialect, criteria),
        Requirement::NoneOf(criteria) => {
            let mut sql = Sql::new("NOT ");
            sql.append(any_of(dialect, criteria));
            sql
        }
        Requirement::Value { parameter: Some((parameter, kind)), missing } => has_value(*parameter, *kind, *missing),
        Requirement::Value { parameter: None, missing } => Sql::new(if *missing { "FALSE" } else { "TRUE" }),
    }
}

fn any_of(dialect: Dialect, criteria: &[Criterion]) -> Sql {
    let mut sql = Sql::default();
    sql.joined(
        criteria.iter().map(|criterion| criterion::asked_of_resource(dialect, criterion)).collect(),
        " OR ",
        "FALSE",
    );
    sql
}

/// Has the resource a value for the parameter (or none, if it is to be missing)?
fn has_value(parameter: i64, kind: Option<ParameterKind>, missing: bool) -> Sql {
    let tables: &[&str] = match kind {
        Some(ParameterKind::Token | ParameterKind::Uri) | None => &["token"],
        Some(ParameterKind::Reference) => &["reference", "token"],
        Some(ParameterKind::String) => &["text"],
        Some(ParameterKind::Date) => &["date"],
    };
    let has = |table: &&str| {
        let mut sql = Sql::default();
        sql.with(&format!("r.id IN (SELECT resource FROM {table} WHERE parameter = ?)"), parameter);
        sql
    };
    let mut sql = Sql::new(if missing { "NOT " } else { "" });
    sql.joined(tables.iter().map(has).collect(), " OR ", "FALSE");
    sql
}
