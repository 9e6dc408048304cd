//! A stream that does not wait for ever: neither for a request, nor for the rest of its head. It knows nothing of HTTP but
//! how far the connection is ([`Progress`]). How long a client may take for its answer is watched by `timed_write`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::limits::ConnectionLimits;

use super::progress::{Phase, Progress};

/// See the module head.
pub(super) struct TimedRead<S> {
    stream: S,
    progress: Progress,
    limits: ConnectionLimits,
    /// The end of the phase of this number, if it has one
    read_end: Option<(u64, Pin<Box<Sleep>>)>,
    overdue: bool,
}

impl<S> TimedRead<S> {
    pub(super) fn new(stream: S, progress: Progress, limits: ConnectionLimits) -> Self {
        Self { stream, progress, limits, read_end: None, overdue: false }
    }

    /// The stream, and whether the head of a request took too long.
    pub(super) fn into_inner(self) -> (S, bool) {
        (self.stream, self.overdue)
    }

    /// Ready when the phase that the connection is in has lasted too long.
    fn poll_read_end(&mut self, context: &mut Context<'_>) -> Poll<Phase> {
        let (phase, number) = self.progress.now();
        let time = match phase {
            Phase::Idle => self.limits.idle_time,
            Phase::Head => self.limits.head_time,
            // How long a body may take is watched where it is received.
            Phase::Serving => {
                self.progress.wake_at_end(context.waker());
                return Poll::Pending;
            }
        };
        let same = self.read_end.take().filter(|(of, _)| *of == number);
        let (_, end) = self.read_end.insert(same.unwrap_or_else(|| (number, Box::pin(sleep(time)))));
        ready!(end.as_mut().poll(context));
        Poll::Ready(phase)
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedRead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                self.progress.bytes_came();
            }
            return read;
        }
        match ready!(self.poll_read_end(context)) {
            Phase::Head => {
                self.overdue = true;
                Poll::Ready(Err(timed_out()))
            }
            // Nobody asks for anything: that is an end as good as the client's own.
            Phase::Idle | Phase::Serving => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedRead<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::server::request_service::RequestWatch;

    fn stream() -> (TimedRead<DuplexStream>, DuplexStream, Progress) {
        let (ours, theirs) = duplex(4);
        let progress = Progress::default();
        (TimedRead::new(ours, progress.clone(), ConnectionLimits::default()), theirs, progress)
    }

    async fn reads_for(stream: &mut TimedRead<DuplexStream>) -> (io::Result<usize>, Duration) {
        let began = Instant::now();
        (stream.read(&mut [0; 8]).await, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_nothing_is_left() {
        let (mut stream, _theirs, progress) = stream();
        let limits = ConnectionLimits::default();
        let (read, time) = reads_for(&mut stream).await;
        assert_eq!((read.unwrap(), time), (0, limits.idle_time));
        drop(progress.request_began());
        let (read, time) = reads_for(&mut stream).await;
        assert_eq!((read.unwrap(), time), (0, limits.idle_time), "after an answer the time begins anew");
        assert!(!stream.into_inner().1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_does_not_trickle_for_ever() {
        let (mut stream, mut theirs, _) = stream();
        let began = Instant::now();
        let trickle = tokio::spawn(async move {
            while theirs.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        });
        while stream.read(&mut [0; 8]).await.is_ok() {}
        assert_eq!(began.elapsed(), ConnectionLimits::default().head_time);
        assert!(stream.into_inner().1);
        trickle.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_served_takes_its_time() {
        let (mut stream, _theirs, progress) = stream();
        let request = progress.request_began();
        assert!(tokio::time::timeout(Duration::from_hours(1), stream.read(&mut [0; 8])).await.is_err());
        // Whoever was reading all the time is woken, and waits for the next request only as long as it may.
        let began = Instant::now();
        let ended = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            drop(request);
        });
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(began.elapsed(), Duration::from_secs(7) + ConnectionLimits::default().idle_time);
        ended.await.unwrap();
    }
}
