//! Whether the database takes writes, as it was last seen.

use tokio::sync::watch;

use crate::store::{Health, WriteState};

use super::PostgresStore;

impl Health for PostgresStore {
    fn write_state(&self) -> watch::Receiver<WriteState> {
        self.write_state.clone()
    }
}
