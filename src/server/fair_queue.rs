//! A queue for something that there is only so much of: places to work in, memory to hold bodies in. Whoever comes when
//! there is none left waits, and the clients that wait are served in turn, one request of each: however much one of them
//! asks for, another waits for no more than one request of everybody before it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How much there is, and how many may wait for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    /// All that there is
    pub(crate) units: usize,
    /// How much of it one client has at most
    pub(crate) share: usize,
    /// How many requests wait
    pub(crate) waiting: usize,
    /// How many of one client
    pub(crate) client_waiting: usize,
}

/// Why a request cannot even wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Too many of this client do
    Client,
    /// Too many do
    All,
}

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FairQueue {
    capacity: Capacity,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What is in use; more than there is, where it was charged
    used: usize,
    /// By whom
    by_client: HashMap<Arc<str>, usize>,
    /// Who waits: the clients in the order of their turns, each with its requests
    clients: VecDeque<(Arc<str>, VecDeque<Waiter>)>,
    waiting: usize,
    last_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    units: usize,
    turn: oneshot::Sender<Turn>,
}

/// What a request has of it, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    queue: FairQueue,
    client: Arc<str>,
    units: usize,
}

/// A request that waits; it leaves the queue when this is dropped.
struct Waiting<'q> {
    queue: &'q FairQueue,
    client: &'q str,
    number: u64,
}

impl FairQueue {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { capacity, state: Arc::default() }
    }

    /// Takes so many units for this client, or waits for its turn. What is more than a client may ever have is taken for
    /// all that it may have.
    pub(crate) async fn take(&self, client: &str, units: usize) -> Result<Turn, Full> {
        let (turn, its_turn) = oneshot::channel();
        let number = self.enter(client, units.min(self.capacity.share), turn)?;
        self.advance();
        let _waiting = Waiting { queue: self, client, number };
        // The queue lives as long as this does, so somebody answers.
        its_turn.await.map_err(|_| Full::All)
    }

    /// Takes so many units for this client, whether they are there or not: for what already exists.
    pub(crate) fn charge(&self, client: &str, units: usize) -> Turn {
        self.lock().grant(client.into(), units, self)
    }

    /// Has the client more than its share?
    pub(crate) fn is_over(&self, client: &str) -> bool {
        self.lock().used_by(client) > self.capacity.share
    }

    /// How many units are in use, and how many requests wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.used, state.waiting)
    }

    fn enter(&self, client: &str, units: usize, turn: oneshot::Sender<Turn>) -> Result<u64, Full> {
        let mut state = self.lock();
        let at = state.clients.iter().position(|(known, _)| **known == *client);
        let (waiting, of_client) = (state.waiting, at.map_or(0, |at| state.clients[at].1.len()));
        // Whoever waits where nobody needs to is served before this lock is taken again.
        let is_free = waiting == 0 && self.capacity.fits(&state, client, units);
        if !is_free && of_client >= self.capacity.client_waiting {
            return Err(Full::Client);
        }
        if !is_free && waiting >= self.capacity.waiting {
            return Err(Full::All);
        }
        state.last_number += 1;
        let waiter = Waiter { number: state.last_number, units, turn };
        match at {
            Some(at) => state.clients[at].1.push_back(waiter),
            None => state.clients.push_back((client.into(), VecDeque::from([waiter]))),
        }
        state.waiting += 1;
        Ok(state.last_number)
    }

    /// Gives what is free to those whose turn it is.
    fn advance(&self) {
        let turns = self.lock().next_turns(self);
        for (waiter, turn) in turns {
            // Whoever is gone by now gives it back at once.
            let _ = waiter.turn.send(turn);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Capacity {
    /// May the client have them now? One that has none, where nobody has any, always may.
    fn fits(&self, state: &State, client: &str, units: usize) -> bool {
        self.is_within_share(state, client, units) && self.is_there(state, units)
    }

    fn is_within_share(&self, state: &State, client: &str, units: usize) -> bool {
        state.used_by(client) + units <= self.share
    }

    fn is_there(&self, state: &State, units: usize) -> bool {
        state.used + units <= self.units
    }
}

impl State {
    fn used_by(&self, client: &str) -> usize {
        self.by_client.get(client).copied().unwrap_or(0)
    }

    fn grant(&mut self, client: Arc<str>, units: usize, queue: &FairQueue) -> Turn {
        self.used += units;
        *self.by_client.entry(client.clone()).or_default() += units;
        Turn { queue: queue.clone(), client, units }
    }

    fn give_back(&mut self, client: &str, units: usize) {
        self.used -= units;
        let left = self.used_by(client) - units;
        if left == 0 {
            self.by_client.remove(client);
        } else if let Some(used) = self.by_client.get_mut(client) {
            *used = left;
        }
    }

    /// Those whose turn it is now. A client that has its share is passed over and keeps its place; one for whom there is not
    /// enough is waited for, and those behind it wait with it, or it would wait for ever.
    fn next_turns(&mut self, queue: &FairQueue) -> Vec<(Waiter, Turn)> {
        let mut turns = Vec::new();
        let mut at = 0;
        while let Some((client, waiters)) = self.clients.get(at) {
            let units = waiters.front().map_or(0, |waiter| waiter.units);
            if !queue.capacity.is_within_share(self, client, units) {
                at += 1;
                continue;
            }
            if !queue.capacity.is_there(self, units) {
                break;
            }
            let Some((client, mut waiters)) = self.clients.remove(at) else { break };
            let Some(waiter) = waiters.pop_front() else { continue };
            self.waiting -= 1;
            if !waiters.is_empty() {
                self.clients.push_back((client.clone(), waiters));
            }
            turns.push((waiter, self.grant(client, units, queue)));
        }
        turns
    }
}

impl Turn {
    /// Gives back what is more than so many units.
    pub(crate) fn reduce_to(&mut self, units: usize) {
        let surplus = self.units.saturating_sub(units);
        self.units -= surplus;
        self.queue.lock().give_back(&self.client, surplus);
        self.queue.advance();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.lock().give_back(&self.client, self.units);
        self.queue.advance();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let Some(at) = state.clients.iter().position(|(known, _)| **known == *self.client) else { return };
        let before = state.clients[at].1.len();
        state.clients[at].1.retain(|waiter| waiter.number != self.number);
        let left = state.clients[at].1.len();
        state.waiting -= before - left;
        if left == 0 {
            state.clients.remove(at);
        }
        drop(state);
        self.queue.advance();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn queue(units: usize, share: usize) -> FairQueue {
        FairQueue::new(Capacity { units, share, waiting: 3, client_waiting: 2 })
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn now(queue: &FairQueue, client: &str, units: usize) -> Option<Result<Turn, Full>> {
        match poll(pin!(queue.take(client, units))) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn clients_take_turns_however_much_one_asks_for() {
        let queue = queue(1, 1);
        let held = now(&queue, "a", 1).unwrap().unwrap();
        let mut first = Box::pin(queue.take("a", 1));
        let mut second = Box::pin(queue.take("a", 1));
        let mut other = Box::pin(queue.take("b", 1));
        for waits in [&mut first, &mut second] {
            assert!(poll(waits.as_mut()).is_pending());
        }
        assert!(poll(other.as_mut()).is_pending());
        drop(held);
        let Poll::Ready(Ok(turn)) = poll(first.as_mut()) else { panic!("the first that came") };
        assert!(poll(second.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        drop(turn);
        assert!(poll(second.as_mut()).is_pending(), "b is first, though a asked before it");
        assert!(matches!(poll(other.as_mut()), Poll::Ready(Ok(_))), "and gives its place back at once");
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn one_client_never_has_all() {
        let queue = queue(3, 2);
        let held = [now(&queue, "a", 1).unwrap().unwrap(), now(&queue, "a", 1).unwrap().unwrap()];
        assert!(now(&queue, "a", 1).is_none());
        let other = now(&queue, "b", 1).unwrap().unwrap();
        assert_eq!(queue.load(), (3, 0));
        drop((held, other));
        assert!(now(&queue, "a", 9).unwrap().is_ok(), "more than there ever is counts as all that it may have");
        assert_eq!(queue.load(), (0, 0));
    }

    #[test]
    fn who_cannot_wait_is_told_why() {
        let queue = queue(1, 1);
        let _held = now(&queue, "a", 1).unwrap().unwrap();
        let mut waiting = [Box::pin(queue.take("a", 1)), Box::pin(queue.take("a", 1)), Box::pin(queue.take("b", 1))];
        for waits in &mut waiting[..2] {
            assert!(poll(waits.as_mut()).is_pending());
        }
        assert_eq!(now(&queue, "a", 1).map(Result::err), Some(Some(Full::Client)));
        assert!(poll(waiting[2].as_mut()).is_pending());
        assert_eq!(now(&queue, "c", 1).map(Result::err), Some(Some(Full::All)));
        let [first, ..] = waiting;
        drop(first);
        assert!(now(&queue, "c", 1).is_none(), "whoever leaves makes room");
    }

    #[test]
    fn a_large_one_is_not_overtaken_for_ever() {
        let queue = queue(4, 4);
        let held = now(&queue, "a", 2).unwrap().unwrap();
        let mut large = Box::pin(queue.take("b", 3));
        let mut small = Box::pin(queue.take("c", 1));
        assert!(poll(large.as_mut()).is_pending());
        assert!(poll(small.as_mut()).is_pending(), "it would fit, and comes after the large one");
        drop(held);
        let Poll::Ready(Ok(_large)) = poll(large.as_mut()) else { panic!("there is room") };
        assert!(matches!(poll(small.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn what_is_charged_counts_against_the_share() {
        let queue = queue(4, 2);
        let held = queue.charge("a", 6);
        assert!(queue.is_over("a") && !queue.is_over("b"));
        assert!(now(&queue, "b", 1).is_none(), "there is none left");
        drop(held);
        let mut turn = now(&queue, "a", 2).unwrap().unwrap();
        turn.reduce_to(1);
        assert_eq!(queue.load(), (1, 0));
        drop(turn);
        assert_eq!(queue.load(), (0, 0));
    }
}
