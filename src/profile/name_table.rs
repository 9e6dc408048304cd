//! From member names to positions: a half-empty hash table, made when a schema is compiled. Every member of every object
//! is looked up here, so a look-up is one multiplication for eight bytes and, nearly always, one comparison.

/// Marks a free slot.
const FREE_SLOT: u16 = u16::MAX;

/// A table of names. See the module head.
#[derive(Debug)]
pub(super) struct NameTable {
    /// Length is a power of two, at least twice the number of names
    slots: Vec<(u16, Box<str>)>,
}

impl NameTable {
    /// A table in which each name leads to its position; of equal names the first wins.
    pub(super) fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Self {
        let size = (names.len() * 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![(FREE_SLOT, Box::default()); size] };
        for (position, name) in names.enumerate() {
            let at = table.slot_of(name);
            if table.slots[at].0 == FREE_SLOT {
                table.slots[at] = (position as u16, name.into());
            }
        }
        table
    }

    /// The position of a name.
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        let (position, _) = self.slots[self.slot_of(name)];
        (position != FREE_SLOT).then_some(usize::from(position))
    }

    /// Where the name stands, or the free slot where it would.
    fn slot_of(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(name.as_bytes()) & mask;
        while self.slots[at].0 != FREE_SLOT && *self.slots[at].1 != *name {
            at = (at + 1) & mask;
        }
        at
    }
}

fn hash(bytes: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        sum = (sum ^ u64::from_le_bytes(*chunk)).wrapping_mul(ODD).rotate_left(23);
    }
    sum ^= rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    // The upper half of a product is its best mixed.
    (sum.wrapping_mul(ODD) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_name_and_no_other() {
        let names: Vec<String> = (0..300).map(|number| format!("element{number}WithALongName")).collect();
        let table = NameTable::new(names.iter().map(String::as_str));
        for (position, name) in names.iter().enumerate() {
            assert_eq!(table.get(name), Some(position));
        }
        for other in ["", "element", "element300WithALongName", "Element1WithALongName"] {
            assert_eq!(table.get(other), None, "{other}");
        }
        assert_eq!(NameTable::new([].into_iter()).get("a"), None);
    }
}
