//! Keeps which referrals wait for an answer, in the commit that changes it.

use crate::store::unanswered::AnswerState;

use super::batch::{Batch, owned};

/// Which referrals wait for an answer from this commit on, and which do not.
#[derive(Default)]
pub(super) struct Answers {
    /// Task, state, program, since when
    awaited: Vec<(i64, &'static str, String, i64)>,
    others: Vec<i64>,
}

impl Answers {
    pub(super) fn take(&mut self, task: i64, answer: &AnswerState, updated: i64) {
        match answer {
            AnswerState::Awaited { state, program } => {
                self.awaited.push((task, state.code(), program.clone(), updated));
            }
            AnswerState::NotAwaited => self.others.push(task),
        }
    }

    pub(super) fn write(self, batch: &mut Batch<'_>) {
        batch.add_rows(
            "INSERT INTO unanswered AS u (task, state, program, since)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
             ON CONFLICT (task) DO UPDATE SET state = excluded.state, program = excluded.program,
                 since = CASE WHEN u.program = excluded.program THEN u.since ELSE excluded.since END
             WHERE (u.state, u.program) <> (excluded.state, excluded.program)",
            self.awaited,
            owned![],
        );
        if !self.others.is_empty() {
            batch.add("DELETE FROM unanswered WHERE task = ANY($1)", owned![self.others]);
        }
    }
}
