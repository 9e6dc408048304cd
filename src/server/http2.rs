//! HTTP/2 (<https://www.rfc-editor.org/rfc/rfc9113>) on one connection, where both sides agreed on it in the handshake.
//!
//! The limits are those of HTTP/1.1. A connection on which nothing is asked is ended after the same time, whatever else
//! comes over it, so that a head which trickles in has no longer; one that does not take its answers is ended, too, though
//! its socket takes bytes: there each answer has a window of its own. Requests that are begun and reset in quick succession
//! (<https://nvd.nist.gov/vuln/detail/CVE-2023-44487>) end the connection.

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::limits::{ConnectionLimits, KILOBYTE};

use super::closing::MAX_LINGER;
use super::connection_slots::Slot;
use super::open_requests::OpenRequests;
use super::request_head;
use super::request_service::{RequestService, RequestWatch};

/// How many requests of one connection are served at a time. How many a client may have on all of its connections is a limit
/// of requests.
const MAX_REQUESTS: u32 = 100;
/// How much of one body comes before it is read, and of all of a connection.
const BODY_WINDOW: u32 = 64 * KILOBYTE as u32;
const CONNECTION_WINDOW: u32 = 256 * KILOBYTE as u32;
/// How many requests may be reset before they are looked at, and how many for a fault of the client's.
const MAX_RESETS: usize = 20;
const MAX_FAULTY: usize = 100;

/// Serves a connection to its end. When `stopping` turns true, the requests that it is at are the last ones.
pub(super) async fn serve<S>(stream: S, service: &RequestService, slot: &Slot, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let limits = slot.limits();
    let requests = OpenRequests::default();
    let serve = service_fn(|request| service.serve(request, requests.request_began()));
    let connection = protocol(&limits).serve_connection(TokioIo::new(stream), serve);
    let mut connection = std::pin::pin!(connection);
    let mut is_last = false;
    loop {
        // Once it is told that no request more is taken, the client has a moment to hear it.
        let idle_time = if is_last { MAX_LINGER } else { limits.idle_time };
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection failed");
                }
                break;
            }
            _ = stopping.wait_for(|stopping| *stopping), if !is_last => {
                is_last = true;
                connection.as_mut().graceful_shutdown();
            }
            () = requests.idle_for(idle_time) => {
                if is_last {
                    break;
                }
                is_last = true;
                connection.as_mut().graceful_shutdown();
            }
            () = requests.not_taken_for(limits.answer_time) => {
                slot.count_ended("answer-seconds");
                break;
            }
        }
    }
}

fn protocol(limits: &ConnectionLimits) -> http2::Builder<TokioExecutor> {
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    let head = request_head::PARSED * (limits.head_bytes + limits.head_fields * request_head::FIELD_OVERHEAD);
    protocol
        .max_concurrent_streams(MAX_REQUESTS)
        .initial_stream_window_size(BODY_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(BODY_WINDOW as usize)
        .max_header_list_size(head as u32)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_FAULTY);
    protocol
}
