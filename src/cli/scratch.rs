//! Files for the time being: what is too large to hold, and is gone when the command ends.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::streams::{Streams, unwritable};
use crate::error::{Error, Result};

/// A new, empty file that no one else sees.
pub(super) fn scratch() -> io::Result<File> {
    tempfile::tempfile().map_err(|error| {
        let folder = std::env::temp_dir();
        io::Error::new(error.kind(), format!("no file can be made in {} (TMPDIR): {error}", folder.display()))
    })
}

/// A file, or what standard input or a pipe gives, in which one can go back.
pub(super) fn open_seekable(input: &Path, streams: &mut Streams<'_>) -> Result<File> {
    let unreadable = |error: io::Error| Error::unreadable_file(input, &error);
    if input.as_os_str() == "-" {
        return copy(&mut streams.input);
    }
    let mut file = File::open(input).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_file() { Ok(file) } else { copy(&mut file) }
}

fn copy(input: &mut dyn Read) -> Result<File> {
    let kept =
        |error: io::Error| Error::unreachable(format!("what is given cannot be kept for the time being: {error}"));
    let mut file = scratch().map_err(kept)?;
    io::copy(input, &mut file).map_err(kept)?;
    file.seek(SeekFrom::Start(0)).map_err(kept)?;
    Ok(file)
}

/// Values that are gathered to be written behind something else, in a file.
pub(super) struct Gathered {
    /// Made with the first
    file: Option<BufWriter<File>>,
    failed: Option<io::Error>,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Self { file: None, failed: None }
    }

    /// Adds a value; that it cannot be kept is told when they are read.
    pub(super) fn add(&mut self, value: &impl Serialize) {
        if self.failed.is_none() {
            self.failed = self.append(value).err();
        }
    }

    fn append(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::new(scratch()?),
        };
        serde_json::to_writer(&mut file, value)?;
        file.write_all(b"\n")?;
        self.file = Some(file);
        Ok(())
    }

    /// The values, in the order in which they were added.
    pub(super) fn read(self) -> Result<impl Iterator<Item = io::Result<Value>>> {
        if let Some(error) = self.failed {
            return Err(unwritable(error));
        }
        let file = self.file.map(|file| {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            Ok(BufReader::new(file))
        });
        let file = file.transpose().map_err(unwritable)?;
        let values = file.map(|file| serde_json::Deserializer::from_reader(file).into_iter::<Value>());
        Ok(values.into_iter().flatten().map(|value| value.map_err(io::Error::from)))
    }
}
