//! Several gateways on one PostgreSQL database: one order for all, whoever writes and whoever reads, and what becomes of those
//! who wait when a connection is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handoff::error::Category;
use handoff::fhir::Key;
use handoff::referral::plan::{Guard, Plan};
use handoff::referral::{Scope, VersionRange};
use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::{Credentials, Feed, Resources, Store, conflicting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::backend::{Backend, on_every_backend, parameters};
use crate::postgres::{Database, Server, server};
use crate::referral::{CLINIC, PANTRY, key, noon, referral, write};
use crate::search::query;

on_every_backend! { what_is_long_is_found }

const GATEWAYS: usize = 2;

async fn gateway(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(&DatabaseUrl::parse(url).unwrap(), parameters()).await.unwrap())
}

async fn gateways(database: &Database) -> Vec<Arc<PostgresStore>> {
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(gateway(&database.url()).await);
    }
    gateways
}

/// Follows the pantry's feed from gateway to gateway, until it has so many changes.
async fn follow(gateways: Vec<Arc<PostgresStore>>, first: usize, wanted: usize) -> Vec<(String, u64)> {
    let (mut found, mut since, mut turn) = (Vec::new(), 0, first);
    while found.len() < wanted {
        let gateway = &gateways[turn % gateways.len()];
        turn += 1;
        let mut newest = gateway.newest(PANTRY);
        newest.wait_for(|newest| *newest > since).await.unwrap();
        let changes = gateway.changes(PANTRY, since, 7).await.unwrap();
        found.extend(changes.items.into_iter().map(|(key, seq)| (key.id, seq)));
        since = changes.newest;
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_changes_the_gateway_misses_nothing_and_gets_nothing_twice() {
    const WRITERS: usize = 10;
    const EACH: usize = 12;
    let Some(server) = server() else { return };
    let database = server.database();
    let gateways = gateways(&database).await;
    let followers: Vec<_> = (0..4).map(|first| tokio::spawn(follow(gateways.clone(), first, WRITERS * EACH))).collect();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let gateway = gateways[writer % GATEWAYS].clone();
        writers.spawn(async move {
            for number in 0..EACH {
                gateway.commit(referral(&format!("r{writer}-{number}"), PANTRY, noon())).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let mut orders = Vec::new();
    for follower in followers {
        orders.push(follower.await.unwrap());
    }
    let seqs: Vec<u64> = orders[0].iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, (1..=(WRITERS * EACH) as u64).collect::<Vec<_>>());
    assert!(orders.iter().all(|order| *order == orders[0]));
    // The numbers that are found by agree with the documents that were written.
    assert_eq!(database.sql("SELECT count(*) FROM version v WHERE v.updated <= (SELECT max(updated) FROM version w WHERE w.seq < v.seq)").trim(), "0");
    let times = database.sql("SELECT count(DISTINCT updated) FROM version");
    assert_eq!(times.trim(), (WRITERS * EACH * 8).to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_creates_under_one_condition_through_all_gateways_one_is_stored() {
    let Some(server) = server() else { return };
    let database = server.database();
    let gateways = gateways(&database).await;
    let mut creates = JoinSet::new();
    for number in 0..40 {
        let gateway = gateways[number % GATEWAYS].clone();
        creates.spawn(async move {
            let person = number % 4;
            let body = format!(r#","identifier":[{{"system":"urn:example:person","value":"{person}"}}]"#);
            let guard = Guard::NoneMatch {
                kind: "Patient".to_owned(),
                parameters: vec![("identifier".to_owned(), format!("urn:example:person|{person}"))],
                organization: CLINIC.to_owned(),
            };
            let writes = vec![write(&format!("Patient/p{number}"), 1, noon(), &body)];
            gateway.commit(Plan { writes, guards: vec![guard], ..Plan::default() }).await
        });
    }
    let outcomes = creates.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| conflicting(error).is_some()));
    assert_eq!(database.sql("SELECT resources FROM kind WHERE name = 'Patient'").trim(), "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_gateway_commits_wakes_those_who_wait_at_another() {
    let Some(server) = server() else { return };
    let database = server.database();
    let gateways = gateways(&database).await;
    let (mut owed, mut clients) = (gateways[1].newest(PANTRY), gateways[1].clients_version());
    gateways[0].commit(referral("a", PANTRY, noon())).await.unwrap();
    owed.wait_for(|newest| *newest == 1).await.unwrap();
    assert_eq!(gateways[1].changes(PANTRY, 0, 10).await.unwrap().items, [(key("Task/a"), 1)]);
    let client = handoff::store::ClientRow {
        id: "c".to_owned(),
        name: "Pantry".to_owned(),
        role: "agency".to_owned(),
        organization: PANTRY.to_owned(),
        acts_for: Vec::new(),
        certificates: Vec::new(),
        hash: [7; 32],
        created: noon(),
        revoked: None,
    };
    gateways[0].put_client(client).await.unwrap();
    clients.wait_for(|version| *version == 1).await.unwrap();
    assert!(gateways[0].revoke_client("c", noon()).await.unwrap());
    clients.wait_for(|version| *version == 2).await.unwrap();
    assert_eq!(gateways[1].clients().await.unwrap()[0].revoked, Some(noon()));
}

/// What another gateway has done is known to whoever asks first, though no notice of it was heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_not_heard_of_is_known_to_who_asks_first() {
    // It is the test's own, since others would miss it.
    let Some(server) = Server::own() else { return };
    let database = server.database();
    let gateways = gateways(&database).await;
    let (here, there) = (&gateways[0], &gateways[1]);
    // Nobody listens any more, for a second.
    let deafen = || {
        database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
    };
    for round in 1..=5_u64 {
        deafen();
        let mut program = write(&format!("HealthcareService/p{round}"), 1, noon(), r#","active":true"#);
        (program.author, program.public) = (None, true);
        let mut plan = referral(&format!("r{round}"), PANTRY, noon());
        plan.writes.push(program);
        let seq = here.commit(plan).await.unwrap().seq;
        // As many as like ask at once.
        let asked = (0..50).map(|_| {
            let there = there.clone();
            tokio::spawn(async move { there.catch_up().await })
        });
        for asked in asked.collect::<Vec<_>>() {
            asked.await.unwrap().unwrap();
            assert_eq!(*there.directory_version().borrow(), seq);
        }
        let changes = there.changes(PANTRY, seq - 1, 10).await.unwrap();
        assert_eq!(changes.items, [(key(&format!("Task/r{round}")), seq)], "round {round}");
        assert_eq!(there.newest_now(PANTRY).await.unwrap(), seq);
        assert_eq!(*there.newest(PANTRY).borrow(), seq);
        assert_eq!(there.newest_now("nobody").await.unwrap(), 0);
        database.sql("UPDATE store SET clients = clients + 1");
        there.catch_up().await.unwrap();
        assert_eq!(*there.clients_version().borrow(), round);
    }
    // A connection that was lost is no reason not to know; a database that is away is, for as long as it is.
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    there.catch_up().await.unwrap();
    server.stop();
    assert_eq!(there.catch_up().await.unwrap_err().category, Category::Busy);
    server.start();
    there.catch_up().await.unwrap();
}

/// A way to the database that can be cut at the moment when it has committed.
struct CutWay {
    port: u16,
    armed: Arc<AtomicBool>,
}

impl CutWay {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (own, armed) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let arm = armed.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, TcpStream::connect(("127.0.0.1", port)).await.unwrap(), arm.clone()));
            }
        });
        Self { port: own, armed }
    }
}

/// Carries what both say; an answer that something was committed is lost with the connection, where that was asked for.
async fn carry(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(count) if count > 0 => server.write_all(&asked[..count]).await.unwrap(),
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(count) if count > 0 => {
                    let committed = answered[..count].windows(7).any(|bytes| bytes == b"COMMIT\0");
                    if committed && armed.swap(false, Ordering::SeqCst) {
                        return;
                    }
                    if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_whose_answer_is_lost_is_asked_about() {
    let Some(server) = server() else { return };
    let database = server.database();
    let way = CutWay::to(server.port()).await;
    let through = database.network_url().replace(&format!(":{}/", server.port()), &format!(":{}/", way.port));
    let gateway = gateway(&format!("{through}?sslmode=disable")).await;
    gateway.commit(referral("a", PANTRY, noon())).await.unwrap();
    way.armed.store(true, Ordering::SeqCst);
    let committed = gateway.commit(referral("b", PANTRY, noon())).await.unwrap();
    assert!(!way.armed.load(Ordering::SeqCst), "nothing was cut");
    assert_eq!(committed.seq, 2);
    gateway.commit(referral("c", PANTRY, noon())).await.unwrap();
    let history = gateway.history(&Scope::Gateway, &key("Task/b"), VersionRange::newest(10)).await.unwrap();
    assert_eq!((history.len(), gateway.statistics().await.unwrap().newest), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_is_cut_off_between_commits_connects_again() {
    let Some(server) = server() else { return };
    let database = server.database();
    let gateway = gateway(&database.url()).await;
    for name in ["a", "b", "c"] {
        gateway.commit(referral(name, PANTRY, noon())).await.unwrap();
        assert!(gateway.read(&Scope::Gateway, &key("Task/a"), None).await.unwrap().is_some());
        database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'handoff' AND datname = current_database()");
    }
    assert_eq!(gateway.newest_commit().await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_ends_in_the_commit_is_stored_nowhere() {
    let Some(server) = server() else { return };
    let database = server.database();
    let gateway = gateway(&database.url()).await;
    gateway.commit(referral("a", PANTRY, noon())).await.unwrap();
    // The database ends the connection when everything but the commit itself is done.
    database.sql(
        "CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER ends AFTER UPDATE ON store DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_it()",
    );
    let error = gateway.commit(referral("b", PANTRY, noon())).await.unwrap_err();
    assert_eq!(error.issues[0].key, Key::StoreUnreachable, "{error}");
    database.sql("DROP TRIGGER ends ON store");
    assert!(gateway.read(&Scope::Gateway, &key("Task/b"), None).await.unwrap().is_none());
    assert_eq!(gateway.commit(referral("b", PANTRY, noon())).await.unwrap().seq, 2);
}

async fn what_is_long_is_found(backend: Backend) {
    let store: Arc<dyn Store> = backend.open();
    let (long, longer) = ("x".repeat(5000), format!("{}y", "x".repeat(5000)));
    for (name, value) in [("Patient/a", &long), ("Patient/b", &longer)] {
        let body = format!(
            r#","identifier":[{{"system":"urn:example:{value}","value":"{value}"}}],"name":[{{"family":"{value}"}}]"#
        );
        store.commit(Plan { writes: vec![write(name, 1, noon(), &body)], ..Plan::default() }).await.unwrap();
    }
    let found = async |url: String| -> Vec<String> {
        let page = store.search(&Scope::Organization(CLINIC.to_owned()), &query(&url)).await.unwrap();
        page.matches.iter().map(|stored| stored.key.id.clone()).collect()
    };
    for (value, expected) in [(&long, "a"), (&longer, "b")] {
        assert_eq!(found(format!("Patient?identifier={value}")).await, [expected]);
        assert_eq!(found(format!("Patient?identifier=urn:example:{value}|{value}")).await, [expected]);
        assert_eq!(found(format!("Patient?name:exact={value}")).await, [expected]);
    }
    assert_eq!(found(format!("Patient?name={}", "x".repeat(100))).await, ["a", "b"]);
}
