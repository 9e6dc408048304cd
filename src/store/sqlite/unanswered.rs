//! Keeps which referrals wait for an answer, in the commit that changes it.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::error::{Error, Result};
use crate::referral::state::State;
use crate::store::unanswered::{AnswerState, Unanswered};

use super::session::Session;
use super::statement::Connection;

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

/// What is kept of this Task.
pub(super) fn stored(reader: &Connection, task: i64) -> Result<AnswerState> {
    let kept = reader
        .prepare_cached("SELECT state, program FROM unanswered WHERE task = ?1")?
        .query_row([task], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    let kept = kept.and_then(|(state, program)| State::from_code(&state).map(|state| (state, program)));
    Ok(kept.map_or(AnswerState::NotAwaited, |(state, program)| AnswerState::Awaited { state, program }))
}

/// All that wait, by state and program.
pub(super) fn all(reader: &Connection) -> Result<Vec<Unanswered>> {
    let mut statement =
        reader.prepare_cached("SELECT state, program, count(*), min(since) FROM unanswered GROUP BY state, program")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (state, program): (String, String) = (row.get(0)?, row.get(1)?);
        let since = Timestamp::from_microsecond(row.get(3)?).map_err(Error::fault)?;
        // A state of another version of the program is none of ours to tell.
        let Some(state) = State::from_code(&state) else { continue };
        let program = Some(program).filter(|program| !program.is_empty());
        found.push(Unanswered { state, program, referrals: row.get::<_, i64>(2)?.cast_unsigned(), since });
    }
    Ok(found)
}
