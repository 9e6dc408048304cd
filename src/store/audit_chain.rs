//! The audit log as a chain: every row holds the hash of the row before it and a hash of all that it says, that one
//! included. Whoever changes, removes, moves or adds a row breaks the chain there, and [`super::audit_verify`] finds it.
//!
//! Pure: what is hashed and how is told here, once, for every backend. It must not know where rows are kept.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::referral::plan::AuditEntry;

/// The hash of a row.
pub type RowHash = [u8; 32];

/// What stands before the first row.
pub const START: RowHash = [0; 32];

/// What is hashed first: another way of hashing gets another name.
const FORM: &[u8] = b"handoff-audit-1";

/// The action of the row that says which rows are no longer kept.
pub const PRUNED: &str = "pruned";

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Where the store keeps it; rows that were written later have larger ones
    pub position: u64,
    /// The chain that it stands in; empty for a row that stands in none
    pub chain: String,
    /// Its place in the chain, from 1
    pub number: u64,
    /// Hash of the row before it
    pub previous: RowHash,
    /// Hash of all that the row says
    pub hash: RowHash,
    /// What happened
    pub entry: AuditEntry,
}

/// The newest row of a chain; number 0 where there is none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    /// The chain
    pub chain: String,
    /// Number of its newest row
    pub number: u64,
    /// Hash of that row
    pub hash: RowHash,
}

impl ChainEnd {
    /// A chain that has no row yet.
    pub fn start(chain: impl Into<String>) -> Self {
        Self { chain: chain.into(), number: 0, hash: START }
    }

    /// The chain as it ends with this entry behind it.
    pub(super) fn followed_by(&self, entry: &AuditEntry) -> Self {
        let number = self.number + 1;
        Self { chain: self.chain.clone(), number, hash: hash(&self.hash, &self.chain, number, entry) }
    }
}

impl AuditRow {
    /// The entry as the row that follows.
    pub fn following(end: &ChainEnd, entry: AuditEntry) -> Self {
        let ChainEnd { chain, number, hash } = end.followed_by(&entry);
        Self { position: 0, chain, number, previous: end.hash, hash, entry }
    }

    /// The chain as it ends with this row.
    pub fn end(&self) -> ChainEnd {
        ChainEnd { chain: self.chain.clone(), number: self.number, hash: self.hash }
    }

    /// Is its hash that of what it says, in its place?
    pub fn is_intact(&self) -> bool {
        self.stood_at(self.number)
    }

    /// Was it written as the row with this number?
    pub(super) fn stood_at(&self, number: u64) -> bool {
        self.hash == hash(&self.previous, &self.chain, number, &self.entry)
    }
}

/// Every part with its length before it, so that no two rows are written alike.
fn hash(previous: &RowHash, chain: &str, number: u64, entry: &AuditEntry) -> RowHash {
    let AuditEntry { at, action, outcome, client, organization, request, correlation, subject, entities, detail } =
        entry;
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    add(FORM);
    add(previous);
    add(chain.as_bytes());
    add(&number.to_be_bytes());
    add(&at.as_millisecond().to_be_bytes());
    for text in [action.as_ref(), outcome.code(), client, organization, request, detail] {
        add(text.as_bytes());
    }
    add(correlation.as_deref().unwrap_or_default().as_bytes());
    add(subject.as_ref().map(ToString::to_string).unwrap_or_default().as_bytes());
    for key in entities {
        add(key.kind.as_bytes());
        add(key.id.as_bytes());
    }
    digest.finalize().into()
}

// === what is no longer kept ===

/// What the row says that stands for those before it: which chain, up to which row, and that row's hash.
pub fn checkpoint(end: &ChainEnd) -> String {
    format!("{} {} {}", end.chain, end.number, HEXLOWER.encode(&end.hash))
}

/// Reads what [`checkpoint`] wrote.
pub fn read_checkpoint(row: &AuditRow) -> Option<ChainEnd> {
    if row.entry.action != PRUNED {
        return None;
    }
    let mut parts = row.entry.detail.split(' ');
    let (chain, number, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let hash = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    Some(ChainEnd { chain: chain.to_owned(), number: number.parse().ok()?, hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::ResourceKey;
    use crate::referral::plan::AuditOutcome;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: "2026-11-21T10:00:00.123Z".parse().unwrap(),
            action: "read".into(),
            outcome: AuditOutcome::Done,
            client: "c".to_owned(),
            organization: "o".to_owned(),
            request: "r".to_owned(),
            correlation: Some("x".to_owned()),
            subject: Some(ResourceKey::new("Task", "1")),
            entities: vec![ResourceKey::new("Patient", "2")],
            detail: "d".to_owned(),
        }
    }

    type Change = fn(&mut AuditRow);

    #[test]
    fn a_row_says_everything_in_its_hash() {
        let end = ChainEnd { chain: "a".to_owned(), number: 6, hash: [9; 32] };
        let row = AuditRow::following(&end, entry());
        assert_eq!((row.number, row.previous, row.is_intact()), (7, [9; 32], true));
        let changes: &[Change] = &[
            |row| row.chain = "b".to_owned(),
            |row| row.number = 8,
            |row| row.previous = START,
            |row| row.entry.at = "2026-11-21T10:00:00.124Z".parse().unwrap(),
            |row| row.entry.action = "record".into(),
            |row| row.entry.outcome = AuditOutcome::Refused,
            |row| row.entry.client = "C".to_owned(),
            |row| row.entry.organization = "O".to_owned(),
            |row| row.entry.request = "R".to_owned(),
            |row| row.entry.correlation = None,
            |row| row.entry.subject = None,
            |row| row.entry.entities.clear(),
            |row| row.entry.detail.clear(),
            // The same letters, parted otherwise.
            |row| (row.entry.client, row.entry.organization) = (String::new(), "co".to_owned()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = row.clone();
            change(&mut changed);
            assert!(!changed.is_intact(), "change {number}");
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let end = ChainEnd { chain: "a1".to_owned(), number: 41, hash: [7; 32] };
        let detail = checkpoint(&end);
        let row = AuditRow::following(&end, AuditEntry { action: PRUNED.into(), detail, ..entry() });
        assert_eq!(read_checkpoint(&row), Some(end));
        assert_eq!(read_checkpoint(&AuditRow { entry: entry(), ..row }), None);
    }
}
