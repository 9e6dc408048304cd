//! What runs the futures of a command that is done when they are; `serve` and `demo` have threads of their own.

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// A runtime on this thread.
pub(super) fn on_this_thread() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(|error| Error::fault(format!("cannot start: {error}")))
}
