//! What every subcommand is run with, and what it answers: the streams, and the exit code.

use std::io::{Read, Write};

use crate::error::{Category, Error};

/// What the caller of the process learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done
    Done = 0,
    /// Could not be done
    Failed = 1,
    /// Asked for in a way that we do not understand; clap's own code too
    Usage = 2,
    /// Done, and what was looked at is not valid
    Invalid = 3,
}

impl Exit {
    /// How a command ends that could not do what was asked.
    pub(super) fn of(error: &Error) -> Self {
        match error.category {
            Category::Usage => Self::Usage,
            Category::Incorrect | Category::Unprocessable => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command reads and writes besides files; tests pass buffers.
pub struct Streams<'a> {
    /// Standard input
    pub input: &'a mut (dyn Read + Send),
    /// Standard output
    pub out: &'a mut dyn Write,
    /// Standard error
    pub err: &'a mut dyn Write,
    /// Standard output is a terminal that shows colours, and wants them
    pub colour: bool,
    /// Standard error is a terminal, so progress is welcome
    pub progress: bool,
}

/// What a writer could not take is no fault of the payload's.
#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
pub(super) fn unwritable(error: std::io::Error) -> Error {
    Error::unreachable(format!("cannot write: {error}"))
}
