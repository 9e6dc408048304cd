//! How a connection begins on a port that speaks TLS. The time that it may take is its caller's business.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::security::Fingerprint;

use super::config::HTTP2;
use super::current::Tls;

/// Whom a handshake is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Purpose {
    /// A client that is served
    Serve,
    /// One that is told why it is not
    Refuse,
}

/// Does a connection begin in plain HTTP? The first byte of TLS is no letter, and that of a method is.
///
/// # Errors
/// If the connection fails or ends first.
pub(in crate::server) async fn is_plain_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(first[0].is_ascii_alphabetic())
}

/// Makes the handshake.
///
/// # Errors
/// Why it failed, with the stream: the other side is still to read the alert.
pub(in crate::server) async fn shake_hands<S>(
    tls: &Tls,
    purpose: Purpose,
    stream: S,
) -> Result<TlsStream<S>, (io::Error, S)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = tls.config();
    let config = match purpose {
        Purpose::Serve => &config.server,
        Purpose::Refuse => &config.http1,
    };
    TlsAcceptor::from(config.clone()).accept(stream).into_fallible().await
}

/// Have both sides agreed on HTTP/2?
pub(in crate::server) fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// The certificate that the client showed.
pub(in crate::server) fn client_certificate<S>(stream: &TlsStream<S>) -> Option<Fingerprint> {
    let chain = stream.get_ref().1.peer_certificates()?;
    chain.first().map(|certificate| Fingerprint::of(certificate))
}
