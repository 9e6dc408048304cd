//! Each statement is compiled once for a connection: SQLite compiles none anew by itself, and what was done before, with
//! whatever other values, compiles nothing.

use handoff::fhir::ResourceKey;
use handoff::referral::consent_rule::{ConsentSays, RuleRecipient};
use handoff::referral::plan::{
    AuditEntry, AuditOutcome, DeferredChange, Extras, Guard, Idempotency, Plan, PlannedRead, RenewalStep, WithheldFrom,
};
use handoff::referral::{HiddenElement, Read, Scope, VersionRange};
use handoff::store::query::Query;
use handoff::store::sqlite::{SqliteStore, StatementCounts};
use handoff::store::{
    AuditLog, AuditQuery, ClientRow, ConsentQuery, Credentials, DirectoryPosition, Feed, Health, RenewalGroup,
    Resources, Retention, RuleRecipients,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;

use crate::backend::parameters;
use crate::referral::{
    CLINIC, PANTRY, SHELTER, key, noon, patient_body, referral, share, sharing, task_body, whole, write,
};
use crate::search::query;

/// Where the operations of a store are declared.
const TRAITS: [&str; 6] = [
    include_str!("../../src/store/resources.rs"),
    include_str!("../../src/store/feed.rs"),
    include_str!("../../src/store/credentials.rs"),
    include_str!("../../src/store/audit_log.rs"),
    include_str!("../../src/store/health.rs"),
    include_str!("../../src/store/retention.rs"),
];

/// Searches, one of each kind of condition, order, paging and inclusion; `N` is the name of the referral.
const SEARCHES: [&str; 28] = [
    "Task",
    "Task?_id=N",
    "Task?_id=N,x-N,y-N",
    "Task?owner=Organization/harbor-pantry&status=requested",
    "Task?owner=Organization/harbor-pantry&status=requested,accepted",
    "Task?owner=Organization/harbor-pantry&_lastUpdated=gt2026-11-21",
    "Task?owner=N",
    "Task?owner:missing=true",
    "Task?status=requested&_sort=-_lastUpdated&_count=1",
    "Task?status:not=requested",
    "Task?code=http://hl7.org/fhir/CodeSystem/task-code|fulfill",
    "Task?code=http://hl7.org/fhir/CodeSystem/task-code|",
    "Task?code=|N",
    "Task?patient=Patient/N&_include=Task:patient",
    "Task?authored-on=ge2026-11-20&_total=accurate&_count=1",
    "Task?authored-on=ne2026",
    "Task?_summary=count",
    "Task?_sort=_id&_count=1",
    "Patient?identifier=urn:example:elm-clinic:mrn|N",
    "Patient?identifier=N",
    "Patient?name=Fenn",
    "Patient?name:contains=enn",
    "Patient?name:exact=Fennimore",
    "Patient?birthdate=lt1990&family=fenn",
    "Patient?birthdate=1987",
    "Patient?_id=N&_revinclude=Task:patient",
    "Condition?subject=Patient/N",
    "ServiceRequest?requester:missing=true",
];

fn scopes() -> [Scope; 4] {
    let of = |organization: &str| Scope::Organization(organization.to_owned());
    [of(PANTRY), of(CLINIC), Scope::Gateway, Scope::Public]
}

fn remembered(action: &'static str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        action: action.into(),
        outcome: AuditOutcome::Done,
        client: "client-1".to_owned(),
        organization: CLINIC.to_owned(),
        request: "request".to_owned(),
        correlation: None,
        subject: Some(key("Task/other")),
        entities: vec![key("Patient/other")],
        detail: String::new(),
    }
}

fn no_match(name: &str) -> Guard {
    Guard::NoneMatch {
        kind: "Patient".to_owned(),
        parameters: vec![("identifier".to_owned(), format!("urn:example:elm-clinic:mrn|new-{name}"))],
        organization: CLINIC.to_owned(),
    }
}

/// A referral that comes in, changes in every way, and ends.
async fn write_all(store: &SqliteStore, name: &str, at: Timestamp) {
    let mut plan = referral(name, PANTRY, at);
    plan.guards = vec![no_match(name)];
    plan.extras = vec![Extras { task: key(&format!("Task/{name}")), value: json!({"typeData": {"name": name}}) }];
    plan.shares[0].withheld = vec![WithheldFrom {
        organization: PANTRY.to_owned(),
        resource: key(&format!("Patient/{name}")),
        hidden: HiddenElement { member: "birthDate".to_owned(), by: None, rule: "rule".to_owned() },
    }];
    plan.idempotency = Some(Idempotency {
        client: "client-1".to_owned(),
        key: format!("key-{name}"),
        digest: "digest".to_owned(),
        answer: "answer".to_owned(),
    });
    let planned = |read: Read| PlannedRead {
        scope: Scope::Organization(CLINIC.to_owned()),
        read,
        path: "Bundle.entry[0]".to_owned(),
    };
    let task = key(&format!("Task/{name}"));
    plan.reads = vec![
        planned(Read::Resource { key: task.clone(), version: None }),
        planned(Read::History { key: task.clone(), range: VersionRange::newest(2) }),
        planned(Read::Search { kind: "Task".to_owned(), parameters: vec![("_id".to_owned(), name.to_owned())] }),
    ];
    store.commit(plan).await.unwrap();
    let (patient, body) = (format!("Patient/{name}"), patient_body(name, "Dayton"));
    let (public, public_body) = (format!("Organization/{name}"), format!(r#","active":true,"name":"House {name}""#));
    let mut plan = Plan {
        writes: vec![
            write(&patient, 2, at, &body),
            write(&format!("Task/{name}"), 2, at, &task_body(name, SHELTER, "accepted")),
            write(&public, 1, at, &public_body),
        ],
        guards: vec![Guard::Unchanged { key: key(&format!("Condition/{name}")), version: 1 }],
        ..Plan::default()
    };
    plan.writes[2].public = true;
    // What it is shared with changes on both sides.
    let after = sharing(crate::referral::parties(SHELTER), &[&format!("Task/{name}"), &patient]);
    plan.shares = vec![share(&format!("Task/{name}"), whole(name, PANTRY), after)];
    store.commit(plan).await.unwrap();
    renew_all(store, &patient, &public, at).await;
    let refused = Plan { guards: vec![Guard::Unchanged { key: task, version: 1 }], ..Plan::default() };
    store.commit(refused).await.unwrap_err();
}

/// Changes that follow later, one behind the other.
async fn renew_all(store: &SqliteStore, patient: &str, withdrawn: &str, at: Timestamp) {
    let later = |version: u64| {
        let change = write(patient, version, at, &patient_body("later", "Dayton"));
        let (resource, withdrawn) = (change.key.clone(), vec![key(withdrawn)]);
        let deferred = DeferredChange { resource, withdrawn, client: "client-1".to_owned(), request: "r".to_owned() };
        Plan { writes: vec![change], deferred: vec![deferred], ..Plan::default() }
    };
    for version in [3, 4] {
        store.commit(later(version)).await.unwrap();
    }
    while let Some(group) = store.next_renewal(1).await.unwrap() {
        let RenewalGroup { seq, phase, tasks, after, end, is_last, version, .. } = group;
        let change = write(patient, version, at, &patient_body("later", "Dayton"));
        let step = RenewalStep { seq, phase, change, tasks, after, end, is_last };
        store.commit(Plan { renewal: Some(step), ..Plan::default() }).await.unwrap();
    }
}

async fn read_all(store: &SqliteStore, name: &str) {
    let task = ResourceKey::new("Task", name);
    let patient = ResourceKey::new("Patient", name);
    for scope in scopes() {
        for version in [None, Some(1), Some(2), Some(3)] {
            store.read(&scope, &task, version).await.unwrap();
        }
        store.history(&scope, &task, VersionRange::newest(5)).await.unwrap();
        store.read_each(&scope, &[task.clone(), patient.clone()]).await.unwrap();
        store.visible(&scope, &[task.clone(), patient.clone()]).await.unwrap();
        for with_history in [false, true] {
            store.referral(&scope, &task, with_history).await.unwrap();
        }
        store.referral_each(&scope, std::slice::from_ref(&task)).await.unwrap();
        store.referral_as_of(&scope, &task, 1).await.unwrap();
        let queries = SEARCHES.map(|url| query(&url.replace('N', name)));
        store.search_each(&scope, &queries).await.unwrap();
        for url in SEARCHES {
            let url = url.replace('N', name);
            let mut page = store.search(&scope, &query(&url)).await.unwrap();
            if let Some(next) = page.next.take() {
                store.search(&scope, &Query { page: Some(next), ..query(&url) }).await.unwrap();
            }
        }
    }
    for organization in [CLINIC, PANTRY, SHELTER] {
        store.may_share(organization, &patient).await.unwrap();
        store.changes(organization, 0, 10).await.unwrap();
        let _ = *store.newest(organization).borrow();
    }
    store.sharing(&patient).await.unwrap();
    store.is_shared_widely(&patient, 2).await.unwrap();
    store.idempotent("client-1", &format!("key-{name}")).await.unwrap();
    read_directory(store).await;
    let _ = (*store.directory_version().borrow(), store.store_id().len(), store.earlier_ids().len());
    store.statistics().await.unwrap();
    store.newest_commit().await.unwrap();
    store.catch_up().await.unwrap();
    store.newest_now(SHELTER).await.unwrap();
    drop(store.write_state().borrow().clone());
}

/// Reads all of the directory.
async fn read_directory(store: &SqliteStore) {
    let (changes, mut changed) = mpsc::channel(1);
    let take = async { while changed.recv().await.is_some() {} };
    tokio::join!(store.directory_changes(DirectoryPosition::default(), changes), take).0.unwrap();
}

async fn administer_all(store: &SqliteStore, name: &str, at: Timestamp) {
    let client = ClientRow {
        id: name.to_owned(),
        name: "intake".to_owned(),
        role: "agency".to_owned(),
        organization: PANTRY.to_owned(),
        acts_for: Vec::new(),
        hash: [7; 32],
        certificates: Vec::new(),
        created: at,
        revoked: None,
    };
    store.put_client(client.clone()).await.unwrap();
    store.save_client(client, vec![remembered("client-saved", at)]).await.unwrap();
    store.revoke_client(name, at).await.unwrap();
    store.end_client(name, at, vec![remembered("client-ended", at)]).await.unwrap();
    store.clients().await.unwrap();
    let _ = *store.clients_version().borrow();
    store.audit(vec![remembered("read", at)]).await.unwrap();
    let patient = key(&format!("Patient/{name}"));
    let consent = key(&format!("Consent/{name}"));
    for refuses in [false, true] {
        store.resting_on(&patient, &consent, refuses).await.unwrap();
    }
    let pantry = || RuleRecipient::Organization(PANTRY.to_owned());
    for recipients in [
        RuleRecipients::All,
        RuleRecipients::Only(RuleRecipient::Anyone),
        RuleRecipients::Only(pantry()),
        RuleRecipients::OrganizationsBut(vec![PANTRY.to_owned()]),
    ] {
        let says = ConsentSays::Permits;
        let asked = ConsentQuery {
            says,
            recipients,
            in_force_at: Some(noon()),
            over_at: None,
            given_from: None,
            after: None,
            limit: 8,
        };
        store.consents(&patient, &asked).await.unwrap();
    }
    for descending in [false, true] {
        for limit in [1, 2, 50] {
            let asked = AuditQuery { descending, limit, subject: Some(key("Task/other")), ..AuditQuery::default() };
            store.audit_rows(&asked).await.unwrap();
            store.audit_count(&asked).await.unwrap();
            store
                .audit_rows(&AuditQuery { client: Some(name.to_owned()), limit, ..AuditQuery::default() })
                .await
                .unwrap();
        }
    }
    for chain in store.audit_chains().await.unwrap() {
        store.audit_row(&chain.chain, 1).await.unwrap();
        store.audit_chain(&chain.chain, (0, 0), 10).await.unwrap();
        store.audit_chain("", (0, 0), 10).await.unwrap();
    }
    store.prune_audit(at - SignedDuration::from_hours(24), remembered("pruned", at)).await.unwrap();
    store.prune_keys(at - SignedDuration::from_hours(24)).await.unwrap();
    store.prune_versions(at - SignedDuration::from_hours(24), 0).await.unwrap();
}

/// Every operation, on a referral of this name.
async fn drive(store: &SqliteStore, name: &str, day: i64) {
    let at = noon() + SignedDuration::from_hours(24 * day);
    write_all(store, name, at).await;
    read_all(store, name).await;
    administer_all(store, name, at).await;
}

#[test]
fn every_operation_is_driven() {
    let this = include_str!("statements.rs");
    let mut operations = Vec::new();
    for source in TRAITS {
        let body = source.split("pub trait ").nth(1).unwrap();
        let end = body.find("\n}").unwrap();
        let names = body[..end].split("\n    fn ").skip(1).map(|rest| rest.split(['(', '<']).next().unwrap());
        operations.extend(names);
    }
    assert!(operations.len() > 20, "{operations:?}");
    let missing: Vec<&&str> = operations.iter().filter(|name| !this.contains(&format!("store.{name}("))).collect();
    assert!(missing.is_empty(), "not driven: {missing:?}");
}

fn since(store: &SqliteStore, before: StatementCounts) -> (u64, u64) {
    let now = store.statement_counts();
    (now.compiled - before.compiled, now.recompiled)
}

#[tokio::test]
async fn what_was_done_before_compiles_nothing() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    for day in 0..3 {
        drive(&store, &format!("first{day}"), day).await;
    }
    let before = store.statement_counts();
    assert_eq!(before.recompiled, 0);
    for day in 3..6 {
        drive(&store, &format!("later{day}"), day).await;
    }
    println!("statements compiled: {} in the first rounds", before.compiled);
    assert!(before.compiled > 100, "{before:?}");
    assert_eq!(since(&store, before), (0, 0));
}

/// Writer and readers of a file, and one that was opened after another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_compiled_anew_on_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let store = SqliteStore::open(&path, parameters()).unwrap();
    // What looked at the empty file before there were tables.
    let opened = store.statement_counts().recompiled;
    for day in 0..3 {
        drive(&store, &format!("r{day}"), day).await;
    }
    assert_eq!(store.statement_counts().recompiled - opened, 0);
    let looking = SqliteStore::open_read_only(&path).unwrap();
    looking.clients().await.unwrap();
    drop(store);
    let again = SqliteStore::open(&path, parameters()).unwrap();
    drive(&again, "again", 9).await;
    assert_eq!((looking.statement_counts().recompiled, again.statement_counts().recompiled), (0, 0));
}

/// Most statements that are run for a referral that comes in.
const MAX_RUN: u64 = 70;

#[tokio::test]
async fn a_referral_is_written_with_few_statements() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    let mut run = Vec::new();
    for number in 0..4 {
        let before = store.statement_counts().run;
        store.commit(referral(&format!("r{number}"), PANTRY, noon())).await.unwrap();
        run.push(store.statement_counts().run - before);
    }
    println!("statements run for a referral: {run:?}");
    // The first ones make what the others find.
    assert!(run[3] == run[2] && run[3] <= MAX_RUN, "{run:?}");
}

/// What is read and administered, and how a referral comes in and changes: looks at no more rows without an index, however
/// much there is. (Searches are excepted: one without a condition looks at all that there is until its page is full.)
#[tokio::test]
async fn nothing_is_found_by_looking_at_everything() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    let mut scanned = Vec::new();
    for round in 0..3_i64 {
        for number in 0..50 {
            let at = noon() + SignedDuration::from_hours(24 * round) + SignedDuration::from_secs(number);
            store.commit(referral(&format!("r{round}-{number}"), PANTRY, at)).await.unwrap();
        }
        let at = noon() + SignedDuration::from_hours(24 * round + 1);
        let name = &format!("asked{round}");
        let mut of_round = Vec::new();
        let before = store.statement_counts().scanned;
        write_all(&store, name, at).await;
        of_round.push(store.statement_counts().scanned - before);
        let task = ResourceKey::new("Task", name.as_str());
        let before = store.statement_counts().scanned;
        for scope in scopes() {
            store.read(&scope, &task, None).await.unwrap();
            store.read_each(&scope, std::slice::from_ref(&task)).await.unwrap();
            store.history(&scope, &task, VersionRange::newest(5)).await.unwrap();
            store.visible(&scope, std::slice::from_ref(&task)).await.unwrap();
            store.referral(&scope, &task, true).await.unwrap();
            store.referral_as_of(&scope, &task, 1).await.unwrap();
        }
        store.sharing(&task).await.unwrap();
        store.changes(SHELTER, 0, 10).await.unwrap();
        store.idempotent("client-1", "key").await.unwrap();
        of_round.push(store.statement_counts().scanned - before);
        let before = store.statement_counts().scanned;
        read_directory(&store).await;
        store.newest_commit().await.unwrap();
        store.audit(vec![remembered("read", at)]).await.unwrap();
        store.prune_keys(at - SignedDuration::from_hours(2_400)).await.unwrap();
        of_round.push(store.statement_counts().scanned - before);
        scanned.push(of_round);
    }
    println!("rows looked at without an index, of writes, reads and the rest, by 50 referrals each: {scanned:?}");
    // The first round makes what the others find.
    assert_eq!(scanned[1], scanned[2]);
}
