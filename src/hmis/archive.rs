//! The zip that a set of files travels in. Times of entries are left out, so that the same files are the same zip.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::File;
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};

/// What one file, and all together, may hold when unpacked: a small zip can hold much.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The CSV files of a zip, by name without folder.
///
/// # Errors
/// What is no zip, and what is too large.
pub fn unpack(bytes: &[u8]) -> Result<Vec<File>> {
    let unreadable =
        |error: &dyn std::fmt::Display| Error::incorrect(Key::WrongType, format!("the zip cannot be read: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let (mut files, mut left) = (Vec::new(), MAX_BYTES);
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| unreadable(&error))?;
        let name = entry.name().map_err(|error| unreadable(&error))?;
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        if entry.is_dir() || name.starts_with('.') || !name.to_ascii_lowercase().ends_with(".csv") {
            continue;
        }
        let mut content = Vec::new();
        let read = entry.by_ref().take(left + 1).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
        let Some(rest) = left.checked_sub(read as u64) else {
            let message = format!("unpacked, the files hold more than {} MB", MAX_BYTES >> 20);
            return Err(Box::new(Issue::fatal(Key::TooLarge, "", message)).into());
        };
        left = rest;
        files.push((name, content));
    }
    Ok(files)
}

/// A zip of these files.
///
/// # Errors
/// If it cannot be written, which is our own failure.
pub fn pack(files: &[File]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in files {
        writer.start_file(name.as_str(), options).map_err(Error::fault)?;
        writer.write_all(content).map_err(Error::fault)?;
    }
    Ok(writer.finish().map_err(Error::fault)?.into_inner())
}
