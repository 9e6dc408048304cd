//! The steps of a Task's history, kept beside its versions: see [`crate::referral::task_step`].

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::limits::MEGABYTE;
use crate::referral::withheld::{Withheld, without};
use crate::referral::{History, Resource};
use crate::store::document;
use crate::store::visibility::Visibility;

use super::database::Wanted;
use super::shown::ShownVersions;
use super::{Ask, Database, values, withheld};

/// As much of a Task's history as a record tells: its newest steps, up to so many bytes. What is older is in the history of
/// the Task.
const MAX_BYTES: usize = 16 * MEGABYTE;

/// The steps of a Task, newest first; of one that was written before steps were kept, and not since, its versions.
fn steps(connection: &dyn Database, task: i64) -> Result<&'static str> {
    let is_kept = connection.exists("SELECT 1 FROM task_step WHERE task = ?1", values![task])?;
    Ok(if is_kept {
        "SELECT version, seq, document FROM task_step WHERE task = ?1 ORDER BY version DESC"
    } else {
        "SELECT version, seq, document FROM version WHERE resource = ?1 ORDER BY version DESC"
    })
}

/// The steps of a Task before its version `newest`, up to the commit `until`, as far as they are shown, oldest first. One that
/// is kept no longer, as the version is, is told in no history.
pub(in crate::store) fn history(
    connection: &dyn Database,
    visibility: Visibility,
    (task, newest): (i64, u64),
    until: i64,
) -> Result<History> {
    if newest <= 1 {
        return Ok(History::default());
    }
    let shown = ShownVersions::of(connection, visibility, task)?;
    let of_task = connection.row(
        "SELECT k.name || '/' || r.logical, r.author FROM resource r JOIN kind k ON k.id = r.kind WHERE r.id = ?1",
        values![task],
        |row| Ok((row.get::<String>(0)?, row.get(1)?)),
    )?;
    let Some((url, author)) = of_task else { return Ok(History::default()) };
    let hidden = withheld::hidden(connection, visibility, task, author)?;
    let mut history = History::default();
    let (mut replaced, mut bytes) = (None, 0_usize);
    connection.each_row(steps(connection, task)?, values![task], Wanted::Some, &mut |row| {
        let (version, made): (i64, i64) = (row.get(0)?, row.get(1)?);
        if made <= until && version.cast_unsigned() < newest && shown.hold(made, replaced) {
            let text: &str = row.get(2)?;
            replaced = Some(made);
            // A history is told without what is not kept any more.
            if text.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            bytes = bytes.saturating_add(text.len());
            if bytes > MAX_BYTES {
                history.is_cut = true;
                return Ok(ControlFlow::Break(()));
            }
            let whole = Arc::new(document::parse(text)?);
            let (shown, withheld) = match without(&whole, &hidden)? {
                Some(shown) => (Arc::new(shown), Some(Arc::new(Withheld { whole, hidden: hidden.clone() }))),
                None => (whole, None),
            };
            let step = Resource::new(url.clone(), version.cast_unsigned(), shown);
            history.steps.push(step.without(withheld));
        }
        replaced = Some(made);
        Ok(ControlFlow::Continue(()))
    })?;
    history.steps.reverse();
    Ok(history)
}
