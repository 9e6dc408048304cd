//! What is new for whom, as PostgreSQL keeps it.

use tokio::sync::watch;

use crate::store::sql::feed;
use crate::store::{Changes, Feed, StoreFuture};

use super::PostgresStore;

impl Feed for PostgresStore {
    fn changes<'a>(&'a self, organization: &'a str, since: u64, limit: usize) -> StoreFuture<'a, Changes> {
        if self.announced.is_complete() && *self.newest_sequences.organization(organization).borrow() <= since {
            return Box::pin(std::future::ready(Ok(Changes { items: Vec::new(), newest: since })));
        }
        let organization = organization.to_owned();
        self.readers.read(move |reader| feed::changes(reader, &organization, since, limit))
    }

    fn newest(&self, organization: &str) -> watch::Receiver<u64> {
        self.newest_sequences.organization(organization)
    }

    fn newest_now<'a>(&'a self, organization: &'a str) -> StoreFuture<'a, u64> {
        if self.announced.is_complete() {
            return Box::pin(std::future::ready(Ok(*self.newest_sequences.organization(organization).borrow())));
        }
        let (newest_sequences, organization) = (self.newest_sequences.clone(), organization.to_owned());
        self.readers.read(move |reader| {
            let newest = feed::newest(reader, &organization)?;
            newest_sequences.raise_organization(&organization, newest);
            Ok(newest)
        })
    }

    fn newest_commit(&self) -> StoreFuture<'_, u64> {
        self.readers.read(|reader| feed::newest_commit(reader))
    }

    fn store_id(&self) -> &str {
        &self.id
    }

    fn earlier_ids(&self) -> &[(String, u64)] {
        &self.earlier_ids
    }
}
