//! Where a search begins: the rows that candidates are taken from. Every other condition is asked of each candidate, so
//! the beginning decides what a search costs.
//!
//! Sources are counted, up to a bound, and the smallest one is taken. Where all are large, a source that stands in the
//! order wanted is: candidates are then looked at only until the page is full.

use crate::error::Result;
use crate::store::visibility::Visibility;

use super::criterion::{CodeSystem, Criterion};
use super::order::Order;

/// How far a source is counted. Looking at this many candidates takes some milliseconds.
pub(in crate::store) const MAX_COUNTED: i64 = 2000;

/// So few candidates that looking for fewer is not worth it.
const FEW: i64 = 50;

/// See the module head.
#[derive(Debug, Clone)]
pub(in crate::store) enum Source {
    /// Rows of `token` with one value, in the order of change
    Token { parameter: i64, value: String, system: CodeSystem },
    /// Rows of `reference` with one target, in the order of change
    Reference { parameter: i64, target: i64 },
    /// The resources of several sets
    Sets(Vec<CandidateSet>),
    /// All resources of the type, in any order that the search may want
    Kind,
}

/// Some resources that one index leads to.
#[derive(Debug, Clone)]
pub(in crate::store) enum CandidateSet {
    /// What meets the criterion; an index leads to all that do
    Meets(Criterion),
    /// The resource of a type with this logical id
    Logical { kind: i64, logical: String },
    /// What is shared with an Organization of a type
    SharedWith { organization: i64, kind: i64 },
    /// What an Organization sent of a type
    SentBy { organization: i64, kind: i64 },
    /// What is public of a type
    Public { kind: i64 },
}

impl Source {
    /// The source of the resources that meet one of these criteria, if an index leads to them.
    pub(super) fn of(criteria: &[Criterion], kind: i64) -> Option<Self> {
        if let [criterion] = criteria {
            match criterion {
                Criterion::Token { parameter, value, system } => {
                    return Some(Self::Token { parameter: *parameter, value: value.clone(), system: *system });
                }
                Criterion::Reference { parameter, target } => {
                    return Some(Self::Reference { parameter: *parameter, target: *target });
                }
                _ => {}
            }
        }
        let set = |criterion: &Criterion| match criterion {
            Criterion::Id(logical) => Some(CandidateSet::Logical { kind, logical: logical.clone() }),
            indexed if indexed.is_indexed() => Some(CandidateSet::Meets(indexed.clone())),
            _ => None,
        };
        criteria.iter().map(set).collect::<Option<Vec<_>>>().map(Self::Sets)
    }

    /// Was it taken by one of these criteria, so that every candidate meets it?
    pub(in crate::store) fn meets(&self, criteria: &[Criterion]) -> bool {
        criteria.iter().any(|criterion| match (self, criterion) {
            (
                Self::Token { parameter, value, system },
                Criterion::Token { parameter: asked, value: wanted, system: of },
            ) => parameter == asked && value == wanted && system == of,
            (Self::Reference { parameter, target }, Criterion::Reference { parameter: asked, target: wanted }) => {
                parameter == asked && target == wanted
            }
            _ => false,
        })
    }

    /// All that the Organization sees of the type.
    pub(super) fn seen(organization: i64, kind: i64) -> Self {
        Self::Sets(vec![
            CandidateSet::SharedWith { organization, kind },
            CandidateSet::SentBy { organization, kind },
            CandidateSet::Public { kind },
        ])
    }

    /// The best of these sources, or of what is seen, for a search in this order; `count` says how many rows a source has,
    /// up to [`MAX_COUNTED`].
    ///
    /// # Errors
    /// Those of `count`.
    pub(super) fn best(
        mut sources: Vec<Self>,
        visibility: Visibility,
        kind: i64,
        order: &Order,
        count: impl Fn(&Self) -> Result<i64>,
    ) -> Result<Self> {
        if let Visibility::Of(organization) = visibility {
            sources.push(Self::seen(organization, kind));
        }
        let mut best: Option<(i64, usize)> = None;
        for (position, source) in sources.iter().enumerate() {
            if best.is_some_and(|(least, _)| least <= FEW) {
                break;
            }
            let count = count(source)?;
            if count < best.map_or(MAX_COUNTED, |(least, _)| least) {
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
}
