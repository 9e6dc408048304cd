//! What the house is given from outside: the time of day, ids, and the wish to stop. Tests give it others.

use jiff::Timestamp;

use crate::exchange::{Clock, Ids};

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// UUIDs of version 4 (<https://www.rfc-editor.org/rfc/rfc9562#section-5.4>): random, so that none tells when anything was
/// made, nor before or after what else.
#[derive(Debug, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn next(&self) -> String {
        uuid::Uuid::new_v4().hyphenated().to_string()
    }
}

/// Ready when the process is asked to stop: Ctrl-C, or SIGTERM.
pub async fn stop_signal() {
    let interrupt = async {
        // Without a way to hear the signal there is nothing to wait for; the other one may still come.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate() => {}
    }
    tracing::info!("asked to stop");
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
