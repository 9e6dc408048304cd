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

/// Raises `lastUpdated`, in the write and in its document, where it is not later than the newest; that is then this one.
/// So it is where the clock went backwards, where another change was faster, and from the second write of a plan on.
pub(super) fn raise_last_updated(write: &mut Write, newest: &mut i64) -> Result<()> {
    let at = write.updated.as_microsecond();
    let raised = at.max(*newest + 1);
    write.updated = Timestamp::from_microsecond(raised).map_err(Error::fault)?;
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
    let instant = edit::quote(&edit::change_instant(updated));
    // As we write it it is as long as the one before, so nothing has to be read again: the writer does this.
    if let Some(stamped) = document.with_string(stamp, &instant) {
        return Ok(stamped);
    }
    let (text, range) = (document.text(), stamp.range());
    parse(format!("{}{instant}{}", &text[..range.start], &text[range.end..]))
}
