//! Long work lets others have the processor. A system lets a thread that computes go on for milliseconds before another that
//! has become ready gets its turn, however short that one's work is and however low the priority of the first: whoever
//! computes for long gives its turn away now and then, so that a short request of somebody else waits for a tenth of a
//! millisecond and not for four.
//!
//! What is counted is work and not time: this knows no clock, and nothing of what the work is. Where nobody waits, a turn
//! that is given away comes back at once.

use std::cell::Cell;

/// How much a thread does before it lets others go first: about a tenth of a millisecond on a slow core.
const TURN: u32 = 1_000;

thread_local! {
    /// What this thread has done since
    static DONE: Cell<u32> = const { Cell::new(0) };
}

/// Counts work that this thread does. A thousand make a turn; one is about as much as reading thirty bytes of JSON.
pub(crate) fn count(work: u32) {
    if add(work) {
        std::thread::yield_now();
    }
}

/// Counts work on so many bytes, which a system call copies.
pub(crate) fn count_copied(bytes: usize) {
    count(u32::try_from(bytes / 100).unwrap_or(u32::MAX));
}

/// Is the turn over?
fn add(work: u32) -> bool {
    DONE.with(|done| {
        let sum = done.get().saturating_add(work);
        let is_over = sum >= TURN;
        done.set(if is_over { 0 } else { sum });
        is_over
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_with_its_work() {
        assert!(!add(TURN - 1));
        assert!(add(1));
        assert!(!add(1), "and the next one begins");
        assert!(add(u32::MAX));
        std::thread::spawn(|| assert!(!add(TURN - 1), "each thread has its own")).join().unwrap();
    }
}
