//! The one way to a commit, and the only place that commits.
//!
//! Whatever changes something is a [`Change`]: from what is stored and what is asked it builds a [`Plan`]. Here the plan
//! gets what follows for other referrals and who has to read it, and is committed whole. A change that another one
//! overtook is built again from what is stored then; one that is refused is remembered in the audit; one that is sent
//! again under the same key is answered as it was and changes nothing.
//!
//! It must not know what a change is about.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::error::{Category, Error, Result};
use crate::fhir::Key;
use crate::referral::Graph;
use crate::referral::plan::Plan;
use crate::security::Caller;
use crate::store::{Committed, Resources};

use super::audit::add_disclosures;
use super::audit_trail::AuditTrail;
use super::consequences::{Consequence, Consequences};
use super::idempotency::RepeatKey;
use super::owed;
use super::parts::Clock;

/// How often a change is built that other changes overtake.
const MAX_ATTEMPTS: usize = 8;

/// Something that is asked for and may change what is stored.
pub(super) trait Change: Sync {
    /// What whoever asked is told
    type Outcome: Send;

    /// The plan, from what is stored now.
    ///
    /// # Errors
    /// Why it is refused.
    fn build(&self, at: Timestamp) -> impl Future<Output = Result<Built<Self::Outcome>>> + Send;

    /// Adds what whoever asked should know of what followed.
    fn tell(&self, outcome: &mut Self::Outcome, consequences: Vec<Consequence>);

    /// Says of an error that turned up behind `build` what of the request it is about.
    fn locate(&self, _: &Self::Outcome, error: Error) -> Error {
        error
    }

    /// What is kept under the request's key, so that a repetition can be answered alike.
    fn remember(&self, plan: &Plan, outcome: &Self::Outcome) -> String;
}

/// A change that may be made.
#[derive(Debug)]
pub(super) struct Built<T> {
    /// What will be committed; empty where nothing changes
    pub(super) plan: Plan,
    /// What the caller sees around what is written: other referrals that share any of it may disclose it
    pub(super) context: Graph,
    /// What whoever asked is told
    pub(super) outcome: T,
    /// Names of the rules, where parts of what was asked are refused and so nothing is done
    pub(super) refused: Option<String>,
}

/// What became of a change.
#[derive(Debug)]
pub(super) enum ChangeOutcome<T> {
    /// It was made, unless there was nothing to change or it was refused
    Done {
        /// What whoever asked is told
        outcome: T,
        /// What was stored
        committed: Option<Committed>,
    },
    /// It was made before, under the same key; this was remembered then
    Repeated(String),
}

/// What is known of a request before it is carried out.
enum Earlier<'k> {
    /// It was carried out, and this was remembered
    Answered(String),
    /// It was not; it is remembered under this key. None where it has none, and where the key that follows from what was sent
    /// is that of another message already: nobody sent that key, so nobody is refused for it
    Free(Option<&'k RepeatKey>),
}

/// What takes every change to its commit.
pub(super) struct Steps {
    resources: Arc<dyn Resources>,
    trail: Arc<AuditTrail>,
    clock: Arc<dyn Clock>,
    consequences: Consequences,
    /// Told of each commit that leaves work for later
    work_left: Notify,
}

impl<T> Built<T> {
    /// A change of nothing.
    pub(super) fn nothing(outcome: T) -> Self {
        Self { plan: Plan::default(), context: Graph::default(), outcome, refused: None }
    }
}

impl Steps {
    pub(super) fn new(
        resources: Arc<dyn Resources>,
        trail: Arc<AuditTrail>,
        clock: Arc<dyn Clock>,
        consequences: Consequences,
    ) -> Self {
        Self { resources, trail, clock, consequences, work_left: Notify::new() }
    }

    /// What follows from a change.
    pub(super) fn consequences(&self) -> &Consequences {
        &self.consequences
    }

    /// Ready when a commit has left work for later (`renewal`) since this was asked last.
    pub(super) async fn work_left(&self) {
        self.work_left.notified().await;
    }

    /// Makes the change.
    ///
    /// # Errors
    /// Why it is refused; nothing is stored then but the refusal.
    pub(super) async fn run<C: Change>(
        &self,
        caller: &Caller,
        key: Option<&RepeatKey>,
        change: &C,
    ) -> Result<ChangeOutcome<C::Outcome>> {
        let mut attempt = 1;
        loop {
            let key = match self.earlier(key).await? {
                Earlier::Answered(answer) => return Ok(ChangeOutcome::Repeated(answer)),
                Earlier::Free(key) => key,
            };
            match self.make(caller, key, change).await {
                Err(error) if was_overtaken(&error) && attempt < MAX_ATTEMPTS => attempt += 1,
                Err(error) => return Err(self.audit_refusal(caller, error).await),
                Ok(step) => return Ok(step),
            }
        }
    }

    /// Everything but the commit: what would be told if it were made now.
    ///
    /// # Errors
    /// Why it would be refused.
    pub(super) async fn dry_run<C: Change>(&self, change: &C) -> Result<C::Outcome> {
        self.resources.catch_up().await?;
        Ok(change.build(self.clock.now()).await?.outcome)
    }

    async fn make<C: Change>(
        &self,
        caller: &Caller,
        key: Option<&RepeatKey>,
        change: &C,
    ) -> Result<ChangeOutcome<C::Outcome>> {
        // Whatever another gateway has changed before decides with it, in each attempt.
        self.resources.catch_up().await?;
        let at = self.clock.now();
        let Built { mut plan, context, mut outcome, refused } = change.build(at).await?;
        if let Some(rules) = refused {
            self.trail.refused_change(caller, rules).await?;
            return Ok(ChangeOutcome::Done { outcome, committed: None });
        }
        if plan.is_empty() {
            return Ok(ChangeOutcome::Done { outcome, committed: None });
        }
        let consequences = self.consequences.add(caller, &mut plan, &context, at).await;
        let consequences = consequences.map_err(|error| change.locate(&outcome, error))?;
        change.tell(&mut outcome, consequences);
        owed::add(&mut plan);
        add_disclosures(&mut plan, caller, at);
        plan.idempotency = key.map(|key| key.with_answer(change.remember(&plan, &outcome)));
        let deferred = plan.deferred.len();
        let committed = self.resources.commit(plan).await.map_err(|error| change.locate(&outcome, error))?;
        if deferred > 0 {
            tracing::info!(
                request.id = caller.request,
                changes = deferred,
                commit = committed.seq,
                "what very many referrals share was changed; they follow in groups"
            );
            self.work_left.notify_one();
        }
        Ok(ChangeOutcome::Done { outcome, committed: Some(committed) })
    }

    /// What was remembered of this request, if it is a repetition.
    async fn earlier<'k>(&self, key: Option<&'k RepeatKey>) -> Result<Earlier<'k>> {
        let Some(key) = key else { return Ok(Earlier::Free(None)) };
        key.check()?;
        let Some(before) = self.resources.idempotent(key.client(), key.key()).await? else {
            return Ok(Earlier::Free(Some(key)));
        };
        Ok(key.answer_of(before)?.map_or(Earlier::Free(None), Earlier::Answered))
    }

    /// Remembers that a request was refused, by the names of the rules alone, and gives the error back.
    async fn audit_refusal(&self, caller: &Caller, error: Error) -> Error {
        if matches!(error.category, Category::Unprocessable | Category::Forbidden | Category::NotFound)
            && let Err(fault) = self.trail.refused_change(caller, Plan::names_of(&error.issues)).await
        {
            tracing::error!(request.id = caller.request, error = %fault, "a refusal is remembered later");
        }
        error
    }
}

/// Was another change faster, so that this one may go well when it is built again?
fn was_overtaken(error: &Error) -> bool {
    error.category == Category::Conflict && error.issues.iter().all(|issue| issue.key != Key::ChangedByBoth)
}
