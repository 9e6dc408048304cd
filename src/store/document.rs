//! Documents on their way into a store and out of it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::fhir::{Document, edit};
use crate::referral::plan::Write;

/// A document as it was stored.
///
/// # Errors
/// `StoredUnreadable`, where the store gives back something else than was put into it.
pub(super) fn parse(text: impl Into<Box<str>>) -> Result<Document> {
    Document::parse_own(text).map_err(|issue| Error::stored_unreadable(*issue))
}

/// Raises `lastUpdated`, in the write and in its document, where the clock went backwards.
pub(super) fn raise_last_updated(write: &mut Write, newest: &mut i64) -> Result<()> {
    let at = write.updated.as_millisecond();
    let raised = at.max(*newest);
    write.updated = Timestamp::from_millisecond(raised).map_err(Error::fault)?;
    if raised > at {
        write.document = Arc::new(stamped(&write.document, write.updated)?);
    }
    *newest = raised;
    Ok(())
}

/// The document with another `meta.lastUpdated`; every other byte stays.
fn stamped(document: &Document, updated: Timestamp) -> Result<Document> {
    let meta = document.root().get("meta");
    let Some(stamp) = meta.and_then(|meta| meta.get("lastUpdated")) else {
        return Err(Error::fault("a resource without meta.lastUpdated was to be stored"));
    };
    let (text, range) = (document.text(), stamp.range());
    let text = format!("{}\"{}\"{}", &text[..range.start], edit::instant(updated), &text[range.end..]);
    parse(text)
}
