//! The end of a connection, so that the last answer is read: nothing more is written, and what the client still sends (the
//! rest of a body that nobody wants) is thrown away for a moment. Closed at once, the system would tell the client that the
//! connection was reset, in place of the answer.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::limits::{KILOBYTE, MEGABYTE};

/// How long a client may take to hear the last answer, and how much it may go on sending meanwhile.
pub(super) const MAX_LINGER: Duration = Duration::from_secs(2);
const MAX_LINGER_BYTES: usize = 64 * MEGABYTE;
/// How much of that is read at a time.
const BUFFER: usize = 64 * KILOBYTE;

/// The answer of a connection that comes to no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastWords {
    /// Its head took too long
    Overdue,
    /// There are too many connections
    Full,
    /// There are too many of this address
    AddressFull,
    /// It is plain HTTP where TLS is spoken
    Plain,
}

impl LastWords {
    /// The status, and what is left to say of it.
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Overdue => {
                ("408 Request Timeout", "the head of the request did not arrive in time (limit head-seconds)")
            }
            Self::Full => ("503 Service Unavailable", "too many connections are open (limit connections)"),
            Self::AddressFull => {
                ("429 Too Many Requests", "too many connections of this address are open (limit address-connections)")
            }
            Self::Plain => {
                ("400 Bad Request", "TLS is spoken at this port, and the request came without it; use https://")
            }
        }
    }

    /// As an answer with a problem document.
    fn text(self) -> String {
        let (status, detail) = self.parts();
        let (code, title) = status.split_once(' ').unwrap_or((status, ""));
        let body =
            format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":\"{detail}\"}}");
        let again = if self == Self::Plain { "" } else { "retry-after: 1\r\n" };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n{again}\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// Ends a connection: see the module head.
pub(super) async fn end<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, last_words: Option<LastWords>) {
    // A client that is gone hears nothing.
    let _ = tokio::time::timeout(MAX_LINGER, async {
        if let Some(words) = last_words {
            stream.write_all(words.text().as_bytes()).await?;
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
