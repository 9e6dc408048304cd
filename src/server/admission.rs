//! The clients that are let in, as they stand now: read by every request, replaced when they change, and read anew on
//! demand. Whoever waits learns that its client has been revoked.
//!
//! It must not know where clients are kept: whoever holds the [`ClientUpdates`] reads them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::security::{Caller, Clients, Fingerprint};

/// How many requests may wait for the clients to be read anew.
const MAX_WAITING: usize = 64;

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission {
    clients: Arc<ArcSwap<Clients>>,
    changed: watch::Receiver<()>,
    refresh: mpsc::Sender<oneshot::Sender<()>>,
}

/// The other end: puts newer clients in the place of those that are known, and hears who waits for them.
#[derive(Debug)]
pub struct ClientUpdates {
    clients: Arc<ArcSwap<Clients>>,
    changed: watch::Sender<()>,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

/// Those who wait until the clients have been read anew; they are told when this is dropped.
#[derive(Debug)]
pub struct Waiting {
    _answers: Vec<oneshot::Sender<()>>,
}

impl Admission {
    /// Lets these clients in, until others come. Where nobody keeps the updates, these stay.
    pub fn new(clients: Clients) -> (Self, ClientUpdates) {
        let clients = Arc::new(ArcSwap::from_pointee(clients));
        let (change, changed) = watch::channel(());
        let (refresh, asked) = mpsc::channel(MAX_WAITING);
        (Self { clients: clients.clone(), changed, refresh }, ClientUpdates { clients, changed: change, asked })
    }

    /// Ready when those who are let in are no older than this version of them.
    pub(crate) async fn catch_up(&self, version: u64) {
        if self.clients.load().version() < version {
            self.refresh().await;
        }
    }

    /// How many clients are let in.
    pub(crate) fn count(&self) -> usize {
        self.clients.load().len()
    }

    /// The client that this token belongs to, as the caller of a request over a connection with this certificate, as far as
    /// it is known now.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub(crate) fn authenticate_known(
        &self,
        token: &str,
        certificate: Option<Fingerprint>,
        request: &str,
    ) -> Result<Caller> {
        self.clients.load().authenticate(token, certificate, request.to_owned())
    }

    /// The client that this token belongs to. It may have been made a moment ago, by another process: before a token is
    /// refused, the clients are read anew.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub(crate) async fn authenticate(
        &self,
        token: &str,
        certificate: Option<Fingerprint>,
        request: &str,
    ) -> Result<Caller> {
        match self.authenticate_known(token, certificate, request) {
            Ok(caller) => Ok(caller),
            Err(_) => {
                self.refresh().await;
                self.authenticate_known(token, certificate, request)
            }
        }
    }

    /// Reads the clients anew, and refuses one that has been revoked meanwhile.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub(crate) async fn check_again(&self, caller: &Caller) -> Result<()> {
        self.refresh().await;
        if self.clients.load().still_admits(caller) { Ok(()) } else { Err(revoked()) }
    }

    /// Ready when this caller's client is let in no longer, with what it is to be told.
    pub(crate) async fn revocation(&self, caller: &Caller) -> Error {
        let mut changed = self.changed.clone();
        changed.mark_changed();
        while changed.changed().await.is_ok() {
            if !self.clients.load().still_admits(caller) {
                return revoked();
            }
        }
        // Nobody changes the clients any more.
        std::future::pending().await
    }

    /// Ready when the clients have been read anew. Where nobody reads them any more, at once.
    async fn refresh(&self) {
        let (answer, answered) = oneshot::channel();
        if self.refresh.send(answer).await.is_ok() {
            let _ = answered.await;
        }
    }
}

fn revoked() -> Error {
    let message = "the token is not accepted any more";
    Error::new(Category::Unauthenticated, Issue::error(Key::Unauthenticated, "", message))
}

impl ClientUpdates {
    /// Lets these in from now on, and nobody else.
    pub fn replace(&self, clients: Clients) {
        self.clients.store(Arc::new(clients));
        self.changed.send_replace(());
    }

    /// Waits until somebody asks that the clients be read anew; all who ask by then are answered together. Nothing, once
    /// nobody can ask.
    pub async fn asked(&mut self) -> Option<Waiting> {
        let mut answers = vec![self.asked.recv().await?];
        while let Ok(answer) = self.asked.try_recv() {
            answers.push(answer);
        }
        Some(Waiting { _answers: answers })
    }
}
