//! One connection, from its first byte to its end: the handshake of TLS, where it is spoken, and then the version of HTTP that
//! both sides agreed on.

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use crate::limits::ConnectionLimits;

use super::closing::{self, LastWords, MAX_LINGER};
use super::connection_slots::{Refused, Slot};
use super::forwarded::TrustedProxies;
use super::metrics::HandshakeMetrics;
use super::origin::Peer;
use super::request_service::RequestService;
use super::timed_write::TimedWrite;
use super::tls::Tls;
use super::tls::handshake::{self, Purpose};
use super::{http1, http2};

/// What connections of one listener are served with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    /// Who is believed in what it says of its clients
    pub(super) proxies: Arc<TrustedProxies>,
    /// What TLS is spoken with; none: plain HTTP is
    pub(super) tls: Option<Tls>,
    pub(super) handshakes: HandshakeMetrics,
}

/// Serves a connection to its end. When `stopping` turns true, the requests that it is at are the last ones.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    serving: Serving,
    slot: Slot,
    mut stopping: watch::Receiver<bool>,
) {
    let Serving { router, proxies, tls, handshakes } = serving;
    let service = |peer| RequestService { router, proxies, peer };
    let Some(tls) = tls else {
        let stream = TimedWrite::new(stream, slot.limits().answer_time);
        return http1::serve(stream, &service(peer), &slot, stopping).await;
    };
    let begun = tokio::select! {
        begun = begin(stream, &tls, &slot) => begun,
        () = stopped(&mut stopping) => return,
    };
    let stream = match begun {
        Begun::Tls(stream) => *stream,
        Begun::PlainHttp(stream) => {
            handshakes.count("plain");
            return closing::end(stream, Some(LastWords::Plain)).await;
        }
        Begun::Failed(stream) => {
            handshakes.count("failed");
            return closing::end(stream, None).await;
        }
        Begun::Overdue => {
            handshakes.count("overdue");
            return slot.count_ended("head-seconds");
        }
        Begun::Gone => return,
    };
    handshakes.count("done");
    let certificate = handshake::client_certificate(&stream);
    let service = service(Peer { is_tls: true, certificate, ..peer });
    if handshake::is_http2(&stream) {
        http2::serve(stream, &service, &slot, stopping).await;
    } else {
        http1::serve(stream, &service, &slot, stopping).await;
    }
}

/// How a connection began where TLS is spoken.
enum Begun {
    Tls(Box<TlsStream<TimedWrite<TcpStream>>>),
    /// Somebody speaks HTTP without TLS
    PlainHttp(TcpStream),
    /// The handshake failed, and the other side is to read why
    Failed(TimedWrite<TcpStream>),
    /// It took longer than the head of a request may
    Overdue,
    /// Nobody is there any more
    Gone,
}

/// Begins a connection, in the time that a head has.
async fn begin(stream: TcpStream, tls: &Tls, slot: &Slot) -> Begun {
    let ConnectionLimits { head_time, answer_time, .. } = slot.limits();
    let begun = async {
        match handshake::is_plain_http(&stream).await {
            Ok(false) => {}
            Ok(true) => return Begun::PlainHttp(stream),
            Err(_) => return Begun::Gone,
        }
        let stream = TimedWrite::new(stream, answer_time);
        match handshake::shake_hands(tls, Purpose::Serve, stream).await {
            Ok(stream) => Begun::Tls(Box::new(stream)),
            Err((error, stream)) => {
                tracing::debug!(%error, "a handshake failed");
                Begun::Failed(stream)
            }
        }
    };
    tokio::time::timeout(head_time, begun).await.unwrap_or(Begun::Overdue)
}

/// Ready when the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means that nobody will serve much longer.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Tells a client that its connection is one too many.
pub(super) async fn refuse(stream: TcpStream, refused: Refused, tls: Option<Tls>) {
    let words = match refused {
        Refused::Total => LastWords::Full,
        Refused::Address => LastWords::AddressFull,
    };
    let Some(tls) = tls else { return closing::end(stream, Some(words)).await };
    let shaken = tokio::time::timeout(MAX_LINGER, handshake::shake_hands(&tls, Purpose::Refuse, stream)).await;
    if let Ok(Ok(stream)) = shaken {
        closing::end(stream, Some(words)).await;
    }
}
