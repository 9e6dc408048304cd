//! The agency API: records, events, programs, schemas.

use handoff::security::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Gateway, send};
use crate::referral::{FAMILY, sent};

#[tokio::test]
async fn an_event_moves_the_referral() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let own = format!("/agency/v1/referrals/{id}");
    let first = gateway.agency.get(&own).await;
    assert_eq!(first.expect(200)["referral"]["state"], "sent");
    let accept = || gateway.agency.with_body(Method::POST, &format!("{own}/events"), &json!({ "event": "accept" }));
    let accepted =
        send(accept().header("if-match", first.header("etag").to_owned()).header("idempotency-key", "a-1")).await;
    assert_eq!(accepted.expect(200)["referral"]["state"], "accepted");
    assert_ne!(accepted.header("etag"), first.header("etag"));
    let again =
        send(accept().header("if-match", first.header("etag").to_owned()).header("idempotency-key", "a-1")).await;
    assert_eq!(
        (again.status, again.header("etag")),
        (200, accepted.header("etag")),
        "a repeated request changes nothing"
    );
    let now = gateway.agency.get(&own).await;
    assert_eq!((now.text.as_str(), now.header("etag")), (accepted.text.as_str(), accepted.header("etag")));
    let known =
        send(gateway.agency.request(Method::GET, &own).header("if-none-match", now.header("etag").to_owned())).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    assert_eq!(gateway.ehr.get(&format!("/fhir/Task/{id}")).await.expect(200)["status"], "accepted");
}

#[tokio::test]
async fn a_record_put_back_unchanged_changes_nothing() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let own = format!("/agency/v1/referrals/{id}");
    let record = gateway.agency.get(&own).await;
    let put = gateway.agency.request(Method::PUT, &own).header("content-type", "application/json");
    let put = send(put.header("if-match", record.header("etag").to_owned()).body(record.text.clone())).await;
    assert_eq!((put.status, &put.text, put.header("etag")), (200, &record.text, record.header("etag")));
    assert_eq!(gateway.ehr.get(&format!("/fhir/Task/{id}/_history")).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn the_eligibility_of_a_referral_is_told_rule_by_rule_to_who_may_read_it() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let path = format!("/agency/v1/referrals/{id}/eligibility");
    let told = gateway.agency.get(&path).await.expect(200);
    assert_eq!(told["referral"], format!("Task/{id}"));
    assert!(told["program"].as_str().is_some_and(|program| program.starts_with("HealthcareService/")), "{told:#}");
    let checks = told["checks"].as_array().unwrap();
    assert!(!checks.is_empty());
    // Nothing says the income: the rule is unknown, excludes nobody, and says what is missing.
    let income = checks.iter().find(|check| check["facts"][0]["criterion"] == "fpl").unwrap();
    assert_eq!(income["verdict"], "unknown");
    assert!(income["missing"].to_string().contains("63586-2"), "{income:#}");
    assert_eq!(told["outcome"], "unknown");
    let stranger = gateway.add_client(Role::Agency, "somebody-else").await;
    assert_eq!(stranger.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_sheet_has_a_row_for_each_referral() {
    let gateway = Gateway::start().await;
    let ids = [sent(&gateway, 1).await, sent(&gateway, 2).await];
    let sheet = |query: &str| {
        gateway.agency.request(Method::GET, &format!("/agency/v1/referrals{query}")).header("accept", "text/csv")
    };
    let answer = send(sheet("")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"));
    let mut reader = csv::Reader::from_reader(answer.text.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns[..3], ["referral_id", "version", "type"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| row[0].to_owned()).collect::<Vec<_>>(), ids);
    assert!(rows[0].iter().any(|cell| cell.contains(FAMILY)), "{}", answer.text);
    for (row, id) in rows.iter().zip(&ids) {
        let record = gateway.agency.get(&format!("/agency/v1/referrals/{id}")).await;
        assert_eq!(record.header("etag"), format!("W/\"{}\"", &row[1]), "the version is that of the ETag");
    }

    let (_, cursor) = gateway.agency.poll("").await;
    assert_eq!(answer.header("handoff-cursor"), cursor);
    assert!(answer.header("link").contains(&format!("since={cursor}")), "{}", answer.header("link"));
    let nothing = send(sheet(&format!("?since={cursor}"))).await.text;
    assert!(nothing.starts_with("referral_id,version,type,status,event,") && nothing.lines().count() == 1, "{nothing}");
    let one = send(
        gateway.agency.request(Method::GET, &format!("/agency/v1/referrals/{}", ids[0])).header("accept", "text/csv"),
    )
    .await;
    assert_eq!(one.text.lines().count(), 2);
}

#[tokio::test]
async fn a_program_says_how_much_room_it_has() {
    let gateway = Gateway::start().await;
    let listed = gateway.agency.get("/agency/v1/programs").await.expect(200);
    let names: Vec<&str> =
        listed["programs"].as_array().unwrap().iter().filter_map(|program| program["id"].as_str()).collect();
    assert!(names.contains(&"community-food") && !names.contains(&"lantern-apartments"), "{names:?} of {AGENCY}");
    let path = "/agency/v1/programs/community-food/capacity";
    let full = json!({ "status": "no-capacity", "notes": "until spring" });
    let set = send(gateway.agency.with_body(Method::PUT, path, &full)).await;
    assert_eq!(set.expect(200)["capacity"], full);
    let stale =
        gateway.agency.with_body(Method::PUT, path, &json!({ "status": "capacity" })).header("if-match", "W/\"1\"");
    assert_eq!(send(stale).await.status, 412);
    let listed = gateway.agency.get("/agency/v1/programs").await.expect(200);
    let food = listed["programs"].as_array().unwrap().iter().find(|program| program["id"] == "community-food").unwrap();
    assert_eq!(food["capacity"], full);
}

#[tokio::test]
async fn schemas_and_events_are_told_to_every_client() {
    let gateway = Gateway::start().await;
    for client in [&gateway.agency, &gateway.ehr, &gateway.engineer] {
        let types = client.get("/agency/v1/schemas").await.expect(200);
        let types = types["types"].as_array().unwrap();
        assert!(types.len() >= 2, "{types:?}");
        for kind in types {
            let path = kind["schema"].as_str().unwrap().strip_prefix(&gateway.base).unwrap();
            let schema = client.get(path).await;
            assert_eq!(schema.header("content-type"), "application/schema+json");
            jsonschema::validator_for(&schema.expect(200)).unwrap();
        }
        let events = client.get("/agency/v1/events").await.expect(200);
        let codes: Vec<&Value> = events["events"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
        assert!(codes.contains(&&json!("accept")) && codes.contains(&&json!("complete")));
    }
    let document = send(gateway.anonymous(Method::GET, "/agency/v1/openapi.json")).await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_record_meets_its_schema() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let record = gateway.agency.get(&format!("/agency/v1/referrals/{id}")).await.expect(200);
    let schema =
        gateway.agency.get(&format!("/agency/v1/schemas/{}", record["type"].as_str().unwrap())).await.expect(200);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&record).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {record}");
}
