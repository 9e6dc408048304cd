//! The audit of reads and refusals on its way to the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::exchange::AuditTrail;

/// How often it is written: half of what may be lost when the process is killed, because writing takes its time.
const INTERVAL: Duration = Duration::from_millis(500);

/// Writes what is collected, until the other end of `ended` is gone; then what is left.
pub(super) async fn write(trail: Arc<AuditTrail>, mut ended: oneshot::Receiver<()>) {
    while tokio::time::timeout(INTERVAL, &mut ended).await.is_err() {
        if let Err(error) = trail.write().await {
            tracing::error!(%error, "the audit of reads cannot be written; it waits and is tried again");
        }
    }
    if let Err(error) = trail.write_last().await {
        tracing::error!(%error, "the last entries of the audit of reads could not be written");
    }
}
