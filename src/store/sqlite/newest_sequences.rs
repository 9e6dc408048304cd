//! What is new, kept in memory: who waits for something is woken here, and who asks for nothing new asks no database.
//!
//! Raised after the commit, never before, so what is announced can be read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::watch;

use crate::error::Result;

/// The newest sequence of each organization, of the directory and of the clients.
#[derive(Debug)]
pub(super) struct NewestSequences {
    organizations: Mutex<HashMap<String, watch::Sender<u64>>>,
    directory: watch::Sender<u64>,
    clients: watch::Sender<u64>,
}

/// What one commit announces.
#[derive(Debug, Default)]
pub(super) struct ChangeNotice {
    /// The commit
    pub(super) seq: i64,
    /// Ids of the Organizations that are owed something
    pub(super) organizations: Vec<String>,
    /// Was a public resource written?
    pub(super) directory: bool,
}

/// The newest sequence owed to each organization, by one jump through the index per organization.
const OWED: &str = "
    WITH RECURSIVE owed (organization) AS (
        SELECT min(organization) FROM feed
        UNION ALL
        SELECT (SELECT min(d.organization) FROM feed d WHERE d.organization > owed.organization)
        FROM owed WHERE owed.organization IS NOT NULL
    )
    SELECT r.logical, (SELECT max(d.seq) FROM feed d WHERE d.organization = owed.organization)
    FROM owed JOIN resource r ON r.id = owed.organization";

impl NewestSequences {
    /// What the database says.
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let loaded =
            Self { organizations: Mutex::default(), directory: watch::Sender::new(0), clients: watch::Sender::new(0) };
        loaded.refresh(connection)?;
        Ok(loaded)
    }

    /// Raises everything to what the database says: another process may have written.
    pub(super) fn refresh(&self, connection: &Connection) -> Result<()> {
        let (directory, clients): (i64, i64) =
            connection.query_row("SELECT directory, clients FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        raise(&self.directory, directory.cast_unsigned());
        raise(&self.clients, clients.cast_unsigned());
        let mut statement = connection.prepare_cached(OWED)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(1)?;
            self.raise_organization(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, seq.cast_unsigned());
        }
        Ok(())
    }

    /// Announces what a commit has for whom.
    pub(super) fn announce(&self, announcement: &ChangeNotice) {
        let seq = announcement.seq.cast_unsigned();
        for organization in &announcement.organizations {
            self.raise_organization(organization, seq);
        }
        if announcement.directory {
            raise(&self.directory, seq);
        }
    }

    fn raise_organization(&self, organization: &str, seq: u64) {
        let mut senders = self.senders();
        match senders.get(organization) {
            Some(sender) => raise(sender, seq),
            None => drop(senders.insert(organization.to_owned(), watch::Sender::new(seq))),
        }
    }

    /// Raises the version of the clients.
    pub(super) fn clients_changed(&self, version: u64) {
        raise(&self.clients, version);
    }

    pub(super) fn organization(&self, organization: &str) -> watch::Receiver<u64> {
        let mut senders = self.senders();
        match senders.get(organization) {
            Some(sender) => sender.subscribe(),
            None => senders.entry(organization.to_owned()).or_insert_with(|| watch::Sender::new(0)).subscribe(),
        }
    }

    pub(super) fn directory(&self) -> watch::Receiver<u64> {
        self.directory.subscribe()
    }

    pub(super) fn clients(&self) -> watch::Receiver<u64> {
        self.clients.subscribe()
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<u64>>> {
        // A map of senders is whole between any two steps, so a panic elsewhere has not harmed it.
        self.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never lowers, and wakes nobody for nothing.
fn raise(sender: &watch::Sender<u64>, seq: u64) {
    sender.send_if_modified(|newest| {
        let higher = seq > *newest;
        *newest = seq.max(*newest);
        higher
    });
}
