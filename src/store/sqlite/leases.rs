//! What is done alone of a store in a file: the gateway that serves it does, and no other is on its machine. Where two are all the
//! same, each does what both may do.

use std::future::ready;

use jiff::Timestamp;

use crate::store::{Lease, Leases, StoreFuture};

use super::SqliteStore;

impl Leases for SqliteStore {
    fn take_lease<'a>(&'a self, _: &'a Lease, _: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(ready(Ok(true)))
    }

    fn end_lease<'a>(&'a self, _: &'a Lease, _: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}
