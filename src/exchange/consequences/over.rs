//! What a referral is to an owner for whom it is over: it stays as it was then. The part of an owner who declined ends
//! with the first change that would show it something newer, and so does that of one who completed it, once the time has
//! passed for which it may see more.

use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::referral::Party;
use crate::referral::party::PartEnd;
use crate::referral::plan::Plan;
use crate::referral::state::{Position, TaskStatus};
use crate::security::Caller;

use super::concerned::Concerned;

/// Ends the owner's part, where the referral was over for it before this change. `retention` is how long it sees what
/// changes of a referral that it completed.
pub(super) fn apply(
    caller: &Caller,
    plan: &mut Plan,
    concerned: &Concerned,
    retention: SignedDuration,
    at: Timestamp,
) -> Result<()> {
    let Some(owner) = concerned.lasting_owner(plan).filter(|owner| *owner != caller.organization) else {
        return Ok(());
    };
    let is_over = match concerned.stood {
        Some(Position { status: TaskStatus::Completed, .. }) => {
            completed(plan, concerned).is_none_or(|completed| at.duration_since(completed) > retention)
        }
        Some(position) => position.status.is_terminal(),
        None => false,
    };
    if is_over { concerned.end_part(plan, &owner, Party::Owner, PartEnd::Over) } else { Ok(()) }
}

/// When the Task last changed before this change.
fn completed(plan: &Plan, concerned: &Concerned) -> Option<Timestamp> {
    let replaced =
        concerned.changes(plan).find(|write| write.key == concerned.task).and_then(|write| write.replaces.as_ref());
    let node = replaced.map_or(concerned.task().ok()?.node(), |document| document.root());
    node.str("lastModified")?.parse().ok()
}
