//! An ordered map whose versions share what is the same in them: a copy costs nothing, and a change of the copy copies the
//! run of entries that it is in, and the list of runs, whatever the size of the map.

use std::borrow::Borrow;
use std::sync::Arc;

/// How many entries are copied at most when one is changed.
const MAX_RUN: usize = 128;

/// Entries in order, in runs that versions share. See the module head.
#[derive(Debug)]
pub(super) struct SharedMap<K, V> {
    runs: Arc<Vec<Run<K, V>>>,
    len: usize,
}

/// Some entries in order; never none.
type Run<K, V> = Arc<Vec<(K, V)>>;

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { runs: Arc::default(), len: 0 }
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self { runs: self.runs.clone(), len: self.len }
    }
}

// === reading ===

impl<K, V> SharedMap<K, V> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Is there none?
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entries, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.runs.iter().flat_map(|run| run.iter()).map(|(key, value)| (key, value))
    }

    /// The keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SharedMap<K, V> {
    /// The value of this key.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_entry(key).map(|(_, value)| value)
    }

    /// The key as it is kept, and its value.
    pub(super) fn get_entry<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (run, place) = self.find(key).ok()?;
        let (key, value) = &self.runs[run][place];
        Some((key, value))
    }

    /// Where the key is: the run and the place in it; else where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<(usize, usize), (usize, usize)>
    where
        K: Borrow<Q>,
    {
        let after = self.runs.partition_point(|run| run.first().is_some_and(|(first, _)| first.borrow() <= key));
        let run = after.saturating_sub(1);
        let entries = self.runs.get(run).map_or(&[][..], |run| run);
        let place = entries.binary_search_by(|(known, _)| known.borrow().cmp(key));
        place.map(|place| (run, place)).map_err(|place| (run, place))
    }
}

// === changing ===

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Puts a value, in the place of the one that the key had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok((run, place)) => {
                let run = Arc::make_mut(&mut Arc::make_mut(&mut self.runs)[run]);
                Some(std::mem::replace(&mut run[place].1, value))
            }
            Err(at) => {
                self.insert_at(at, key, value);
                None
            }
        }
    }

    /// The value of the key, to be changed.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (run, place) = self.find(key).ok()?;
        Some(&mut Arc::make_mut(&mut Arc::make_mut(&mut self.runs)[run])[place].1)
    }

    /// The value of the key, to be changed; the default one where it had none.
    pub(super) fn get_or_default(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        let (run, place) = match self.find(key) {
            Ok(found) => found,
            Err(at) => self.insert_at(at, key.clone(), V::default()),
        };
        &mut Arc::make_mut(&mut Arc::make_mut(&mut self.runs)[run])[place].1
    }

    /// Changes the value of the key, and takes the key out where nothing is left of it.
    pub(super) fn reduce<Q: Ord + ?Sized>(&mut self, key: &Q, change: impl FnOnce(&mut V), is_nothing: fn(&V) -> bool)
    where
        K: Borrow<Q>,
    {
        let Some(value) = self.get_mut(key) else { return };
        change(value);
        if is_nothing(value) {
            self.remove(key);
        }
    }

    /// Takes the key out, with its value.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.find(key).ok()?;
        let runs = Arc::make_mut(&mut self.runs);
        let run = Arc::make_mut(&mut runs[at]);
        let (_, value) = run.remove(place);
        if run.is_empty() {
            runs.remove(at);
        }
        self.len -= 1;
        Some(value)
    }

    /// Puts an entry where its key belongs; answers where that is now.
    fn insert_at(&mut self, (at, place): (usize, usize), key: K, value: V) -> (usize, usize) {
        self.len += 1;
        let runs = Arc::make_mut(&mut self.runs);
        let Some(run) = runs.get_mut(at) else {
            runs.push(Arc::new(vec![(key, value)]));
            return (at, place);
        };
        let run = Arc::make_mut(run);
        run.insert(place, (key, value));
        if run.len() <= MAX_RUN {
            return (at, place);
        }
        // What comes in order fills its runs; what comes in between halves one.
        let kept = if place + 1 == run.len() { MAX_RUN } else { MAX_RUN / 2 };
        let rest = run.split_off(kept);
        run.shrink_to_fit();
        runs.insert(at + 1, Arc::new(rest));
        if place < kept { (at, place) } else { (at + 1, place - kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    proptest! {
        /// It does what the map of the standard library does, and what was copied before does not change.
        #[test]
        fn is_a_map_whose_copies_stay(
            steps in prop::collection::vec((0..3_u8, 0..900_u16, any::<u8>()), 0..1_500),
            in_order in any::<bool>(),
        ) {
            let mut map = SharedMap::<u16, u8>::default();
            let mut model = BTreeMap::new();
            if in_order {
                for key in (0..2_000).step_by(3) {
                    map.insert(key, 0);
                    model.insert(key, 0);
                }
            }
            let (before, model_before) = (map.clone(), model.clone());
            for (what, key, value) in steps {
                match what {
                    0 => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    _ => {
                        let ours = map.get_or_default(&key);
                        *ours = ours.wrapping_add(value);
                        let theirs: &mut u8 = model.entry(key).or_default();
                        *theirs = theirs.wrapping_add(value);
                    }
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.runs.iter().all(|run| !run.is_empty() && run.len() <= MAX_RUN));
            prop_assert!(before.iter().eq(model_before.iter()));
        }
    }

    #[test]
    fn a_change_copies_one_run() {
        let mut map = SharedMap::default();
        for key in 0..100_000_u32 {
            map.insert(key, 0);
        }
        let before = map.clone();
        map.insert(70_000, 1);
        let copied = map.runs.iter().zip(&*before.runs).filter(|(now, then)| !Arc::ptr_eq(now, then)).count();
        assert_eq!((copied, before.get(&70_000), map.get(&70_000)), (1, Some(&0), Some(&1)));
    }
}
