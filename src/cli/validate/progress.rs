//! How far it is, on one line of a terminal that is written over again and again.

use std::io::Write;
use std::time::{Duration, Instant};

use super::counts::{ResultCounts, plural};

/// What is done sooner needs no progress.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);
/// How often the line is written.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The line of progress.
pub(super) struct Progress {
    /// When the line may be written next; never, where nobody looks
    due: Option<Instant>,
    /// The line stands on the terminal
    is_shown: bool,
    /// How many files there are
    files: usize,
}

impl Progress {
    /// The work begins now.
    pub(super) fn new(wanted: bool, files: usize) -> Self {
        Self { due: wanted.then(|| Instant::now() + PROGRESS_DELAY), is_shown: false, files }
    }

    /// Shows how far it is, if it is time to. Nobody minds if it cannot be written.
    pub(super) fn show(&mut self, counts: &ResultCounts, err: &mut dyn Write) {
        let now = Instant::now();
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = Some(now + PROGRESS_INTERVAL);
        self.is_shown = true;
        let done = counts.files + counts.unreadable;
        let _ = write!(
            err,
            "\r\x1b[Kchecking: {done} of {}, {}, {} not valid",
            plural(self.files, "file"),
            plural(counts.resources, "resource"),
            counts.invalid
        );
        let _ = err.flush();
    }

    /// Takes the line away, before something else is written.
    pub(super) fn clear(&mut self, err: &mut dyn Write) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}
