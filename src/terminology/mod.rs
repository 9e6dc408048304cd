//! Layer 3: what the value sets at hand cannot say, a terminology server is asked
//! (<https://hl7.org/fhir/R4/valueset-operation-validate-code.html>).
//!
//! A check leaves questions open ([`Report`]); [`Terminology::answer_questions`] answers them, from what was answered before or by
//! asking, within one time limit for the whole report. What nobody knows by then stays unknown and is said once for
//! each value set. An error of the server is never a "no".
//!
//! Nothing but code system, code and value set is sent: no resource, no text, nothing about a person.
//!
//! ```text
//! answer   questions of a report to answers, in time
//! server   one request, and what its answer means
//! cache    what was answered before
//! breaker  a server that is down is left alone for a while
//! ```

mod answer;
mod breaker;
mod cache;
mod server;
mod server_state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::fhir::Issue;
use crate::profile::Report;

use breaker::Breaker;
use cache::Cache;
use server::Server;
use server_state::ServerState;

/// Which server is asked, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Base URL of its FHIR API: `https://terminology.example/r4`
    pub url: String,
    /// What it is shown as `Authorization: Bearer`
    pub token: Option<Token>,
    /// How long a whole report may wait for answers
    pub timeout: Duration,
    /// How many requests run at once, for all reports together
    pub max_requests: usize,
    /// How many answers are kept
    pub max_answers: usize,
    /// How long a yes or no is kept
    pub answer_ttl: Duration,
    /// How long "the server does not know" is kept
    pub unknown_ttl: Duration,
    /// How many failures in a row mean that the server is down
    pub max_failures: u32,
    /// How long a server that is down is left alone
    pub pause: Duration,
}

impl Settings {
    /// The usual patience with the server at this URL.
    pub fn of(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            timeout: Duration::from_secs(2),
            max_requests: 8,
            max_answers: 20_000,
            answer_ttl: Duration::from_hours(24),
            unknown_ttl: Duration::from_mins(10),
            max_failures: 3,
            pause: Duration::from_secs(30),
        }
    }
}

/// A secret: shown to the server and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Answers the questions that checks leave open. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Terminology {
    /// Nothing: nobody is asked
    state: Option<Arc<ServerState>>,
}

impl Terminology {
    /// Asks nobody: what the value sets at hand cannot say stays unknown.
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks this server.
    ///
    /// # Errors
    /// A URL that is none, or a token that no header can hold.
    pub fn of(settings: &Settings) -> Result<Self> {
        Ok(Self {
            state: Some(Arc::new(ServerState {
                server: Server::new(&settings.url, settings.token.as_ref().map(Token::text), settings.timeout)?,
                cache: Cache::new(settings.max_answers, settings.answer_ttl, settings.unknown_ttl),
                breaker: Breaker::new(settings.max_failures, settings.pause),
                permits: tokio::sync::Semaphore::new(settings.max_requests.max(1)),
                timeout: settings.timeout,
            })),
        })
    }

    /// Is there a server to ask?
    pub fn is_configured(&self) -> bool {
        self.state.is_some()
    }

    /// The findings of a report, with those that the answers bring.
    pub async fn answer_questions(&self, report: Report) -> Vec<Issue> {
        match &self.state {
            Some(state) if !report.questions.is_empty() => answer::answer_questions(state, report).await,
            _ => report.settle(|_| None),
        }
    }
}
