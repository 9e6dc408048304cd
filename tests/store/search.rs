//! Searches, one kind of each. That all of them mean what [`Query::matches`] says is held by the oracle beside this.

use handoff::error::Category;
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::referral::plan::{Plan, Sharing};
use handoff::store::query::Query;
use handoff::store::{Page, Store, Stored};
use jiff::{SignedDuration, Timestamp};

use crate::backend::{Backend, on_every_backend, parameters};
use crate::referral::{CLINIC, PANTRY, SHELTER, noon, patient_body, referral, share, task_body, whole, write};

on_every_backend! {
    an_agency_finds_its_worklist,
    what_one_does_not_see_is_not_found,
    what_is_included_is_seen,
    what_is_included_comes_once_and_never_beside_itself_as_a_match,
    too_much_is_not_included_in_part,
    pages_follow_each_other,
    what_changes_between_two_pages_comes_at_the_end,
    a_cursor_of_another_search_is_refused,
    a_code_of_two_systems_is_one_match,
    a_time_of_change_is_found_by_what_was_written_of_it,
}

/// A query from its URL: `Task?owner=...`.
pub(crate) fn query(url: &str) -> Query {
    let (kind, parameters_text) = url.split_once('?').unwrap_or((url, ""));
    let pairs = parameters_text.split('&').filter(|pair| !pair.is_empty());
    let named =
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Query::parse(parameters(), kind, &named.collect::<Vec<_>>()).unwrap()
}

fn of(organization: &str) -> Scope {
    Scope::Organization(organization.to_owned())
}

fn ids(found: &[Stored]) -> Vec<String> {
    found.iter().map(|stored| stored.key.to_string()).collect()
}

async fn search(store: &dyn Store, organization: &str, url: &str) -> Page {
    store.search(&of(organization), &query(url)).await.unwrap()
}

async fn matches(store: &dyn Store, organization: &str, url: &str) -> Vec<String> {
    ids(&search(store, organization, url).await.matches)
}

fn after(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

/// Three referrals, a minute apart: two to the pantry, then one to the shelter.
async fn three(backend: &Backend) -> std::sync::Arc<dyn Store> {
    let store = backend.open();
    for (minute, name, owner) in [(0, "a", PANTRY), (1, "b", PANTRY), (2, "c", SHELTER)] {
        store.commit(referral(name, owner, after(minute))).await.unwrap();
    }
    store
}

async fn an_agency_finds_its_worklist(backend: Backend) {
    let store = three(&backend).await;
    let worklist = "Task?owner=Organization/harbor-pantry&status=requested";
    assert_eq!(matches(&*store, PANTRY, worklist).await, ["Task/a", "Task/b"]);
    let accepted = write("Task/a", 2, after(3), &task_body("a", PANTRY, "accepted"));
    store.commit(Plan { writes: vec![accepted], ..Plan::default() }).await.unwrap();
    assert_eq!(matches(&*store, PANTRY, worklist).await, ["Task/b"]);
    let both = "Task?owner=Organization/harbor-pantry&status=requested,accepted";
    assert_eq!(matches(&*store, PANTRY, both).await, ["Task/b", "Task/a"]);
    let since = "Task?owner=Organization/harbor-pantry&_lastUpdated=gt2026-11-21T12:01:00Z";
    assert_eq!(matches(&*store, PANTRY, since).await, ["Task/a"]);
    assert_eq!(matches(&*store, PANTRY, "Task?owner=Organization/north-shelter").await, [""; 0]);
    assert_eq!(matches(&*store, CLINIC, "Task?owner=Organization/north-shelter").await, ["Task/c"]);
    assert_eq!(matches(&*store, CLINIC, "Task?owner=Organization/never-named").await, [""; 0]);
}

async fn what_one_does_not_see_is_not_found(backend: Backend) {
    let store = three(&backend).await;
    for url in ["Task", "Task?status=requested", "Task?_id=c", "Patient?name=fennimore", "Patient?_id=c", "Goal"] {
        assert!(!matches(&*store, PANTRY, url).await.iter().any(|id| id.ends_with("/c")), "{url}");
        assert_eq!(matches(&*store, "nobody-ever-named", url).await, [""; 0], "{url}");
        let counted = search(
            &*store,
            "nobody-ever-named",
            &format!("{}_summary=count", if url.contains('?') { format!("{url}&") } else { format!("{url}?") }),
        )
        .await;
        assert_eq!((counted.total, counted.matches.len()), (Some(0), 0), "{url}");
    }
    assert_eq!(matches(&*store, PANTRY, "Patient?name=fennimore").await, ["Patient/a", "Patient/b"]);
    let unshared = share("Task/a", whole("a", PANTRY), Sharing::default());
    store.commit(Plan { shares: vec![unshared], ..Plan::default() }).await.unwrap();
    assert_eq!(matches(&*store, PANTRY, "Patient?name=fennimore").await, ["Patient/b"]);
}

async fn what_is_included_is_seen(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("a", PANTRY, noon());
    let shared = &mut plan.shares[0].after.resources;
    shared.retain(|given| given.resource.kind != "PractitionerRole" && given.resource.kind != "Condition");
    store.commit(plan).await.unwrap();
    let url = "Task?_include=Task:focus&_include=Task:requester&_include=Task:patient";
    let mut clinic = ids(&search(&*store, CLINIC, url).await.included);
    clinic.sort();
    assert_eq!(clinic, ["Patient/a", "PractitionerRole/a", "ServiceRequest/a"]);
    let mut pantry = ids(&search(&*store, PANTRY, url).await.included);
    pantry.sort();
    assert_eq!(pantry, ["Patient/a", "ServiceRequest/a"]);
    let url = "Patient?_revinclude=Condition:patient&_revinclude=Task:patient&_revinclude=Goal:patient";
    let mut clinic = ids(&search(&*store, CLINIC, url).await.included);
    clinic.sort();
    assert_eq!(clinic, ["Condition/a", "Goal/a", "Task/a"]);
    let mut pantry = ids(&search(&*store, PANTRY, url).await.included);
    pantry.sort();
    assert_eq!(pantry, ["Goal/a", "Task/a"]);
}

async fn what_is_included_comes_once_and_never_beside_itself_as_a_match(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    let body = format!(r#"{},"partOf":[{{"reference":"Task/a"}}]"#, task_body("a", PANTRY, "requested"));
    let parts = ["Task/p", "Task/q"].map(|name| write(name, 1, after(1), &body));
    store.commit(Plan { writes: parts.to_vec(), ..Plan::default() }).await.unwrap();
    let page = search(&*store, CLINIC, "Task?part-of=Task/a&_include=Task:part-of&_include=Task:patient").await;
    assert_eq!(ids(&page.matches), ["Task/p", "Task/q"]);
    assert_eq!(ids(&page.included), ["Patient/a", "Task/a"]);
    let page = search(&*store, CLINIC, "Task?_include=Task:part-of&_revinclude=Task:part-of").await;
    assert_eq!((page.matches.len(), page.included.len()), (3, 0));
    let page = search(&*store, CLINIC, "Task?_include=Task:patient:Patient&_id=p").await;
    assert_eq!(ids(&page.included), ["Patient/a"]);
}

async fn too_much_is_not_included_in_part(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    for batch in 0..11 {
        let one = |n: usize| write(&format!("Goal/g{batch}-{n}"), 1, noon(), r#","subject":{"reference":"Patient/a"}"#);
        store.commit(Plan { writes: (0..100).map(one).collect(), ..Plan::default() }).await.unwrap();
    }
    let error = store.search(&of(CLINIC), &query("Patient?_revinclude=Goal:patient")).await.unwrap_err();
    assert_eq!((error.category, error.issues[0].path.as_str()), (Category::Incorrect, "_include"));
}

async fn pages_follow_each_other(backend: Backend) {
    let store = backend.open();
    for number in 0..7 {
        let name = format!("Task/t{number}");
        let body = task_body("x", PANTRY, if number == 3 { "draft" } else { "requested" });
        // No two have one time, whatever the clock says, so a further key changes nothing.
        let write = write(&name, 1, after(number / 3), &body);
        store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
    }
    for (sort, expected) in [
        ("", ["0", "1", "2", "4", "5", "6"]),
        ("&_sort=_lastUpdated", ["0", "1", "2", "4", "5", "6"]),
        ("&_sort=-_lastUpdated", ["6", "5", "4", "2", "1", "0"]),
        ("&_sort=_id", ["0", "1", "2", "4", "5", "6"]),
        ("&_sort=-_id", ["6", "5", "4", "2", "1", "0"]),
        ("&_sort=_lastUpdated,-_id", ["0", "1", "2", "4", "5", "6"]),
        ("&_sort=-_lastUpdated,_id", ["6", "5", "4", "2", "1", "0"]),
    ] {
        for count in [1, 2, 4, 6, 100] {
            let mut asked = query(&format!("Task?status=requested&_count={count}{sort}"));
            let (mut found, mut pages) = (Vec::new(), 0);
            loop {
                let page = store.search(&of(CLINIC), &asked).await.unwrap();
                assert!(page.matches.len() <= count);
                assert_eq!(page.total, (pages == 0 && page.next.is_none()).then_some(6), "{sort} {count}");
                found.extend(page.matches.iter().map(|stored| stored.key.id.clone()));
                pages += 1;
                asked.page = page.next;
                if asked.page.is_none() {
                    break;
                }
            }
            assert_eq!(pages, 6_usize.div_ceil(count));
            assert_eq!(found, expected.map(|number| format!("t{number}")), "{sort} {count}");
        }
    }
    let counted = search(&*store, CLINIC, "Task?status=requested&_summary=count").await;
    assert_eq!((counted.total, counted.matches.len(), counted.next), (Some(6), 0, None));
    let page = search(&*store, CLINIC, "Task?status=requested&_count=2&_total=accurate").await;
    assert_eq!((page.total, page.matches.len()), (Some(6), 2));
}

async fn what_changes_between_two_pages_comes_at_the_end(backend: Backend) {
    let store = three(&backend).await;
    let mut asked = query("Task?_count=2");
    let first = store.search(&of(CLINIC), &asked).await.unwrap();
    assert_eq!(ids(&first.matches), ["Task/a", "Task/b"]);
    let changed = write("Task/a", 2, after(5), &task_body("a", PANTRY, "accepted"));
    store.commit(Plan { writes: vec![changed], ..Plan::default() }).await.unwrap();
    asked.page = first.next;
    let second = store.search(&of(CLINIC), &asked).await.unwrap();
    assert_eq!(ids(&second.matches), ["Task/c", "Task/a"]);
}

async fn a_cursor_of_another_search_is_refused(backend: Backend) {
    let store = three(&backend).await;
    let page = search(&*store, CLINIC, "Task?_count=1").await;
    let mut by_id = query("Task?_sort=_id");
    for cursor in ["", "x", "u", "u1", "u1-", "u1-x", "i1", "né-1", page.next.as_deref().unwrap()] {
        by_id.page = Some(cursor.to_owned());
        let error = store.search(&of(CLINIC), &by_id).await.unwrap_err();
        assert_eq!((error.category, error.issues[0].key), (Category::Incorrect, Key::UnknownCursor), "{cursor}");
    }
}

async fn a_code_of_two_systems_is_one_match(backend: Backend) {
    let store = backend.open();
    let body = r#","code":{"coding":[{"system":"urn:a","code":"x"},{"system":"urn:b","code":"x"},{"code":"x"}]}"#;
    let writes = ["Condition/a", "Condition/b"].map(|name| write(name, 1, noon(), body)).to_vec();
    store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    for url in [
        "Condition?code=x",
        "Condition?code=urn:a|x",
        "Condition?code=|x",
        "Condition?code=urn:b|",
        "Condition?code=x,urn:a|",
    ] {
        let page = search(&*store, CLINIC, url).await;
        assert_eq!(
            (ids(&page.matches), page.total),
            (vec!["Condition/a".to_owned(), "Condition/b".to_owned()], Some(2)),
            "{url}"
        );
        let counted = search(&*store, CLINIC, &format!("{url}&_summary=count")).await;
        assert_eq!(counted.total, Some(2), "{url}");
    }
    assert_eq!(matches(&*store, CLINIC, "Condition?code=urn:c|x").await, [""; 0]);
}

#[tokio::test]
async fn the_index_is_made_anew_when_the_parameters_change() {
    let backend = Backend::sqlite_file();
    drop(three(&backend).await);
    let connection = rusqlite::Connection::open(backend.path()).unwrap();
    connection
        .execute_batch("DELETE FROM token; DELETE FROM reference; UPDATE store SET parameters = 'others'")
        .unwrap();
    drop(connection);
    let store = backend.open();
    let worklist = "Task?owner=Organization/harbor-pantry&status=requested";
    assert_eq!(matches(&*store, PANTRY, worklist).await, ["Task/a", "Task/b"]);
    // And what is removed later is found to be removed.
    let moved = write("Patient/a", 2, after(9), &patient_body("other", "Shelbyville"));
    store.commit(Plan { writes: vec![moved], ..Plan::default() }).await.unwrap();
    assert_eq!(matches(&*store, PANTRY, "Patient?identifier=urn:example:elm-clinic:mrn|a").await, [""; 0]);
    assert_eq!(matches(&*store, PANTRY, "Patient?identifier=other").await, ["Patient/a"]);
}

/// A date or a second means all of it; a time with a fraction, asked for what came after it, means that moment, so that whoever
/// keeps milliseconds of it misses nothing (https://hl7.org/fhir/R4/search.html#date).
async fn a_time_of_change_is_found_by_what_was_written_of_it(backend: Backend) {
    let store = backend.open();
    for (id, updated) in [
        ("a", "2026-11-20T23:59:59.999999Z"),
        ("b", "2026-11-21T00:00:00Z"),
        ("c", "2026-11-21T00:00:00.000001Z"),
        ("d", "2026-11-21T00:00:00.000999Z"),
        ("e", "2026-11-21T00:00:00.999999Z"),
        ("f", "2026-11-21T00:00:01Z"),
        ("g", "2026-11-22T00:00:00Z"),
    ] {
        let task = write(&format!("Task/{id}"), 1, crate::referral::at(updated), &task_body(id, PANTRY, "draft"));
        store.commit(Plan { writes: vec![task], ..Plan::default() }).await.unwrap();
    }
    for (asked, expected) in [
        ("2026-11-21", "bcdef"),
        ("2026-11", "abcdefg"),
        ("gt2026-11-21", "g"),
        ("ge2026-11-21", "bcdefg"),
        ("lt2026-11-21", "a"),
        ("le2026-11-21", "abcdef"),
        ("ne2026-11-21", "ag"),
        ("2026-11-21T00:00:00Z", "bcde"),
        ("gt2026-11-21T00:00:00Z", "fg"),
        ("sa2026-11-21T00:00:00Z", "fg"),
        ("eb2026-11-21T00:00:01Z", "abcde"),
        ("le2026-11-21T00:00:00Z", "abcde"),
        ("2026-11-21T00:00:00.000Z", "bcd"),
        ("gt2026-11-21T00:00:00.000Z", "cdefg"),
        ("ge2026-11-21T00:00:00.000Z", "bcdefg"),
        ("2026-11-21T00:00:00.000001Z", "c"),
        ("gt2026-11-21T00:00:00.000001Z", "defg"),
        ("ge2026-11-21T00:00:00.000001Z", "cdefg"),
        ("lt2026-11-21T00:00:00.000001Z", "ab"),
        ("gt2026-11-21T01:00:00.000001+01:00", "defg"),
        ("gt2026-11-21T00:00:00.000001&_lastUpdated=lt2026-11-21T00:00:01Z", "de"),
    ] {
        let found = matches(&*store, CLINIC, &format!("Task?_lastUpdated={asked}")).await;
        let found: String = found.iter().map(|name| name.trim_start_matches("Task/")).collect();
        assert_eq!(found, expected, "{asked}");
    }
}
