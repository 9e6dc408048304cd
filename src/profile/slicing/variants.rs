//! What values hold that are in slices, compiled when such a value is first met.

use std::sync::OnceLock;

/// By type and slices; a list that only grows, and is read without a lock.
#[derive(Debug)]
pub(in crate::profile) struct Variants<T> {
    first: OnceLock<Box<Variant<T>>>,
}

#[derive(Debug)]
struct Variant<T> {
    key: Box<[u16]>,
    value: T,
    next: OnceLock<Box<Variant<T>>>,
}

impl<T> Variants<T> {
    /// The variant with this key, made if it is new.
    pub(in crate::profile) fn get(&self, key: &[u16], make: impl Fn() -> T) -> &T {
        let mut link = &self.first;
        loop {
            // Another thread may have put another key here in the meantime; then ours comes further down.
            let variant =
                link.get_or_init(|| Box::new(Variant { key: key.into(), value: make(), next: OnceLock::new() }));
            if *variant.key == *key {
                return &variant.value;
            }
            link = &variant.next;
        }
    }
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self { first: OnceLock::new() }
    }
}
