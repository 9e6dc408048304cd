//! Brings changes of widely shared resources to the referrals that share them, from the start on and whenever one is made; one of the
//! gateways on a store at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::exchange::Exchange;

use super::shared_task::SharedTask;

/// How often it is looked whether another gateway on the same database has left work, and whether what failed goes now.
const INTERVAL: Duration = Duration::from_secs(30);
/// Between two groups, so that whoever writes has most of the time.
const PAUSE: Duration = Duration::from_millis(5);

/// Does what is left, for as long as it is polled.
pub(super) async fn keep_up(exchange: Arc<Exchange>, mut task: SharedTask) {
    loop {
        match renew_alone(&exchange, &mut task).await {
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Ok(false) => {
                let _ = tokio::time::timeout(INTERVAL, exchange.shares_to_renew()).await;
            }
            Err(error) => {
                tracing::error!(%error, "a change cannot be brought to the referrals that share it; it is tried again");
                tokio::time::sleep(INTERVAL).await;
            }
        }
    }
}

/// Deals with the next group, if no other gateway does. Says whether there was one.
async fn renew_alone(exchange: &Exchange, task: &mut SharedTask) -> Result<bool> {
    if !task.take().await? {
        return Ok(false);
    }
    let renewed = exchange.renew_shares().await?;
    if !renewed {
        // Whoever makes the next change goes on with it at once.
        task.end(task.now()).await?;
    }
    Ok(renewed)
}
