//! Whether the writer of a store takes what it is given, as whoever asks for it is told. Both databases have one writer a
//! process, and both tell it alike.

use tokio::sync::watch;
use tracing::{error, info};

use super::WriteState;
use super::failure::{is_for_good, stopped};
use crate::error::Error;

/// The writer's end of it. What has stopped stays so.
#[derive(Debug)]
pub(super) struct WriteStateSender(watch::Sender<WriteState>);

impl WriteStateSender {
    /// It is told to whoever watches this.
    pub(super) fn new(state: watch::Sender<WriteState>) -> Self {
        Self(state)
    }

    /// Does it take what it is given?
    pub(super) fn is_open(&self) -> bool {
        *self.0.borrow() == WriteState::Open
    }

    /// Has the database failed, and may take writes again?
    pub(super) fn is_failing(&self) -> bool {
        matches!(&*self.0.borrow(), WriteState::Failing(_))
    }

    /// Is nothing written any more?
    pub(super) fn has_stopped(&self) -> bool {
        matches!(&*self.0.borrow(), WriteState::Stopped(_))
    }

    /// What everybody is answered who gives it something that it does not take.
    pub(super) fn refusal(&self) -> Error {
        match &*self.0.borrow() {
            WriteState::Stopped(cause) | WriteState::Failing(cause) => cause.clone(),
            WriteState::Open => store_stopped(),
        }
    }

    /// Tells what has become of the database, and logs it where that is another thing than before.
    pub(super) fn tell(&self, state: WriteState) {
        self.0.send_if_modified(|before| {
            if *before == state || matches!(before, WriteState::Stopped(_)) {
                return false;
            }
            match &state {
                WriteState::Open => info!("the database takes writes again"),
                WriteState::Failing(cause) => error!(%cause, "the database takes no writes; it is tried again"),
                WriteState::Stopped(cause) => error!(%cause, "nothing more is stored by this process"),
            }
            *before = state;
            true
        });
    }

    /// Tells that the database has failed: for good, or until it is tried again.
    pub(super) fn tell_failure(&self, cause: &Error) {
        self.tell(if is_for_good(cause) {
            WriteState::Stopped(cause.clone())
        } else {
            WriteState::Failing(cause.clone())
        });
    }
}

/// The writer is gone, with the store or before it.
pub(super) fn store_stopped() -> Error {
    stopped("the store has stopped")
}
