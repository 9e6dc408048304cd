//! Is the file that is written still the one that its path names? Who deletes or replaces a database that is open takes away
//! the name alone: what is written then goes to a file that nobody finds again.

use std::path::{Path, PathBuf};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::in_use::beside;

/// What tells a file from every other one: its device and number.
type FileNumber = (u64, u64);

/// The database and its write-ahead log, as they were when the database was opened.
#[derive(Debug)]
pub(super) struct FileIdentity {
    files: Vec<(PathBuf, FileNumber)>,
}

impl FileIdentity {
    /// Of the database that is open at this path; nothing is told apart where the system has no numbers for files.
    pub(super) fn of(path: &Path) -> Self {
        let files = [path.to_owned(), beside(path, "-wal")];
        Self { files: files.into_iter().filter_map(|file| number(&file).map(|number| (file, number))).collect() }
    }

    /// Are they still there?
    ///
    /// # Errors
    /// `Busy`, where another file or none has taken the place of one.
    pub(super) fn check(&self) -> Result<()> {
        if self.files.iter().all(|(file, known)| number(file) == Some(*known)) {
            return Ok(());
        }
        let text = "the file of the database was moved, deleted or replaced while it was open, so nothing is written; put it \
                    back, or start the gateway anew on the one that is there";
        Err(Error::new(Category::Busy, Issue::error(Key::StoreUnusable, "", text)))
    }
}

#[cfg(unix)]
fn number(file: &Path) -> Option<FileNumber> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn number(_: &Path) -> Option<FileNumber> {
    None
}
