//! One connection: HTTP/1.1 (<https://www.rfc-editor.org/rfc/rfc9112>) on a stream that does not wait for ever, and its end.
//!
//! A connection is ended so that the last answer is read: nothing more is written, and what the client still sends (the
//! rest of a body that nobody wants) is thrown away for a moment. Closed at once, the system would tell the client that the
//! connection was reset, in place of the answer.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::limits::{ConnectionLimits, KILOBYTE, MEGABYTE};

use super::connection_slots::{Refused, Slot};
use super::progress::Progress;
use super::request_head;
use super::timed_stream::TimedStream;

/// How much is buffered of what is read and written.
const BUFFER: usize = 64 * KILOBYTE;
/// How long a client may take to hear the last answer, and how much it may go on sending meanwhile.
const MAX_LINGER: Duration = Duration::from_secs(2);
const MAX_LINGER_BYTES: usize = 64 * MEGABYTE;

/// The answers of a connection that comes to no request, each with what is left to say of it.
const OVERDUE: (&str, &str) =
    ("408 Request Timeout", "the head of the request did not arrive in time (limit head-seconds)");
const FULL: (&str, &str) = ("503 Service Unavailable", "too many connections are open (limit connections)");
const ADDRESS_FULL: (&str, &str) =
    ("429 Too Many Requests", "too many connections of this address are open (limit address-connections)");

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerAddress(pub(super) IpAddr);

impl PeerAddress {
    /// Of a request that came over no connection.
    pub(super) const UNKNOWN: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

/// Serves a connection to its end. When `stopping` turns true, the request that it is at is the last one.
pub(super) async fn serve(
    stream: TcpStream,
    address: IpAddr,
    router: Router,
    slot: Slot,
    mut stopping: watch::Receiver<bool>,
) {
    let limits = slot.limits();
    let progress = Arc::new(Progress::default());
    let stream = TimedStream::new(stream, progress.clone(), limits);
    let service = service_fn(|request: Request<Incoming>| {
        progress.request_began();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddress(address));
        let (answered, progress) = (router.clone().oneshot(request), progress.clone());
        async move {
            let response: Result<Response<Body>, Infallible> = answered.await;
            response.map(|response| response.map(|body| Answer { body, progress }))
        }
    });
    let mut connection = protocol(&limits).serve_connection(TokioIo::new(stream), service);
    let mut is_last = false;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            _ = stopping.wait_for(|stopping| *stopping), if !is_last => {
                is_last = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
    let (stream, overdue) = connection.into_parts().io.into_inner().into_inner();
    if overdue {
        slot.count_ended("head-seconds");
    }
    let last_words = overdue.then(|| message(OVERDUE));
    tokio::select! {
        () = end(stream, last_words) => {}
        // Whoever stops waits for answers, and not for clients to hang up.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    drop(slot);
}

fn protocol(limits: &ConnectionLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .max_buf_size(BUFFER.max(request_head::PARSED * limits.head_bytes))
        .max_header_size(request_head::PARSED * limits.head_bytes)
        .max_headers(request_head::PARSED * limits.head_fields)
        // The stream keeps the times.
        .header_read_timeout(None);
    protocol
}

/// Tells a client that its connection is one too many.
pub(super) async fn refuse(stream: TcpStream, refused: Refused) {
    end(
        stream,
        Some(message(match refused {
            Refused::Total => FULL,
            Refused::Address => ADDRESS_FULL,
        })),
    )
    .await;
}

/// An answer of a connection that comes to no request, as a problem document.
fn message((status, detail): (&str, &str)) -> String {
    let (code, title) = status.split_once(' ').unwrap_or((status, ""));
    let body = format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":\"{detail}\"}}");
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nretry-after: 1\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Ends a connection: see the module head.
async fn end(mut stream: TcpStream, last_words: Option<String>) {
    // A client that is gone hears nothing.
    let _ = tokio::time::timeout(MAX_LINGER, async {
        if let Some(words) = last_words {
            stream.write_all(words.as_bytes()).await?;
        }
        stream.shutdown().await?;
        let (mut buffer, mut thrown_away) = (vec![0; BUFFER], 0);
        while thrown_away < MAX_LINGER_BYTES {
            match stream.read(&mut buffer).await? {
                0 => break,
                bytes => thrown_away += bytes,
            }
        }
        std::io::Result::Ok(())
    })
    .await;
}

/// The body of an answer, which ends its request.
struct Answer {
    body: Body,
    progress: Arc<Progress>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.progress.request_ended();
    }
}

impl HttpBody for Answer {
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
