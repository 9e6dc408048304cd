//! The one error of the house: a category and the issues that say why.
//!
//! Whoever fails picks the category; only the edges (`server`, `cli`) know what it means for a status or an exit code.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::fhir::issue::{Issue, Key};

/// Short for results of this house.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is. The edges turn it into a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The command line or a setting cannot be understood
    Usage,
    /// A file, a port or a server that was named is not there, or cannot be used
    Unreachable,
    /// Cannot be read: syntax, parameters, headers
    Incorrect,
    /// Read, and against the rules
    Unprocessable,
    /// Nobody we know
    Unauthenticated,
    /// Known, and not allowed
    Forbidden,
    /// Not there, or not for this caller
    NotFound,
    /// No such interaction
    Unsupported,
    /// Cannot answer in the wanted format
    NotAcceptable,
    /// Cannot read the sent format
    MediaType,
    /// Too many bytes
    TooLarge,
    /// Too many bytes or fields in the head of the request
    HeadTooLarge,
    /// Did not arrive in time
    Timeout,
    /// More than one client may ask for at a time
    TooManyRequests {
        /// When to come again
        after: Duration,
    },
    /// The named version is not the newest, or a condition matches several resources
    Precondition,
    /// Another request was faster
    Conflict,
    /// Try again later
    Busy,
    /// Our own failure
    Fault,
}

/// Why something could not be done. Never empty of issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is
    pub category: Category,
    /// What is wrong; the first one leads
    pub issues: Vec<Issue>,
}

impl Error {
    /// An error of this category with one issue.
    pub fn new(category: Category, issue: Issue) -> Self {
        Self { category, issues: vec![issue] }
    }

    /// Against the rules, with everything that was found.
    pub fn unprocessable(issues: Vec<Issue>) -> Self {
        Self { category: Category::Unprocessable, issues }
    }

    /// Against the rules, for one reason.
    pub fn refused(key: Key, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Category::Unprocessable, Issue::error(key, path, text))
    }

    /// Cannot be read.
    pub fn incorrect(key: Key, text: impl Into<String>) -> Self {
        Self::new(Category::Incorrect, Issue::error(key, "", text))
    }

    /// Not there, or not for this caller: the two are not told apart on purpose.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Category::NotFound, Issue::error(Key::NotFound, "", format!("{what} is not known here")))
    }

    /// Known, and not allowed.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::new(Category::Forbidden, Issue::error(Key::Forbidden, "", text))
    }

    /// The command line or a setting cannot be understood.
    pub fn usage(key: Key, text: impl Into<String>) -> Self {
        Self::new(Category::Usage, Issue::error(key, "", text))
    }

    /// A setting cannot be used as it is.
    pub fn setting(name: &str, text: impl Into<String>) -> Self {
        Self::new(Category::Usage, Issue::error(Key::SettingInvalid, name, text))
    }

    /// What was named is not there, or cannot be used: no failure of ours.
    pub fn unreachable(text: impl fmt::Display) -> Self {
        Self::new(Category::Unreachable, Issue::error(Key::Unreachable, "", text.to_string()))
    }

    /// A file cannot be read.
    pub fn unreadable_file(path: &Path, why: &dyn fmt::Display) -> Self {
        Self::unreachable(format!("cannot read {}: {why}", path.display()))
    }

    /// A file cannot be written.
    pub fn unwritable_file(path: &Path, why: &dyn fmt::Display) -> Self {
        Self::unreachable(format!("cannot write {}: {why}", path.display()))
    }

    /// Our own failure. `text` is for the log and for the operator; the edges do not show it.
    pub fn fault(text: impl fmt::Display) -> Self {
        Self::new(Category::Fault, Issue::error(Key::Fault, "", text.to_string()))
    }
}

impl Error {
    /// What the store gave back is not what was put into it: our own failure, about this one thing. The reader's words
    /// name places, never values.
    pub fn stored_unreadable(issue: Issue) -> Self {
        Self::new(Category::Fault, Issue { key: Key::StoredUnreadable, ..issue })
    }

    /// Is it about the one thing that was looked for, and not about the store?
    pub fn is_stored_unreadable(&self) -> bool {
        self.issues.iter().any(|issue| issue.key == Key::StoredUnreadable)
    }
}

impl From<Box<Issue>> for Error {
    /// A document that could not be read.
    fn from(issue: Box<Issue>) -> Self {
        let category = if issue.key == Key::TooLarge { Category::TooLarge } else { Category::Incorrect };
        Self::new(category, *issue)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, issue) in self.issues.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{issue}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
