//! Something that has to be done for the whole store, and that one of the gateways on it does at a time: which one is said by a lease
//! of the store, and when it is due again by the clock of the gateway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::exchange::Clock;
use crate::store::{Lease, Store};

/// After how long without a word of it another gateway takes over.
const LENGTH: Duration = Duration::from_mins(1);

/// How often it is looked whether another gateway has left what is due.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_hours(1);
/// What is done once a day is due again after this time.
const DAY: Duration = Duration::from_hours(24);

/// See the module head.
pub(super) struct SharedTask {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lease: Lease,
    /// When it was taken last
    taken: Option<Instant>,
    /// When this gateway was through with it last, it was due again at this time
    due: Option<Timestamp>,
}

impl SharedTask {
    /// The one of this name, which is the same for all gateways.
    pub(super) fn new(name: &'static str, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let lease = Lease { name, holder: Uuid::new_v4().simple().to_string(), length: LENGTH };
        Self { store, clock, lease, taken: None, due: None }
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Is it due, as far as this gateway knows? Another one may have been through with it since.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= self.now())
    }

    /// Is it for this gateway to do it, or to go on with it? The store is asked now and then, so it may be asked for each part.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn take(&mut self) -> Result<bool> {
        if self.taken.is_some_and(|taken| taken.elapsed() < LENGTH / 3) {
            return Ok(true);
        }
        let asked = Instant::now();
        let is_taken = self.store.take_lease(&self.lease, self.clock.now()).await?;
        self.taken = is_taken.then_some(asked);
        Ok(is_taken)
    }

    /// It is done for a day.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn end_for_a_day(&mut self) -> Result<()> {
        self.end(self.now().checked_add(DAY).map_err(Error::fault)?).await
    }

    /// It is done, and due again at that time.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn end(&mut self, due: Timestamp) -> Result<()> {
        self.taken = None;
        self.due = Some(due);
        self.store.end_lease(&self.lease, due).await
    }
}
