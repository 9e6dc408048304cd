//! Work done by several threads, and taken in the order in which it was given.
//!
//! No more is under way than the threads need to stay busy, so memory is bounded whatever the number of jobs.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use crate::error::Result;

/// How many jobs for each thread are under way: given, being worked on, or waiting for their turn to be taken.
const JOBS_PER_THREAD: usize = 4;

/// Does what `give` gives with `work`, on as many threads as there are processors, and hands it to `take` on this one.
/// `give` runs on a thread of its own; it is told by `false` that nothing more is wanted.
///
/// # Errors
/// The first one of `take`; nothing is taken after it.
pub(super) fn in_order<Job: Send, Done: Send>(
    give: impl FnOnce(&mut dyn FnMut(Job) -> bool) + Send,
    work: impl Fn(Job) -> Done + Sync,
    mut take: impl FnMut(Done) -> Result<()>,
) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    // A ticket is bought for each job that is given and comes back when it is taken.
    let (tickets, returned) = sync_channel::<()>(threads * JOBS_PER_THREAD);
    let (jobs, queue) = channel::<(u64, Job)>();
    let (done, results) = channel::<(u64, thread::Result<Done>)>();
    let (queue, work) = (&Mutex::new(queue), &work);
    thread::scope(move |scope| {
        scope.spawn(move || {
            let mut number = 0_u64;
            give(&mut |job| {
                number += 1;
                tickets.send(()).is_ok() && jobs.send((number, job)).is_ok()
            });
        });
        for _ in 0..threads {
            let done = done.clone();
            scope.spawn(move || {
                let next = || queue.lock().ok()?.recv().ok();
                while let Some((number, job)) = next() {
                    // A panic is carried to the thread that takes, which would wait for this job for ever.
                    if done.send((number, catch_unwind(AssertUnwindSafe(|| work(job))))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let mut next = 1;
        for (number, result) in &results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                take(result.unwrap_or_else(|panic| resume_unwind(panic)))?;
                next += 1;
                // The job bought one, so one is there.
                let _ = returned.recv();
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn keeps_the_order_and_bounds_what_is_under_way() {
        let (given, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut order = Vec::new();
        let done = in_order(
            |give| {
                for number in 0..2_000_usize {
                    given.fetch_add(1, Ordering::SeqCst);
                    assert!(give(number));
                }
            },
            |number| {
                // Uneven work, so that threads overtake each other.
                std::hint::black_box((0..number % 7 * 1_000).sum::<usize>());
                let under_way = given.load(Ordering::SeqCst) - taken.load(Ordering::SeqCst);
                (number, under_way)
            },
            |done| {
                taken.fetch_add(1, Ordering::SeqCst);
                order.push(done);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        assert!(order.iter().map(|(number, _)| *number).eq(0..2_000));
        // One more is given and waits for its ticket, and one taken may not be counted yet.
        let most = thread::available_parallelism().map_or(1, NonZero::get) * JOBS_PER_THREAD + 2;
        assert!(order.iter().all(|(_, under_way)| *under_way <= most));
    }

    /// Every job waits until as many are being worked on as there are processors.
    #[test]
    fn all_processors_are_used_at_once() {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let (busy, all_busy) = (Mutex::new(0), std::sync::Condvar::new());
        let work = |(): ()| {
            let mut busy = busy.lock().unwrap();
            *busy += 1;
            all_busy.notify_all();
            let long = std::time::Duration::from_mins(1);
            let (_busy, waited) = all_busy.wait_timeout_while(busy, long, |busy| *busy < threads).unwrap();
            waited.timed_out()
        };
        let mut alone = 0;
        let done = in_order(
            |give| (0..threads).for_each(|_| assert!(give(()))),
            work,
            |waited_in_vain| {
                alone += usize::from(waited_in_vain);
                Ok(())
            },
        );
        assert_eq!((done, alone), (Ok(()), 0));
    }

    #[test]
    fn stops_when_nobody_takes_any_more() {
        let mut taken = 0;
        let done = in_order(
            |give| while give(()) {},
            |()| (),
            |()| {
                taken += 1;
                if taken == 10 { Err(Error::fault("full")) } else { Ok(()) }
            },
        );
        assert_eq!((done, taken), (Err(Error::fault("full")), 10));
    }

    #[test]
    fn a_panic_is_not_lost() {
        let panicked = std::panic::catch_unwind(|| {
            in_order(|give| while give(1) {}, |number| assert_eq!(number, 2, "on purpose"), |()| Ok(()))
        });
        assert!(panicked.is_err());
    }
}
