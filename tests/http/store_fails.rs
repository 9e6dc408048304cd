//! A database that takes no writes: whoever writes is told why and that nothing was stored, whoever reads is answered, an
//! operator sees the cause, and the gateway goes on by itself when the cause is gone.

use std::time::Duration;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;

use crate::gateway::{Answer, Gateway, send};
use crate::referral::{sent, task_of, transaction};

const MEGABYTE: u64 = 1024 * 1024;

/// Everything that writes is refused by this rule.
async fn assert_writes_refused(gateway: &Gateway, task: &str, rule: &str) {
    let event = format!("/agency/v1/referrals/{task}/events");
    for answer in [
        gateway.ehr.post("/fhir", &transaction(900)).await,
        gateway.ehr.post("/fhir/Patient", &json!({ "resourceType": "Patient", "birthDate": "1990" })).await,
        gateway.agency.post(&event, &json!({ "event": "note", "note": "called" })).await,
    ] {
        assert_eq!((answer.status, answer.rules()), (503, vec![rule.to_owned()]), "{}", answer.text);
        assert_eq!(answer.header("retry-after"), if rule == "busy" { "1" } else { "30" });
    }
}

async fn assert_reads_answered(gateway: &Gateway, task: &str) {
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    gateway.ehr.get("/fhir/Task?status=requested").await.expect(200);
    gateway.agency.get(&format!("/agency/v1/referrals/{task}")).await.expect(200);
    gateway.agency.get("/agency/v1/referrals").await.expect(200);
}

/// Before anybody has written: within a quarter of a second or so.
async fn unready_rules(gateway: &Gateway) -> Vec<String> {
    for _ in 0..200 {
        let answer = send(gateway.anonymous(Method::GET, "/readyz")).await;
        if answer.status != 200 {
            return answer.rules();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still ready");
}

/// `/readyz` says no: with the cause to operators, to nobody else.
async fn assert_unready(gateway: &Gateway, cause: &str) {
    let anybody = send(gateway.anonymous(Method::GET, "/readyz")).await;
    assert_eq!(anybody.status, 503);
    assert!(!anybody.text.contains(cause), "{}", anybody.text);
    let operations = reqwest::Client::new().get(format!("{}/readyz", gateway.operations));
    for answer in [gateway.administrator.get("/readyz").await, send(operations).await] {
        assert_eq!(answer.status, 503);
        assert!(answer.text.contains(cause), "{}", answer.text);
    }
    assert_eq!(send(gateway.anonymous(Method::GET, "/healthz")).await.status, 200);
}

/// It is said to be ready again, with nobody writing anything.
async fn assert_ready_again(gateway: &Gateway) {
    for _ in 0..200 {
        if send(gateway.anonymous(Method::GET, "/readyz")).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not ready again: {}", gateway.administrator.get("/readyz").await.text);
}

fn beside(gateway: &Gateway) -> Connection {
    let connection = Connection::open(&gateway.file).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection
}

fn newest_commit(gateway: &Gateway) -> i64 {
    beside(gateway).query_row("SELECT seq FROM store", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_full_disk_is_told_and_outlived() {
    let gateway = Gateway::with(|settings| settings.store_limit = Some(24 * MEGABYTE)).await;
    let task = sent(&gateway, 1).await;
    // Somebody else's data takes the room.
    let filler = beside(&gateway);
    filler
        .execute_batch("CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(23 * 1024 * 1024))")
        .unwrap();
    let mut made = Vec::new();
    let refused: Answer = loop {
        assert!(made.len() < 2000, "nothing becomes full");
        let answer = gateway.ehr.post("/fhir", &transaction(1000 + made.len())).await;
        if answer.status != 200 {
            break answer;
        }
        made.push(task_of(&answer.json()));
    };
    assert_eq!((refused.status, refused.rules()), (503, vec!["store-full".to_owned()]), "{}", refused.text);
    assert!(refused.text.contains("make room on the disk of the database"), "what to do: {}", refused.text);
    assert_unready(&gateway, "is full").await;
    // What was answered is there, whole; what was refused is not there at all.
    let commits = newest_commit(&gateway);
    // What is smaller may still fit; what does not is not there.
    let again = gateway.ehr.post("/fhir", &transaction(900)).await;
    assert_eq!((again.status, again.header("retry-after")), (503, "30"), "{}", again.text);
    assert_eq!(newest_commit(&gateway), commits);
    assert_reads_answered(&gateway, &task).await;
    for made in &made {
        gateway.ehr.get(&format!("/fhir/Task/{made}")).await.expect(200);
    }
    let found = gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200);
    assert_eq!(found["total"], json!(made.len() + 1));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_unready(&gateway, "is full").await;

    filler.execute_batch("DROP TABLE filler").unwrap();
    assert_ready_again(&gateway).await;
    let after = sent(&gateway, 2).await;
    gateway.agency.get(&format!("/agency/v1/referrals/{after}")).await.expect(200);
    // What was read meanwhile is remembered.
    let seen = gateway.auditor.get(&format!("/fhir/AuditEvent?entity=Task/{task}&subtype=read")).await.expect(200);
    assert!(seen["entry"].as_array().is_some_and(|rows| !rows.is_empty()), "{seen}");
    let log = gateway.store.as_ref();
    assert_eq!(handoff::store::audit_verify::verify(log, &[]).await.unwrap().findings, []);
}

/// Whoever sends people here by `/readyz` is told before a referral has to find out.
#[tokio::test]
async fn what_the_next_write_would_meet_is_told_before_it() {
    let gateway = Gateway::with(|settings| settings.store_limit = Some(24 * MEGABYTE)).await;
    let room = async || {
        let text = gateway.administrator.get("/metrics").await.text;
        let room = text.lines().find_map(|line| line.strip_prefix("handoff_store_room_bytes ")).unwrap();
        room.parse::<u64>().unwrap()
    };
    let before = room().await;
    assert!(before > MEGABYTE && before < 24 * MEGABYTE, "{before}");
    let filler = beside(&gateway);
    filler
        .execute_batch("CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(25 * 1024 * 1024))")
        .unwrap();
    assert_eq!(unready_rules(&gateway).await, ["store-full"]);
    assert_unready(&gateway, "is full").await;
    filler.execute_batch("DROP TABLE filler").unwrap();
    assert_ready_again(&gateway).await;

    let aside = gateway.file.with_extension("aside");
    std::fs::rename(&gateway.file, &aside).unwrap();
    assert_eq!(unready_rules(&gateway).await, ["store-unusable"]);
    std::fs::rename(&aside, &gateway.file).unwrap();
    assert_ready_again(&gateway).await;
    sent(&gateway, 1).await;
}

/// A file that is deleted while it is open is written on by the system, and lost.
#[tokio::test]
async fn a_file_that_is_gone_is_not_written() {
    for suffix in ["", "-wal"] {
        let gateway = Gateway::start().await;
        let task = sent(&gateway, 1).await;
        let file = std::path::PathBuf::from(format!("{}{suffix}", gateway.file.display()));
        let aside = file.with_extension("aside");
        std::fs::rename(&file, &aside).unwrap();
        assert_writes_refused(&gateway, &task, "store-unusable").await;
        assert_reads_answered(&gateway, &task).await;
        assert_unready(&gateway, "moved, deleted or replaced").await;
        // Another file in its place is not the one.
        std::fs::copy(&aside, &file).unwrap();
        assert_writes_refused(&gateway, &task, "store-unusable").await;
        std::fs::rename(&aside, &file).unwrap();
        assert_ready_again(&gateway).await;
        sent(&gateway, 2).await;
    }
}

#[tokio::test]
async fn a_database_that_another_holds_is_waited_for_a_while() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let holder = beside(&gateway);
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = gateway.ehr.post("/fhir", &transaction(900)).await;
    assert_eq!((answer.status, answer.rules()), (503, vec!["busy".to_owned()]), "{}", answer.text);
    assert!(answer.text.contains("held by another process"), "{}", answer.text);
    assert_reads_answered(&gateway, &task).await;
    assert_unready(&gateway, "held by another process").await;
    holder.execute_batch("ROLLBACK").unwrap();
    assert_ready_again(&gateway).await;
    sent(&gateway, 2).await;
}

/// A newer version of the program has brought the file to its schema, beside this one: what the tables mean is not known any
/// more.
#[tokio::test]
async fn beside_a_newer_version_nothing_is_written_or_read_wrongly() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let commits = newest_commit(&gateway);
    let schema: i64 = beside(&gateway).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    beside(&gateway).pragma_update(None, "user_version", schema + 1).unwrap();
    assert_writes_refused(&gateway, &task, "store-schema").await;
    assert_eq!(newest_commit(&gateway), commits);
    let read = gateway.ehr.get(&format!("/fhir/Task/{task}")).await;
    assert_eq!((read.status, read.rules()), (503, vec!["store-schema".to_owned()]), "{}", read.text);
    assert_unready(&gateway, "another version of handoff").await;
    // What has stopped stays so: what the other one did meanwhile is not known here.
    beside(&gateway).pragma_update(None, "user_version", schema).unwrap();
    assert_writes_refused(&gateway, &task, "store-schema").await;
    assert_reads_answered(&gateway, &task).await;
    assert_eq!(newest_commit(&gateway), commits);
}

/// One that has made the search index anew by other parameters: resources mean what they meant.
#[tokio::test]
async fn beside_one_with_another_index_nothing_is_written() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let commits = newest_commit(&gateway);
    beside(&gateway).execute("UPDATE store SET parameters = 'of another'", []).unwrap();
    assert_writes_refused(&gateway, &task, "store-schema").await;
    assert_reads_answered(&gateway, &task).await;
    assert_unready(&gateway, "the search index").await;
    assert_eq!(newest_commit(&gateway), commits);
}

#[tokio::test]
async fn a_database_that_is_set_back_while_it_is_open_is_not_written() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    beside(&gateway).execute("UPDATE store SET seq = seq - 1", []).unwrap();
    assert_writes_refused(&gateway, &task, "store-stopped").await;
    assert_reads_answered(&gateway, &task).await;
    assert_unready(&gateway, "set back to an earlier state").await;
}
