//! The requests that are open on a connection of HTTP/2, where there are several: since when there is none, and since when
//! nothing of an answer has been taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::limits::KILOBYTE;

use super::request_service::{RequestWatch, ServedRequest};

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct OpenRequests(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: Mutex<Open>,
    /// Since when no request is open
    idle: watch::Sender<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// When something was taken last of the answer to each; none while it is being made
    taken: HashMap<u64, Option<Instant>>,
}

/// One of them.
pub(super) struct OpenRequest {
    number: u64,
    requests: OpenRequests,
}

impl Default for OpenRequests {
    fn default() -> Self {
        Self(Arc::new(Shared { open: Mutex::default(), idle: watch::Sender::new(Some(Instant::now())) }))
    }
}

impl OpenRequests {
    /// Ready when no request has been open for this long.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut idle = self.0.idle.subscribe();
        loop {
            // The sender lives as long as this.
            let Some(since) = idle.wait_for(Option::is_some).await.ok().and_then(|since| *since) else { return };
            sleep_until(since + time).await;
            if *idle.borrow() == Some(since) {
                return;
            }
        }
    }

    /// Ready when nothing has been taken of an answer for this long.
    pub(super) async fn not_taken_for(&self, time: Duration) {
        loop {
            let oldest = self.lock().taken.values().flatten().min().copied();
            let now = Instant::now();
            match oldest.map(|oldest| oldest + time) {
                Some(end) if end <= now => return,
                Some(end) => sleep_until(end).await,
                None => sleep_until(now + time).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestWatch for OpenRequests {
    type Request = OpenRequest;

    fn request_began(&self) -> OpenRequest {
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.taken.insert(number, None);
        self.0.idle.send_replace(None);
        OpenRequest { number, requests: self.clone() }
    }
}

impl ServedRequest for OpenRequest {
    /// What is handed on waits for its window without being counted: it is little.
    const CHUNK: usize = 16 * KILOBYTE;

    fn part_taken(&self) {
        self.requests.lock().taken.insert(self.number, Some(Instant::now()));
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut open = self.requests.lock();
        open.taken.remove(&self.number);
        if open.taken.is_empty() {
            self.requests.0.idle.send_replace(Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn it_is_idle_when_no_request_is_open() {
        let requests = OpenRequests::default();
        let began = Instant::now();
        let (first, second) = (requests.request_began(), requests.request_began());
        let ends = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(first);
            tokio::time::sleep(Duration::from_secs(4)).await;
            drop(second);
        });
        requests.idle_for(TIME).await;
        assert_eq!(began.elapsed(), Duration::from_secs(7) + TIME);
        ends.await.unwrap();
        let third = requests.request_began();
        assert!(tokio::time::timeout(Duration::from_hours(1), requests.idle_for(TIME)).await.is_err());
        drop(third);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_taken_part_by_part() {
        let requests = OpenRequests::default();
        let made = requests.request_began();
        let none = tokio::time::timeout(Duration::from_hours(1), requests.not_taken_for(TIME)).await;
        assert!(none.is_err(), "an answer that is being made waits for nobody");
        let began = Instant::now();
        let taken = tokio::spawn(async move {
            for _ in 0..3 {
                made.part_taken();
                tokio::time::sleep(Duration::from_secs(8)).await;
            }
            std::future::pending::<()>().await;
        });
        requests.not_taken_for(TIME).await;
        assert_eq!(began.elapsed(), Duration::from_secs(16) + TIME);
        taken.abort();
    }
}
