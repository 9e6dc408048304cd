//! What is not kept for ever goes now and once a day, by one of the gateways on a store: idempotency keys, and versions that were
//! replaced long ago.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::error::{Error, Result};
use crate::store::Store;

use super::shared_task::{LOOK_INTERVAL, SharedTask};

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
pub(super) async fn keep(store: Arc<dyn Store>, mut task: SharedTask, days: Days) {
    loop {
        if let Err(error) = prune_alone(&*store, &mut task, days).await {
            tracing::error!(%error, "what is kept no longer cannot be removed; it is tried again in an hour");
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Removes it, if it is due and no other gateway does.
async fn prune_alone(store: &dyn Store, task: &mut SharedTask, days: Days) -> Result<()> {
    if task.is_due() && task.take().await? && prune(store, task, days).await? {
        task.end_for_a_day().await?;
    }
    Ok(())
}

/// False where another gateway has taken over meanwhile.
async fn prune(store: &dyn Store, task: &mut SharedTask, days: Days) -> Result<bool> {
    let now = task.now();
    let before = |days: u16| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).map_err(Error::fault);
    let (mut keys, mut versions) = (0, 0);
    loop {
        match store.prune_keys(before(days.keys)?).await? {
            0 => break,
            removed => keys += removed,
        }
        if !task.take().await? {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(days) = days.versions {
        let mut next = Some(0);
        while let Some(after) = next {
            let pruned = store.prune_versions(before(days)?, after).await?;
            (versions, next) = (versions + pruned.removed, pruned.next);
            if !task.take().await? {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    if keys + versions > 0 {
        tracing::info!(keys, versions, "idempotency keys and old versions were removed");
    }
    Ok(true)
}
