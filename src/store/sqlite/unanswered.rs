//! Keeps which referrals wait for an answer, in the commit that changes it.

use rusqlite::params;

use crate::error::Result;
use crate::store::unanswered::AnswerState;

use super::session::Session;

/// The referral of this Task waits for an answer, from this commit on, or from when it came to its program; or it does not.
pub(super) fn keep(session: &Session<'_>, task: i64, answer: &AnswerState, updated: i64) -> Result<()> {
    match answer {
        AnswerState::Awaited { state, program } => session
            .connection
            .prepare_cached(
                "INSERT INTO unanswered (task, state, program, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (task) DO UPDATE SET state = excluded.state, program = excluded.program,
                     since = CASE WHEN program = excluded.program THEN since ELSE excluded.since END
                 WHERE (state, program) <> (excluded.state, excluded.program)",
            )?
            .execute(params![task, state.code(), program, updated])?,
        AnswerState::NotAwaited => {
            session.connection.prepare_cached("DELETE FROM unanswered WHERE task = ?1")?.execute([task])?
        }
    };
    Ok(())
}
