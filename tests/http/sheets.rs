//! Sheets that come back: all rows or none, and the same sheet again changes nothing.

use reqwest::Method;
use serde_json::Value;

use crate::gateway::{Answer, Gateway, send};
use crate::referral::{sent, transaction};

async fn take(gateway: &Gateway, kind: &str, query: &str, sheet: &str) -> Answer {
    let request = gateway.agency.request(Method::POST, &format!("/agency/v1/sheets/{kind}{query}"));
    send(request.header("content-type", "text/csv").body(sheet.to_owned())).await
}

async fn record(gateway: &Gateway, id: &str) -> Value {
    gateway.agency.get(&format!("/agency/v1/referrals/{id}")).await.expect(200)
}

/// Two referrals, and the type of their program.
async fn two(gateway: &Gateway) -> ([String; 2], String) {
    let ids = [sent(gateway, 1).await, sent(gateway, 2).await];
    let kind = record(gateway, &ids[0]).await["type"].as_str().unwrap().to_owned();
    (ids, kind)
}

#[tokio::test]
async fn the_sheet_that_was_given_changes_nothing() {
    let gateway = Gateway::start().await;
    let (_, kind) = two(&gateway).await;
    let list = gateway.agency.request(Method::GET, "/agency/v1/referrals").header("accept", "text/csv");
    let sheet = send(list).await;
    let (_, cursor) = gateway.agency.poll("").await;
    let report = take(&gateway, &kind, "", &sheet.text).await.expect(200);
    assert_eq!(report["committed"], false, "{report}");
    assert_eq!(report["counts"], serde_json::json!({ "unchanged": 2 }));
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(gateway.agency.poll(&format!("?since={cursor}")).await.0.is_empty());
}

#[tokio::test]
async fn a_sheet_moves_referrals_and_fills_records_once() {
    let gateway = Gateway::start().await;
    let ([one, two], kind) = two(&gateway).await;
    let sheet = format!(
        "Referral ID;event;event note;entry date;service_date;service;service_minutes\r\n\
         {one};Got it;we call tomorrow;25/11/2026;2026-11-24;Food box;15\r\n\
         {one};;;;2026-11-25;Food box;20\r\n\
         {two};decline;;;;;\r\n\
         Total;;;;;;35\r\n"
    );
    let refused = take(&gateway, &kind, "", &sheet).await;
    assert_eq!(refused.status, 422, "a decline needs a reason: {}", refused.text);
    let sheet = sheet
        .replace("event note", "event reason")
        .replace("decline;", "decline;at-capacity")
        .replace("we call tomorrow", "");
    let checked = take(&gateway, &kind, "?check=true", &sheet).await.expect(200);
    assert_eq!((&checked["committed"], &checked["counts"]["changed"]), (&Value::from(false), &Value::from(2)));
    assert_eq!(record(&gateway, &one).await["referral"]["state"], "sent", "a check changes nothing");

    let (_, cursor) = gateway.agency.poll("").await;
    let report = take(&gateway, &kind, "", &sheet).await.expect(200);
    assert_eq!(report["committed"], true, "{report}");
    let first = record(&gateway, &one).await;
    assert_eq!(first["referral"]["state"], "accepted");
    assert_eq!(first["enrollment"]["entryDate"], "2026-11-25");
    assert_eq!(first["services"].as_array().unwrap().len(), 2);
    assert_eq!(record(&gateway, &two).await["referral"]["state"], "no-capacity");
    let (news, after) = gateway.agency.poll(&format!("?since={cursor}")).await;
    assert_eq!(news.len(), 2, "{news:?}");

    let again = take(&gateway, &kind, "", &sheet).await.expect(200);
    assert_eq!((&again["committed"], &again["counts"]["unchanged"]), (&Value::from(false), &Value::from(2)), "{again}");
    assert!(again["findings"].as_array().unwrap().iter().any(|finding| finding["fault"] == "already"));
    assert_eq!(record(&gateway, &one).await, first);
    assert!(gateway.agency.poll(&format!("?since={after}")).await.0.is_empty());
}

#[tokio::test]
async fn one_bad_row_leaves_nothing() {
    let gateway = Gateway::start().await;
    let ([one, two], kind) = two(&gateway).await;
    let before = [record(&gateway, &one).await, record(&gateway, &two).await];
    let (_, cursor) = gateway.agency.poll("").await;
    for bad in ["2/3/2026,Food box", "2026-11-25 10:00,Food box"] {
        let sheet =
            format!("referral_id,event,service_date,service\n{one},accept,2026-11-24,Food box\n{two},accept,{bad}\n");
        let answer = take(&gateway, &kind, "", &sheet).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        let report: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(report["committed"], false);
        assert_eq!(report["referrals"][0]["done"], "changed", "what would have become of it");
        assert_eq!(report["referrals"][1]["done"], "refused");
        assert_eq!(report["findings"][0]["row"], 3);
    }
    let stranger = format!("referral_id,event\n{one},accept\nnobody-knows-it,accept\n");
    assert_eq!(take(&gateway, &kind, "", &stranger).await.status, 422);
    assert_eq!([record(&gateway, &one).await, record(&gateway, &two).await], before);
    assert!(gateway.agency.poll(&format!("?since={cursor}")).await.0.is_empty());
}

#[tokio::test]
async fn what_is_no_sheet_is_a_problem() {
    let gateway = Gateway::start().await;
    let (_, kind) = two(&gateway).await;
    assert_eq!(take(&gateway, &kind, "", "a,b\n1,2\n").await.status, 422);
    assert_eq!(take(&gateway, "no-such-type", "", "referral_id,event\n").await.status, 404);
    assert_eq!(take(&gateway, &kind, "?zone=CST", "referral_id,event\n").await.status, 400);
    let json = gateway.agency.post(&format!("/agency/v1/sheets/{kind}"), &serde_json::json!({})).await;
    assert_eq!(json.status, 415);
}

// === what the gateway alone can know

fn case(name: &str, extension: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/sheet/gateway");
    folder.join(name).with_extension(extension)
}

/// Takes the sheet of a case, with these words in the place of those in braces, and compares its report; gives its status.
/// `HANDOFF_BLESS=1` writes the expectation anew.
async fn report(gateway: &Gateway, kind: &str, name: &str, words: &[(&str, &str)]) -> u16 {
    let mut sheet = std::fs::read_to_string(case(name, "csv")).unwrap();
    for (word, meant) in words {
        sheet = sheet.replace(&format!("{{{word}}}"), meant);
    }
    let answer = take(gateway, kind, "", &sheet).await;
    let mut message = format!("{:#}\n", serde_json::from_str::<Value>(&answer.text).unwrap());
    for (word, meant) in words.iter().filter(|(word, _)| *word != "version") {
        message = message.replace(meant, &format!("{{{word}}}"));
    }
    let expected = case(name, "expect");
    if std::env::var_os("HANDOFF_BLESS").is_some() {
        std::fs::write(&expected, &message).unwrap();
    }
    assert_eq!(message, std::fs::read_to_string(&expected).unwrap(), "{name}");
    answer.status
}

#[tokio::test]
async fn a_row_without_id_is_told_by_person_service_and_date() {
    let gateway = Gateway::start().await;
    let one = sent(&gateway, 1).await;
    let kind = record(&gateway, &one).await["type"].as_str().unwrap().to_owned();
    let name = "told-by-person-service-and-date";
    assert_eq!(report(&gateway, &kind, name, &[("one", &one)]).await, 200);
    assert_eq!(record(&gateway, &one).await["referral"]["state"], "accepted");
    // Another person, need or day is another referral.
    let sheet = std::fs::read_to_string(case(name, "csv")).unwrap();
    for (word, other) in [
        ("PERPETUA", "Petunia"),
        ("1990-01-01", "1991-01-01"),
        ("food-insecurity", "homelessness"),
        ("2026-11-20", "2026-11-21"),
    ] {
        let answer = take(&gateway, &kind, "", &sheet.replace(word, other)).await;
        assert_eq!(answer.status, 422, "{other}: {}", answer.text);
        assert!(answer.text.contains("missing-referral-id"), "{other}: {}", answer.text);
    }
    // What is not said cannot tell.
    let answer = take(&gateway, &kind, "", &sheet.replace("food-insecurity", "")).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    // Nobody else finds it.
    let stranger = gateway.other_agency.request(Method::POST, &format!("/agency/v1/sheets/{kind}"));
    let answer = send(stranger.header("content-type", "text/csv").body(sheet)).await;
    assert!(answer.status == 403 || answer.text.contains("missing-referral-id"), "{}", answer.text);
}

#[tokio::test]
async fn of_two_referrals_that_are_alike_neither_is_taken() {
    let gateway = Gateway::start().await;
    let (ids, kind) = two(&gateway).await;
    assert_eq!(report(&gateway, &kind, "two-alike", &[]).await, 422);
    for id in ids {
        assert_eq!(record(&gateway, &id).await["referral"]["state"], "sent");
    }
}

/// Who looks at some of many namesakes alone cannot tell that one is the only one.
#[tokio::test]
async fn of_too_many_namesakes_none_is_taken() {
    let gateway = Gateway::start().await;
    let one = sent(&gateway, 0).await;
    let kind = record(&gateway, &one).await["type"].as_str().unwrap().to_owned();
    for number in 1..=50 {
        let mut other = transaction(number);
        other["entry"][2]["resource"]["authoredOn"] = "2026-11-19T09:00:00Z".into();
        gateway.ehr.post("/fhir", &other).await.expect(200);
    }
    assert_eq!(report(&gateway, &kind, "two-alike", &[]).await, 422);
    assert_eq!(record(&gateway, &one).await["referral"]["state"], "sent");
}

#[tokio::test]
async fn rows_of_an_older_version_change_what_they_say_and_leave_what_changed_since() {
    let gateway = Gateway::start().await;
    let ([one, two], kind) = two(&gateway).await;
    let list = gateway.agency.request(Method::GET, "/agency/v1/referrals").header("accept", "text/csv");
    let sheet = send(list).await.text;
    let mut rows = csv::Reader::from_reader(sheet.as_bytes());
    let at = rows.headers().unwrap().iter().position(|name| name == "version").unwrap();
    let version = rows.records().map(|row| row.unwrap()[at].to_owned()).max().unwrap();
    for id in [&one, &two] {
        let accept = serde_json::json!({ "event": "accept" });
        gateway.agency.post(&format!("/agency/v1/referrals/{id}/events"), &accept).await.expect(200);
        let mut now = record(&gateway, id).await;
        now["enrollment"] = serde_json::json!({ "entryDate": "2026-11-23", "acuity": "low" });
        let put = gateway.agency.request(Method::PUT, &format!("/agency/v1/referrals/{id}")).json(&now);
        send(put).await.expect(200);
    }
    let before = record(&gateway, &two).await;
    let words = [("one", one.as_str()), ("two", two.as_str()), ("version", version.as_str())];
    assert_eq!(report(&gateway, &kind, "stale-rows", &words).await, 422, "both changed the acuity, and the entry");
    assert_eq!(record(&gateway, &two).await, before);
    let later = version.parse::<u64>().unwrap() + 1000;
    let answer = take(&gateway, &kind, "", &format!("referral_id,version,acuity\n{one},{later},high\n")).await;
    assert!(answer.status == 422 && answer.text.contains("none that the referral has had"), "{}", answer.text);
    let untouched = format!("referral_id,version,status,care_manager,exit_note\n{one},{version},sent,,moved on\n");
    let taken = take(&gateway, &kind, "", &untouched).await.expect(200);
    assert_eq!(taken["committed"], true, "{taken}");
    let after = record(&gateway, &one).await;
    assert_eq!((&after["referral"]["state"], &after["enrollment"]["acuity"]), (&"accepted".into(), &"low".into()));
    assert_eq!(after["enrollment"]["exit"]["text"], "moved on");
}
