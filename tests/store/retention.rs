//! What goes with time, and what stays: nobody is shown more by it, and nothing is lost that is still somebody's.

use handoff::fhir::Key;
use handoff::referral::party::PartEnd;
use handoff::referral::plan::{Idempotency, Plan, Share, Write};
use handoff::referral::{Scope, VersionRange};
use handoff::store::{Store, Stored};
use jiff::{SignedDuration, Timestamp};

use crate::backend::{Backend, on_every_backend};
use crate::referral::{
    CLINIC, PANTRY, SHELTER, key, noon, parties, patient_body, referral, sharing, task_body, whole, write,
};

on_every_backend! {
    keys_go_with_their_time,
    old_versions_go_and_the_newest_stays,
    what_was_shown_last_stays_and_nothing_more_is_shown,
    many_versions_go_in_groups,
}

fn day(number: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(24 * number)
}

fn person(version: u64, updated: Timestamp) -> Write {
    write("Patient/a", version, updated, &patient_body("a", &format!("City{version}")))
}

fn writes(writes: Vec<Write>) -> Plan {
    Plan { writes, ..Plan::default() }
}

/// Removes what was replaced before this time; says how many documents went, in how many groups.
async fn prune(store: &dyn Store, before: Timestamp) -> (u64, usize) {
    let (mut removed, mut groups, mut next) = (0, 0, Some(0));
    while let Some(after) = next {
        let pruned = store.prune_versions(before, after).await.unwrap();
        (removed, groups, next) = (removed + pruned.removed, groups + 1, pruned.next);
    }
    (removed, groups)
}

fn versions(history: &[Stored]) -> Vec<u64> {
    history.iter().map(|stored| stored.version).collect()
}

/// The version, or the rule that says why it is not given.
async fn read(store: &dyn Store, organization: &str, version: u64) -> Result<Option<u64>, Key> {
    let scope = Scope::Organization(organization.to_owned());
    let found = store.read(&scope, &key("Patient/a"), Some(version)).await;
    found.map(|found| found.map(|stored| stored.version)).map_err(|error| error.issues[0].key)
}

async fn keys_go_with_their_time(backend: Backend) {
    let store = backend.open();
    for number in 0..5_i64 {
        let key = Idempotency {
            client: "c".to_owned(),
            key: number.to_string(),
            digest: "d".to_owned(),
            answer: "a".to_owned(),
        };
        let task = write(&format!("Task/{number}"), 1, day(number), "");
        store.commit(Plan { writes: vec![task], idempotency: Some(key), ..Plan::default() }).await.unwrap();
    }
    assert_eq!(store.prune_keys(day(2)).await.unwrap(), 2);
    assert_eq!(store.prune_keys(day(2)).await.unwrap(), 0);
    for (number, kept) in [("0", false), ("1", false), ("2", true), ("4", true)] {
        assert_eq!(store.idempotent("c", number).await.unwrap().is_some(), kept, "{number}");
    }
}

async fn old_versions_go_and_the_newest_stays(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, day(0))).await.unwrap();
    for version in 2..=4 {
        store.commit(writes(vec![person(version, day(version.cast_signed()))])).await.unwrap();
    }
    let accepted = write("Task/a", 2, day(5), &task_body("a", PANTRY, "accepted"));
    let then = store.commit(writes(vec![accepted])).await.unwrap().seq;
    // The second was replaced on the third day.
    assert_eq!(prune(&*store, day(3)).await.0, 1);
    assert_eq!(prune(&*store, day(3)).await.0, 0);
    assert_eq!(read(&*store, CLINIC, 1).await, Err(Key::VersionRemoved));
    assert_eq!(read(&*store, PANTRY, 1).await, Err(Key::VersionRemoved));
    assert_eq!(read(&*store, SHELTER, 1).await, Ok(None), "who never saw it is not told that there was one");
    assert_eq!(read(&*store, CLINIC, 2).await, Ok(Some(2)));
    assert_eq!(prune(&*store, day(1000)).await.0, 2);
    let history = store.history(&Scope::Gateway, &key("Patient/a"), VersionRange::newest(9)).await.unwrap().found;
    assert_eq!(versions(&history), [4]);
    // A referral's Task is the history that its record shows.
    let clinic = Scope::Organization(CLINIC.to_owned());
    assert_eq!(versions(&store.history(&clinic, &key("Task/a"), VersionRange::newest(9)).await.unwrap().found), [2, 1]);
    let now = store.referral(&clinic, &key("Task/a"), true).await.unwrap().unwrap();
    assert_eq!((now.graph.resources().len(), now.graph.history().steps.len()), (8, 1));
    // What it was after a commit is told whole, or not at all.
    assert!(store.referral_as_of(&clinic, &key("Task/a"), then).await.unwrap().is_some());
    assert!(store.referral_as_of(&clinic, &key("Task/a"), 2).await.unwrap().is_none());
    // The next version follows the newest.
    store.commit(writes(vec![person(5, day(6))])).await.unwrap();
    assert_eq!(read(&*store, CLINIC, 5).await, Ok(Some(5)));
}

/// The pantry's part ends after the second version; the shelter's begins after the third.
async fn what_was_shown_last_stays_and_nothing_more_is_shown(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, day(0))).await.unwrap();
    store.commit(writes(vec![person(2, day(2))])).await.unwrap();
    let of_clinic = sharing(parties(PANTRY).into_iter().take(1).collect(), &whole_names());
    let share = |before, after| Share { end: PartEnd::Over, ..crate::referral::share("Task/a", before, after) };
    store.commit(Plan { shares: vec![share(whole("a", PANTRY), of_clinic.clone())], ..Plan::default() }).await.unwrap();
    store.commit(writes(vec![person(3, day(3))])).await.unwrap();
    store.commit(Plan { shares: vec![share(of_clinic, whole("a", SHELTER))], ..Plan::default() }).await.unwrap();
    store.commit(writes(vec![person(4, day(4))])).await.unwrap();

    let seen = async |store: &dyn Store| {
        let mut seen = Vec::new();
        for organization in [PANTRY, SHELTER] {
            let scope = Scope::Organization(organization.to_owned());
            let newest = store.read(&scope, &key("Patient/a"), None).await.unwrap().unwrap();
            let referral = store.referral(&scope, &key("Task/a"), true).await.unwrap().unwrap();
            let person = referral.graph.resolve("Patient/a").unwrap().version;
            let history = store.history(&scope, &key("Patient/a"), VersionRange::newest(9)).await.unwrap().found;
            seen.push((newest.version, newest.document.text().to_owned(), person, versions(&history)));
        }
        seen
    };
    let before = seen(&*store).await;
    assert_eq!((&before[0].3, &before[1].3), (&vec![2, 1], &vec![4, 3]));
    assert_eq!(prune(&*store, day(1000)).await.0, 2, "the first and the third");
    let after = seen(&*store).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.0, &before.1, before.2), (after.0, &after.1, after.2), "what was shown last stays");
    }
    assert_eq!((&after[0].3, &after[1].3), (&vec![2], &vec![4]));
    assert_eq!(read(&*store, SHELTER, 3).await, Err(Key::VersionRemoved));
    assert_eq!(read(&*store, SHELTER, 2).await, Ok(None), "it stood before the shelter came");
    assert_eq!(read(&*store, PANTRY, 3).await, Ok(None), "it came when the pantry was gone");
}

fn whole_names() -> [&'static str; 8] {
    [
        "Patient/a",
        "Practitioner/a",
        "PractitionerRole/a",
        "Condition/a",
        "Consent/a",
        "Goal/a",
        "ServiceRequest/a",
        "Task/a",
    ]
}

async fn many_versions_go_in_groups(backend: Backend) {
    let store = backend.open();
    for first in [1, 501, 1001] {
        store.commit(writes((first..first + 500).map(|version| person(version, day(0))).collect())).await.unwrap();
    }
    let (removed, groups) = prune(&*store, day(1)).await;
    assert!(removed == 1499 && groups >= 3, "{removed} in {groups}");
    assert_eq!(
        versions(&store.history(&Scope::Gateway, &key("Patient/a"), VersionRange::newest(9)).await.unwrap().found),
        [1500]
    );
}
