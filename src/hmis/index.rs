//! What is held of a file while its set is read: of each row its id, where it begins and whose it is, in at most some
//! forty bytes; never its text. So a set may be of any size, and its files in any order: the rows of an enrollment are
//! read again from where they stand.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// The slot of an enrollment that is not there.
pub(super) const NO_ENROLLMENT: u32 = u32::MAX;

/// Stands for an id: the start of its SHA-256, so that ids of any length take the same room. That two ids of a set share
/// 96 bits does not come about by chance.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct IdDigest([u8; 12]);

impl IdDigest {
    pub(super) fn of(id: &str) -> Self {
        Self::of_bytes(id.as_bytes())
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let mut short = [0; 12];
        short.copy_from_slice(&Sha256::digest(bytes)[..12]);
        Self(short)
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowPlace {
    /// The byte of the file where it begins
    pub(super) offset: u64,
    pub(super) number: u32,
    /// Its enrollment, by the position of that one among the enrollments that were taken
    pub(super) enrollment: u32,
}

/// A row that has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownRow {
    pub(super) number: u32,
    pub(super) state: RowState,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    /// Taken, as the row in this position of those that were
    Taken(u32),
    Refused,
    /// Left out with something that was deleted
    Deleted,
}

/// What is known of the rows of a file.
#[derive(Default)]
pub(super) struct FileIndex {
    ids: HashMap<IdDigest, KnownRow>,
    places: Vec<RowPlace>,
    /// Of Enrollment.csv: whose each is
    persons: Vec<IdDigest>,
    taken: u32,
}

impl FileIndex {
    /// The row with this id.
    pub(super) fn find(&self, id: IdDigest) -> Option<KnownRow> {
        self.ids.get(&id).copied()
    }

    /// Remembers a row that was taken: its place where it is read again, and of an enrollment its person.
    pub(super) fn insert(&mut self, id: IdDigest, number: u32, place: Option<RowPlace>, person: Option<IdDigest>) {
        self.ids.insert(id, KnownRow { number, state: RowState::Taken(self.taken) });
        self.places.extend(place);
        self.persons.extend(person);
        self.taken += 1;
    }

    /// Remembers that a row was not taken.
    pub(super) fn leave_out(&mut self, id: IdDigest, number: u32, is_deleted: bool) {
        let state = if is_deleted { RowState::Deleted } else { RowState::Refused };
        self.ids.entry(id).or_insert(KnownRow { number, state });
    }

    /// Makes it as small as what is asked of it later: ids where other files name its rows, and rows by enrollment.
    pub(super) fn close(&mut self, is_named: bool) {
        if !is_named {
            self.ids = HashMap::new();
        }
        self.places.sort_unstable_by_key(|place| (place.enrollment, place.number));
        self.places.shrink_to_fit();
        self.persons.shrink_to_fit();
    }

    /// How many rows were taken.
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// Where the row in this position stands, in a file whose rows are of no enrollment.
    pub(super) fn place(&self, position: u32) -> Option<RowPlace> {
        self.places.get(position as usize).copied()
    }

    /// Where the rows of an enrollment stand, in the order of the file.
    pub(super) fn of_enrollment(&self, enrollment: u32) -> &[RowPlace] {
        let start = self.places.partition_point(|place| place.enrollment < enrollment);
        let rest = &self.places[start..];
        &rest[..rest.iter().take_while(|place| place.enrollment == enrollment).count()]
    }

    /// The person of the enrollment in this position.
    pub(super) fn person(&self, position: u32) -> Option<IdDigest> {
        self.persons.get(position as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_an_enrollment_are_found_wherever_they_stand() {
        let mut index = FileIndex::default();
        for (number, enrollment) in [(2, 7), (3, 1), (4, 7), (5, 0)] {
            let place = RowPlace { offset: 0, number, enrollment };
            index.insert(IdDigest::of(&number.to_string()), number, Some(place), None);
        }
        index.leave_out(IdDigest::of("2"), 9, true);
        let known = KnownRow { number: 2, state: RowState::Taken(0) };
        assert_eq!(index.find(IdDigest::of("2")), Some(known), "what was taken stays so");
        index.close(false);
        let numbers = |enrollment| index.of_enrollment(enrollment).iter().map(|it| it.number).collect::<Vec<_>>();
        assert_eq!((numbers(7), numbers(1), numbers(2)), (vec![2, 4], vec![3], vec![]));
        assert!(index.find(IdDigest::of("2")).is_none() && index.taken() == 4);
        // What is said above of its size.
        assert!(size_of::<(IdDigest, KnownRow)>() + size_of::<RowPlace>() <= 40);
    }
}
