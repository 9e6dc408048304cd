//! What is withheld from an organization that sees the rest: it is in nothing that it reads, and finds nothing.

use std::sync::Arc;

use handoff::referral::plan::{Guard, Plan, Share, Sharing, WithheldFrom};
use handoff::referral::{HiddenElement, Party, Read, Scope, VersionRange};
use handoff::store::{ReadResult, Store, Stored};

use crate::backend::{Backend, on_every_backend};
use crate::referral::{CLINIC, PANTRY, key, noon, referral, share, sharing, whole, write};
use crate::search::query;

on_every_backend! {
    it_is_in_no_view,
    nothing_is_found_by_it,
    it_is_counted_nowhere,
    whoever_asks_for_the_referral_too_sees_it,
    it_ends_with_the_rule_and_stays_with_the_part,
}

fn of(organization: &str) -> Scope {
    Scope::Organization(organization.to_owned())
}

fn hidden(resource: &str, member: &str) -> WithheldFrom {
    let hidden = HiddenElement { member: member.to_owned(), by: None, rule: "rule".to_owned() };
    WithheldFrom { organization: PANTRY.to_owned(), resource: key(resource), hidden }
}

/// Two referrals to the pantry; of the person of the first it does not see when they were born, and of its request not
/// about whom it is.
async fn two(backend: &Backend) -> Arc<dyn Store> {
    let store = backend.open();
    for name in ["a", "b"] {
        let mut plan = referral(name, PANTRY, noon());
        if name == "a" {
            plan.shares[0].withheld = vec![hidden("Patient/a", "birthDate"), hidden("ServiceRequest/a", "subject")];
        }
        store.commit(plan).await.unwrap();
    }
    store
}

async fn found(store: &dyn Store, organization: &str, url: &str) -> Vec<String> {
    let page = store.search(&of(organization), &query(url)).await.unwrap();
    page.matches.iter().chain(&page.included).map(|stored| stored.key.to_string()).collect()
}

fn is_part(stored: &Stored) -> bool {
    let root = stored.document.root();
    let tagged = root.get("meta").is_some_and(|meta| meta.list("tag").count() == 1);
    assert_eq!(tagged, stored.withheld.is_some());
    assert!(stored.whole().root().get("birthDate").is_some());
    tagged && root.get("birthDate").is_none() && root.get("gender").is_some()
}

async fn it_is_in_no_view(backend: Backend) {
    let store = two(&backend).await;
    let person = key("Patient/a");
    for (organization, part) in [(PANTRY, true), (CLINIC, false)] {
        let scope = of(organization);
        assert_eq!(is_part(&store.read(&scope, &person, None).await.unwrap().unwrap()), part);
        assert_eq!(is_part(&store.read(&scope, &person, Some(1)).await.unwrap().unwrap()), part);
        assert_eq!(is_part(&store.history(&scope, &person, VersionRange::newest(9)).await.unwrap().found[0]), part);
        let page = store.search(&scope, &query("Patient?_id=a")).await.unwrap();
        assert_eq!(is_part(&page.matches[0]), part);
        let page = store.search(&scope, &query("Task?_id=a&_include=Task:patient")).await.unwrap();
        assert_eq!(is_part(&page.included[0]), part);
        for seq in [None, Some(2)] {
            let stored = match seq {
                None => store.referral(&scope, &key("Task/a"), true).await,
                Some(seq) => store.referral_as_of(&scope, &key("Task/a"), seq).await,
            };
            let stored = stored.unwrap().unwrap();
            let resource = stored.graph.resolve("Patient/a").unwrap();
            assert_eq!(resource.node().get("birthDate").is_none(), part);
            assert!(resource.whole().node().get("birthDate").is_some());
        }
        let read = Read::Resource { key: person.clone(), version: None };
        let reads = vec![handoff::referral::plan::PlannedRead { scope, read, path: String::new() }];
        let name = format!("Goal/{organization}");
        let plan = Plan { writes: vec![write(&name, 1, noon(), "")], reads, ..Plan::default() };
        let committed = store.commit(plan).await.unwrap();
        assert!(matches!(&committed.reads[0], ReadResult::Resource(stored) if is_part(stored) == part));
    }
}

async fn nothing_is_found_by_it(backend: Backend) {
    let store = two(&backend).await;
    for (url, pantry, clinic) in [
        ("Patient?birthdate=1987-02-20", vec!["Patient/b"], vec!["Patient/a", "Patient/b"]),
        ("Patient?birthdate=lt2000&family=Fennimore", vec!["Patient/b"], vec!["Patient/a", "Patient/b"]),
        ("Patient?birthdate=1987-02-20&_id=a", vec![], vec!["Patient/a"]),
        ("Patient?birthdate:missing=false", vec!["Patient/b"], vec!["Patient/a", "Patient/b"]),
        ("Patient?birthdate:missing=true", vec!["Patient/a"], vec![]),
        ("Patient?birthdate:missing=true&family=Fennimore", vec!["Patient/a"], vec![]),
        ("Patient?birthdate:missing=true&family=Nobody", vec![], vec![]),
        ("Patient?family=Fennimore", vec!["Patient/a", "Patient/b"], vec!["Patient/a", "Patient/b"]),
        ("ServiceRequest?patient=Patient/a", vec![], vec!["ServiceRequest/a"]),
        ("Patient?_id=a&_revinclude=ServiceRequest:patient", vec!["Patient/a"], vec!["Patient/a", "ServiceRequest/a"]),
        (
            "ServiceRequest?_id=a&_include=ServiceRequest:patient",
            vec!["ServiceRequest/a"],
            vec!["ServiceRequest/a", "Patient/a"],
        ),
    ] {
        for (organization, mut expected) in [(PANTRY, pantry), (CLINIC, clinic)] {
            let mut found = found(&*store, organization, url).await;
            found.sort();
            expected.sort_unstable();
            assert_eq!(found, expected, "{organization}: {url}");
        }
    }
    // Nor does a condition of a create find it.
    let parameters = vec![("birthdate".to_owned(), "1987-02-20".to_owned()), ("_id".to_owned(), "a".to_owned())];
    let guard = |organization: &str| Guard::NoneMatch {
        kind: "Patient".to_owned(),
        parameters: parameters.clone(),
        organization: organization.to_owned(),
    };
    let plan = |name: &str, organization| Plan {
        writes: vec![write(name, 1, noon(), "")],
        guards: vec![guard(organization)],
        ..Plan::default()
    };
    store.commit(plan("Goal/y", PANTRY)).await.unwrap();
    store.commit(plan("Goal/z", CLINIC)).await.unwrap_err();
}

async fn it_is_counted_nowhere(backend: Backend) {
    let store = two(&backend).await;
    for (url, total, next) in [
        ("Patient?birthdate=1987-02-20&_total=accurate&_count=1", 1, false),
        ("Patient?birthdate=1987-02-20&_summary=count", 1, false),
        ("Patient?birthdate:missing=true&_total=accurate&_count=1", 1, false),
        ("Patient?family=Fennimore&_total=accurate&_count=1", 2, true),
    ] {
        let page = store.search(&of(PANTRY), &query(url)).await.unwrap();
        assert_eq!((page.total, page.next.is_some()), (Some(total), next), "{url}");
    }
}

async fn whoever_asks_for_the_referral_too_sees_it(backend: Backend) {
    let store = two(&backend).await;
    // The pantry sends on a referral about the same person.
    let parties = vec![handoff::referral::plan::SharedWith::new(PANTRY, Party::Requester)];
    let shared = share("Task/own", Sharing::default(), sharing(parties, &["Task/own", "Patient/a"]));
    let plan = Plan { writes: vec![write("Task/own", 1, noon(), "")], shares: vec![shared], ..Plan::default() };
    store.commit(plan).await.unwrap();
    assert!(store.read(&of(PANTRY), &key("Patient/a"), None).await.unwrap().unwrap().withheld.is_none());
    assert_eq!(found(&*store, PANTRY, "Patient?birthdate=1987-02-20&_id=a").await, ["Patient/a"]);
}

async fn it_ends_with_the_rule_and_stays_with_the_part(backend: Backend) {
    let store = two(&backend).await;
    let again = |withheld| Share { withheld, ..share("Task/a", whole("a", PANTRY), whole("a", PANTRY)) };
    let commit = |name: &'static str, share| {
        let store = store.clone();
        async move {
            let plan = Plan { writes: vec![write(name, 1, noon(), "")], shares: vec![share], ..Plan::default() };
            store.commit(plan).await.unwrap();
        }
    };
    commit("Goal/1", again(Vec::new())).await;
    assert!(store.read(&of(PANTRY), &key("Patient/a"), None).await.unwrap().unwrap().withheld.is_none());
    commit("Goal/2", again(vec![hidden("Patient/a", "birthDate")])).await;
    assert!(is_part(&store.read(&of(PANTRY), &key("Patient/a"), None).await.unwrap().unwrap()));
    let clinic =
        sharing(vec![handoff::referral::plan::SharedWith::new(CLINIC, Party::Requester)], &["Task/a", "Patient/a"]);
    let ended = Share { end: handoff::referral::party::PartEnd::Over, ..share("Task/a", whole("a", PANTRY), clinic) };
    commit("Goal/3", ended).await;
    let last = store.read(&of(PANTRY), &key("Patient/a"), None).await.unwrap().unwrap();
    assert!(last.until.is_some() && is_part(&last), "what was hidden when the part ended stays so");
}
