//! Other people's data comes back as it came.

use serde_json::json;

use crate::closed_loop::task_of;
use crate::demo::Demo;
use crate::who_sees_what::transaction;

#[tokio::test]
async fn an_unchanged_record_makes_no_version() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let task = task_of(&ehr.post("/fhir", &transaction(Some(&agency.organization), 1)).await.expect(200));
    let url = format!("/agency/v1/referrals/{task}");
    let event = json!({ "event": "accept", "note": "spoke with the person" });
    agency.post(&format!("{url}/events"), &event).await.expect(200);
    let before = agency.get(&url).await;
    let resources = ehr.get(&format!("/fhir/Task?_id={task}&_include=Task:focus&_include=Task:patient")).await.json();
    let (_, cursor) = agency.poll_all(None).await;

    let put = agency.put(&url, &before.text, before.etag.as_deref()).await;
    assert_eq!((put.status.as_u16(), &put.etag), (200, &before.etag), "{}", put.text);
    assert_eq!(put.json(), before.json());
    let after = ehr.get(&format!("/fhir/Task?_id={task}&_include=Task:focus&_include=Task:patient")).await.json();
    assert_eq!(after["entry"], resources["entry"]);
    assert!(agency.poll(Some(&cursor)).await.0.is_empty(), "no change is reported where there was none");

    let mut changed = before.json();
    changed["typeData"] = json!({ "caseNumber": "T-17", "score": 4 });
    let put = agency.put(&url, &changed.to_string(), before.etag.as_deref()).await;
    let kept = put.expect(200);
    assert_eq!((&kept["typeData"]["caseNumber"], &kept["typeData"]["score"]), (&json!("T-17"), &json!(4)));
    assert_eq!(agency.put(&url, &changed.to_string(), before.etag.as_deref()).await.status.as_u16(), 412);
}

#[tokio::test]
async fn unknown_extensions_order_and_digits_are_kept() {
    let demo = Demo::start().await;
    let ehr = demo.of_role("ehr", 0);
    let sent = r#"{"resourceType":"Observation","status":"final","extension":[{"url":"urn:test:unknown","extension":[{"url":"a","valueDecimal":1.10},{"url":"b","valueDecimal":2.50E+3}]}],"code":{"text":"Höhe \u00fc \/"},"valueQuantity":{"value":1.10,"unit":"m"},"_status":{"id":"s1"}}"#;
    let made = crate::demo::send(
        ehr.request(reqwest::Method::POST, "/fhir/Observation")
            .header("Content-Type", "application/fhir+json")
            .body(sent),
    )
    .await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let location = made.location.unwrap();
    let path = location.split("/fhir/").nth(1).unwrap().split("/_history").next().unwrap().to_owned();
    let got = ehr.get(&format!("/fhir/{path}")).await.text;
    // The server adds id and meta behind the type; the rest is the sender's, byte for byte.
    let (head, rest) = sent.split_once(r#""status""#).unwrap();
    assert!(got.starts_with(head.trim_end_matches(',')), "{got}");
    assert!(got.ends_with(&format!(r#""status"{rest}"#)), "{got}");
}
