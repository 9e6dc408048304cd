//! Where requests are worked on that take more than a millisecond: on threads of their own, so that a large Bundle of one
//! client does not keep the others from reading a Task. A short request is served where it came in.
//!
//! There are a few places to work in, and a [`FairQueue`] before them. For lists and for what is long a place is one thread;
//! one thread more is left to writes, however long the others take. Writes are many at a time, since they wait for the disk
//! and are committed together. A client that has not taken the answers that it was given waits for no place: the next one
//! would be held in memory as well.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::error::{Error, Result};
use crate::limits::RequestLimits;
use crate::store::read_on_this_thread;

use super::fair_queue::Turn;
use super::held_bytes::HeldBytes;
use super::load::Load;
use super::waiting_line::WaitingLine;

/// See the module head.
#[derive(Debug)]
pub(crate) struct Workers {
    /// None once it is being dropped
    runtime: Option<Runtime>,
    lists: WaitingLine,
    writes: WaitingLine,
    long: WaitingLine,
    held_bytes: HeldBytes,
}

/// A task that ends when nobody waits for it any more.
struct Worked<T>(JoinHandle<T>);

impl<T> Drop for Worked<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(limits: RequestLimits, held_bytes: HeldBytes) -> Result<Self> {
        let threads = limits.lists + limits.long + 1;
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("work")
            // Few requests are worked on at a time, so a thread may wait for what they read.
            .on_thread_start(read_on_this_thread)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::fault(format!("cannot start threads: {error}")))?;
        // Whoever is alone may have all places for what is long; of the others some are always left.
        let lists_share = limits.lists.saturating_sub(1).max(1);
        let writes_share = (limits.writes * 3 / 4).max(1);
        Ok(Self {
            runtime: Some(runtime),
            lists: WaitingLine::new(limits.lists, lists_share, limits),
            writes: WaitingLine::new(limits.writes, writes_share, limits),
            long: WaitingLine::new(limits.long, limits.long, limits),
            held_bytes,
        })
    }

    /// Does this for a client: where it was asked for if it is short, else on a thread for such work, once it is the
    /// client's turn.
    ///
    /// # Errors
    /// `TooManyRequests` and `Busy` where more waits already than may.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        load: Load,
        client: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let line = match load {
            Load::Short => return Ok(work.await),
            Load::List => &self.lists,
            Load::Write => &self.writes,
            Load::Long => &self.long,
        };
        let _turn = self.take(line, client).await?;
        let Some(runtime) = &self.runtime else { return Err(Error::fault("the threads for long work are gone")) };
        let mut worked = Worked(runtime.spawn(work.in_current_span()));
        match (&mut worked.0).await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::fault("the threads for long work were ended")),
            },
        }
    }

    /// A place for this client, which has taken the answers that it was given before.
    async fn take(&self, line: &WaitingLine, client: &str) -> Result<Turn> {
        loop {
            let turn = line.take(client, 1).await?;
            if !self.held_bytes.is_over(client) {
                return Ok(turn);
            }
            drop(turn);
            self.held_bytes.wait_until_taken(client).await?;
        }
    }

    /// Of each kind of work how many requests are worked on, and how many wait.
    pub(crate) fn load(&self) -> [(&'static str, (usize, usize)); 3] {
        [("list", &self.lists), ("write", &self.writes), ("long", &self.long)]
            .map(|(name, it)| (name, it.queue().load()))
    }
}

impl Drop for Workers {
    /// Nobody waits for what still runs.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::Response;

    use super::*;

    fn workers() -> Workers {
        let limits = RequestLimits { lists: 1, long: 1, ..RequestLimits::default() };
        Workers::start(limits, HeldBytes::new(limits)).unwrap()
    }

    fn thread() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn only_what_is_short_is_done_where_it_was_asked_for() {
        let workers = workers();
        let here = thread();
        for (load, expected) in
            [(Load::Short, &*here), (Load::List, "work"), (Load::Write, "work"), (Load::Long, "work")]
        {
            assert_eq!(workers.run(load, "a", async { thread() }).await.unwrap(), expected, "{load:?}");
        }
        assert!(workers.load().iter().all(|(_, load)| *load == (0, 0)));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_ends_and_leaves_its_place() {
        let workers = workers();
        let (kept, dropped) = tokio::sync::oneshot::channel::<()>();
        let forever = workers.run(Load::Long, "a", async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), forever).await.is_err());
        assert!(dropped.await.is_err());
        workers.run(Load::Long, "b", async {}).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_the_callers() {
        let workers = std::sync::Arc::new(workers());
        let work = workers.clone();
        let ran = tokio::spawn(async move { work.run(Load::Long, "a", async { panic!("as planned") }).await });
        assert!(matches!(ran.await, Err(error) if error.is_panic()));
        workers.run(Load::Long, "a", async {}).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_worked_on_for_a_client_that_does_not_take_its_answers() {
        let workers = std::sync::Arc::new(workers());
        let many = RequestLimits::default().held_bytes;
        let answers = workers.held_bytes.clone();
        let untaken = answers.hold_answer("a", Response::new(Body::from(vec![b'x'; many])));
        let asked = workers.clone();
        let of_a = tokio::spawn(async move { asked.run(Load::List, "a", async {}).await });
        // Another client has the only place meanwhile.
        workers.run(Load::List, "b", async {}).await.unwrap();
        assert!(!of_a.is_finished());
        drop(untaken);
        of_a.await.unwrap().unwrap();
    }
}
