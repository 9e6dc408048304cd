//! On what it rests that a referral is disclosed, once it is known who sees it: with which changes of a person's Consents it has to be
//! asked anew.

use std::collections::HashMap;

use crate::fhir::ResourceKey;
use crate::referral::Party;
use crate::referral::plan::{Permission, Plan, RestsOn, Share};

/// Says it of each referral whose parties change or of which consent was asked. Of others it stays as it was.
pub(super) fn settle(plan: &mut Plan) {
    let asked = std::mem::take(&mut plan.permissions);
    // The last answer was given with everything that changes.
    let answers: HashMap<&ResourceKey, &RestsOn> =
        asked.iter().map(|permission| (&permission.task, &permission.rests_on)).collect();
    for share in &plan.shares {
        if let Some(rests_on) = rests_on(share, answers.get(&share.task).copied()) {
            plan.permissions.push(Permission { task: share.task.clone(), rests_on });
        }
    }
}

fn rests_on(share: &Share, answer: Option<&RestsOn>) -> Option<RestsOn> {
    let parties = &share.after.parties;
    let of = |party: Party| parties.iter().filter(|with| with.party == party).count();
    let (owners, requesters) = (of(Party::Owner), of(Party::Requester));
    if parties.len() == requesters && requesters <= 1 {
        // Its sender, who is asked for no consent.
        return Some(RestsOn::Nobody);
    }
    if owners + 1 < parties.len() || owners > 1 {
        // To several it may be disclosed for several reasons.
        return Some(RestsOn::Asked);
    }
    match answer {
        Some(rests_on) => Some(rests_on.clone()),
        None if share.before.parties == share.after.parties => None,
        None => Some(RestsOn::Asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::party::PartEnd;
    use crate::referral::plan::{SharedWith, Sharing};

    #[test]
    fn says_with_which_changes_it_is_asked() {
        let task = ResourceKey::new("Task", "1");
        let consent = RestsOn::Consent(ResourceKey::new("Consent", "1"));
        let asks = || SharedWith::new("clinic", Party::Requester);
        let other = || SharedWith::new("hospital", Party::Requester);
        let helps = || SharedWith::new("pantry", Party::Owner);
        for (before, after, answer, expected) in [
            (vec![], vec![asks()], None, Some(RestsOn::Nobody)),
            (vec![], vec![asks(), helps()], Some(consent.clone()), Some(consent.clone())),
            (vec![], vec![asks(), helps()], None, Some(RestsOn::Asked)),
            (vec![asks(), helps()], vec![asks(), helps()], None, None),
            (vec![asks(), helps()], vec![asks(), helps()], Some(RestsOn::Asked), Some(RestsOn::Asked)),
            (vec![asks(), helps()], vec![asks()], Some(consent.clone()), Some(RestsOn::Nobody)),
            (vec![], vec![asks(), other(), helps()], Some(consent.clone()), Some(RestsOn::Asked)),
            (vec![], vec![asks(), other()], None, Some(RestsOn::Asked)),
        ] {
            let sharing = |parties| Sharing { parties, resources: Vec::new() };
            let share = Share {
                task: task.clone(),
                before: sharing(before),
                after: sharing(after),
                end: PartEnd::Over,
                withheld: Vec::new(),
            };
            assert_eq!(rests_on(&share, answer.as_ref()), expected, "{share:?}");
        }
    }
}
