//! The zip that a set of files travels in. Times of entries are left out, so that the same files are the same zip.

use std::io::{self, Read, Seek, SeekFrom, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{File, NewScratch, Scratch};
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};

/// What all files together may hold when unpacked: a small zip can hold much.
const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// How much is unpacked at a time.
const CHUNK: usize = 64 * 1024;

/// The CSV files of a zip, by name without folder, each unpacked into a scratch of its own.
///
/// # Errors
/// What is no zip, what is too large, and what cannot be written.
pub fn unpack<S: Scratch>(archive: impl Read + Seek, scratch: NewScratch<'_, S>) -> Result<Vec<File<S>>> {
    let unreadable =
        |error: &dyn std::fmt::Display| Error::incorrect(Key::WrongType, format!("the zip cannot be read: {error}"));
    let unwritable = |error| Error::unreachable(format!("cannot write what the zip holds: {error}"));
    let mut archive = ZipArchive::new(archive).map_err(|error| unreadable(&error))?;
    let (mut files, mut left) = (Vec::new(), MAX_BYTES);
    let mut chunk = vec![0; CHUNK];
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| unreadable(&error))?;
        let name = entry.name().map_err(|error| unreadable(&error))?;
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        if entry.is_dir() || name.starts_with('.') || !name.to_ascii_lowercase().ends_with(".csv") {
            continue;
        }
        let mut content = scratch().map_err(unwritable)?;
        loop {
            let read = entry.read(&mut chunk).map_err(|error| unreadable(&error))?;
            if read == 0 {
                break;
            }
            let Some(rest) = left.checked_sub(read as u64) else {
                let message = format!("unpacked, the files hold more than {} MB", MAX_BYTES >> 20);
                return Err(Box::new(Issue::fatal(Key::TooLarge, "", message)).into());
            };
            left = rest;
            content.write_all(&chunk[..read]).map_err(unwritable)?;
        }
        content.seek(SeekFrom::Start(0)).map_err(unwritable)?;
        files.push((name, content));
    }
    Ok(files)
}

/// Writes a zip of these files.
///
/// # Errors
/// If a file cannot be read, or the zip cannot be written.
pub fn pack<S: Read + Seek>(files: &mut [File<S>], into: impl Write + Seek) -> io::Result<()> {
    let mut writer = ZipWriter::new(into);
    for (name, content) in files {
        let is_large = content.seek(SeekFrom::End(0))? > u64::from(u32::MAX);
        content.seek(SeekFrom::Start(0))?;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(name.as_str(), options.large_file(is_large))?;
        io::copy(content, &mut writer)?;
    }
    writer.finish()?;
    Ok(())
}
