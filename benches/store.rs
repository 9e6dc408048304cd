//! What the store takes: `cargo bench --bench store`. Rates, each beside what it is compared with in the same run.
//!
//! Commits are measured with 64 concurrent senders on one thread, beside the one that writes. The rate of one core is
//! what the processor time of both allows, so it is the same whether they have a core each or share one.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_sign_loss, clippy::cast_precision_loss, missing_docs)] // a program for a terminal

use std::collections::VecDeque;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handoff::definitions::Definitions;
use handoff::referral::Scope;
use handoff::referral::plan::{FeedEntry, Plan, Sharing};
use handoff::store::Store;
use handoff::store::index::SearchParameters;
use handoff::store::query::Query;
use handoff::store::sqlite::SqliteStore;
use referral::{PANTRY, SHELTER, key, noon, referral, task_body, write};
use tokio::runtime::Runtime;

#[path = "../tests/store/referral.rs"]
#[allow(dead_code)]
mod referral;

/// Referrals that are committed.
const REFERRALS: usize = 6000;
const SENDERS: usize = 64;
/// How long a read is repeated.
const WHILE: Duration = Duration::from_secs(2);

fn main() {
    let definitions = Definitions::r4().unwrap();
    let parameters = Arc::new(SearchParameters::shipped(&definitions).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    commits(&runtime, &parameters, folder.path());
    let mut before = None;
    for tasks in [1_000, 100_000] {
        let path = folder.path().join(format!("{tasks}.db"));
        before = Some(reads(&runtime, &parameters, &path, tasks, before));
    }
}

/// Commits whole referrals, then the same bytes as plain rows.
fn commits(runtime: &Runtime, parameters: &Arc<SearchParameters>, folder: &Path) {
    let plans: Vec<Plan> = (0..REFERRALS).map(|number| referral(&name(number), owner(number), noon())).collect();
    let texts: Vec<Vec<String>> = plans.iter().map(texts).collect();
    let entries: usize = plans[0].writes.iter().map(|one| parameters.entries(one.document.root()).unwrap().len()).sum();
    let bytes: usize = texts[0].iter().map(String::len).sum();
    println!("a referral: {} resources, {bytes} bytes, {entries} index entries", plans[0].writes.len());

    let started = Instant::now();
    for plan in &plans[..1000] {
        for one in &plan.writes {
            black_box(parameters.entries(one.document.root()).unwrap());
        }
    }
    let indexing = started.elapsed() / 1000;

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("commits.db"), parameters).unwrap());
    let queue = Arc::new(std::sync::Mutex::new(VecDeque::from(plans)));
    let (started, before) = (Instant::now(), processor_time());
    runtime.block_on(async {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (store, queue) = (store.clone(), queue.clone());
                tokio::spawn(async move {
                    loop {
                        let Some(plan) = queue.lock().unwrap().pop_front() else { return };
                        store.commit(plan).await.unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
    let (elapsed, used) = (started.elapsed(), before.zip(processor_time()).map(|(from, to)| to.saturating_sub(from)));
    let groups = runtime.block_on(store.statistics()).unwrap().groups;
    println!(
        "  commit             {:>8} a second, in groups of {}",
        rate(elapsed, REFERRALS),
        REFERRALS as u64 / groups
    );
    if let Some(used) = used {
        println!(
            "  on one core        {:>8} a second ({:?} of processor time each)",
            rate(used, REFERRALS),
            used / REFERRALS as u32
        );
        println!("  of that, indexing  {indexing:?} by the sender");
    }
    let plain = plain_rows(&folder.join("plain.db"), &texts, (REFERRALS as u64 / groups) as usize);
    println!(
        "  plain rows         {:>8} a second: the same bytes and syncs, no index; {:.1} times as fast",
        rate(plain, REFERRALS),
        elapsed.as_secs_f64() / plain.as_secs_f64()
    );
}

/// The same documents in a table with nothing but a key, synced as often.
fn plain_rows(path: &Path, plans: &[Vec<String>], group: usize) -> Duration {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.execute_batch("CREATE TABLE document (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").unwrap();
    let started = Instant::now();
    for group in plans.chunks(group) {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for text in group.iter().flatten() {
            connection.prepare_cached("INSERT INTO document (text) VALUES (?1)").unwrap().execute([text]).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }
    started.elapsed()
}

/// Polls and worklists among this many Tasks; gives the times, and says how they compare with those before.
fn reads(
    runtime: &Runtime,
    parameters: &Arc<SearchParameters>,
    path: &Path,
    tasks: usize,
    before: Option<[Duration; 4]>,
) -> [Duration; 4] {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path, parameters).unwrap());
    runtime.block_on(fill(&*store, tasks));
    let scope = Scope::Organization(PANTRY.to_owned());
    let newest = *store.newest(PANTRY).borrow();
    let asked = |text: &str| {
        let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Query::parse(parameters, "Task", &pairs).unwrap()
    };
    let worklist = asked("owner=Organization/harbor-pantry&status=requested");
    let since = asked("owner=Organization/harbor-pantry&_lastUpdated=gt2026-11-21T12:00:00Z");
    let middle = key(&format!("Task/{}", name(tasks / 2 / 50 * 50)));
    println!("among {tasks} Tasks");
    let times = [
        timed(runtime, || async { assert!(store.changes(PANTRY, newest, 100).await.unwrap().items.is_empty()) }),
        timed(runtime, || async { assert_eq!(store.search(&scope, &worklist).await.unwrap().matches.len(), 10) }),
        timed(runtime, || async { assert_eq!(store.search(&scope, &since).await.unwrap().matches.len(), 0) }),
        timed(runtime, || async { assert!(store.referral(&scope, &middle, true).await.unwrap().is_some()) }),
    ];
    let names =
        ["empty poll by cursor", "Task?owner&status, 10 found", "Task?owner&_lastUpdated, none", "one referral"];
    for (position, (name, time)) in names.iter().zip(times).enumerate() {
        let flat =
            before.map(|before| format!("; {:.2} times as long", time.as_secs_f64() / before[position].as_secs_f64()));
        println!("  {name:30} {:>8} a second{}", rate(time, 1), flat.unwrap_or_default());
    }
    times
}

/// Tasks of fifty organizations; of the pantry's, ten are requested and the rest is completed.
async fn fill(store: &dyn Store, tasks: usize) {
    let all: Vec<usize> = (0..tasks).collect();
    for batch in all.chunks(200) {
        let mut plan = Plan::default();
        for number in batch {
            let (name, owner) = (name(*number), owner_of_fifty(*number));
            let status = if *number % 50 == 0 && *number >= 500 { "completed" } else { "requested" };
            let task = write(&format!("Task/{name}"), 1, noon(), &task_body(&name, &owner, status));
            let name = task.key.to_string();
            let after = referral::sharing(referral::parties(&owner), &[&name]);
            plan.shares.push(referral::share(&name, Sharing::default(), after));
            plan.feed.push(FeedEntry { organization: owner, task: task.key.clone() });
            plan.writes.push(task);
        }
        store.commit(plan).await.unwrap();
    }
}

/// How long one takes, measured for a while.
fn timed<F: Future<Output = ()>>(runtime: &Runtime, read: impl Fn() -> F) -> Duration {
    runtime.block_on(async {
        read().await;
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < WHILE {
            for _ in 0..10 {
                read().await;
            }
            count += 10;
        }
        started.elapsed() / count
    })
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.writes.iter().map(|write| write.document.text().to_owned()).collect()
}

/// Ids as the gateway gives them: they begin with the time.
fn name(number: usize) -> String {
    format!("0193{:04x}-{:04x}-7abc-8def-{:012x}", number >> 16, number & 0xffff, number.wrapping_mul(0x9e37_79b9_7f4a))
}

fn owner(number: usize) -> &'static str {
    if number.is_multiple_of(2) { PANTRY } else { SHELTER }
}

fn owner_of_fifty(number: usize) -> String {
    if number.is_multiple_of(50) { PANTRY.to_owned() } else { format!("agency-{}", number % 50) }
}

fn rate(elapsed: Duration, count: usize) -> u64 {
    (count as f64 / elapsed.as_secs_f64()) as u64
}

/// The processor time that this process has used, where the system says it: in ticks of 10 ms.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}
