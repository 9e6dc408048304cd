//! A plan with all that can be computed before the transaction, by its sender: the writer only writes.

use std::collections::HashMap;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::referral::Read;
use crate::referral::consent_rule::{ConsentRule, rules_of};
use crate::referral::plan::{Guard, Plan, PlannedRead, Write};
use crate::referral::scope::Scope;

use super::answer::StoreFuture;
use super::index::{IndexEntry, IndexValue};
use super::index_definition::IndexDefinition;
use super::query::Query;
use super::unanswered::AnswerState;

/// See the module head.
#[derive(Debug)]
pub(super) struct PreparedPlan {
    pub(super) plan: Plan,
    pub(super) reindexed: Vec<Reindexed>,
    /// What the Consents may say that the plan writes
    pub(super) consents: Vec<ConsentRules>,
    /// Searches that must find nothing
    pub(super) unmatched: Vec<(Scope, Query)>,
    /// What is read after the writes
    pub(super) reads: Vec<PreparedRead>,
}

/// Something that is read inside the commit.
#[derive(Debug)]
pub(super) struct PreparedRead {
    pub(super) planned: PlannedRead,
    /// Of a search, what it asks
    pub(super) query: Option<Query>,
}

/// What a new version of a Consent may say, and about whom.
#[derive(Debug)]
pub(super) struct ConsentRules {
    pub(super) consent: ResourceKey,
    pub(super) people: Vec<ResourceKey>,
    pub(super) rules: Vec<ConsentRule>,
}

/// What a plan does to the entries of one resource.
#[derive(Debug)]
pub(super) struct Reindexed {
    pub(super) key: ResourceKey,
    /// Of the version that the plan replaces. None where that version is not there yet: then the plan is refused, or its
    /// old rows would stay for ever
    pub(super) before: Option<Vec<IndexEntry>>,
    /// Of the newest version in the plan
    pub(super) after: Vec<IndexEntry>,
    /// Of a Task, whether its referral waits for an answer then
    pub(super) answer: Option<AnswerState>,
}

impl PreparedPlan {
    /// Prepares a plan; `read` gives the documents of these versions, as far as they are stored.
    pub(super) async fn of<'r>(
        mut plan: Plan,
        index: &IndexDefinition,
        read: impl FnOnce(Vec<(ResourceKey, u64)>) -> StoreFuture<'r, Vec<(ResourceKey, Document)>>,
    ) -> Result<Self> {
        let mut unmatched = Vec::new();
        for guard in &plan.guards {
            let Guard::NoneMatch { kind, parameters, organization } = guard else { continue };
            unmatched.push((Scope::Organization(organization.clone()), query(index, kind, parameters)?));
        }
        let mut reads = Vec::with_capacity(plan.reads.len());
        for planned in std::mem::take(&mut plan.reads) {
            let query = match &planned.read {
                Read::Search { kind, parameters } => {
                    Some(Query { tells_unreadable: true, ..query(index, kind, parameters)? })
                }
                Read::Resource { .. } | Read::History { .. } => None,
            };
            reads.push(PreparedRead { planned, query });
        }
        let reindexed = reindexed(&plan.writes, index, read).await?;
        let consents = consents(&plan.writes, &reindexed, index);
        Ok(Self { plan, reindexed, consents, unmatched, reads })
    }
}

fn query(index: &IndexDefinition, kind: &str, parameters: &[(String, String)]) -> Result<Query> {
    Query::parse(&index.parameters, kind, parameters).map_err(|issues| Error { category: Category::Incorrect, issues })
}

/// What these writes do to the entries of their resources.
async fn reindexed<'r>(
    writes: &[Write],
    index: &IndexDefinition,
    read: impl FnOnce(Vec<(ResourceKey, u64)>) -> StoreFuture<'r, Vec<(ResourceKey, Document)>>,
) -> Result<Vec<Reindexed>> {
    let mut changes = Vec::with_capacity(writes.len());
    let mut replaced = Vec::new();
    for (first, last) in spans(writes) {
        let before = match &first.replaces {
            Some(document) => Some(index.entries(document)?),
            None if first.version <= 1 => Some(Vec::new()),
            None => {
                replaced.push((first.key.clone(), first.version - 1));
                None
            }
        };
        let (key, after) = (first.key.clone(), index.entries(&last.document)?);
        let answer = AnswerState::of(&key, &last.document);
        changes.push(Reindexed { key, before, after, answer });
    }
    if replaced.is_empty() {
        return Ok(changes);
    }
    for (key, document) in read(replaced).await? {
        if let Some(change) = changes.iter_mut().find(|change| change.key == key) {
            change.before = Some(index.entries(&document)?);
        }
    }
    Ok(changes)
}

/// What the Consents may say that are written, and about whom.
fn consents(writes: &[Write], reindexed: &[Reindexed], index: &IndexDefinition) -> Vec<ConsentRules> {
    let Some((patient, _)) = index.parameters.find("Consent", "patient") else { return Vec::new() };
    let mut consents = Vec::new();
    for change in reindexed.iter().filter(|change| change.key.kind == "Consent") {
        let Some(write) = writes.iter().rev().find(|write| write.key == change.key) else { continue };
        let of_patient = change.after.iter().filter(|entry| entry.parameter == patient);
        let people = of_patient.filter_map(|entry| match &entry.value {
            IndexValue::Reference(person) => Some(person.clone()),
            _ => None,
        });
        let (consent, people) = (change.key.clone(), people.collect());
        consents.push(ConsentRules { consent, people, rules: rules_of(write.document.root()) });
    }
    consents
}

/// The first and the last version that a plan writes of each resource: only the last is found.
fn spans(writes: &[Write]) -> Vec<(&Write, &Write)> {
    let mut spans: Vec<(&Write, &Write)> = Vec::with_capacity(writes.len());
    let mut places = HashMap::with_capacity(writes.len());
    for write in writes {
        let place = *places.entry(&write.key).or_insert(spans.len());
        match spans.get_mut(place) {
            Some((_, last)) => *last = write,
            None => spans.push((write, write)),
        }
    }
    spans
}
