//! HTTP/1.1 (<https://www.rfc-editor.org/rfc/rfc9112>) on one connection, which does not wait for ever.

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::limits::{ConnectionLimits, KILOBYTE};

use super::closing::{self, LastWords};
use super::connection_slots::Slot;
use super::progress::Progress;
use super::request_head;
use super::request_service::{RequestService, RequestWatch};
use super::timed_read::TimedRead;

/// How much is buffered of what is read and written.
const BUFFER: usize = 64 * KILOBYTE;

/// Serves a connection to its end. When `stopping` turns true, the request that it is at is the last one.
pub(super) async fn serve<S>(stream: S, service: &RequestService, slot: &Slot, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let limits = slot.limits();
    let progress = Progress::default();
    let stream = TimedRead::new(stream, progress.clone(), limits);
    let serve = service_fn(|request| service.serve(request, progress.request_began()));
    let mut connection = protocol(&limits).serve_connection(TokioIo::new(stream), serve);
    let mut is_last = false;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            _ = stopping.wait_for(|stopping| *stopping), if !is_last => {
                is_last = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
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
    tokio::select! {
        () = closing::end(stream, overdue.then_some(LastWords::Overdue)) => {}
        // Whoever stops waits for answers, and not for clients to hang up.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
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
