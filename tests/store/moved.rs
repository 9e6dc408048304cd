//! A store that was moved to the other database answers everything as before, and comes back from there as it was.

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use handoff::definitions::Definitions;
use handoff::error::Category;
use handoff::fhir::ResourceKey;
use handoff::referral::consent_rule::{ConsentSays, RuleRecipient};
use handoff::referral::plan::{Extras, Idempotency, Plan, WithheldFrom};
use handoff::referral::{HiddenElement, Scope, VersionRange};
use handoff::store::copy::{CopiedStore, copy};
use handoff::store::index::SearchParameters;
use handoff::store::postgres::{DatabaseLimits, DatabaseUrl, PostgresStore};
use handoff::store::{
    AuditQuery, ClientRow, ConsentQuery, Credentials, DirectoryPosition, Resources, RuleRecipients, Store, StorePlace,
    audit_verify,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::backend::{Backend, directory_changes, open, open_with, parameters};
use crate::postgres::{Database, server};
use crate::referral::{
    CLINIC, PANTRY, SHELTER, key, noon, parties, patient_body, referral, share, sharing, task_body, whole, write,
};
use crate::search::query;

/// How many referrals there are.
const REFERRALS: usize = 12;

fn postgres(database: &Database) -> DatabaseUrl {
    DatabaseUrl::parse(&database.url()).unwrap()
}

async fn moved(from: StorePlace, to: StorePlace) -> CopiedStore {
    copy(from, to, &mut |_, _| {}).await.unwrap()
}

/// A store of the other database with what this file holds.
pub(crate) async fn copied(file: &Path, database: &Database) -> PostgresStore {
    moved(StorePlace::Sqlite(file.to_owned()), StorePlace::Postgres(Box::new(postgres(database)))).await;
    PostgresStore::open(&postgres(database), parameters()).await.unwrap()
}

/// Everything that a store keeps: referrals that moved, ended and are withheld in part, a directory, clients, an audit log.
async fn fill(store: &dyn Store) {
    for number in 0..REFERRALS {
        let (name, owner) = (format!("r{number}"), if number % 3 == 0 { SHELTER } else { PANTRY });
        let mut plan = referral(&name, owner, noon() + SignedDuration::from_mins(number.cast_signed() as i64));
        if number % 2 == 0 {
            let hidden = HiddenElement { member: "birthDate".to_owned(), by: None, rule: "rule".to_owned() };
            plan.shares[0].withheld = vec![WithheldFrom {
                organization: owner.to_owned(),
                resource: key(&format!("Patient/{name}")),
                hidden,
            }];
        }
        plan.idempotency = Some(Idempotency {
            client: "client-1".to_owned(),
            key: name.clone(),
            digest: "d".to_owned(),
            answer: "{}".to_owned(),
        });
        plan.extras =
            vec![Extras { task: key(&format!("Task/{name}")), value: json!({"note": number, "deep": {"a": [1.50]}}) }];
        store.commit(plan).await.unwrap();
    }
    let later = noon() + SignedDuration::from_hours(2);
    for number in 0..REFERRALS / 2 {
        let (name, owner) = (format!("r{number}"), if number % 3 == 0 { SHELTER } else { PANTRY });
        let task = format!("Task/{name}");
        let accepted = write(&task, 2, later, &task_body(&name, owner, "accepted"));
        let person = write(&format!("Patient/{name}"), 2, later, &patient_body(&name, "Élan-sur-Mer 東"));
        let mut shares = Vec::new();
        if number % 2 == 1 {
            let other = if owner == SHELTER { PANTRY } else { SHELTER };
            shares.push(share(
                &task,
                whole(&name, owner),
                sharing(parties(other), &[&*task, &format!("Patient/{name}")]),
            ));
        }
        store.commit(Plan { writes: vec![accepted, person], shares, ..Plan::default() }).await.unwrap();
    }
    for id in [CLINIC, PANTRY, SHELTER] {
        let body = format!(r#","active":true,"name":"{id}","identifier":[{{"system":"urn:s","value":"{id}"}}]"#);
        let mut write = write(&format!("Organization/{id}"), 1, later, &body);
        (write.author, write.public) = (None, true);
        store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
    }
    let long = "long ".repeat(1000);
    let body = format!(
        r#","active":true,"name":[{{"family":"{long}"}}],"identifier":[{{"system":"urn:s","value":"{long}"}}]"#
    );
    store.commit(Plan { writes: vec![write("Patient/long", 1, later, &body)], ..Plan::default() }).await.unwrap();
    for id in ["b", "a"] {
        let client = ClientRow {
            id: id.to_owned(),
            name: "Harbor Pantry intake".to_owned(),
            role: "agency".to_owned(),
            organization: PANTRY.to_owned(),
            acts_for: vec!["lantern-housing".to_owned()],
            hash: [7; 32],
            certificates: Vec::new(),
            created: noon(),
            revoked: None,
        };
        store.put_client(client).await.unwrap();
    }
    store.revoke_client("a", later).await.unwrap();
}

/// What both stores answer, each question with both answers.
struct Asked {
    questions: usize,
}

impl Asked {
    fn same(&mut self, question: &str, one: &impl Debug, other: &impl Debug) {
        self.questions += 1;
        let lines = |answer: &dyn Debug| {
            let text = format!("{answer:#?}");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            // A graph shows what it is looked up by in no order.
            if question.starts_with("referral") {
                lines.sort();
            }
            lines
        };
        let (one, other) = (lines(one), lines(other));
        let first = one.iter().zip(&other).find(|(one, other)| one != other);
        assert!(one == other, "{question}: {first:?}, {} and {} lines", one.len(), other.len());
    }
}

/// Asks for one thing with each of two stores.
macro_rules! same {
    ($asked:ident, $one:ident, $other:ident, $method:ident($($argument:expr),*)) => {
        $asked.same(
            concat!(stringify!($method), "(", stringify!($($argument),*), ")"),
            &$one.$method($($argument),*).await,
            &$other.$method($($argument),*).await,
        )
    };
}

const SEARCHES: &[&str] = &[
    "Task?owner=Organization/harbor-pantry&status=requested&_sort=-_lastUpdated&_count=3",
    "Task?owner=Organization/harbor-pantry&_include=Task:patient&_include=Task:focus",
    "Task?_lastUpdated=gt2026-11-21T13:00:00Z&_total=accurate&_count=2",
    "Patient?_id=r1,r2&_revinclude=Condition:patient&_revinclude=Task:patient",
    "Task?status:not=accepted",
    "Task?code=fulfill,unknown",
    "Task?authored-on=ge2026-11-01",
    "Patient?name=fenn&_sort=_id",
    "Patient?name:contains=nimor",
    "Patient?birthdate=1987-02-20&_count=4",
    "Patient?birthdate:missing=true",
    "Patient?family:exact=Fennimore",
    "Patient?identifier=urn:example:elm-clinic:mrn|r3",
    "Patient?identifier=urn:example:elm-clinic:mrn|",
    "Patient?_id=r1,r2,r77&_sort=-_id",
    "Condition?code=http://snomed.info/sct|733423003&onset-date=2026-10",
    "Consent?patient=r1",
    "Organization?name=elm",
    "ServiceRequest?status=active&_count=5&_sort=_lastUpdated",
];

async fn compare(one: &dyn Store, other: &dyn Store) -> usize {
    let mut asked = Asked { questions: 0 };
    let of = |organization: &str| Scope::Organization(organization.to_owned());
    let scopes = [Scope::Gateway, Scope::Public, of(CLINIC), of(PANTRY), of(SHELTER), of("nobody")];
    let names: Vec<ResourceKey> = (0..REFERRALS).map(|number| key(&format!("Task/r{number}"))).collect();
    let people: Vec<ResourceKey> = names.iter().map(|task| ResourceKey::new("Patient", task.id.clone())).collect();
    for scope in &scopes {
        same!(asked, one, other, read_each(scope, &names));
        same!(asked, one, other, visible(scope, &people));
        same!(asked, one, other, referral_each(scope, &names));
        for key in names.iter().chain(&people) {
            for version in [None, Some(1), Some(2), Some(9)] {
                same!(asked, one, other, read(scope, key, version));
            }
            same!(asked, one, other, history(scope, key, VersionRange::newest(1)));
            same!(asked, one, other, history(scope, key, VersionRange::newest(9)));
        }
        for task in &names {
            same!(asked, one, other, referral_as_of(scope, task, 3));
        }
        for url in SEARCHES {
            let mut next = query(url);
            for page in 0.. {
                let (left, right) = (one.search(scope, &next).await, other.search(scope, &next).await);
                asked.same(&format!("{url}, page {page}, for {scope:?}"), &left, &right);
                next.page = left.unwrap().next;
                if next.page.is_none() {
                    break;
                }
            }
        }
    }
    for organization in [CLINIC, PANTRY, SHELTER] {
        same!(asked, one, other, may_share(organization, &people[1]));
        for since in [0, 4, 15, 100] {
            for limit in [1, 3, 100] {
                same!(asked, one, other, changes(organization, since, limit));
            }
        }
        let newest = |store: &dyn Store| *store.newest(organization).borrow();
        asked.same("newest", &newest(one), &newest(other));
    }
    for (number, person) in people.iter().enumerate() {
        same!(asked, one, other, sharing(person));
        let consent = key(&format!("Consent/r{number}"));
        for refuses in [false, true] {
            same!(asked, one, other, resting_on(person, &consent, refuses));
        }
        for recipients in [
            RuleRecipients::All,
            RuleRecipients::Only(RuleRecipient::Anyone),
            RuleRecipients::Only(RuleRecipient::Organization(PANTRY.to_owned())),
            RuleRecipients::OrganizationsBut(vec![PANTRY.to_owned()]),
        ] {
            for says in [ConsentSays::Permits, ConsentSays::Refuses] {
                let wanted = ConsentQuery {
                    says,
                    recipients: recipients.clone(),
                    in_force_at: Some(noon()),
                    over_at: None,
                    given_from: None,
                    after: None,
                    limit: 5,
                };
                same!(asked, one, other, consents(person, &wanted));
            }
        }
    }
    same!(asked, one, other, idempotent("client-1", "r1"));
    same!(asked, one, other, idempotent("client-1", "never"));
    same!(asked, one, other, newest_commit());
    same!(asked, one, other, clients());
    same!(asked, one, other, audit_chains());
    asked.same("id", &one.store_id(), &other.store_id());
    asked.same("earlier ids", &one.earlier_ids(), &other.earlier_ids());
    let about = AuditQuery { subject: Some(names[1].clone()), ..AuditQuery::default() };
    let some = AuditQuery { limit: 3, descending: true, actions: vec!["accepted".to_owned()], ..AuditQuery::default() };
    for wanted in [AuditQuery::default(), about, some] {
        same!(asked, one, other, audit_rows(&wanted));
        same!(asked, one, other, audit_count(&wanted));
    }
    let (left, right) = (one.statistics().await.unwrap(), other.statistics().await.unwrap());
    asked.same("newest commit counted", &left.newest, &right.newest);
    asked.same("resources counted", &left.resources, &right.resources);
    asked.same("unanswered", &left.unanswered, &right.unanswered);
    let everything = DirectoryPosition::default();
    let (left, right) = (directory_changes(one, everything).await, directory_changes(other, everything).await);
    assert_eq!((left.0.count, left.1.len()), (3, 3));
    asked.same("directory", &left, &right);
    asked.questions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_answers_as_before_and_comes_back_as_it_was() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), server.database());
    let store = backend.open();
    fill(&*store).await;
    let moved_store = copied(&backend.path(), &database).await;
    let questions = compare(&*store, &moved_store).await;
    assert!(questions > 1000, "{questions}");
    assert!(audit_verify::verify(&moved_store, &[]).await.unwrap().findings.is_empty());

    let back = backend.path().with_file_name("back.db");
    let copied = moved(StorePlace::Postgres(Box::new(postgres(&database))), StorePlace::Sqlite(back.clone())).await;
    assert_eq!(copied.commit, store.newest_commit().await.unwrap());
    let back_store = open(&back);
    compare(&*store, &*back_store).await;
    // It is a store like any other: what is committed next has the next number.
    let next = back_store.commit(referral("next", PANTRY, noon())).await.unwrap();
    assert_eq!(next.seq, copied.commit + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_that_was_broken_off_goes_on_and_is_no_store_before() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), server.database());
    let store = backend.open();
    fill(&*store).await;
    let (from, to) = (StorePlace::Sqlite(backend.path()), StorePlace::Postgres(Box::new(postgres(&database))));
    let whole = moved(from.clone(), to.clone()).await;
    // As if it had been broken off in the middle of the versions, before the tables behind them.
    database.sql(
        "DELETE FROM store; DELETE FROM version WHERE id > 40; TRUNCATE token, reference, text, date, audit, feed",
    );
    let opened = PostgresStore::open(&postgres(&database), parameters()).await;
    assert!(opened.is_err(), "what is copied in part is no store");
    let mut first = None;
    let mut see = |table: &'static str, rows| {
        if table == "version" {
            first.get_or_insert(rows);
        }
    };
    assert_eq!(copy(from.clone(), to.clone(), &mut see).await.unwrap(), whole);
    assert_eq!(first, Some(40), "what was there was not copied again");
    PostgresStore::open(&postgres(&database), parameters()).await.unwrap();

    // A store is never written over.
    let error = copy(from.clone(), to.clone(), &mut |_, _| {}).await.unwrap_err();
    assert_eq!(error.category, Category::Conflict);
    let error = copy(to.clone(), from.clone(), &mut |_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("there already"), "{error}");
    // What is there of the copy and not in the store is found.
    database.sql("DELETE FROM store; UPDATE version SET document = document || ' ' WHERE id = 3");
    let error = copy(from, to, &mut |_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("version"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_read_while_the_database_is_gone_is_refused_until_it_is_back() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), server.database());
    fill(&*backend.open()).await;
    let store: Arc<dyn Store> = Arc::new(copied(&backend.path(), &database).await);
    store.read(&Scope::Gateway, &key("Task/r1"), None).await.unwrap().unwrap();
    // The database is gone, and back: what is read meanwhile is refused for now, then it is read again.
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(store.read(&Scope::Gateway, &key("Task/r1"), None).await);
    }
    assert!(answers.iter().all(|answer| answer.as_ref().err().is_none_or(|error| error.category == Category::Busy)));
    assert!(answers.last().unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_search_that_takes_too_long_is_refused() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), Arc::new(server.database()));
    fill(&*backend.open()).await;
    drop(copied(&backend.path(), &database).await);
    let limits = DatabaseLimits { read: Duration::from_millis(300), ..DatabaseLimits::default() };
    let store = PostgresStore::open_with(&postgres(&database), parameters(), &limits).await.unwrap();
    let asked = query("Patient?name:contains=zzz&_total=accurate");
    store.search(&Scope::Gateway, &asked).await.unwrap();
    // What it looks at is held by somebody for longer than that.
    let held = database.clone();
    let holder = tokio::task::spawn_blocking(move || held.sql("LOCK TABLE text; SELECT pg_sleep(5)"));
    let is_held =
        "SELECT count(*) FROM pg_locks WHERE relation = 'text'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    while database.sql(is_held).trim() == "0" {}
    let error = store.search(&Scope::Gateway, &asked).await.unwrap_err();
    assert_eq!(error.issues[0].key, handoff::fhir::Key::SearchCostly);
    holder.await.unwrap();
    store.search(&Scope::Gateway, &asked).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn served_under_another_url_its_index_is_made_anew() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), server.database());
    let store = backend.open();
    fill(&*store).await;
    let absolute = task_body("r1", PANTRY, "requested").replace("Patient/r1", "http://gateway.example/fhir/Patient/r1");
    store.commit(Plan { writes: vec![write("Task/absolute", 1, noon(), &absolute)], ..Plan::default() }).await.unwrap();
    drop(store);
    let before = copied(&backend.path(), &database).await;
    assert!(before.check(NonZeroU64::MIN).await.unwrap().is_whole());
    let asked = query("Task?patient=Patient/r1");
    assert_eq!(before.search(&Scope::Gateway, &asked).await.unwrap().matches.len(), 1);

    let shipped = SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap();
    let based = Arc::new(shipped.with_base("http://gateway.example/fhir"));
    let (one, other) = (open_with(&backend.path(), &based), PostgresStore::open(&postgres(&database), &based).await);
    let other = other.unwrap();
    let report = other.check(NonZeroU64::MIN).await.unwrap();
    assert!(report.is_whole() && report.index_rows > Some(500), "{report:?}");
    assert_eq!(other.search(&Scope::Gateway, &asked).await.unwrap().matches.len(), 2);
    compare(&*one, &other).await;
    // Who was started before goes on with the index of before.
    assert!(before.commit(referral("late", PANTRY, noon())).await.is_ok());
    assert_eq!(other.search(&Scope::Gateway, &query("Task?_id=late")).await.unwrap().matches.len(), 1);
    assert!(other.commit(referral("next", PANTRY, noon())).await.is_ok());
    assert!(other.check(NonZeroU64::MIN).await.unwrap().is_whole());

    // Whoever only administers it leaves the index as it is, and is told what that store is not for.
    let clients = PostgresStore::open_for_clients(&postgres(&database), parameters()).await.unwrap();
    assert_eq!(clients.clients().await.unwrap().len(), 2);
    assert!(clients.revoke_client("b", noon()).await.unwrap());
    assert!(clients.search(&Scope::Gateway, &asked).await.is_err());
    assert!(other.commit(referral("more", PANTRY, noon())).await.is_ok());
}
