//! What the one writer of a store is given to do, and how it takes it: group commit.
//!
//! Everything that waits is done in one transaction, each of it whole or not at all, committed once, and then all are answered. While the
//! writer waits for the disk, or for other gateways, the next group gathers, so nobody is made to wait for company. An answer is
//! given after the commit and never before; a refusal too, because it may stand on a neighbour in the group.
//!
//! It must not know what a transaction is to the database: that is the [`Writer`]'s.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::failure::stopped;
use super::write_state::{WriteStateSender, store_stopped};
use super::{Statistics, StoreFuture, WriteState};
use crate::error::{Error, Result};

/// Most jobs of one transaction: a bound on how long the first of them waits, and other gateways on the same database.
const MAX_GROUP: usize = 256;
/// How often a writer looks at the database when nothing is written.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Who does the jobs, in groups.
pub(super) trait Writer {
    /// The open transaction, as one job sees it
    type Session<'s>: Savepoint;

    /// Whether it takes what it is given.
    fn state(&self) -> &WriteStateSender;

    /// Looks at the database, now and then: what others have written, and whether one that failed takes writes again.
    fn look(&mut self);

    /// Does a group in one transaction, and answers.
    fn write(&mut self, group: Vec<Box<dyn Job<Self>>>);

    /// Leaves what is not known: a job has panicked.
    fn abandon(&mut self);

    /// Nothing more is written.
    fn end(&self) {}
}

/// A transaction in which some of the work can be taken back.
pub(super) trait Savepoint {
    /// All of the work or nothing of it, whatever becomes of the rest of the group.
    fn within_savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T>;
}

/// One thing to write.
pub(super) trait Job<W: Writer + ?Sized>: Send {
    /// Does it, inside the transaction of its group.
    fn perform(&mut self, session: &mut W::Session<'_>);
    /// Can it be performed again, where the transaction was rolled back meanwhile?
    fn is_repeatable(&self) -> bool {
        false
    }
    /// Answers, after the transaction; `failed` says why nothing of the group is stored.
    fn answer(self: Box<Self>, failed: Option<&Error>);
}

/// What a writer has done since it began.
#[derive(Debug, Default)]
pub(super) struct WriteCounters {
    pub(super) commits: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) conflicts: AtomicU64,
}

impl WriteCounters {
    /// What the database says of itself, with what its writer has done.
    pub(super) fn add_to(&self, of_database: Statistics) -> Statistics {
        Statistics {
            commits: self.commits.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            ..of_database
        }
    }
}

/// The way to the writer. It writes until the last of these is gone.
pub(super) struct Jobs<W: Writer>(Sender<Box<dyn Job<W>>>);

/// A job: what to do, and who waits for it.
struct PendingJob<F, T> {
    work: Option<F>,
    outcome: Result<T>,
    answer: oneshot::Sender<Result<T>>,
}

impl<W: Writer> Jobs<W> {
    /// A way, and where the jobs come out.
    pub(super) fn channel() -> (Self, Receiver<Box<dyn Job<W>>>) {
        let (jobs, waiting) = channel();
        (Self(jobs), waiting)
    }

    /// Has this done by the writer, whether or not the answer is waited for.
    pub(super) fn submit<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut W::Session<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        self.send(PendingJob { work: Some(work), outcome: Err(store_stopped()), answer }, outcome)
    }

    /// Has this job done by the writer, whether or not the answer is waited for.
    pub(super) fn send<'a, T: Send + 'static>(
        &self,
        job: impl Job<W> + 'static,
        answered: oneshot::Receiver<Result<T>>,
    ) -> StoreFuture<'a, T> {
        // Without a receiver the answer's sender is dropped with the job, and that is the answer.
        let _ = self.0.send(Box::new(job));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(store_stopped())) })
    }
}

impl<W: Writer> Clone for Jobs<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Writer> fmt::Debug for Jobs<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jobs")
    }
}

impl<W, T, F> Job<W> for PendingJob<F, T>
where
    W: Writer,
    T: Send,
    F: FnOnce(&mut W::Session<'_>) -> Result<T> + Send,
{
    fn perform(&mut self, session: &mut W::Session<'_>) {
        if let Some(work) = self.work.take() {
            self.outcome = session.within_savepoint(work);
        }
    }

    fn answer(self: Box<Self>, failed: Option<&Error>) {
        // Who no longer waits is not missed: the plan is committed all the same.
        let _ = self.answer.send(match failed {
            Some(cause) => Err(cause.clone()),
            None => self.outcome,
        });
    }
}

/// Has the writer write until the last sender is gone; what was sent before is written. After a panic nothing is: what it left
/// behind is not known.
pub(super) fn run<W: Writer>(mut writer: W, jobs: &Receiver<Box<dyn Job<W>>>) {
    if catch_unwind(AssertUnwindSafe(|| serve(&mut writer, jobs))).is_err() {
        writer.abandon();
        writer.state().tell(WriteState::Stopped(stopped("the thread that stores has failed")));
        refuse_all(&writer, jobs);
    }
}

fn serve<W: Writer>(writer: &mut W, jobs: &Receiver<Box<dyn Job<W>>>) {
    writer.look();
    let mut looked = Instant::now();
    while !writer.state().has_stopped() {
        let first = match jobs.recv_timeout(LOOK_INTERVAL) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return writer.end(),
        };
        if looked.elapsed() >= LOOK_INTERVAL {
            writer.look();
            looked = Instant::now();
        }
        if let Some(first) = first {
            writer.write(std::iter::once(first).chain(jobs.try_iter()).take(MAX_GROUP).collect());
        }
    }
    refuse_all(writer, jobs);
}

/// Answers everybody why nothing is written any more, until the last sender is gone.
fn refuse_all<W: Writer>(writer: &W, jobs: &Receiver<Box<dyn Job<W>>>) {
    let cause = writer.state().refusal();
    while let Ok(job) = jobs.recv() {
        job.answer(Some(&cause));
    }
}
