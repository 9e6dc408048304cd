//! The audit log: one chain for the whole database, because its writers take turns.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::error::Result;
use crate::referral::plan::AuditEntry;
use crate::store::audit_chain::{AuditRow, ChainEnd, START, checkpoint};

use super::batch::{Batch, owned};
use super::session::Session;

/// The end of the chain of this store.
const END: &str = "SELECT s.id, coalesce(c.number, 0), c.hash FROM store s LEFT JOIN audit_chain c ON c.chain = s.id";

/// Asks for the end of the chain, where this transaction does not know it yet.
pub(super) fn ask_end(session: &Session<'_>, batch: &mut Batch<'_>) -> Option<usize> {
    session.progress.audit_end.is_none().then(|| batch.add(END, Vec::new()))
}

/// Takes the answer.
pub(super) fn learn_end(session: &mut Session<'_>, asked: Option<usize>, answers: &[Vec<Row>]) -> Result<()> {
    if let Some(row) = asked.and_then(|place| answers[place].first()) {
        session.progress.audit_end = Some(end(row)?);
    }
    Ok(())
}

fn end(row: &Row) -> Result<ChainEnd> {
    let hash = row.try_get::<_, Option<Vec<u8>>>(2)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START);
    Ok(ChainEnd { chain: row.try_get(0)?, number: row.try_get::<_, i64>(1)?.cast_unsigned(), hash })
}

/// The end of the chain as it is now.
fn end_now(session: &mut Session<'_>) -> Result<ChainEnd> {
    if let Some(end) = &session.progress.audit_end {
        return Ok(end.clone());
    }
    let end = end(&session.connection.query_one(END, &[])?)?;
    session.progress.audit_end = Some(end.clone());
    Ok(end)
}

/// Writes the entries behind the newest row.
pub(in crate::store) fn write_behind(
    session: &mut Session<'_>,
    entries: Vec<AuditEntry>,
    batch: &mut Batch<'_>,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut end = end_now(session)?;
    let mut rows = Rows::default();
    for entry in entries {
        session.progress.audit += 1;
        let row = AuditRow::following(&end, entry);
        end = row.end();
        rows.add(session.progress.audit, row);
    }
    rows.write(batch);
    batch.add(
        "INSERT INTO audit_chain (chain, number, hash) VALUES ($1, $2, $3)
         ON CONFLICT (chain) DO UPDATE SET number = excluded.number, hash = excluded.hash",
        owned![end.chain.clone(), end.number.cast_signed(), end.hash.to_vec()],
    );
    session.progress.audit_end = Some(end);
    Ok(())
}

/// The columns of several rows.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    chains: Vec<String>,
    numbers: Vec<i64>,
    previous: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
    times: Vec<i64>,
    actions: Vec<String>,
    outcomes: Vec<String>,
    clients: Vec<String>,
    organizations: Vec<String>,
    requests: Vec<String>,
    correlations: Vec<Option<String>>,
    subjects: Vec<Option<String>>,
    entities: Vec<Option<String>>,
    details: Vec<String>,
}

impl Rows {
    fn add(&mut self, id: i64, row: AuditRow) {
        let AuditRow { position: _, chain, number, previous, hash, entry } = row;
        let entities: Vec<String> = entry.entities.iter().map(ToString::to_string).collect();
        self.ids.push(id);
        self.chains.push(chain);
        self.numbers.push(number.cast_signed());
        self.previous.push(previous.to_vec());
        self.hashes.push(hash.to_vec());
        self.times.push(entry.at.as_millisecond());
        self.actions.push(entry.action.into_owned());
        self.outcomes.push(entry.outcome.code().to_owned());
        self.clients.push(entry.client);
        self.organizations.push(entry.organization);
        self.requests.push(entry.request);
        self.correlations.push(entry.correlation);
        self.subjects.push(entry.subject.as_ref().map(ToString::to_string));
        self.entities.push((!entities.is_empty()).then(|| entities.join(" ")));
        self.details.push(entry.detail);
    }

    fn write(self, batch: &mut Batch<'_>) {
        batch.add(
            "INSERT INTO audit (id, chain, number, previous, hash, at, action, outcome, client, organization, request,
                 correlation, subject, entities, detail)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::text[],
                 $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])",
            owned![
                self.ids,
                self.chains,
                self.numbers,
                self.previous,
                self.hashes,
                self.times,
                self.actions,
                self.outcomes,
                self.clients,
                self.organizations,
                self.requests,
                self.correlations,
                self.subjects,
                self.entities,
                self.details,
            ],
        );
    }
}

/// Removes what is older than `before`, up to the first row that is not, and writes where the chain now begins.
pub(in crate::store) fn prune(session: &mut Session<'_>, before: Timestamp, entry: AuditEntry) -> Result<u64> {
    let end = end_now(session)?;
    let kept: Option<i64> = session
        .connection
        .query_one(
            "SELECT min(number) FROM audit WHERE chain = $1 AND at >= $2",
            &[&end.chain, &before.as_millisecond()],
        )?
        .try_get(0)?;
    let last = kept.map_or(end.number.cast_signed(), |number| number - 1);
    let row = session
        .connection
        .query_opt("SELECT hash FROM audit WHERE chain = $1 AND number = $2", &[&end.chain, &last])?;
    // Where there is no such row, nothing is old enough.
    let Some(row) = row else { return Ok(0) };
    let hash = row.try_get::<_, Option<Vec<u8>>>(0)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START);
    let removed =
        session.connection.execute("DELETE FROM audit WHERE chain = $1 AND number <= $2", &[&end.chain, &last])?;
    let detail = checkpoint(&ChainEnd { number: last.cast_unsigned(), hash, ..end });
    let mut batch = Batch::default();
    write_behind(session, vec![AuditEntry { detail, ..entry }], &mut batch)?;
    session.connection.run(&batch)?;
    Ok(removed)
}
