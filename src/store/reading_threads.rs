//! Which threads may wait for a disk. A thread that keeps many requests going may not: what it asks of a file is read on
//! another one, which costs two wakeups. One that works on few may read itself, and says so when it starts.

use std::cell::Cell;

thread_local! {
    static MAY_READ: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread reads itself what it asks of a store, where the store can do so.
pub fn read_on_this_thread() {
    MAY_READ.set(true);
}

/// Does this thread read itself?
pub(super) fn reads_itself() -> bool {
    MAY_READ.get()
}
