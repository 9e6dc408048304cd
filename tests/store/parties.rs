//! As what each organization takes part in a referral, since which commit and until which.

use handoff::error::Category;
use handoff::referral::party::PartEnd;
use handoff::referral::plan::{Plan, SharedWith, Sharing};
use handoff::referral::{Party, Scope};
use handoff::store::{Store, StoredParty, StoredReferral, conflicting};

use crate::backend::{Backend, on_every_backend};
use crate::referral::{CLINIC, PANTRY, SHELTER, key, noon, parties, referral, share, sharing, task_body, whole, write};

on_every_backend! {
    a_part_is_kept_with_its_time,
    an_organization_with_two_parts_sees_until_both_end,
    a_share_for_others_than_those_who_take_part_is_refused,
}

fn of(parties: Vec<SharedWith>) -> Sharing {
    sharing(parties, &["Task/r", "Patient/r"])
}

fn plan(before: Sharing, after: Sharing) -> Plan {
    Plan { shares: vec![share("Task/r", before, after)], ..Plan::default() }
}

/// The Task and the person are shared with these in place of those.
fn instead(before: Vec<SharedWith>, after: Vec<SharedWith>) -> Plan {
    plan(of(before), of(after))
}

async fn stored(store: &dyn Store) -> StoredReferral {
    store.referral(&Scope::Gateway, &key("Task/r"), false).await.unwrap().unwrap()
}

fn part(organization: &str, party: Party, since: u64, until: Option<u64>) -> StoredParty {
    let end = until.map(|_| PartEnd::Withdrawn);
    StoredParty { organization: organization.to_owned(), party, since, until, end }
}

async fn a_part_is_kept_with_its_time(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    store.commit(plan(whole("r", PANTRY), of(parties(SHELTER)))).await.unwrap();
    store.commit(instead(parties(SHELTER), parties(PANTRY))).await.unwrap();
    let found = stored(&*store).await;
    assert_eq!(
        found.parties,
        [
            part(CLINIC, Party::Requester, 1, None),
            part(PANTRY, Party::Owner, 1, Some(2)),
            part(PANTRY, Party::Owner, 3, None),
            part(SHELTER, Party::Owner, 2, Some(3)),
        ]
    );
    assert_eq!(found.current(), parties(PANTRY));
    assert!(found.is_party(PANTRY, Party::Owner) && !found.is_party(PANTRY, Party::Requester));
    assert_eq!((found.parties_of(SHELTER), found.parties_of(CLINIC)), (vec![], vec![Party::Requester]));
    let then = store.referral_as_of(&Scope::Gateway, &key("Task/r"), 2).await.unwrap().unwrap();
    assert_eq!(
        then.parties,
        [
            part(CLINIC, Party::Requester, 1, None),
            part(PANTRY, Party::Owner, 1, Some(2)),
            part(SHELTER, Party::Owner, 2, None),
        ]
    );
}

async fn an_organization_with_two_parts_sees_until_both_end(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let both = [parties(PANTRY), vec![SharedWith::new(PANTRY, Party::Observer)]].concat();
    store.commit(plan(whole("r", PANTRY), of(both.clone()))).await.unwrap();
    assert_eq!(stored(&*store).await.parties_of(PANTRY), [Party::Observer, Party::Owner]);
    let observer = vec![SharedWith::new(PANTRY, Party::Observer)];
    store.commit(instead(both, observer.clone())).await.unwrap();
    let scope = Scope::Organization(PANTRY.to_owned());
    assert!(store.read(&scope, &key("Patient/r"), None).await.unwrap().is_some());
    store.commit(instead(observer, Vec::new())).await.unwrap();
    assert!(store.read(&scope, &key("Patient/r"), None).await.unwrap().is_none());
}

async fn a_share_for_others_than_those_who_take_part_is_refused(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let observer = vec![SharedWith::new(PANTRY, Party::Observer)];
    let others = [Vec::new(), parties(SHELTER), observer, parties(CLINIC)];
    let others = others.map(|parties| Sharing { parties, ..whole("r", PANTRY) });
    // Shared with the same, and other things.
    let less = [of(parties(PANTRY)), sharing(parties(PANTRY), &[])];
    for before in others.into_iter().chain(less) {
        let mut plan = plan(before, of(parties(SHELTER)));
        plan.writes = vec![write("Task/r", 2, noon(), &task_body("r", SHELTER, "requested"))];
        let error = store.commit(plan).await.unwrap_err();
        assert_eq!((error.category, conflicting(&error)), (Category::Conflict, Some(key("Task/r"))));
    }
    let found = stored(&*store).await;
    assert_eq!((found.current(), found.seq), (parties(PANTRY), 1), "nothing of it is stored");
    assert_eq!(found.graph.only_task().unwrap().version, 1);
    let mut reordered = whole("r", PANTRY);
    reordered.parties.reverse();
    reordered.resources.reverse();
    store.commit(plan(reordered, of(parties(SHELTER)))).await.unwrap();
    assert_eq!(stored(&*store).await.current(), parties(SHELTER));
}
