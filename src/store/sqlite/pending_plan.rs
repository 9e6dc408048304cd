//! A plan on its way to the writer, and who waits for what becomes of it.

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::store::prepared::PreparedPlan;
use crate::store::write_queue::{Job, Jobs};
use crate::store::write_state::store_stopped;
use crate::store::{Committed, StoreFuture};

use super::commit::{self, CommitOutcome};
use super::session::Session;
use super::writer::Writer;

struct PendingPlan {
    prepared: PreparedPlan,
    outcome: Result<CommitOutcome>,
    answer: oneshot::Sender<Result<Committed>>,
}

/// Has this plan committed, whether or not the answer is waited for.
pub(super) fn submit<'a>(jobs: &Jobs<Writer>, prepared: PreparedPlan) -> StoreFuture<'a, Committed> {
    let (answer, committed) = oneshot::channel();
    jobs.send(PendingPlan { prepared, outcome: Err(store_stopped()), answer }, committed)
}

impl Job<Writer> for PendingPlan {
    fn perform(&mut self, session: &mut Session<'_>) {
        let prepared = &mut self.prepared;
        self.outcome = session.repeatable(|session| commit::commit(session, prepared));
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn answer(self: Box<Self>, failed: Option<&Error>) {
        let writes = self.prepared.plan.writes;
        let committed = self.outcome.map(|CommitOutcome { seq, reads }| Committed { seq, writes, reads });
        // Who no longer waits is not missed: the plan is committed all the same.
        let _ = self.answer.send(match failed {
            Some(cause) => Err(cause.clone()),
            None => committed,
        });
    }
}
