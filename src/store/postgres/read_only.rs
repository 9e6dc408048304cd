//! What would be written is refused: this gateway only reads the database.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};
use crate::store::StoreFuture;

/// Why nothing is written.
pub(super) fn refusal() -> Error {
    let text = "the database is only read by this gateway, so nothing of this was stored";
    Error::new(Category::Busy, Issue::error(Key::StoreUnusable, "", text))
}

/// The answer to whoever would write.
pub(super) fn refuse<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(refusal())))
}
