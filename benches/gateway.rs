//! The gateway as a whole, in one run: intake of referral transactions, durable, with concurrent senders (DESIGN section
//! 7: above 1,000 a second on one core), beside what its parts cost; and what is read beside a bare axum handler: an empty poll
//! (DESIGN section 7: 0.8 of its rate), a Task, a search, a record and a poll that has something to tell.
//!
//! `cargo bench --bench gateway`. Plain text, since what matters are rates of whole requests. Everything is bounded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::wildcard_imports, clippy::cast_precision_loss, clippy::map_unwrap_or)]

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use handoff::app::{App, LimitOptions, Options, RandomIds, WallClock};
use handoff::fhir::edit::Edits;
use handoff::fhir::{Document, ResourceKey};
use handoff::referral::Plan;
use handoff::referral::plan::Write;
use handoff::security::{Caller, Role};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const DIRECTORY: &str = include_str!("../fixtures/demo/directory.json");
const REFERRAL: &str = include_str!("../fixtures/demo/ehr/food-insecurity.json");
const AGENCY: &str = "three-counties-action";
const SENDERS: usize = 64;
const REFERRALS: usize = 4_000;
const POLLS: usize = 40_000;
const READS: usize = 10_000;
/// How many requests for something that is told.
const TOLD: usize = 2_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 4;

fn main() {
    let folder = std::env::temp_dir().join(format!("handoff-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    // One thread for requests; the store's writer has its own, as in a gateway that is given one core and a bit.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&folder));
    drop(runtime);
    std::fs::remove_dir_all(&folder).ok();
}

async fn measure(folder: &std::path::Path) {
    let store = format!("sqlite:{}", folder.join("handoff.db").display());
    // One client asks as fast as it can.
    let limits = LimitOptions { client_minute: Some(u32::MAX), ..LimitOptions::default() };
    let options = Options { store: Some(store), limits, ..Options::default() };
    let app = App::open(options.into_settings().expect("settings"), Arc::new(WallClock), Arc::new(RandomIds))
        .await
        .expect("an app");
    let app = Arc::new(app);
    load_directory(&app).await;
    intake(&app).await;
    reads(&app).await;
    polls(&app).await;
}

async fn load_directory(app: &App) {
    let bundle = Document::parse(DIRECTORY).expect("the directory");
    let at = Timestamp::now();
    let mut plan = Plan::default();
    for resource in bundle.root().list("entry").filter_map(|entry| entry.get("resource")) {
        let (kind, id) = (resource.str("resourceType").expect("a type"), resource.str("id").expect("an id"));
        let mut edits = Edits::new(resource);
        edits.stamp(&id, 1, at);
        let document = Arc::new(Document::parse(edits.finish()).expect("a resource"));
        let key = ResourceKey::new(kind, id.clone());
        plan.writes.push(Write { key, version: 1, document, updated: at, author: None, public: true, replaces: None });
    }
    app.store.commit(plan).await.expect("a directory");
}

fn caller(role: Role, organization: &str) -> Caller {
    Caller::new("bench", role, organization, "bench")
}

/// How the entries of a referral ask to be stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entries {
    /// Each is new
    New,
    /// As a sender sends them: each with `ifNoneExist`, and those of the clinic are there already
    Conditional,
}

/// The demo's referral, of another person each time.
fn referral(number: usize, entries: Entries) -> String {
    let text = REFERRAL.replace("DEMO-0001", &format!("BENCH-{number}")).replace("food-1", &format!("food-{number}"));
    if entries == Entries::Conditional {
        return text;
    }
    let mut bundle: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for entry in bundle["entry"].as_array_mut().expect("entries") {
        entry["request"].as_object_mut().expect("a request").remove("ifNoneExist");
        if let Some(identifier) = entry["resource"].as_object_mut().and_then(|it| it.get_mut("identifier")) {
            for one in identifier.as_array_mut().into_iter().flatten() {
                one["value"] = format!("{}-new-{number}", one["value"].as_str().unwrap_or_default()).into();
            }
        }
    }
    bundle.to_string()
}

async fn intake(app: &Arc<App>) {
    let sender = caller(Role::Ehr, "fernhollow-hospital");
    let sample = referral(0, Entries::New);
    let parse = rate(2_000, || {
        serde_json::from_str::<serde_json::Value>(&sample).expect("JSON");
    });
    let document = Document::parse(sample.as_str()).expect("a document");
    let check = rate(2_000, || {
        app.checker.check(document.root());
    });
    println!("referral transaction, {} bytes, {} resources", sample.len(), document.root().list("entry").count());
    println!("  parse with serde_json alone        {parse:>9.0} /s");
    println!("  check alone                        {check:>9.0} /s   {:.2} x parsing", parse / check);

    let conditional = take_in(app, &sender, Entries::Conditional).await;
    let new = take_in(app, &sender, Entries::New).await;
    println!("  checked, routed, mapped, durable   {new:>9.0} /s   every entry new; {SENDERS} senders; aim 1,000 /s");
    println!("  with ifNoneExist, clinic known     {conditional:>9.0} /s   {:.2} x every entry new", conditional / new);
}

/// How many referrals a second are taken in.
async fn take_in(app: &Arc<App>, sender: &Caller, entries: Entries) -> f64 {
    let bodies: Vec<String> = (1..=REFERRALS).map(|number| referral(number, entries)).collect();
    let bodies = Arc::new(bodies);
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for lane in 0..SENDERS {
        let (fhir, sender, bodies) = (app.fhir(), sender.clone(), bodies.clone());
        senders.spawn(async move {
            for body in bodies.iter().skip(lane).step_by(SENDERS) {
                let document = Document::parse(body.as_str()).expect("a document");
                fhir.bundle(&sender, document, None).await.expect("an accepted referral");
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done.expect("a sender");
    }
    REFERRALS as f64 / started.elapsed().as_secs_f64()
}

/// Reads of a person that are remembered, beside the same reads that are not: what is between is the audit's share of the
/// request's own time. Then what writing them takes, which no request waits for.
async fn reads(app: &Arc<App>) {
    let agency = caller(Role::Agency, AGENCY);
    let page = app.exchange.poll(&agency, None, 1, Duration::ZERO).await.expect("a poll");
    let record: serde_json::Value = serde_json::from_str(&page.records[0].json).expect("JSON");
    let task = ResourceKey::new("Task", record["id"].as_str().expect("an id"));
    let scope = agency.scope();
    let (mut plain, mut audited) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..READS {
            app.store.read(&scope, &task, None).await.expect("a read").expect("a Task");
        }
        plain = plain.min(started.elapsed());
        let started = Instant::now();
        for _ in 0..READS {
            app.exchange.read(&agency, &task, None).await.expect("a read");
        }
        audited = audited.min(started.elapsed());
    }
    let started = Instant::now();
    app.exchange.audit_trail().write().await.expect("the audit");
    let written = started.elapsed();
    let each = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / count as f64;
    let (plain, audited) = (each(plain, READS), each(audited, READS));
    println!("read of a Task");
    println!("  not remembered                     {plain:>9.2} us");
    println!("  remembered                         {audited:>9.2} us   {:.2} more; aim: less than 10", audited - plain);
    println!("  written later, each                {:>9.2} us", each(written, READS * ROUNDS));
}

async fn polls(app: &Arc<App>) {
    let (_stop, stopping) = watch::channel(false);
    let issued = handoff::security::token::issue();
    let row = handoff::store::ClientRow {
        id: issued.client.clone(),
        name: "bench".to_owned(),
        role: "agency".to_owned(),
        organization: AGENCY.to_owned(),
        acts_for: Vec::new(),
        hash: issued.hash,
        certificates: Vec::new(),
        created: Timestamp::now(),
        revoked: None,
    };
    app.store.put_client(row).await.expect("a client");
    let clients = handoff::app::load_clients(app.store.as_ref()).await.expect("clients");
    let router = app.router(handoff::server::Admission::new(clients).0, stopping).expect("threads");
    let agency = caller(Role::Agency, AGENCY);
    let mut since = None;
    loop {
        let page = app.exchange.poll(&agency, since.as_deref(), 1_000, Duration::ZERO).await.expect("a poll");
        since = Some(page.cursor);
        if page.records.is_empty() {
            break;
        }
    }
    let path = format!("/agency/v1/referrals?since={}", since.unwrap_or_default());
    let task = app.exchange.poll(&agency, None, 1, Duration::ZERO).await.expect("a poll").records[0].id().to_owned();
    let bare = Router::new().route("/bare", get(|| async { "{\"records\":[]}" }));
    let bare = requests(&bare, "/bare", &issued.text, POLLS).await;
    let empty = requests(&router, &path, &issued.text, POLLS).await;
    println!("among {REFERRALS} Tasks, beside a bare axum handler");
    println!("  bare axum handler                  {bare:>9.0} /s");
    println!("  empty poll                         {empty:>9.0} /s   {:.2} of bare; aim 0.8", empty / bare);
    for (name, path) in [
        ("GET Task/id", format!("/fhir/Task/{task}")),
        ("Task?owner&status, 20 found", format!("/fhir/Task?owner=Organization/{AGENCY}&status=requested&_count=20")),
        ("record", format!("/agency/v1/referrals/{task}")),
        ("poll with 20 records", "/agency/v1/referrals?limit=20".to_owned()),
    ] {
        let told = requests(&router, &path, &issued.text, TOLD).await;
        println!("  {name:<34} {told:>9.0} /s   {:.3} of bare", told / bare);
    }
}

/// Requests a second through real sockets: a few connections that stay open, each asking again when it is answered.
async fn requests(router: &Router, path: &str, token: &str, count: usize) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(axum::serve(listener, router.clone()).into_future());
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n");
    let request: Arc<str> = request.into();
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        connections.spawn(async move {
            let mut connection = TcpStream::connect(address).await.expect("a connection");
            connection.set_nodelay(true).expect("a setting");
            let mut answer = vec![0; 1_048_576];
            for _ in 0..count / CONNECTIONS {
                connection.write_all(request.as_bytes()).await.expect("a request");
                read_answer(&mut connection, &mut answer).await;
            }
        });
    }
    while let Some(done) = connections.join_next().await {
        done.expect("a connection");
    }
    server.abort();
    count as f64 / started.elapsed().as_secs_f64()
}

/// Reads one answer to its end, which Content-Length tells.
async fn read_answer(connection: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        filled += connection.read(&mut buffer[filled..]).await.expect("an answer");
        let Some(end) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if filled - (end + 4) >= length.parse().expect("a number") {
            return;
        }
    }
}

fn rate(times: u32, mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..times {
        work();
    }
    f64::from(times) / started.elapsed().as_secs_f64()
}
