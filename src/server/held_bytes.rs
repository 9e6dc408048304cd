//! The bodies and answers that are held in memory, in sum and for each client: a large body waits until there is room for
//! it before its first byte is read, and a client that does not take its answers is given no more of them.
//!
//! What is short is not counted: there is at most one of it for each connection, and these are limited.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::error::Result;
use crate::limits::{KILOBYTE, MEGABYTE, RequestLimits};

use super::fair_queue::Turn;
use super::quotas::too_many;
use super::waiting_line::WaitingLine;

/// The longest body or answer that is short.
pub(crate) const MAX_SHORT: usize = 32 * KILOBYTE;

/// See the module head. It counts kilobytes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HeldBytes {
    line: WaitingLine,
    share: usize,
}

impl HeldBytes {
    /// Half of all is one client's.
    pub(crate) fn new(limits: RequestLimits) -> Self {
        let units = limits.held_bytes.div_ceil(KILOBYTE).max(2);
        let share = units / 2;
        Self { line: WaitingLine::new(units, share, limits), share }
    }

    /// Room for a body of so many bytes, once it is the client's turn.
    ///
    /// # Errors
    /// `TooManyRequests` and `Busy` where more waits already than may.
    pub(crate) async fn hold_body(&self, client: &str, bytes: usize) -> Result<Option<Turn>> {
        if bytes <= MAX_SHORT {
            return Ok(None);
        }
        self.line.take(client, bytes.div_ceil(KILOBYTE)).await.map(Some)
    }

    /// The answer, which counts until the client has taken it.
    pub(crate) fn hold_answer(&self, client: &str, response: Response) -> Response {
        let bytes = response.body().size_hint().lower() as usize;
        if bytes <= MAX_SHORT {
            return response;
        }
        let turn = self.line.queue().charge(client, bytes.div_ceil(KILOBYTE));
        response.map(|body| Body::new(HeldAnswer { body, _turn: turn }))
    }

    /// Refuses a client that has more than its share of answers to take.
    ///
    /// # Errors
    /// `TooManyRequests`.
    pub(crate) fn check(&self, client: &str) -> Result<()> {
        if !self.is_over(client) {
            return Ok(());
        }
        let megabytes = (self.share * KILOBYTE).div_ceil(MEGABYTE);
        let message =
            format!("the client has more than {megabytes} MB of answers that it has not taken yet (limit held-mb)");
        Err(too_many(Duration::from_secs(1), message))
    }

    /// Has the client more than its share of answers to take?
    pub(crate) fn is_over(&self, client: &str) -> bool {
        self.line.queue().is_over(client)
    }

    /// Waits until the client has room for an answer.
    ///
    /// # Errors
    /// `TooManyRequests` and `Busy` where more waits already than may, or where it took too long.
    pub(crate) async fn wait_until_taken(&self, client: &str) -> Result<()> {
        self.line.take(client, 1).await.map(drop)
    }

    /// How many kilobytes are held, and how many bodies wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.line.queue().load()
    }
}

/// An answer that is counted until it is gone.
struct HeldAnswer {
    body: Body,
    _turn: Turn,
}

impl HttpBody for HeldAnswer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_that_are_not_taken_count_against_the_client() {
        let held = HeldBytes::new(RequestLimits { held_bytes: 200 * KILOBYTE, ..RequestLimits::default() });
        let answer = |bytes: usize| Response::new(Body::from(vec![b'x'; bytes]));
        let short = held.hold_answer("a", answer(MAX_SHORT));
        assert_eq!(held.load(), (0, 0));
        let first = held.hold_answer("a", answer(100 * KILOBYTE));
        assert!(held.check("a").is_ok(), "all of its share, and no more");
        let second = held.hold_answer("a", answer(MAX_SHORT + 1));
        assert!(held.check("a").unwrap_err().issues[0].text.contains("held-mb"));
        assert!(held.check("b").is_ok());
        assert_eq!(axum::body::to_bytes(second.into_body(), usize::MAX).await.unwrap().len(), MAX_SHORT + 1);
        assert!(held.check("a").is_ok());
        drop((short, first));
        assert_eq!(held.load(), (0, 0));
    }
}
