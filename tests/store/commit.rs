//! A plan is committed whole or not at all, and comes back byte for byte.

use handoff::error::Category;
use handoff::fhir::edit;
use handoff::referral::plan::{Extras, Guard, Idempotency, Plan, PlannedRead, Write};
use handoff::referral::{Read, Scope, VersionRange};
use handoff::store::query::Query;
use handoff::store::{AuditQuery, Store, conflicting};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::backend::{Backend, on_every_backend};
use crate::referral::{CLINIC, PANTRY, at, key, names, noon, parties, referral, task_body, write};

on_every_backend! {
    a_resource_comes_back_byte_for_byte,
    every_version_is_kept,
    a_stale_version_is_refused_and_nothing_of_its_plan_is_stored,
    of_concurrent_changes_to_one_version_one_wins,
    a_plan_that_fails_late_takes_no_other_with_it,
    what_was_only_read_must_be_unchanged,
    last_updated_strictly_increases,
    what_is_finer_than_a_microsecond_is_as_the_document_says,
    an_idempotency_key_is_used_once,
    extras_are_kept_replaced_and_removed,
    a_referral_is_read_in_one_go,
    a_referral_is_read_as_it_was,
}

fn writes(writes: impl IntoIterator<Item = Write>) -> Plan {
    Plan { writes: writes.into_iter().collect(), ..Plan::default() }
}

async fn text(store: &dyn Store, name: &str) -> Option<String> {
    let stored = store.read(&Scope::Gateway, &key(name), None).await.unwrap();
    stored.map(|stored| stored.document.text().to_owned())
}

async fn a_resource_comes_back_byte_for_byte(backend: Backend) {
    let body = r#", "extension" : [{"url":"urn:example:unknown","valueDecimal":1.10}],
        "_status":{"id":"x"}, "made-up":[1E+2,{}], "note":"caf\u00e9 \ud83c\udfe0 é""#;
    let plan = writes([write("Observation/o1", 1, noon(), body)]);
    let sent = plan.writes[0].document.text().to_owned();
    {
        let store = backend.open();
        let committed = store.commit(plan).await.unwrap();
        assert_eq!((committed.seq, committed.writes[0].document.text()), (1, sent.as_str()));
        assert_eq!(text(&*store, "Observation/o1").await.as_deref(), Some(sent.as_str()));
    }
    let store = backend.open();
    let stored = store.read(&Scope::Gateway, &key("Observation/o1"), Some(1)).await.unwrap().unwrap();
    assert_eq!(stored.document.text(), sent);
    assert_eq!((stored.version, stored.updated, stored.seq), (1, noon(), 1));
    assert_eq!((stored.author.as_deref(), stored.public), (Some(CLINIC), false));
}

async fn every_version_is_kept(backend: Backend) {
    let store = backend.open();
    let of = |version, status: &str| write("Task/t", version, noon(), &task_body("t", PANTRY, status));
    store.commit(writes([of(1, "requested"), of(2, "received")])).await.unwrap();
    store.commit(writes([of(3, "accepted")])).await.unwrap();
    let statuses = |stored: &handoff::store::Stored| {
        (stored.version, stored.document.root().str("status").unwrap().into_owned(), stored.seq)
    };
    let history = store.history(&Scope::Gateway, &key("Task/t"), VersionRange::newest(10)).await.unwrap().found;
    let expected = [(3, "accepted".to_owned(), 2), (2, "received".to_owned(), 1), (1, "requested".to_owned(), 1)];
    assert_eq!(history.iter().map(statuses).collect::<Vec<_>>(), expected);
    let newest = store.history(&Scope::Gateway, &key("Task/t"), VersionRange::newest(1)).await.unwrap().found;
    assert_eq!(newest.iter().map(statuses).collect::<Vec<_>>(), expected[..1]);
    let second = store.read(&Scope::Gateway, &key("Task/t"), Some(2)).await.unwrap().unwrap();
    assert_eq!(statuses(&second), expected[1]);
    assert!(store.read(&Scope::Gateway, &key("Task/t"), Some(4)).await.unwrap().is_none());
    assert!(store.read(&Scope::Gateway, &key("Task/other"), None).await.unwrap().is_none());
}

async fn a_stale_version_is_refused_and_nothing_of_its_plan_is_stored(backend: Backend) {
    let store = backend.open();
    store.commit(writes([write("Task/t", 1, noon(), "")])).await.unwrap();
    for (version, why) in [(1, "it is there already"), (3, "the second is not there")] {
        let mut plan = referral("other", PANTRY, noon());
        plan.writes.push(write("Task/t", version, noon(), ""));
        plan.extras.push(Extras { task: key("Task/t"), value: json!({"a": 1}) });
        let error = store.commit(plan).await.unwrap_err();
        assert_eq!((error.category, conflicting(&error)), (Category::Conflict, Some(key("Task/t"))), "{why}");
    }
    for name in names("other") {
        assert_eq!(text(&*store, &name).await, None, "{name}");
    }
    assert_eq!(store.changes(PANTRY, 0, 10).await.unwrap().items, []);
    let task = store.referral(&Scope::Gateway, &key("Task/t"), true).await.unwrap().unwrap();
    assert!(task.extras.is_null() && task.parties.is_empty() && task.graph.history().steps.is_empty());
    let statistics = store.statistics().await.unwrap();
    assert_eq!((statistics.newest, statistics.conflicts), (1, 2));
    assert_eq!(statistics.resources, [("Task".to_owned(), 1)]);
}

async fn of_concurrent_changes_to_one_version_one_wins(backend: Backend) {
    let store = backend.open();
    store.commit(writes([write("Task/t", 1, noon(), "")])).await.unwrap();
    let tries = (0..50).map(|number| {
        let (store, body) = (store.clone(), format!(r#","description":"{number}""#));
        tokio::spawn(async move { store.commit(writes([write("Task/t", 2, noon(), &body)])).await.is_ok() })
    });
    let mut won = 0;
    for one in tries.collect::<Vec<_>>() {
        won += usize::from(one.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(store.history(&Scope::Gateway, &key("Task/t"), VersionRange::newest(10)).await.unwrap().len(), 2);
}

/// Plans that are committed together: one fails when all of it is written, and it alone is undone.
async fn a_plan_that_fails_late_takes_no_other_with_it(backend: Backend) {
    const FAILING: u32 = 7;
    let store = backend.open();
    let plans = (0..20).map(|number| {
        let mut plan = referral(&format!("r{number}"), PANTRY, noon());
        if number == FAILING {
            let (scope, path) = (Scope::Gateway, "Bundle.entry[3]".to_owned());
            let read = Read::Resource { key: key("Patient/nobody"), version: None };
            plan.reads = vec![PlannedRead { scope, read, path }];
        }
        let store = store.clone();
        (number, tokio::spawn(async move { store.commit(plan).await }))
    });
    let mut places = Vec::new();
    for (number, committed) in plans.collect::<Vec<_>>() {
        let committed = committed.await.unwrap();
        let stored = text(&*store, &format!("Task/r{number}")).await;
        match committed {
            Ok(committed) => {
                places.push(committed.seq);
                // As it was stored is as it is answered, however often it had to be done.
                let answered = committed.writes[7].document.text();
                assert_eq!(stored.as_deref(), Some(answered), "{number}");
            }
            Err(error) => {
                assert_eq!((number, error.category), (FAILING, Category::NotFound));
                assert_eq!(stored, None);
            }
        }
    }
    places.sort_unstable();
    assert_eq!(places, (1..20).collect::<Vec<_>>());
    assert_eq!(store.changes(PANTRY, 0, 50).await.unwrap().items.len(), 19);
    let statistics = store.statistics().await.unwrap();
    assert!(statistics.resources.contains(&("Task".to_owned(), 19)), "{:?}", statistics.resources);
    let audited = store.audit_count(&AuditQuery::default()).await.unwrap();
    assert_eq!((statistics.newest, audited), (19, 19));
}

async fn what_was_only_read_must_be_unchanged(backend: Backend) {
    let store = backend.open();
    let guarded = |version, name: &str| Plan {
        guards: vec![Guard::Unchanged { key: key("Patient/p"), version }],
        ..writes([write(name, 1, noon(), "")])
    };
    store.commit(guarded(0, "Task/a")).await.unwrap();
    store.commit(writes([write("Patient/p", 1, noon(), "")])).await.unwrap();
    let error = store.commit(guarded(0, "Task/b")).await.unwrap_err();
    assert_eq!(conflicting(&error), Some(key("Patient/p")));
    store.commit(guarded(1, "Task/b")).await.unwrap();
}

async fn last_updated_strictly_increases(backend: Backend) {
    let microsecond = SignedDuration::from_micros(1);
    let first = backend.open().commit(writes([write("Task/a", 1, noon(), "")])).await.unwrap();
    assert_eq!(first.writes[0].updated, noon());
    // The clock of the next process is behind, or says the same.
    let store = backend.open();
    let body = r#","lastUpdated":"untouched""#;
    let mut newest = noon();
    for (name, wrong) in [("Task/b", noon() - SignedDuration::from_hours(3)), ("Task/c", noon())] {
        newest += microsecond;
        let raised = store.commit(writes([write(name, 1, wrong, body)])).await.unwrap();
        let expected = write(name, 1, newest, body);
        assert_eq!(raised.writes[0].updated, newest);
        assert_eq!(raised.writes[0].document.text(), expected.document.text());
        assert_eq!(text(&*store, name).await.as_deref(), Some(expected.document.text()));
        assert_eq!(store.read(&Scope::Gateway, &key(name), None).await.unwrap().unwrap().updated, newest);
    }
    // Inside a plan, too, whatever its writes say.
    let later = noon() + SignedDuration::from_millis(1);
    let plan = [write("Task/d", 1, later, ""), write("Task/e", 1, noon(), ""), write("Task/d", 2, later, "")];
    let raised = store.commit(writes(plan)).await.unwrap();
    let expected = [later, later + microsecond, later + microsecond * 2];
    assert_eq!(raised.writes.iter().map(|write| write.updated).collect::<Vec<_>>(), expected);
    let stamp = |write: &Write| write.document.root().get("meta").unwrap().str("lastUpdated").unwrap().into_owned();
    assert_eq!(raised.writes.iter().map(stamp).collect::<Vec<_>>(), expected.map(edit::change_instant));
    // A clock that was far ahead is gone past, a microsecond a write; another process goes on there.
    let ahead = noon() + SignedDuration::from_hours(400 * 24);
    store.commit(writes([write("Task/f", 1, ahead, "")])).await.unwrap();
    let again = backend.open();
    for (number, name) in (1..).zip(["Task/g", "Task/h", "Task/i"]) {
        let raised = again.commit(writes([write(name, 1, later, "")])).await.unwrap();
        assert_eq!(raised.writes[0].updated, ahead + microsecond * number);
    }
    // As texts they are in the same order.
    let page = again.search(&Scope::Gateway, &Query::all("Task")).await.unwrap();
    let stamps: Vec<String> = page
        .matches
        .iter()
        .map(|found| found.document.root().get("meta").unwrap().str("lastUpdated").unwrap().into_owned())
        .collect();
    assert!(stamps.len() == 9 && stamps.is_sorted_by(|earlier, later| earlier < later), "{stamps:?}");
}

async fn what_is_finer_than_a_microsecond_is_as_the_document_says(backend: Backend) {
    let store = backend.open();
    let fine = at("2026-11-21T12:00:00.123987654Z");
    let committed = store.commit(writes([write("Task/a", 1, fine, "")])).await.unwrap();
    let message: Timestamp =
        committed.writes[0].document.root().get("meta").unwrap().str("lastUpdated").unwrap().parse().unwrap();
    assert_eq!((committed.writes[0].updated, message), (message, at("2026-11-21T12:00:00.123987Z")));
}

async fn an_idempotency_key_is_used_once(backend: Backend) {
    let store = backend.open();
    let idempotency = |client: &str, digest: &str| Idempotency {
        client: client.to_owned(),
        key: "once".to_owned(),
        digest: digest.to_owned(),
        answer: format!("the answer to {digest}"),
    };
    let plan = |client: &str, name: &str| Plan {
        idempotency: Some(idempotency(client, name)),
        ..writes([write(name, 1, noon(), "")])
    };
    let tries = (0..20).map(|number| {
        let store = store.clone();
        let plan = plan("client-1", &format!("Task/{number}"));
        tokio::spawn(async move { store.commit(plan).await })
    });
    let (mut won, mut refused) = (Vec::new(), 0);
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(committed) => won.push(committed.writes[0].key.to_string()),
            Err(error) => {
                assert_eq!((error.category, conflicting(&error)), (Category::Conflict, None));
                refused += 1;
            }
        }
    }
    assert_eq!((won.len(), refused), (1, 19));
    assert_eq!(store.idempotent("client-1", "once").await.unwrap(), Some(idempotency("client-1", &won[0])));
    assert_eq!(store.idempotent("client-1", "twice").await.unwrap(), None);
    assert_eq!(store.idempotent("client-2", "once").await.unwrap(), None);
    store.commit(plan("client-2", "Task/of-another")).await.unwrap();
}

async fn extras_are_kept_replaced_and_removed(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let extras = |value| Plan { extras: vec![Extras { task: key("Task/r"), value }], ..Plan::default() };
    let read = async |store: &dyn Store| {
        let referral = store.referral(&Scope::Organization(PANTRY.to_owned()), &key("Task/r"), false).await.unwrap();
        let referral = referral.unwrap();
        (referral.extras, referral.seq)
    };
    assert_eq!(read(&*store).await, (json!(null), 1));
    let value: serde_json::Value = serde_json::from_str(r#"{"z":{"amount":1.10},"a":[null]}"#).unwrap();
    store.commit(extras(value.clone())).await.unwrap();
    let (kept, seq) = read(&*store).await;
    assert_eq!((kept.to_string(), seq), (value.to_string(), 2));
    drop(store);
    let store = backend.open();
    assert_eq!(read(&*store).await.0.to_string(), value.to_string());
    store.commit(extras(json!(null))).await.unwrap();
    assert_eq!(read(&*store).await, (json!(null), 3));
}

async fn a_referral_is_read_in_one_go(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    store.commit(referral("noise", PANTRY, noon())).await.unwrap();
    let next = |version, status: &str| writes([write("Task/r", version, noon(), &task_body("r", PANTRY, status))]);
    store.commit(next(2, "accepted")).await.unwrap();
    store.commit(next(3, "completed")).await.unwrap();
    let scope = Scope::Organization(PANTRY.to_owned());
    let found = store.referral(&scope, &key("Task/r"), true).await.unwrap().unwrap();
    assert_eq!(found.graph.resources()[0].url, "Task/r");
    let mut urls: Vec<&str> = found.graph.resources().iter().map(|resource| resource.url.as_str()).collect();
    urls.sort_unstable();
    let mut expected = names("r");
    expected.sort();
    assert_eq!(urls, expected);
    assert_eq!(found.graph.only_task().unwrap().version, 3);
    assert_eq!(found.graph.history().steps.iter().map(|task| task.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((found.current(), found.author.as_deref()), (parties(PANTRY), Some(CLINIC)));
    assert_eq!(found.seq, 4);
    let without = store.referral(&scope, &key("Task/r"), false).await.unwrap().unwrap();
    assert!(without.graph.history().steps.is_empty());
    assert_eq!(store.sharing(&key("Patient/r")).await.unwrap(), [key("Task/r")]);
    assert_eq!(store.sharing(&key("Patient/nobody")).await.unwrap(), []);
}

async fn a_referral_is_read_as_it_was(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let next = |version, status: &str| writes([write("Task/r", version, noon(), &task_body("r", PANTRY, status))]);
    store.commit(next(2, "accepted")).await.unwrap();
    let extras = |value| Plan { extras: vec![Extras { task: key("Task/r"), value }], ..Plan::default() };
    store.commit(extras(json!({ "shelf": "B" }))).await.unwrap();
    store.commit(next(3, "completed")).await.unwrap();
    let scope = Scope::Organization(PANTRY.to_owned());
    let as_of = async |seq| store.referral_as_of(&scope, &key("Task/r"), seq).await.unwrap();
    assert!(as_of(0).await.is_none());
    for (seq, version, extras) in
        [(1, 1, json!(null)), (2, 2, json!(null)), (3, 2, json!({ "shelf": "B" })), (4, 3, json!({ "shelf": "B" }))]
    {
        let found = as_of(seq).await.unwrap();
        assert_eq!((found.graph.only_task().unwrap().version, &found.extras), (version, &extras), "as of {seq}");
        assert_eq!(found.graph.history().steps.len() as u64, version - 1);
        assert_eq!(found.graph.resources().len(), names("r").len());
    }
    let nobody = Scope::Organization("north-shelter".to_owned());
    assert!(store.referral_as_of(&nobody, &key("Task/r"), 4).await.unwrap().is_none());
}
