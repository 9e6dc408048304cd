//! A search by ids, ready to be written as a statement of a database.

use crate::error::Result;
use crate::store::derived::Derived;
use crate::store::index::{ParameterKind, SearchParameters};
use crate::store::query::{Clause, Query, Subject, Test};
use crate::store::visibility::Visibility;

use super::criterion::{Criterion, resolve_all};
use super::identifiers::Identifiers;
use super::order::Order;
use super::source::Source;

/// See the module head.
#[derive(Debug)]
pub(in crate::store) struct SearchPlan {
    /// The type searched
    pub(in crate::store) kind: i64,
    /// What may be found
    pub(in crate::store) visibility: Visibility,
    /// The order of the matches
    pub(in crate::store) order: Order,
    /// Where candidates are taken from
    pub(in crate::store) source: Source,
    /// When the resource has to have changed: of each list one
    pub(in crate::store) changed: Vec<Vec<Criterion>>,
    /// Every other condition, asked of a candidate
    pub(in crate::store) requirements: Vec<Requirement>,
    /// Resources that match only by what is withheld from whoever asks, and so do not
    pub(in crate::store) unmatched: Vec<i64>,
    /// Resources that match without what is withheld, and only so
    pub(in crate::store) matched: Vec<i64>,
}

impl SearchPlan {
    /// Corrects the plan by what is withheld from whoever asks.
    pub(in crate::store) fn correct(&mut self, organization: i64, unmatched: Vec<i64>, matched: Vec<i64>) {
        if !matched.is_empty() {
            // No index leads to them.
            self.source = Source::seen(organization, self.kind);
        }
        (self.unmatched, self.matched) = (unmatched, matched);
    }
}

/// One condition that every match meets.
#[derive(Debug)]
pub(in crate::store) enum Requirement {
    /// One of these
    AnyOf(Vec<Criterion>),
    /// None of these
    NoneOf(Vec<Criterion>),
    /// The parameter has no value (or, if not `missing`, one). Every resource has those that are no parameter
    Value { parameter: Option<(i64, Option<ParameterKind>)>, missing: bool },
}

/// What a search is planned with.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Planner<'p, I> {
    /// The ids of what the query names
    pub(in crate::store) ids: &'p I,
    /// What resources are indexed by
    pub(in crate::store) parameters: &'p SearchParameters,
    /// The entries that are made besides
    pub(in crate::store) derived: &'p Derived,
}

impl<I: Identifiers> Planner<'_, I> {
    /// The plan of a query; none where no resource of the type is known. `count` says how many rows a source has, given
    /// when its resources have to have changed.
    ///
    /// # Errors
    /// Those of the database.
    pub(in crate::store) fn plan(
        &self,
        query: &Query,
        visibility: Visibility,
        count: impl Fn(&Source, &[Vec<Criterion>]) -> Result<i64>,
    ) -> Result<Option<SearchPlan>> {
        let Some(kind) = self.ids.kind(&query.kind)? else { return Ok(None) };
        let order = Order::of(query);
        let pair = self.derived.pair(query);
        let paired = |clause: &Clause| {
            let numbers = pair.as_ref().map_or(&[][..], |(_, _, numbers)| numbers);
            numbers.iter().any(|number| clause.subject == Subject::Parameter(*number))
        };
        let mut draft = Draft { kind, sources: Vec::new(), changed: Vec::new(), requirements: Vec::new() };
        if let Some((number, conditions, _)) = &pair {
            draft.source(&resolve_all(self.ids, self.ids.parameter(*number), conditions)?);
        }
        for clause in &query.clauses {
            self.add(&mut draft, clause, paired(clause))?;
        }
        let Draft { mut sources, changed, requirements, .. } = draft;
        let source = match sources.first() {
            // Nothing is narrower, and it is read only as far as the page goes.
            Some(first) if pair.is_some() && first.is_in(&order) => sources.remove(0),
            _ => Source::best(sources, visibility, kind, &order, |source| count(source, &changed))?,
        };
        let (unmatched, matched) = (Vec::new(), Vec::new());
        Ok(Some(SearchPlan { kind, visibility, order, source, changed, requirements, unmatched, matched }))
    }

    /// Adds a clause; `paired` where the source of a pair stands for it.
    fn add(&self, draft: &mut Draft, clause: &Clause, paired: bool) -> Result<()> {
        let parameter = match clause.subject {
            Subject::Parameter(number) => self.ids.parameter(number),
            Subject::Id | Subject::LastUpdated => 0,
        };
        match &clause.test {
            Test::Any(any) if clause.subject == Subject::LastUpdated => {
                draft.changed.push(resolve_all(self.ids, parameter, any)?);
            }
            Test::Any(any) => {
                let criteria = resolve_all(self.ids, parameter, any)?;
                if !paired {
                    draft.source(&criteria);
                }
                draft.requirements.push(Requirement::AnyOf(criteria));
            }
            Test::None(none) => {
                draft.requirements.push(Requirement::NoneOf(resolve_all(self.ids, parameter, none)?));
            }
            Test::Missing(missing) => {
                if let Some((number, condition)) = self.derived.absent(clause).filter(|_| *missing) {
                    draft.source(&resolve_all(self.ids, self.ids.parameter(number), &[condition])?);
                }
                draft.requirements.push(self.value(clause, *missing));
            }
        }
        Ok(())
    }

    fn value(&self, clause: &Clause, missing: bool) -> Requirement {
        let parameter = match clause.subject {
            Subject::Parameter(number) => {
                Some((self.ids.parameter(number), self.parameters.parameter(number).map(|parameter| parameter.kind)))
            }
            Subject::Id | Subject::LastUpdated => None,
        };
        Requirement::Value { parameter, missing }
    }
}

/// A plan in the making.
struct Draft {
    kind: i64,
    sources: Vec<Source>,
    changed: Vec<Vec<Criterion>>,
    requirements: Vec<Requirement>,
}

impl Draft {
    /// Adds the source of what meets one of these, if an index leads there.
    fn source(&mut self, criteria: &[Criterion]) {
        self.sources.extend(Source::of(criteria, self.kind));
    }
}
