//! How much a commit writes: frames of the write-ahead log, which hold a page each. The same commit after the same others
//! always writes as many.

use std::path::Path;

use handoff::store::{Resources, sqlite::SqliteStore};
use jiff::SignedDuration;
use rusqlite::Connection;

use crate::backend::parameters;
use crate::referral::{PANTRY, SHELTER, noon, referral};
use crate::scale::scaled;

/// Most bytes that are written for a referral that comes alone.
const MAX_WRITTEN: u64 = 250_000;

/// Ids as they are given: no order, and of the same length.
fn name(number: u32) -> String {
    let mixed = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}-{:016x}", mixed.rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9))
}

/// Empties the log of the file.
fn empty_log(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

#[tokio::test]
async fn a_referral_alone_writes_no_more_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let store = SqliteStore::open(&path, parameters()).unwrap();
    let count = scaled(29_000);
    for number in 0..count {
        let owner = if number % 3 == 0 { SHELTER } else { PANTRY };
        let at = noon() + SignedDuration::from_secs(i64::from(number));
        store.commit(referral(&name(number), owner, at)).await.unwrap();
    }
    let at = noon() + SignedDuration::from_secs(i64::from(count));
    let mut written = Vec::new();
    for number in count..count + 5 {
        empty_log(&path);
        store.commit(referral(&name(number), PANTRY, at)).await.unwrap();
        written.push(std::fs::metadata(folder.path().join("handoff.db-wal")).unwrap().len());
    }
    let mean = written.iter().sum::<u64>() / written.len() as u64;
    println!("bytes written for a referral alone, behind {count} others: {mean} {written:?}");
    assert!(mean <= MAX_WRITTEN, "{mean}");
}
