//! A referral and its record, for every program type: to the record in under 20 microseconds beyond parsing, back to the
//! graph with one change in under 40; beside parsing the same bytes in the same run.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use divan::{Bencher, black_box};
use handoff::definitions::Definitions;
use handoff::fhir::Document;
use handoff::mapping::{Detail, ProgramType, ProgramTypes};
use handoff::referral::{Graph, Referral};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// A referral of a program type as its EHR sent it.
struct Sent {
    program: &'static ProgramType,
    text: String,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program.kind)
    }
}

fn sent() -> impl Iterator<Item = Sent> {
    static PROGRAMS: OnceLock<ProgramTypes> = OnceLock::new();
    let shipped = || ProgramTypes::shipped(&Definitions::r4().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    PROGRAMS.get_or_init(shipped).iter().map(|program| Sent { program, text: file(program, "ehr.json") })
}

/// As [`sent`], when everything was done: the longest that a referral of the type is.
fn done() -> impl Iterator<Item = Sent> {
    sent().map(|sent| Sent { text: file(sent.program, "end.json"), ..sent })
}

/// A file of the type's journey.
fn file(program: &ProgramType, name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/programs");
    let path = folder.join(&program.kind).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn graph(text: &str) -> Graph {
    Graph::from_bundle(&Arc::new(Document::parse(text).unwrap())).unwrap()
}

fn get(bencher: Bencher<'_, '_>, sent: &Sent) {
    let graph = graph(&sent.text);
    let task = graph.only_task().unwrap();
    bencher.bench_local(|| {
        let referral = Referral::read(black_box(&graph), task).unwrap();
        sent.program.map.get(&referral, &Value::Null).json
    });
}

/// The record with a service more than the graph has.
fn put(bencher: Bencher<'_, '_>, sent: &Sent) {
    let graph = graph(&sent.text);
    let task = graph.only_task().unwrap();
    let referral = Referral::read(&graph, task).unwrap();
    let mut record = sent.program.map.get(&referral, &Value::Null).record().unwrap();
    if record["services"].is_null() {
        record["services"] = json!([]);
    }
    record["services"].as_array_mut().unwrap().push(json!({ "at": "2026-11-20T10:00:00Z", "minutes": 30 }));
    let mut ids = || "new".to_owned();
    let made = sent
        .program
        .map
        .put(&record, &referral, &Value::Null, Detail::Totals, &mut ids)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(!made.created.is_empty() && !made.changes.is_empty());
    bencher.bench_local(|| {
        let referral = Referral::read(&graph, task).unwrap();
        sent.program
            .map
            .put(black_box(&record), &referral, &Value::Null, Detail::Totals, &mut || "new".to_owned())
            .unwrap()
    });
}

#[divan::bench(args = sent())]
fn referral_to_record(bencher: Bencher<'_, '_>, sent: &Sent) {
    get(bencher, sent);
}

#[divan::bench(args = sent())]
fn record_to_graph_with_a_service_more(bencher: Bencher<'_, '_>, sent: &Sent) {
    put(bencher, sent);
}

#[divan::bench(args = done())]
fn when_all_is_done_to_record(bencher: Bencher<'_, '_>, sent: &Sent) {
    get(bencher, sent);
}

#[divan::bench(args = done())]
fn when_all_is_done_to_graph_with_a_service_more(bencher: Bencher<'_, '_>, sent: &Sent) {
    put(bencher, sent);
}

#[divan::bench(args = sent())]
fn for_comparison_parse_the_referral(bencher: Bencher<'_, '_>, sent: &Sent) {
    bencher.bench_local(|| serde_json::from_str::<Value>(black_box(&sent.text)).unwrap());
}
