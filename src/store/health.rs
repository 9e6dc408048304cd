//! Whether a store takes writes: told to whoever asks if the gateway is ready.

use tokio::sync::watch;

use crate::error::Error;

/// Does a store take writes?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteState {
    /// It does
    Open,
    /// What was written last was not taken, for this reason. It is tried again, and by the store itself
    Failing(Error),
    /// It takes nothing more, for this reason, until it is opened anew
    Stopped(Error),
}

/// What a store says of itself.
pub trait Health: Send + Sync {
    /// Whether it takes writes, now and whenever that changes.
    fn write_state(&self) -> watch::Receiver<WriteState>;
}
