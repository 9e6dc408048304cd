//! Brings changes of widely shared resources to the referrals that share them, from the start on and whenever one is made.

use std::sync::Arc;
use std::time::Duration;

use crate::exchange::Exchange;

/// How often it is looked whether another gateway on the same database has left work, and whether what failed goes now.
const INTERVAL: Duration = Duration::from_secs(30);
/// Between two groups, so that whoever writes has most of the time.
const PAUSE: Duration = Duration::from_millis(5);

/// Does what is left, for as long as it is polled.
pub(super) async fn keep_up(exchange: Arc<Exchange>) {
    loop {
        match exchange.renew_shares().await {
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
