//! Keeps the steps of a Task's history beside its versions: see [`crate::referral::task_step`].

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::error::Result;
use crate::fhir::{Document, ResourceKey};
use crate::referral::plan::Write;
use crate::referral::task_step::{stands_alike, step_of};
use crate::store::document;

use super::batch::{Batch, owned};
use super::keys::StoredVersion;
use super::session::Session;

/// The steps of the Tasks that are written: of each the last, and what is kept. A version that left everything as it stood is
/// none.
#[derive(Default)]
pub(super) struct TaskSteps {
    asked: Option<usize>,
    /// Those that have a version already
    stored: Vec<i64>,
    last: HashMap<i64, Arc<Document>>,
    /// Task, version, commit, document
    rows: Vec<(i64, i64, i64, String)>,
}

impl TaskSteps {
    /// Asks for the last step of each Task that has a version already.
    pub(super) fn ask(writes: &[Write], found: &HashMap<ResourceKey, StoredVersion>, batch: &mut Batch<'_>) -> Self {
        let tasks = writes.iter().filter(|write| write.key.kind == "Task");
        let stored: Vec<i64> = tasks
            .filter_map(|write| found.get(&write.key))
            .filter(|found| found.version > 0)
            .map(|found| found.id)
            .collect();
        let asked = (!stored.is_empty()).then(|| {
            batch.add(
                "SELECT t.task, s.document FROM unnest($1::bigint[]) t (task) CROSS JOIN LATERAL (
                     SELECT document FROM task_step s WHERE s.task = t.task ORDER BY s.version DESC LIMIT 1) s",
                owned![stored.clone()],
            )
        });
        Self { asked, stored, ..Self::default() }
    }

    pub(super) fn learn(&mut self, answers: &[Vec<Row>]) -> Result<()> {
        for row in self.asked.map(|place| &answers[place]).into_iter().flatten() {
            // One that cannot be read is followed by another.
            if let Ok(document) = document::parse(row.try_get::<_, String>(1)?) {
                self.last.insert(row.try_get(0)?, Arc::new(document));
            }
        }
        Ok(())
    }

    /// Keeps what Tasks were before this commit that were written before steps were kept, in a database that came from another.
    pub(super) fn keep_earlier(&mut self, session: &Session<'_>) -> Result<()> {
        let missing: Vec<i64> = self.stored.iter().filter(|task| !self.last.contains_key(*task)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let sql = "SELECT resource, version, seq, document FROM version WHERE resource = ANY($1) AND document <> ''
                   ORDER BY resource, version";
        for row in session.connection.query(sql, &[&missing])? {
            // What cannot be read is told where the versions are.
            if let Ok(document) = document::parse(row.try_get::<_, String>(3)?) {
                self.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, &Arc::new(document));
            }
        }
        Ok(())
    }

    /// A version of a Task.
    pub(super) fn add(&mut self, task: i64, version: i64, seq: i64, document: &Arc<Document>) {
        let root = document.root();
        if self.last.get(&task).is_some_and(|last| stands_alike(last.root(), root)) {
            return;
        }
        self.last.insert(task, document.clone());
        self.rows.push((task, version, seq, step_of(root)));
    }

    pub(super) fn write(self, batch: &mut Batch<'_>) {
        batch.add_rows(
            "INSERT INTO task_step (task, version, seq, document)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
             ON CONFLICT (task, version) DO UPDATE SET seq = excluded.seq, document = excluded.document",
            self.rows,
            owned![],
        );
    }
}
