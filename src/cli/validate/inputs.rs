//! What is to be checked: files, the files of folders, standard input; JSON with one resource, or NDJSON with one a line
//! (<https://hl7.org/fhir/R4/nd-json.html>).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::{Document, Limits};

/// What a resource may hold; more than a stranger may send, since whoever runs this chose the file.
pub(super) const LIMITS: Limits = Limits { bytes: 256 * 1024 * 1024, depth: 100 };
/// So many bytes of lines are checked as one job, if they are at hand.
const BATCH: usize = 64 * 1024;

/// Something to check.
pub(super) struct Job {
    /// The file, as it is called in the report
    pub(super) file: Arc<str>,
    /// What of it
    pub(super) input: Input,
    /// Nothing more of this file follows
    pub(super) is_last: bool,
}

/// A file, or a part of one.
pub(super) enum Input {
    /// A file with one resource; whoever checks it reads it
    File(PathBuf),
    /// The text of one resource
    Whole(Vec<u8>),
    /// Lines, each of which is a resource
    Lines {
        /// The number of the first one
        first: u32,
        /// Their text
        bytes: Vec<u8>,
    },
    /// It could not be read
    Unreadable(Error),
}

/// The files meant, those of folders and their subfolders too; `-` is among them as it is.
///
/// # Errors
/// For a folder that cannot be read, or holds nothing to check.
pub(super) fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = files.len();
            add_files(input, &mut files)?;
            if files.len() == before {
                return Err(Error::unreachable(format!("{} holds no .json and no .ndjson file", input.display())));
            }
            files[before..].sort_unstable();
        } else {
            files.push(input.clone());
        }
    }
    Ok(files)
}

/// Is there one resource a line in this file?
pub(super) fn has_lines(path: &Path) -> bool {
    is_named(path, "ndjson")
}

fn is_named(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in folder.read_dir().map_err(|error| Error::unreadable_file(folder, &error))? {
        let entry = entry.map_err(|error| Error::unreadable_file(folder, &error))?;
        let path = entry.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // Links to folders are not followed, so there are no circles.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add_files(&path, files)?;
        } else if path.is_file() && (is_named(&path, "json") || has_lines(&path)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Gives the files as jobs, in order, until `emit` wants no more.
pub(super) fn read(files: &[PathBuf], input: &mut (dyn Read + Send), emit: &mut dyn FnMut(Job) -> bool) {
    for path in files {
        let file: Arc<str> = path.to_string_lossy().into();
        let mut job = |input, is_last| emit(Job { file: file.clone(), input, is_last });
        let goes_on = if path.as_os_str() == OsStr::new("-") {
            standard_input(&mut BufReader::with_capacity(BATCH, &mut *input), &mut job)
        } else if has_lines(path) {
            match File::open(path) {
                Ok(opened) => lines(&mut BufReader::with_capacity(BATCH, opened), Vec::new(), &mut job),
                Err(error) => Err(error),
            }
        } else {
            Ok(job(Input::File(path.clone()), true))
        };
        let goes_on =
            goes_on.unwrap_or_else(|error| job(Input::Unreadable(Error::unreadable_file(path, &error)), true));
        if !goes_on {
            return;
        }
    }
}

/// One resource, or one a line. If the first line is a whole resource, or begins and ends like one as the next line
/// does, it is one a line.
fn standard_input<R: Read>(reader: &mut BufReader<R>, job: &mut dyn FnMut(Input, bool) -> bool) -> io::Result<bool> {
    let mut start = Vec::new();
    let first = filled_line(reader, &mut start)?;
    let first = start[first..].trim_ascii();
    let is_like_one = first.starts_with(b"{") && first.ends_with(b"}");
    let is_whole = is_like_one && Document::parse_bytes(first, LIMITS).is_ok();
    if is_whole
        || (is_like_one && {
            let second = filled_line(reader, &mut start)?;
            start[second..].trim_ascii().starts_with(b"{")
        })
    {
        return lines(reader, start, job);
    }
    reader.take(LIMITS.bytes as u64 + 1).read_to_end(&mut start)?;
    Ok(job(Input::Whole(start), true))
}

/// Reads on to the end of a line that is not blank; where in `into` that line begins.
fn filled_line<R: Read>(reader: &mut BufReader<R>, into: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let before = into.len();
        if !line(reader, into)? || !into[before..].trim_ascii().is_empty() {
            return Ok(before);
        }
    }
}

/// Gives lines as jobs: as many as have come, and as a batch may hold. `start` was read already.
fn lines<R: Read>(
    reader: &mut BufReader<R>,
    start: Vec<u8>,
    job: &mut dyn FnMut(Input, bool) -> bool,
) -> io::Result<bool> {
    let mut first = 1_u32;
    let mut bytes = start;
    let mut count = bytes.split(|byte| *byte == b'\n').count() as u32 - 1;
    loop {
        // What has come is not kept waiting for what may come.
        if !bytes.is_empty() && (bytes.len() >= BATCH || reader.buffer().is_empty()) {
            if !job(Input::Lines { first, bytes: std::mem::take(&mut bytes) }, false) {
                return Ok(false);
            }
            first = first.saturating_add(count);
            count = 0;
        }
        if !line(reader, &mut bytes)? {
            return Ok(job(Input::Lines { first, bytes }, true));
        }
        count += 1;
    }
}

/// Reads a line with its end; of one that is too long, enough to see that it is. False at the end of the input.
fn line<R: Read>(reader: &mut BufReader<R>, into: &mut Vec<u8>) -> io::Result<bool> {
    let before = into.len();
    reader.by_ref().take(LIMITS.bytes as u64 + 1).read_until(b'\n', into)?;
    if into.len() - before > LIMITS.bytes {
        while into.last() != Some(&b'\n') {
            let held = reader.fill_buf()?;
            let end = held.iter().position(|byte| *byte == b'\n').map_or(held.len(), |at| at + 1);
            if end == 0 {
                break;
            }
            if held[end - 1] == b'\n' {
                into.push(b'\n');
            }
            reader.consume(end);
        }
    }
    Ok(into.len() > before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jobs that a text on standard input becomes: `whole`, or the first line of each batch with its lines.
    fn jobs(text: &str) -> Vec<String> {
        let mut jobs = Vec::new();
        read(&["-".into()], &mut text.as_bytes(), &mut |job| {
            jobs.push(match job.input {
                Input::Whole(bytes) => format!("whole {}", String::from_utf8_lossy(&bytes)),
                Input::Lines { first, bytes } => format!("{first} {}", String::from_utf8_lossy(&bytes)),
                Input::File(_) | Input::Unreadable(_) => "?".to_owned(),
            });
            assert_eq!(&*job.file, "-");
            true
        });
        jobs
    }

    #[test]
    fn standard_input_is_one_resource_or_one_a_line() {
        assert_eq!(jobs("{\n\"a\": {}}\n{\n"), ["whole {\n\"a\": {}}\n{\n"]);
        assert_eq!(jobs("\n{\"a\":1}\n"), ["1 \n{\"a\":1}\n", "3 "]);
        assert_eq!(jobs("{\"a\":1}\n\n{\"b\":\n{\"c\":3}"), ["1 {\"a\":1}\n\n{\"b\":\n{\"c\":3}", "5 "]);
        // The first line is damaged, and a line nonetheless.
        assert_eq!(jobs("{\"a\":}\n{\"b\":1}\n").len(), 2);
        assert_eq!(jobs("{\"a\":{}\n,\"b\":1}"), ["whole {\"a\":{}\n,\"b\":1}"]);
        assert_eq!(jobs(""), ["whole "]);
    }

    #[test]
    fn lines_come_in_batches_and_keep_their_numbers() {
        let text = "{\"resourceType\":\"Patient\"}\n".repeat(10_000);
        let jobs = jobs(&text);
        assert!(jobs.len() > 3, "{}", jobs.len());
        let mut line = 1;
        for job in &jobs {
            let (first, lines) = job.split_once(' ').unwrap();
            assert_eq!(first.parse::<usize>(), Ok(line));
            line += lines.lines().count();
        }
        assert_eq!(line, 10_001);
    }
}
