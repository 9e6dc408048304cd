//! Who sees what of a referral, when a resource of it that other referrals share, too, gets other references.

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{Plan, Share, SharedWith, Write};
use crate::store::Resources;

use super::concerned::Concerned;
use crate::exchange::disclosure;

/// The Tasks through which a resource is shared that gets a new version. A Task is its own referral's matter.
pub(super) async fn concerned(store: &dyn Resources, write: &Write) -> Result<Vec<ResourceKey>> {
    if write.version == 1 || write.key.kind == "Task" {
        return Ok(Vec::new());
    }
    store.sharing(&write.key).await
}

/// Shares the referral anew with those who take part in it, unless that was done already.
pub(super) fn apply(plan: &mut Plan, referral: &Concerned) {
    let resources = disclosure::disclosed(&referral.stored.graph, &referral.task);
    match plan.shares.iter_mut().find(|share| share.task == referral.task) {
        Some(share) => share.resources = resources,
        None => {
            let parties: Vec<SharedWith> = referral.stored.current();
            let task = referral.task.clone();
            plan.shares.push(Share { task, before: parties.clone(), parties, resources });
        }
    }
}
