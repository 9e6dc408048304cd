//! A table that only grows, by number, and is read without a lock.

use std::sync::OnceLock;

/// Room in the first chunk; each further one has twice the room of the one before.
const FIRST_CHUNK_SIZE: u32 = 256;

/// See the module head. Chunks never move, so what stands there can be borrowed while others are added.
#[derive(Debug)]
pub(super) struct AppendOnlyTable<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; 20],
}

impl<T> AppendOnlyTable<T> {
    /// A table with nothing in it.
    pub(super) fn new() -> Self {
        Self { chunks: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// The slot with this number; nothing for a number for which there is no room.
    pub(super) fn slot(&self, number: u32) -> Option<&OnceLock<T>> {
        let shifted = number.checked_add(FIRST_CHUNK_SIZE)?;
        let chunk = shifted.ilog2() - FIRST_CHUNK_SIZE.ilog2();
        let room = FIRST_CHUNK_SIZE << chunk;
        let slots = self.chunks.get(chunk as usize)?.get_or_init(|| (0..room).map(|_| OnceLock::new()).collect());
        slots.get((shifted - room) as usize)
    }

    /// What stands at this number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.slot(number)?.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_stands_at_each_number() {
        let table = AppendOnlyTable::new();
        for number in (0..2_000).step_by(3) {
            table.slot(number).unwrap().get_or_init(|| number);
        }
        for number in 0..2_000 {
            assert_eq!(table.get(number), (number % 3 == 0).then_some(&number), "{number}");
        }
        assert_eq!(table.get(u32::MAX), None);
    }
}
