//! A database that an earlier version wrote opens, keeps everything, and goes on.
//!
//! What it held is read from a second copy with plain SQL of that version's tables; `fixtures/store/README.md` says what
//! happened in it.

use std::collections::BTreeMap;
use std::io::Read;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use handoff::definitions::Definitions;
use handoff::fhir::ResourceKey;
use handoff::referral::party::PartEnd;
use handoff::referral::plan::{AuditOutcome, GivenResource, Plan, Share, SharedWith, Sharing};
use handoff::referral::{Party, Scope};
use handoff::store::audit_verify::verify;
use handoff::store::index::SearchParameters;
use handoff::store::query::Query;
use handoff::store::sqlite::{SqliteStore, check};
use handoff::store::{AuditQuery, Resources, Store, StoredParty, StoredReferral};
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::backend::{open, open_with, parameters};
use crate::referral::{PANTRY, key, noon, referral, write};

const HOSPITAL: &str = "fernhollow-hospital";
const CLINIC: &str = "tarnside-clinic";
const ACTION: &str = "three-counties-action";
const HOUSING: &str = "lantern-housing";
const MOBILE: &str = "wayside-care";

/// The database that schema 1 wrote: one copy to look at, one to migrate.
struct Written {
    folder: TempDir,
    old: Connection,
}

impl Written {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/store/schema-1.db.gz");
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_end(&mut bytes).unwrap();
        let old = folder.path().join("old.db");
        std::fs::write(&old, &bytes).unwrap();
        std::fs::write(folder.path().join("handoff.db"), &bytes).unwrap();
        Self { folder, old: Connection::open(old).unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("handoff.db")
    }

    /// The rows of a query of the old database, each as the texts of its columns.
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut statement = self.old.prepare(sql).unwrap();
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row<'_>| {
            (0..columns)
                .map(|column| row.get::<_, Option<String>>(column))
                .map(|text| Ok(text?.unwrap_or_default()))
                .collect()
        };
        statement.query_map([], text).unwrap().map(Result::unwrap).collect()
    }
}

/// The Task that has this identifier.
async fn task(store: &dyn Store, identifier: &str) -> ResourceKey {
    let pairs = [("identifier".to_owned(), format!("urn:example:migration|{identifier}"))];
    let query = Query::parse(parameters(), "Task", &pairs).unwrap();
    let page = store.search(&Scope::Gateway, &query).await.unwrap();
    assert_eq!(page.matches.len(), 1, "{identifier}");
    page.matches[0].key.clone()
}

async fn stored(store: &dyn Store, identifier: &str) -> StoredReferral {
    let task = task(store, identifier).await;
    store.referral(&Scope::Gateway, &task, true).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_version_of_every_resource_is_kept_byte_for_byte() {
    let written = Written::new();
    let store = open(&written.path());
    let rows = written.rows(
        "SELECT k.name, r.logical, CAST(v.version AS TEXT), v.document, CAST(v.seq AS TEXT), o.logical, CAST(r.public AS TEXT)
         FROM version v JOIN resource r ON r.id = v.resource JOIN kind k ON k.id = r.kind
         LEFT JOIN resource o ON o.id = r.author",
    );
    assert!(rows.len() > 60, "{}", rows.len());
    for row in &rows {
        let key = ResourceKey::new(row[0].as_str(), row[1].as_str());
        let found = store.read(&Scope::Gateway, &key, Some(row[2].parse().unwrap())).await.unwrap().unwrap();
        assert_eq!(found.document.text(), row[3], "{key}");
        assert_eq!((found.seq.to_string(), found.author.unwrap_or_default()), (row[4].clone(), row[5].clone()));
        assert_eq!(found.public, row[6] == "1", "{key}");
    }
    let statistics = store.statistics().await.unwrap();
    let counted = written.rows("SELECT CAST(seq AS TEXT) FROM store").concat();
    assert_eq!(statistics.newest.to_string(), counted[0]);
}

#[tokio::test]
async fn everyone_sees_what_they_saw() {
    let written = Written::new();
    let store = open(&written.path());
    let rows = written.rows(
        "SELECT o.logical, k.name, r.logical FROM seen s JOIN resource r ON r.id = s.resource JOIN kind k ON k.id = s.kind
         JOIN resource o ON o.id = s.organization WHERE r.version > 0",
    );
    assert!(!rows.is_empty());
    let mut seen: BTreeMap<String, Vec<ResourceKey>> = BTreeMap::new();
    for row in rows {
        seen.entry(row[0].clone()).or_default().push(ResourceKey::new(row[1].as_str(), row[2].as_str()));
    }
    let all = written.rows(
        "SELECT k.name, r.logical, o.logical, CAST(r.public AS TEXT) FROM resource r JOIN kind k ON k.id = r.kind
         LEFT JOIN resource o ON o.id = r.author WHERE r.version > 0",
    );
    for (organization, shared) in seen {
        let scope = Scope::Organization(organization.clone());
        for row in &all {
            let key = ResourceKey::new(row[0].as_str(), row[1].as_str());
            let expected = row[2] == organization || row[3] == "1" || shared.contains(&key);
            let found = store.read(&scope, &key, None).await.unwrap().is_some();
            assert_eq!(found, expected, "{organization} and {key}");
        }
    }
}

#[tokio::test]
async fn who_takes_part_is_told_from_what_was_shared() {
    let written = Written::new();
    let store = open(&written.path());
    let part = |organization: &str, party, since, until: Option<u64>| StoredParty {
        organization: organization.to_owned(),
        party,
        since,
        until,
        end: until.map(|_| PartEnd::Withdrawn),
    };
    let (requester, owner) = (Party::Requester, Party::Owner);
    for (identifier, expected) in [
        ("declined", vec![part(HOSPITAL, requester, 6, None), part(ACTION, owner, 6, None)]),
        (
            "moved",
            vec![part(HOSPITAL, requester, 8, None), part(ACTION, owner, 8, Some(10)), part(MOBILE, owner, 8, None)],
        ),
        ("completed", vec![part(HOSPITAL, requester, 12, None), part(ACTION, owner, 12, None)]),
        ("draft", vec![part(HOSPITAL, requester, 16, None)]),
        (
            "requested-for-another",
            vec![
                part(HOSPITAL, requester, 17, None),
                part(HOUSING, owner, 17, None),
                part(CLINIC, requester, 17, None),
                part(ACTION, owner, 17, Some(18)),
            ],
        ),
        ("waiting", vec![part(HOSPITAL, requester, 19, None), part("tarnside-pantry", owner, 19, None)]),
        ("shared-patient", vec![part(HOSPITAL, requester, 20, None), part(HOUSING, owner, 20, None)]),
    ] {
        assert_eq!(stored(&*store, identifier).await.parties, expected, "{identifier}");
    }
}

#[tokio::test]
async fn feeds_extras_clients_and_answers_are_kept() {
    let written = Written::new();
    let store = open(&written.path());
    assert_eq!(store.store_id(), written.rows("SELECT id FROM store")[0][0]);
    // Who had read as far as 15 goes on from there.
    for since in [0, 15, 18] {
        let sql = format!(
            "SELECT r.logical, CAST(d.seq AS TEXT) FROM delivery d JOIN resource r ON r.id = d.task
             JOIN resource o ON o.id = d.organization WHERE o.logical = '{ACTION}' AND d.seq > {since} ORDER BY d.seq"
        );
        let changes = store.changes(ACTION, since, 100).await.unwrap();
        let found: Vec<Vec<String>> =
            changes.items.iter().map(|(key, seq)| vec![key.id.clone(), seq.to_string()]).collect();
        assert_eq!(found, written.rows(&sql), "since {since}");
    }
    assert_eq!((*store.newest(ACTION).borrow(), *store.newest(HOUSING).borrow()), (18, 21));
    let extras = stored(&*store, "completed").await.extras;
    assert_eq!(extras.to_string(), r#"{"extras":{"shelf":"B","amount":1.1}}"#);

    let rows = written
        .rows("SELECT id, name, role, organization, CAST(revoked AS TEXT), hex(hash) FROM client ORDER BY number");
    let clients = store.clients().await.unwrap();
    assert_eq!((clients.len(), rows.len()), (11, 11));
    for (client, row) in clients.iter().zip(&rows) {
        let revoked = client.revoked.map(|at| at.as_millisecond().to_string()).unwrap_or_default();
        let hash = client.hash.map(|byte| format!("{byte:02X}")).concat();
        let found = [&client.id, &client.name, &client.role, &client.organization, &revoked, &hash];
        assert!(found.into_iter().eq(row), "{}", client.name);
    }
    assert!(clients.iter().any(|client| client.revoked.is_some()));
    assert!(clients.iter().all(|client| client.acts_for.is_empty()));

    let rows = written.rows("SELECT client, key, digest, answer FROM idempotency");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let found = store.idempotent(&row[0], &row[1]).await.unwrap().unwrap();
        assert_eq!([found.client, found.key, found.digest, found.answer].as_slice(), row);
    }
}

#[tokio::test]
async fn what_was_remembered_is_chained() {
    let written = Written::new();
    let rows = written
        .rows("SELECT action, client, organization, request, subject, detail, CAST(at AS TEXT) FROM audit ORDER BY id");
    assert!(rows.len() > 10, "{}", rows.len());
    let store = open(&written.path());
    let query = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let found = store.audit_rows(&query).await.unwrap().rows;
    assert_eq!(found.len(), rows.len());
    for (number, (row, old)) in found.iter().zip(&rows).enumerate() {
        let entry = &row.entry;
        let subject = entry.subject.as_ref().map(ToString::to_string).unwrap_or_default();
        let at = entry.at.as_millisecond().to_string();
        let texts = [&*entry.action, &entry.client, &entry.organization, &entry.request, &subject, &entry.detail, &at];
        assert_eq!(texts.as_slice(), old);
        assert_eq!((row.number, row.chain.as_str()), (number as u64 + 1, store.store_id()));
        let refused = matches!(&*entry.action, "refused" | "forbidden");
        assert_eq!(entry.outcome == AuditOutcome::Refused, refused, "{}", entry.action);
    }
    store.commit(referral("new", PANTRY, Timestamp::now())).await.unwrap();
    let verdict = verify(&*store, &[]).await.unwrap();
    assert_eq!((verdict.rows, verdict.findings), (rows.len() as u64 + 1, Vec::new()));
}

#[tokio::test]
async fn a_migrated_store_goes_on() {
    let written = Written::new();
    let store = open(&written.path());
    let now = Timestamp::now();
    let committed = store.commit(referral("new", PANTRY, now)).await.unwrap();
    assert_eq!(committed.seq, 22);
    // Who lost the first referral gets it back: a part of its own.
    let moved = stored(&*store, "moved").await;
    let task = task(&*store, "moved").await;
    let version = moved.graph.only_task().unwrap().version;
    let back = vec![SharedWith::new(HOSPITAL, Party::Requester), SharedWith::new(ACTION, Party::Owner)];
    let plan = Plan {
        writes: vec![write(&task.to_string(), version + 1, now, r#","status":"requested""#)],
        shares: vec![Share {
            task: task.clone(),
            before: moved.sharing(),
            after: Sharing { parties: back.clone(), resources: vec![GivenResource::new(task.clone(), HOSPITAL)] },
            end: PartEnd::Taken,
            withheld: Vec::new(),
        }],
        ..Plan::default()
    };
    store.commit(plan).await.unwrap();
    drop(store);
    let store: Arc<dyn Store> = open(&written.path());
    let again = store.referral(&Scope::Gateway, &task, false).await.unwrap().unwrap();
    assert_eq!(again.current(), back);
    let action: Vec<_> = again.parties.iter().filter(|part| part.organization == ACTION).collect();
    assert_eq!(action.iter().map(|part| (part.since, part.until)).collect::<Vec<_>>(), [(8, Some(10)), (23, None)]);
    let key = key("Patient/new");
    assert!(store.read(&Scope::Organization(PANTRY.to_owned()), &key, None).await.unwrap().is_some());
}

/// What was sent before there was a rule for it is withheld from the moment on that there is.
#[tokio::test]
async fn what_is_to_be_withheld_is_withheld_of_what_was_stored() {
    let written = Written::new();
    let there = Connection::open(written.path()).unwrap();
    let replace = |from: &str, to: &str| {
        let changed = there.execute("UPDATE version SET document = replace(document, ?1, ?2)", [from, to]).unwrap();
        assert!(changed > 0, "{from}");
    };
    replace(
        r#""birthDate": "1990-01-01""#,
        r#""birthDate": "1990-01-01", "telecom": [{"system": "phone", "value": "555-0100"}]"#,
    );
    let detail =
        r#""intent": "order", "orderDetail": [{"coding": [{"code": "contacting-subject-prohibited"}]}], "category""#;
    replace(r#""intent": "order", "category""#, detail);
    let note = r#"[{"authorReference": {"reference": "Organization/three-counties-action"}, "text": "ours"}, {"text": "all"}]"#;
    let identifier = r#""identifier": [{"system": "urn:example:migration", "value": "moved"}]"#;
    replace(identifier, &format!(r#""note": {note}, {identifier}"#));
    drop(there);
    let store = open(&written.path());
    let task = task(&*store, "moved").await;
    for (organization, phones, notes) in [(MOBILE, 0, vec!["all"]), (HOSPITAL, 1, vec!["ours", "all"])] {
        let scope = Scope::Organization(organization.to_owned());
        let seen = store.referral(&scope, &task, false).await.unwrap().unwrap();
        let person = seen.graph.of_kind("Patient").next().unwrap();
        assert_eq!(person.node().list("telecom").count(), phones, "{organization}");
        let stored = store.read(&scope, &task, None).await.unwrap().unwrap();
        let read: Vec<_> = stored.document.root().list("note").filter_map(|note| note.str("text")).collect();
        assert_eq!(read, notes, "{organization}");
    }
}

#[tokio::test]
async fn an_index_of_texts_in_another_form_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let body = r#","name":[{"family":"Núñez"}]"#;
    let store = open(&path);
    let plan = Plan { writes: vec![write("Patient/p", 1, noon(), body)], ..Plan::default() };
    store.commit(plan).await.unwrap();
    drop(store);
    // As the version before wrote it: with its accents, under its own fingerprint.
    let old = Connection::open(&path).unwrap();
    assert_eq!(old.execute("UPDATE text SET value = 'núñez' WHERE value = 'nunez'", []).unwrap(), 2);
    assert_eq!(old.execute("UPDATE store SET parameters = 'of the version before'", []).unwrap(), 1);
    drop(old);
    let store = open(&path);
    for family in ["nunez", "NÚÑEZ"] {
        let pairs = [("family".to_owned(), family.to_owned())];
        let query = Query::parse(parameters(), "Patient", &pairs).unwrap();
        assert_eq!(store.search(&Scope::Gateway, &query).await.unwrap().matches.len(), 1, "{family}");
    }
}

/// What is written after an upgrade comes after all that was there, as a time and as a text, and is found by either.
#[tokio::test]
async fn times_of_change_are_what_they_were_and_go_on() {
    let written = Written::new();
    let store = open(&written.path());
    let rows = written.rows(
        "SELECT k.name, r.logical, CAST(r.updated AS TEXT) FROM resource r JOIN kind k ON k.id = r.kind
         WHERE r.version > 0 ORDER BY r.updated",
    );
    for row in &rows {
        let key = ResourceKey::new(row[0].as_str(), row[1].as_str());
        let found = store.read(&Scope::Gateway, &key, None).await.unwrap().unwrap();
        assert_eq!(found.updated, Timestamp::from_millisecond(row[2].parse().unwrap()).unwrap(), "{key}");
    }
    let newest = Timestamp::from_millisecond(rows.last().unwrap()[2].parse().unwrap()).unwrap();
    let found = async |search: String| {
        let (name, value) = search.split_once('=').unwrap();
        let query = Query::parse(parameters(), "Task", &[(name.to_owned(), value.to_owned())]).unwrap();
        store.search(&Scope::Gateway, &query).await.unwrap().matches
    };
    let all = found("_count=1000".to_owned()).await;
    let last = all.last().unwrap().updated;
    assert_eq!(found(format!("_lastUpdated=ge{last}")).await.len(), 1, "the rows of the index have the same time");
    // The clock is behind.
    let wrong = newest - jiff::SignedDuration::from_hours(1);
    let committed = store.commit(referral("new", PANTRY, wrong)).await.unwrap();
    let said = |document: &handoff::fhir::Document| {
        document.root().get("meta").unwrap().str("lastUpdated").unwrap().into_owned()
    };
    let newest_text = all.iter().map(|found| said(&found.document)).max().unwrap();
    for write in &committed.writes {
        assert!(write.updated > newest && said(&write.document) > newest_text, "{} {newest_text}", write.updated);
    }
    let new = found(format!("_lastUpdated=gt{newest_text}")).await;
    assert_eq!(new.iter().map(|found| found.key.to_string()).collect::<Vec<_>>(), ["Task/new"]);
}

/// What waits for an answer is known of referrals from before that was kept, too.
#[tokio::test]
async fn referrals_that_wait_are_found() {
    let written = Written::new();
    let expected = written.rows(
        "SELECT r.logical FROM resource r JOIN kind k ON k.id = r.kind JOIN version v ON v.id = r.current
         WHERE k.name = 'Task' AND v.document ->> '$.status' IN ('requested', 'received', 'ready')",
    );
    assert!(!expected.is_empty());
    let store = open(&written.path());
    let found = store.statistics().await.unwrap().unanswered;
    assert_eq!(found.iter().map(|place| place.referrals).sum::<u64>(), expected.len() as u64, "{found:?}");
    assert!(found.iter().any(|place| place.program.is_some()), "{found:?}");
}

/// What the steps since schema 1 have made of the rows agrees with what it is made of.
#[tokio::test]
async fn a_migrated_store_is_whole() {
    let written = Written::new();
    drop(open(&written.path()));
    let report = check::check(&written.path(), parameters(), NonZeroU64::MIN).await.unwrap();
    assert!(report.is_whole() && report.index_rows.is_some_and(|rows| rows > 0), "{report:?}");
}

/// Schema 9 knew one URL, and its index was another one under each.
#[tokio::test]
async fn an_index_of_before_bases_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let served = || SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap();
    let served = Arc::new(served().with_base("https://gateway.example/fhir"));
    let mut needed = Vec::new();
    for round in 0..2 {
        let store = open_with(&path, &served);
        for number in 0..30 {
            store.commit(referral(&format!("r{round}-{number}"), PANTRY, noon())).await.unwrap();
        }
        let state = "urn:handoff:fhir:CodeSystem:referral-state";
        let body = format!(r#","businessStatus":{{"coding":[{{"system":"{state}","code":"sent"}}]}}"#);
        let task = write(&format!("Task/own{round}"), 1, noon(), &body);
        store.commit(Plan { writes: vec![task], ..Plan::default() }).await.unwrap();
        drop(store);
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "DROP TABLE base; DROP TABLE counted; DROP TABLE task_step; DROP TABLE consent_rule; DROP TABLE task_consent; DROP TABLE unanswered;
              DROP VIEW undecided; DROP TABLE renewal; DROP TABLE withdrawal;
              ALTER TABLE resource DROP COLUMN shown; ALTER TABLE version DROP COLUMN shown;
              DROP INDEX audit_about; DROP INDEX audit_subject; ALTER TABLE audit DROP COLUMN about;
              CREATE INDEX audit_subject ON audit (subject) WHERE subject IS NOT NULL;
              DROP INDEX audit_number; CREATE UNIQUE INDEX audit_number ON audit (chain, number);
              DROP INDEX text_of; ALTER TABLE client DROP COLUMN certificates; PRAGMA user_version = 9",
        )
        .unwrap();
        let fingerprint = format!("{} 1 Task owner status, Task no owner", served.fingerprint_at_base());
        old.execute("UPDATE store SET parameters = ?1", [fingerprint]).unwrap();
        drop(old);
        let store = SqliteStore::open(&path, &served).unwrap();
        needed.push(store.statement_counts().steps);
        let pairs =
            [("business-status".to_owned(), format!("{state}|sent")), ("_summary".to_owned(), "count".to_owned())];
        let query = Query::parse(&served, "Task", &pairs).unwrap();
        assert_eq!(store.search(&Scope::Gateway, &query).await.unwrap().total, Some(round + 1));
        drop(store);
        let report = check::check(&path, &served, NonZeroU64::MIN).await.unwrap();
        assert!(report.is_whole() && report.index_rows.is_some(), "{report:?}");
    }
    println!("steps of opening 30 and 60 referrals of schema 9: {needed:?}");
    // What each Consent may say is read out of it once; nothing is looked at for the index.
    assert!(needed[1] - needed[0] <= 30 * 60, "{needed:?}");
}
