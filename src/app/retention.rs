//! What is not kept for ever goes now and once a day: idempotency keys, and versions that were replaced long ago.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::exchange::Clock;
use crate::store::Store;

/// How often.
const INTERVAL: Duration = Duration::from_hours(24);
/// Between two groups, so that whoever writes has most of the time.
const PAUSE: Duration = Duration::from_millis(20);

/// How long things are kept, in days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    pub(super) keys: u16,
    /// None: for ever
    pub(super) versions: Option<u16>,
}

/// Removes what is older, for as long as it is polled.
pub(super) async fn keep(store: Arc<dyn Store>, clock: Arc<dyn Clock>, days: Days) {
    loop {
        if let Err(error) = prune(&*store, clock.now(), days).await {
            tracing::error!(%error, "what is kept no longer cannot be removed; it is tried again tomorrow");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn prune(store: &dyn Store, now: Timestamp, days: Days) -> Result<()> {
    let before = |days: u16| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).map_err(Error::fault);
    let (mut keys, mut versions) = (0, 0);
    loop {
        match store.prune_keys(before(days.keys)?).await? {
            0 => break,
            removed => keys += removed,
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(days) = days.versions {
        let mut next = Some(0);
        while let Some(after) = next {
            let pruned = store.prune_versions(before(days)?, after).await?;
            (versions, next) = (versions + pruned.removed, pruned.next);
            tokio::time::sleep(PAUSE).await;
        }
    }
    if keys + versions > 0 {
        tracing::info!(keys, versions, "idempotency keys and old versions were removed");
    }
    Ok(())
}
