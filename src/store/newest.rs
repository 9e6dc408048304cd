//! What is new, kept in memory: who waits for something is woken here, and who asks for nothing new asks no database.
//!
//! Raised after the commit, never before, so what is announced can be read. A backend fills it from its database when it
//! is opened, and again when another process has written.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The newest sequence of each organization, of the directory and of the clients.
#[derive(Debug, Default)]
pub(super) struct NewestSequences {
    organizations: Mutex<HashMap<String, watch::Sender<u64>>>,
    directory: watch::Sender<u64>,
    clients: watch::Sender<u64>,
}

/// What one commit announces.
#[derive(Debug, Default)]
pub(super) struct ChangeNotice {
    /// The commit
    pub(super) seq: u64,
    /// Ids of the Organizations that are owed something
    pub(super) organizations: Vec<String>,
    /// Was a public resource written?
    pub(super) directory: bool,
}

impl NewestSequences {
    /// Announces what a commit has for whom.
    pub(super) fn announce(&self, announcement: &ChangeNotice) {
        for organization in &announcement.organizations {
            self.raise_organization(organization, announcement.seq);
        }
        if announcement.directory {
            self.raise_directory(announcement.seq);
        }
    }

    /// Raises what is new for an organization.
    pub(super) fn raise_organization(&self, organization: &str, seq: u64) {
        let mut senders = self.senders();
        match senders.get(organization) {
            Some(sender) => raise(sender, seq),
            None => drop(senders.insert(organization.to_owned(), watch::Sender::new(seq))),
        }
    }

    /// Raises the version of the directory.
    pub(super) fn raise_directory(&self, seq: u64) {
        raise(&self.directory, seq);
    }

    /// Raises the version of the clients.
    pub(super) fn raise_clients(&self, version: u64) {
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
