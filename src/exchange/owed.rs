//! Who has to read what a plan changes: the owner of each referral that moves or whose record changes, and who owned it
//! until then. What a referral only shares with others is told by the store, to those who have read it before.

use std::collections::HashSet;

use crate::fhir::ResourceKey;
use crate::referral::Party;
use crate::referral::party::PartEnd;
use crate::referral::plan::{FeedEntry, Plan};

use super::context::owner_among;

/// Adds it to the plan's feed.
pub(super) fn add(plan: &mut Plan) {
    let mut feed = Vec::new();
    let written = plan.writes.iter().map(|write| &write.key);
    let changed: HashSet<&ResourceKey> = written.chain(plan.extras.iter().map(|extras| &extras.task)).collect();
    for share in &plan.shares {
        let changes = changed.contains(&share.task);
        let owner = owner_among(&share.after.parties);
        // For whom it was over before, it stays as it was.
        let told = share.end != PartEnd::Over;
        let former = share
            .before
            .parties
            .iter()
            .filter(|with| told && with.party == Party::Owner && Some(&*with.organization) != owner);
        let owed = owner.filter(|_| changes).into_iter().chain(former.map(|with| with.organization.as_str()));
        feed.extend(
            owed.map(|organization| FeedEntry { organization: organization.to_owned(), task: share.task.clone() }),
        );
    }
    plan.feed.extend(feed);
}
