//! What became of a commit whose answer was lost with its connection: the database remembers its transactions.

use std::time::{Duration, Instant};

use super::connection::WriterConnection;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

/// How long the database is asked: a standby takes about so long to take over.
const MAX_WAIT: Duration = Duration::from_secs(15);
/// How often.
const INTERVAL: Duration = Duration::from_millis(250);

/// Was this transaction committed?
///
/// # Errors
/// Where the database could not be asked, or does not know it any more.
pub(super) fn was_committed(database: &mut WriterConnection, transaction: &str) -> Result<bool> {
    let since = Instant::now();
    loop {
        // "in progress": the database has not noticed yet that nobody is there.
        if let Some(status) = database.transaction_status(transaction)
            && status != "in progress"
        {
            return Ok(status == "committed");
        }
        if since.elapsed() >= MAX_WAIT {
            return Err(unknown());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Nobody can say now whether it was stored.
fn unknown() -> Error {
    let text = "the connection to the database was lost while this was stored, and it cannot be asked: it may be stored or not";
    Error::new(Category::Busy, Issue::error(Key::OutcomeUnknown, "", text))
}
