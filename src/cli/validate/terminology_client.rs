//! Asking a terminology server, from threads that are no part of a runtime.

use tokio::runtime::{Builder, Runtime};

use crate::app::settings;
use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::profile::Report;
use crate::terminology::Terminology;

/// How long a resource may wait for answers, in milliseconds: a report is waited for with more patience than a message.
const TERMINOLOGY_TIMEOUT_MILLIS: u16 = 20_000;

/// A server, and what it takes to reach it.
pub(super) struct TerminologyClient {
    terminology: Terminology,
    runtime: Runtime,
}

impl TerminologyClient {
    /// Asks the server at this URL.
    ///
    /// # Errors
    /// A URL that is none.
    pub(super) fn of(url: &str) -> Result<Self> {
        let terminology =
            Terminology::of(&settings::terminology_server(url.to_owned(), Some(TERMINOLOGY_TIMEOUT_MILLIS)))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::fault(format!("cannot speak to a terminology server: {error}")))?;
        Ok(Self { terminology, runtime })
    }

    /// The findings of a report, with those that the answers bring.
    pub(super) fn settle(&self, report: Report) -> Vec<Issue> {
        self.runtime.block_on(self.terminology.answer_questions(report))
    }
}
