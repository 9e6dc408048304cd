//! Which referrals wait for an answer.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::referral::state::State;
use crate::store::unanswered::{AnswerState, Unanswered};

use super::{Ask, Database, values};

/// What is kept of this Task.
pub(in crate::store) fn stored(reader: &dyn Database, task: i64) -> Result<AnswerState> {
    let kept = reader.row("SELECT state, program FROM unanswered WHERE task = ?1", values![task], |row| {
        Ok((row.get::<String>(0)?, row.get(1)?))
    })?;
    let kept = kept.and_then(|(state, program)| State::from_code(&state).map(|state| (state, program)));
    Ok(kept.map_or(AnswerState::NotAwaited, |(state, program)| AnswerState::Awaited { state, program }))
}

/// All that wait, by state and program.
pub(in crate::store) fn all(reader: &dyn Database) -> Result<Vec<Unanswered>> {
    let sql =
        "SELECT state, program, count(*), min(since) FROM unanswered GROUP BY state, program ORDER BY state, program";
    let found = reader.rows(sql, values![], |row| {
        // A state of another version of the program is none of ours to tell.
        let Some(state) = State::from_code(row.get(0)?) else { return Ok(None) };
        let program = Some(row.get::<String>(1)?).filter(|program| !program.is_empty());
        let since = Timestamp::from_microsecond(row.get(3)?).map_err(Error::fault)?;
        Ok(Some(Unanswered { state, program, referrals: row.get::<i64>(2)?.cast_unsigned(), since }))
    })?;
    Ok(found.into_iter().flatten().collect())
}
