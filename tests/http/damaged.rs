//! What is stored and damaged: one document is told in its place and keeps nothing else back; a damaged file, or one of
//! which a part is gone, is told as that, at reads and writes, and nothing that was answered is lost.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::gateway::{Gateway, send};
use crate::referral::{draft, key_of, sent, transaction};

/// What may stand where a document was.
const DAMAGES: [&str; 5] = ["'{\"resourceType\":\"Task\",'", "CAST(x'7bff' AS TEXT)", "''", "'{}'", "'[1]'"];

/// Puts something else in the place of a version's document.
fn damage(gateway: &Gateway, key: &str, version: u64, document: &str) {
    let (kind, id) = key.split_once('/').unwrap();
    let changed = Connection::open(&gateway.file)
        .unwrap()
        .execute(
            &format!(
                "UPDATE version SET document = {document} WHERE version = ?1 AND resource =
                     (SELECT r.id FROM resource r JOIN kind k ON k.id = r.kind WHERE k.name = ?2 AND r.logical = ?3)"
            ),
            rusqlite::params![version.cast_signed(), kind, id],
        )
        .unwrap();
    assert_eq!(changed, 1, "{key}");
}

/// Each entry of a page: the id of what was found, or the text of what is told in its place, with the mode.
fn told(page: &Value) -> Vec<(String, String)> {
    let entries = page["entry"].as_array().into_iter().flatten();
    entries
        .map(|entry| {
            let resource = &entry["resource"];
            let text = resource["id"].as_str().or_else(|| resource["issue"][0]["details"]["text"].as_str());
            let text = text.or_else(|| resource["issue"][0]["diagnostics"].as_str()).unwrap_or_default();
            (entry["search"]["mode"].as_str().unwrap_or_default().to_owned(), text.to_owned())
        })
        .collect()
}

fn next<'p>(gateway: &Gateway, page: &'p Value) -> Option<&'p str> {
    let link = page["link"].as_array()?.iter().find(|link| link["relation"] == "next")?;
    link["url"].as_str()?.strip_prefix(&gateway.base)
}

async fn counted(gateway: &Gateway) -> u64 {
    let metrics = gateway.administrator.get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("handoff_resources_unreadable_total")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_damaged_document_is_told_in_its_place_in_a_search() {
    let gateway = Gateway::start().await;
    let mut ids = Vec::new();
    for number in 0..DAMAGES.len() + 2 {
        ids.push(gateway.ehr.post("/fhir/Task", &draft(number)).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    for (id, damaged) in ids[1..].iter().zip(DAMAGES) {
        damage(&gateway, &format!("Task/{id}"), 1, damaged);
    }
    // Page by page, of two entries each.
    let mut path = "/fhir/Task?status=draft&_count=2&_total=accurate".to_owned();
    let mut found = Vec::new();
    loop {
        let page = gateway.ehr.get(&path).await.expect(200);
        assert_eq!(page["total"].as_u64(), Some(ids.len() as u64));
        assert!(told(&page).len() <= 2, "{page}");
        found.extend(told(&page));
        let Some(next) = next(&gateway, &page) else { break };
        path = next.to_owned();
    }
    assert_eq!(found.len(), ids.len(), "{found:?}");
    for ((mode, text), id) in found.iter().zip(&ids) {
        let is_whole = *id == ids[0] || id == ids.last().unwrap();
        assert_eq!(mode, if is_whole { "match" } else { "outcome" });
        let expected = format!("version 1 of Task/{id} is stored and cannot be read, so it is left out here");
        assert_eq!(*text, if is_whole { id.clone() } else { expected });
    }
    assert_eq!(counted(&gateway).await, DAMAGES.len() as u64);
    // Alone it is our failure; in a batch it stands among the others.
    let alone = gateway.ehr.get(&format!("/fhir/Task/{}", ids[1])).await;
    assert_eq!((alone.status, alone.rules()), (500, vec!["fault".to_owned()]), "{}", alone.text);
    for kind in ["batch", "transaction"] {
        let get = json!({ "request": { "method": "GET", "url": "Task?status=draft" } });
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [get] });
        let answer = gateway.ehr.post("/fhir", &bundle).await.expect(200);
        assert_eq!(told(&answer["entry"][0]["resource"]), found, "{kind}");
    }
}

#[tokio::test]
async fn what_would_be_included_and_is_damaged_is_told() {
    let gateway = Gateway::start().await;
    let made = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
    let (person, task) = (key_of(&made, "Patient"), key_of(&made, "Task"));
    damage(&gateway, &person, 1, "'no resource'");
    let page = gateway.ehr.get("/fhir/Task?_include=Task:patient&_include=Task:focus").await.expect(200);
    let modes: Vec<String> = told(&page).into_iter().map(|(mode, _)| mode).collect();
    assert_eq!(modes, ["match", "outcome", "include"], "{page}");
    assert!(told(&page)[1].1.contains(&person), "{page}");
    // By what references it, a damaged Task is told as well.
    damage(&gateway, &task, 1, "'no resource'");
    let request = key_of(&made, "ServiceRequest");
    let page = gateway.ehr.get("/fhir/ServiceRequest?_revinclude=Task:focus").await.expect(200);
    let modes: Vec<String> = told(&page).into_iter().map(|(mode, _)| mode).collect();
    assert_eq!(modes, ["match", "outcome"], "{page}");
    assert_eq!(told(&page)[0].1, request.trim_start_matches("ServiceRequest/"));
    // The agency's list goes on as it did.
    let other = sent(&gateway, 2).await;
    let (records, _) = gateway.agency.poll("").await;
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records[0]["unreadable"].is_object() && records[1]["id"] == other.as_str(), "{records:?}");
}

#[tokio::test]
async fn a_damaged_version_is_told_in_its_place_in_a_history() {
    let gateway = Gateway::start().await;
    let mut task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let path = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    for priority in ["urgent", "asap", "stat"] {
        task["priority"] = json!(priority);
        task["meta"] = gateway.ehr.get(&path).await.expect(200)["meta"].clone();
        send(gateway.ehr.with_body(Method::PUT, &path, &task)).await.expect(200);
    }
    damage(&gateway, path.trim_start_matches("/fhir/"), 3, "'nothing'");
    for count in [1, 2, 9] {
        let mut path = format!("{path}/_history?_count={count}");
        let mut versions = Vec::new();
        loop {
            let page = gateway.ehr.get(&path).await.expect(200);
            for entry in page["entry"].as_array().unwrap() {
                assert!(entry["request"]["method"].is_string(), "{page}");
                let version = entry["resource"]["meta"]["versionId"].as_str().unwrap_or("damaged");
                assert_eq!(entry["response"]["status"] == "500", version == "damaged");
                assert_eq!(entry["response"]["outcome"].is_object(), version == "damaged");
                versions.push(version.to_owned());
            }
            let Some(next) = next(&gateway, &page) else { break };
            path = next.to_owned();
        }
        assert_eq!(versions, ["4", "damaged", "2", "1"], "by {count}");
    }
    gateway.ehr.get(&path).await.expect(200);
    assert_eq!(gateway.ehr.get(&format!("{path}/_history/3")).await.status, 500);
}

/// Who decides by what is stored has to know all of it.
#[tokio::test]
async fn a_condition_is_not_answered_without_what_is_damaged() {
    let gateway = Gateway::start().await;
    let made = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
    damage(&gateway, &key_of(&made, "Patient"), 1, "'no resource'");
    let mut again = transaction(1);
    again["entry"][0]["request"]["ifNoneExist"] = json!("identifier=urn:test:person|1");
    let answer = gateway.ehr.post("/fhir", &again).await;
    assert_eq!(answer.status, 500, "nothing is made beside what cannot be read: {}", answer.text);
}

/// Pages of the file that the database is in, each changed: the header of the file stays.
fn ruin(file: &Path, cut: bool) {
    let mut open = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let length = open.metadata().unwrap().len();
    if cut {
        return open.set_len(4096).unwrap();
    }
    open.seek(SeekFrom::Start(4096)).unwrap();
    open.write_all(&vec![0xA5; usize::try_from(length).unwrap() - 4096]).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_told_at_reads_and_writes_and_nothing_answered_is_lost() {
    for cut in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let (task, commits) = {
            let mut gateway = Gateway::with(|settings| settings.store = file.clone().into()).await;
            let task = sent(&gateway, 1).await;
            let beside = Connection::open(&file).unwrap();
            let busy: i64 = beside.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
            assert_eq!(busy, 0);
            let commits: i64 = beside.query_row("SELECT seq FROM store", [], |row| row.get(0)).unwrap();
            let whole = std::fs::read(&file).unwrap();
            // What a connection still holds of it is forgotten with the next change.
            beside.execute_batch("CREATE TABLE filler (x)").unwrap();
            drop(beside);
            ruin(&file, cut);
            for (path, client) in [
                (format!("/fhir/Task/{task}"), &gateway.ehr),
                ("/fhir/Task?status=requested".to_owned(), &gateway.ehr),
                (format!("/fhir/Task/{task}/_history"), &gateway.ehr),
                (format!("/agency/v1/referrals/{task}"), &gateway.agency),
                ("/agency/v1/referrals".to_owned(), &gateway.agency),
            ] {
                let answer = client.get(&path).await;
                let rules = answer.rules();
                let is_told = matches!(
                    rules.iter().map(String::as_str).collect::<Vec<_>>()[..],
                    ["store-damaged" | "store-unusable"]
                );
                assert!(answer.status == 503 && is_told, "{path}: {} {}", answer.status, answer.text);
                assert!(answer.header("retry-after").parse::<u64>().is_ok());
            }
            let event = format!("/agency/v1/referrals/{task}/events");
            for answer in [
                gateway.ehr.post("/fhir", &transaction(2)).await,
                gateway.agency.post(&event, &json!({ "event": "accept" })).await,
            ] {
                assert_eq!(answer.status, 503, "{}", answer.text);
            }
            assert_eq!(gateway.administrator.get("/readyz").await.status, 503);
            gateway.ask_to_stop();
            gateway.stopped().await;
            drop(gateway);
            for beside in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
            }
            std::fs::write(&file, whole).unwrap();
            (task, commits)
        };
        // As a backup gives it back: everything that was answered, and nothing that was refused.
        let gateway = Gateway::on_store(&file, |_| {}).await;
        gateway.agency.get(&format!("/agency/v1/referrals/{task}")).await.expect(200);
        let found = gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200);
        assert_eq!(found["total"], 1, "cut {cut}");
        let now: i64 =
            Connection::open(&file).unwrap().query_row("SELECT seq FROM store", [], |row| row.get(0)).unwrap();
        assert!(now >= commits);
    }
}
