//! A stream that does not wait for ever for the other side to take what it is sent. It stands next to the socket, so that
//! each byte that is taken counts, whatever is spoken over it. A large answer goes out in pieces, between which others have
//! the thread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::limits::KILOBYTE;
use crate::yielding;

/// How much is written at once; what is more waits until others had a turn.
const MAX_WRITTEN: usize = 64 * KILOBYTE;

/// See the module head.
pub(super) struct TimedWrite<S> {
    stream: S,
    time: Duration,
    /// When the other side has taken nothing for too long
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> TimedWrite<S> {
    pub(super) fn new(stream: S, time: Duration) -> Self {
        Self { stream, time, end: None }
    }

    /// What a write gives, unless nothing was taken for too long.
    fn poll_end<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.end = None;
            return written;
        }
        let time = self.time;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedWrite<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedWrite<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let part = &bytes[..bytes.len().min(MAX_WRITTEN)];
        let written = Pin::new(&mut self.stream).poll_write(context, part);
        self.poll_end(count(written), context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.poll_end(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.poll_end(shut, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let written = if bytes > MAX_WRITTEN {
            Pin::new(&mut self.stream).poll_write_vectored(context, &beginning(buffers))
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
        };
        self.poll_end(count(written), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Counts what was written as work: the system copies it.
fn count(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &written {
        yielding::count_copied(*bytes);
    }
    written
}

/// As much of it as is written at once.
fn beginning<'b>(buffers: &'b [io::IoSlice<'b>]) -> Vec<io::IoSlice<'b>> {
    let mut room = MAX_WRITTEN;
    let mut parts = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        let part = &buffer[..buffer.len().min(room)];
        room -= part.len();
        parts.push(io::IoSlice::new(part));
        if room == 0 {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_goes_out_in_pieces() {
        let all: Vec<u8> = (0..3 * MAX_WRITTEN).map(|at| (at % 251) as u8).collect();
        let (ours, mut theirs) = duplex(4 * MAX_WRITTEN);
        let mut stream = TimedWrite::new(ours, Duration::from_secs(30));
        assert_eq!(stream.write(&all).await.unwrap(), MAX_WRITTEN);
        // A head goes with the beginning of its body.
        let (head, body) = all[MAX_WRITTEN..].split_at(100);
        let parts = [io::IoSlice::new(head), io::IoSlice::new(&[]), io::IoSlice::new(body), io::IoSlice::new(b"more")];
        assert_eq!(beginning(&parts).iter().map(|part| part.len()).collect::<Vec<_>>(), [100, 0, MAX_WRITTEN - 100]);
        // Not every stream takes several at once; none takes more.
        let written = stream.write_vectored(&parts).await.unwrap();
        assert!((100..=MAX_WRITTEN).contains(&written), "{written}");
        let mut taken = vec![0; MAX_WRITTEN + written];
        theirs.read_exact(&mut taken).await.unwrap();
        assert!(all.starts_with(&taken));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_is_left() {
        let limit = Duration::from_secs(30);
        let (ours, mut theirs) = duplex(4);
        let mut stream = TimedWrite::new(ours, limit);
        let began = Instant::now();
        let taken = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            theirs.read_exact(&mut [0; 4]).await.map(|_| theirs)
        });
        let error = stream.write_all(&[0; 12]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), Duration::from_secs(20) + limit, "each byte that is taken gives it the time again");
        taken.await.unwrap().unwrap();
    }
}
