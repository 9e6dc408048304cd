//! Where a caller is in its feed, as the end of a cursor: `77`, all up to this sequence; `77-3`, all but the last three Tasks
//! of it, which did not fit into the answer.

use std::fmt;

use crate::fhir::ResourceKey;

/// Where a caller is in its feed: it was told all up to a sequence, but for the last few Tasks of that sequence, where they
/// did not fit into one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FeedPosition {
    pub(super) seq: u64,
    /// How many Tasks of the sequence are still to be told. Counted from its end: one that was told, and changes, leaves the
    /// sequence, and those that were not are the last ones still
    left: usize,
}

impl FeedPosition {
    pub(super) fn after(seq: u64) -> Self {
        Self { seq, left: 0 }
    }

    /// Reads the end of a cursor: `77`, or `77-3`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (seq, left) = text.split_once('-').unwrap_or((text, "0"));
        Some(Self { seq: seq.parse().ok()?, left: left.parse().ok()? })
    }

    /// The sequence after which the feed is read.
    pub(super) fn read_after(self) -> u64 {
        if self.left > 0 { self.seq.saturating_sub(1) } else { self.seq }
    }

    /// Takes out what was told already of what the feed gives behind [`FeedPosition::read_after`].
    pub(super) fn skip_told(self, items: &mut Vec<(ResourceKey, u64)>) {
        if self.left > 0 {
            let of_sequence = items.iter().take_while(|(_, seq)| *seq == self.seq).count();
            items.drain(..of_sequence.saturating_sub(self.left));
        }
    }

    /// The position once the first `told` of these items were told, which are some.
    pub(super) fn once_told(items: &[(ResourceKey, u64)], told: usize) -> Option<Self> {
        let (_, seq) = items.get(told.checked_sub(1)?)?;
        Some(Self { seq: *seq, left: items[told..].iter().take_while(|(_, next)| next == seq).count() })
    }
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.left {
            0 => write!(f, "{}", self.seq),
            left => write!(f, "{}-{left}", self.seq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(items: &[(&str, u64)]) -> Vec<(ResourceKey, u64)> {
        items.iter().map(|(id, seq)| (ResourceKey::new("Task", *id), *seq)).collect()
    }

    fn told_next(cursor: &str, mut items: Vec<(ResourceKey, u64)>) -> Vec<String> {
        let position = FeedPosition::read(cursor).unwrap();
        items.retain(|(_, seq)| *seq > position.read_after());
        position.skip_told(&mut items);
        items.into_iter().map(|(key, _)| key.id).collect()
    }

    #[test]
    fn a_sequence_that_was_told_in_part_goes_on_where_it_stopped() {
        let all = items(&[("a", 6), ("b", 7), ("c", 7), ("d", 7), ("e", 8)]);
        assert_eq!(FeedPosition::once_told(&all, 1), Some(FeedPosition::after(6)));
        assert_eq!(FeedPosition::once_told(&all, 2), Some(FeedPosition { seq: 7, left: 2 }));
        assert_eq!(FeedPosition::once_told(&all, 4), Some(FeedPosition::after(7)));
        assert_eq!(FeedPosition { seq: 7, left: 2 }.to_string(), "7-2");
        assert_eq!(told_next("7-2", all.clone()), ["c", "d", "e"]);
        assert_eq!(told_next("7", all), ["e"]);
        // What was told changed again meanwhile, or what was not.
        assert_eq!(told_next("7-2", items(&[("c", 7), ("d", 7), ("b", 9)])), ["c", "d", "b"]);
        assert_eq!(told_next("7-2", items(&[("b", 7), ("d", 7), ("c", 9)])), ["b", "d", "c"]);
        assert_eq!(told_next("7-2", items(&[("e", 8)])), ["e"]);
        for bad in ["", "-", "7-", "-7", "x", "7-x"] {
            assert_eq!(FeedPosition::read(bad), None, "{bad}");
        }
    }
}
