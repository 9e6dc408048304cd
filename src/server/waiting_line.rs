//! A queue before places of work, or memory, that nobody waits in for ever.

use std::time::Duration;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::RequestLimits;

use super::fair_queue::{Capacity, FairQueue, Full, Turn};
use super::quotas::too_many;

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct WaitingLine {
    queue: FairQueue,
    limits: RequestLimits,
}

impl WaitingLine {
    pub(crate) fn new(units: usize, share: usize, limits: RequestLimits) -> Self {
        let RequestLimits { waiting, client_waiting, .. } = limits;
        Self { queue: FairQueue::new(Capacity { units, share, waiting, client_waiting }), limits }
    }

    pub(crate) fn queue(&self) -> &FairQueue {
        &self.queue
    }

    /// So many units for this client, once it is its turn.
    ///
    /// # Errors
    /// `TooManyRequests` and `Busy` where more waits already than may, or where it waited too long.
    pub(crate) async fn take(&self, client: &str, units: usize) -> Result<Turn> {
        let RequestLimits { waiting, client_waiting, waiting_time, .. } = self.limits;
        match tokio::time::timeout(waiting_time, self.queue.take(client, units)).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(Full::Client)) => {
                let message = format!("{client_waiting} requests of the client wait already (limit client-waiting)");
                Err(too_many(Duration::from_secs(1), message))
            }
            Ok(Err(Full::All)) => Err(busy(format!("{waiting} requests wait already (limit waiting)"))),
            Err(_) => {
                let message = format!("it was not the request's turn within {waiting_time:?} (limit waiting-seconds)");
                Err(busy(message))
            }
        }
    }
}

fn busy(message: String) -> Error {
    Error::new(Category::Busy, Issue::error(Key::Busy, "", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let line = WaitingLine::new(1, 1, RequestLimits::default());
        let _held = line.take("a", 1).await.unwrap();
        let error = line.take("b", 1).await.unwrap_err();
        assert_eq!(error.category, Category::Busy);
        assert!(error.issues[0].text.contains("30s (limit waiting-seconds)"), "{error}");
    }
}
