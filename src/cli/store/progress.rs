//! How much of a store is copied, on one line of a terminal; nothing in a pipe. And how its size is written.

use std::io::Write;

/// The line of progress.
pub(super) struct CopyProgress<'e> {
    /// Where it is written; nowhere, if nobody looks
    err: Option<&'e mut dyn Write>,
    shown: u64,
}

impl<'e> CopyProgress<'e> {
    pub(super) fn new(wanted: bool, err: &'e mut dyn Write) -> Self {
        Self { err: wanted.then_some(err), shown: 0 }
    }

    /// Shows how far it is, if that has changed. Nobody minds if it cannot be written.
    pub(super) fn show(&mut self, done: u64, pages: u64) {
        let hundredths = done * 100 / pages.max(1);
        if let Some(err) = &mut self.err
            && hundredths > self.shown
        {
            self.shown = hundredths;
            let _ = write!(err, "\r\x1b[Kcopying: {hundredths} %");
            let _ = err.flush();
        }
    }
}

impl Drop for CopyProgress<'_> {
    /// Takes the line away.
    fn drop(&mut self) {
        if let Some(err) = &mut self.err
            && self.shown > 0
        {
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}

/// `3.2 MB`, in millions of bytes.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
