//! Is the audit log as it was written? Reads every row of every chain and says which one was changed, is missing, stands
//! elsewhere than it was written, or was put in.
//!
//! Who can write to the database can write a whole new chain as well. So the end of a chain (its newest number and hash) is told
//! with every verdict: noted elsewhere, it can be asked for later.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use crate::error::Result;
use crate::referral::plan::AuditEntry;

use super::audit_chain::{AuditRow, ChainEnd, PRUNED, RowHash, read_checkpoint};
use super::audit_log::{AuditLog, AuditQuery};

/// How many rows are read at once.
const PAGE: usize = 2000;

/// How many rows are compared with each other to tell whether they changed places.
const MAX_COMPARED: usize = 1000;

/// What is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFinding {
    /// The chain; empty for a row that stands in none
    pub chain: String,
    /// Number of the row; of the first, where several are missing
    pub number: u64,
    /// What became of it
    pub fault: AuditFault,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFault {
    /// It says something else than when it was written
    Changed,
    /// It is gone, with those up to this number
    Missing(u64),
    /// It was written with another number
    Moved(u64),
    /// It was never written by the gateway
    Inserted,
    /// It is not the one that was noted
    NotNoted,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, number, fault } = self;
        match fault {
            AuditFault::Missing(last) if last > number => write!(f, "rows {number} to {last} are missing")?,
            AuditFault::Missing(_) => write!(f, "row {number} is missing")?,
            AuditFault::Changed => write!(f, "row {number} was changed")?,
            AuditFault::Moved(from) => write!(f, "row {number} was moved: it was written as row {from}")?,
            AuditFault::Inserted if chain.is_empty() => {
                return write!(f, "a row was put in that stands in no chain (the {number}th of the table)");
            }
            AuditFault::Inserted => write!(f, "row {number} was put in: it does not follow from the row before it")?,
            AuditFault::NotNoted => write!(f, "row {number} is not the one that was noted")?,
        }
        write!(f, " (chain {chain})")
    }
}

/// What verifying came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many rows were looked at
    pub rows: u64,
    /// Where each chain ends
    pub ends: Vec<ChainEnd>,
    /// What is wrong, in the order of the rows
    pub findings: Vec<AuditFinding>,
}

/// Verifies the whole log; the ends that were `noted` once have to be rows of it still, unless they were pruned.
///
/// # Errors
/// Those of the store.
pub async fn verify(log: &dyn AuditLog, noted: &[ChainEnd]) -> Result<AuditVerdict> {
    let checkpoints = checkpoints(log).await?;
    let mut verdict = AuditVerdict::default();
    for end in log.audit_chains().await? {
        let mut chain = ChainWalk::new(&end.chain, checkpoints.get(&end.chain), noted);
        loop {
            let rows = log.audit_chain(&end.chain, chain.after, PAGE).await?;
            if rows.is_empty() {
                // A gateway may be writing: what it wrote since the rows were read is read as well.
                let newest = log.audit_chains().await?.into_iter().find(|newest| newest.chain == end.chain);
                let newest = newest.unwrap_or_else(|| end.clone());
                if newest.number > chain.last.number && newest.number > chain.asked_for {
                    chain.asked_for = newest.number;
                    continue;
                }
                chain.finish(&newest);
                break;
            }
            for row in &rows {
                chain.add(row);
            }
        }
        verdict.rows += chain.rows;
        verdict.ends.push(chain.last.clone());
        verdict.findings.extend(chain.findings());
    }
    for end in noted.iter().filter(|end| !verdict.ends.iter().any(|known| known.chain == end.chain)) {
        let (chain, number) = (end.chain.clone(), end.number);
        verdict.findings.push(AuditFinding { chain, number, fault: AuditFault::NotNoted });
    }
    for row in log.audit_chain("", (0, 0), PAGE).await? {
        verdict.rows += 1;
        verdict.findings.push(AuditFinding { chain: String::new(), number: row.position, fault: AuditFault::Inserted });
    }
    Ok(verdict)
}

/// What became of pruning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditPruning {
    /// So many rows went
    Removed(u64),
    /// Nothing went, because the log is not as it was written: what shows that is kept
    Broken(AuditFinding),
}

/// Removes rows from the beginning of the log that are older than `before`, and remembers that as `entry`; nothing of a
/// log that is not as it was written.
///
/// # Errors
/// Those of the store.
pub async fn prune(log: &dyn AuditLog, before: Timestamp, entry: AuditEntry) -> Result<AuditPruning> {
    match verify(log, &[]).await?.findings.into_iter().next() {
        Some(finding) => Ok(AuditPruning::Broken(finding)),
        None => Ok(AuditPruning::Removed(log.prune_audit(before, entry).await?)),
    }
}

/// Up to which row each chain was pruned.
async fn checkpoints(log: &dyn AuditLog) -> Result<HashMap<String, ChainEnd>> {
    let mut found: HashMap<String, ChainEnd> = HashMap::new();
    let mut query = AuditQuery { actions: vec![PRUNED.to_owned()], limit: PAGE, ..AuditQuery::default() };
    loop {
        let page = log.audit_rows(&query).await?;
        for checkpoint in page.rows.iter().filter(|row| row.is_intact()).filter_map(read_checkpoint) {
            let known = found.entry(checkpoint.chain.clone()).or_insert_with(|| checkpoint.clone());
            if checkpoint.number > known.number {
                *known = checkpoint;
            }
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(found);
        }
    }
}

/// One chain, row after row.
struct ChainWalk<'n> {
    /// The last row that was looked at
    last: ChainEnd,
    /// Its number, and where it is kept
    after: (u64, u64),
    /// The newest number that further rows were asked for by
    asked_for: u64,
    rows: u64,
    noted: Vec<&'n ChainEnd>,
    findings: Vec<AuditFinding>,
    /// Rows whose hash is not that of what they say
    broken: Vec<AuditRow>,
}

impl<'n> ChainWalk<'n> {
    fn new(chain: &str, checkpoint: Option<&ChainEnd>, noted: &'n [ChainEnd]) -> Self {
        let last = checkpoint.cloned().unwrap_or_else(|| ChainEnd::start(chain));
        // What was noted of rows that are no longer kept is not asked for.
        let noted = noted.iter().filter(|end| end.chain == chain && end.number > last.number).collect();
        Self { last, after: (0, 0), asked_for: 0, rows: 0, noted, findings: Vec::new(), broken: Vec::new() }
    }

    fn add(&mut self, row: &AuditRow) {
        self.rows += 1;
        self.after = (row.number, row.position);
        let ChainEnd { number: before, hash, .. } = self.last;
        if row.number <= before {
            // A number that was there already, or was pruned.
            self.find(row.number, AuditFault::Inserted);
            return;
        }
        let follows = row.number == before + 1;
        if !follows {
            self.find(before + 1, AuditFault::Missing(row.number - 1));
        }
        if !row.is_intact() {
            // Of a log that is wrong throughout it is enough to say so.
            if self.broken.len() < MAX_COMPARED {
                self.broken.push(row.clone());
            } else {
                self.find(row.number, AuditFault::Changed);
            }
        } else if follows && !self.links(row, &hash) {
            self.find(row.number, AuditFault::Inserted);
        }
        if self.noted.iter().any(|end| end.number == row.number && end.hash != row.hash) {
            self.find(row.number, AuditFault::NotNoted);
        }
        self.last = row.end();
    }

    /// Does the row hold the hash of the one before it? After one that was changed together with its hash it does not:
    /// then that one is to blame.
    fn links(&mut self, row: &AuditRow, hash: &RowHash) -> bool {
        if row.previous == *hash {
            return true;
        }
        if self.rows == 1 {
            return false;
        }
        let before = row.number - 1;
        let is_told = self.findings.iter().any(|finding| finding.number == before);
        if !is_told && !self.broken.iter().any(|row| row.number == before) {
            self.find(before, AuditFault::Changed);
        }
        true
    }

    fn finish(&mut self, end: &ChainEnd) {
        let last = self.last.number;
        if end.number > last {
            self.find(last + 1, AuditFault::Missing(end.number));
        } else if end.number < last {
            for number in end.number + 1..=last {
                if !self.is_missing(number) {
                    self.find(number, AuditFault::Inserted);
                }
            }
        } else if end.hash != self.last.hash && !self.broken.iter().any(|row| row.number == last) {
            self.find(last, AuditFault::Changed);
        }
        let missing: Vec<u64> = self.noted.iter().map(|end| end.number).filter(|number| *number > last).collect();
        for number in missing {
            self.find(number, AuditFault::NotNoted);
        }
    }

    fn is_missing(&self, number: u64) -> bool {
        self.findings.iter().any(|finding| match finding.fault {
            AuditFault::Missing(last) => (finding.number..=last).contains(&number),
            _ => false,
        })
    }

    fn find(&mut self, number: u64, fault: AuditFault) {
        self.findings.push(AuditFinding { chain: self.last.chain.clone(), number, fault });
    }

    /// What was found; rows that are broken are told as moved, where one was written in the place of another.
    fn findings(mut self) -> Vec<AuditFinding> {
        let broken = std::mem::take(&mut self.broken);
        let places: Vec<u64> = broken.iter().map(|row| row.number).take(MAX_COMPARED).collect();
        let gaps: Vec<u64> = self
            .findings
            .iter()
            .filter_map(|finding| match finding.fault {
                AuditFault::Missing(last) => Some((finding.number..=last).take(MAX_COMPARED)),
                _ => None,
            })
            .flatten()
            .take(MAX_COMPARED)
            .collect();
        let inserted = |finding: &AuditFinding| (finding.fault == AuditFault::Inserted).then_some(finding.number);
        let inserted: Vec<u64> = self.findings.iter().filter_map(inserted).collect();
        for row in broken.iter().filter(|row| !inserted.contains(&row.number)) {
            let from = places.iter().chain(&gaps).find(|number| **number != row.number && row.stood_at(**number));
            self.find(row.number, from.map_or(AuditFault::Changed, |from| AuditFault::Moved(*from)));
        }
        self.findings.sort_by_key(|finding| finding.number);
        self.findings
    }
}
