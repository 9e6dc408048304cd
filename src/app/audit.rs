//! The audit of reads and refusals on its way to the store, and what of it is kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::oneshot;

use crate::error::Result;
use crate::exchange::AuditTrail;
use crate::store::audit_verify::AuditPruning;

use super::shared_task::{LOOK_INTERVAL, SharedTask};

/// How often it is written: half of what may be lost when the process is killed, because writing takes its time.
const INTERVAL: Duration = Duration::from_millis(500);

/// Writes what is collected, until the other end of `ended` is gone; then what is left.
pub(super) async fn write(trail: Arc<AuditTrail>, mut ended: oneshot::Receiver<()>) {
    let mut waits = false;
    while tokio::time::timeout(INTERVAL, &mut ended).await.is_err() {
        let written = trail.write().await;
        // Once is enough: the store says itself when it takes writes again.
        if let (Err(error), false) = (&written, waits) {
            tracing::error!(%error, "the audit of reads cannot be written; it waits and is tried again");
        }
        waits = written.is_err();
    }
    if let Err(error) = trail.write_last().await {
        tracing::error!(%error, "the last entries of the audit of reads could not be written");
    }
}

/// Removes rows that are older than so many days, now and once a day by one of the gateways on the store, for as long as it is
/// polled.
pub(super) async fn prune(trail: Arc<AuditTrail>, mut task: SharedTask, days: u16) {
    loop {
        if let Err(error) = prune_alone(&trail, &mut task, days).await {
            tracing::error!(%error, "old rows of the audit log cannot be removed; it is tried again in an hour");
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Removes them, if it is due and no other gateway does.
async fn prune_alone(trail: &AuditTrail, task: &mut SharedTask, days: u16) -> Result<()> {
    if task.is_due() && task.take().await? {
        match trail.prune(SignedDuration::from_hours(24 * i64::from(days))).await? {
            AuditPruning::Removed(0) => {}
            AuditPruning::Removed(rows) => tracing::info!(rows, days, "old rows of the audit log were removed"),
            AuditPruning::Broken(finding) => {
                tracing::error!(%finding, "the audit log is not as it was written, so nothing of it is removed; see handoff audit verify");
            }
        }
        task.end_for_a_day().await?;
    }
    Ok(())
}
