//! `$validate` in its modes: findings are the answer, nothing is stored, nobody learns what they may not see.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, Gateway, send};
use crate::referral::{draft, sent};

/// The keys of the errors in an outcome.
fn errors(answer: &Answer) -> Vec<String> {
    let outcome = answer.expect(200);
    let issues = outcome["issue"].as_array().unwrap().clone();
    let wrong = issues.iter().filter(|issue| issue["severity"] == "error");
    wrong.map(|issue| issue["details"]["coding"][0]["code"].as_str().unwrap().to_owned()).collect()
}

fn parameters(parts: &[Value]) -> Value {
    json!({ "resourceType": "Parameters", "parameter": parts })
}

fn part(resource: &Value) -> Value {
    json!({ "name": "resource", "resource": resource })
}

async fn newest(gateway: &Gateway) -> i64 {
    serde_json::to_value(gateway.store.statistics().await.unwrap().newest).unwrap().as_i64().unwrap()
}

#[tokio::test]
async fn finds_and_stores_nothing() {
    let gateway = Gateway::start().await;
    let before = newest(&gateway).await;
    let mut wrong = draft(1);
    wrong["status"] = json!("requsted");
    let wrapped = parameters(&[part(&wrong)]);
    for client in [&gateway.engineer, &gateway.ehr, &gateway.agency] {
        for (path, body, expected) in [
            ("/fhir/$validate", &wrong, &["binding"][..]),
            ("/fhir/Task/$validate", &wrong, &["binding"]),
            ("/fhir/Task/$validate", &wrapped, &["binding"]),
            ("/fhir/Task/$validate", &draft(1), &[]),
            ("/fhir/Patient/$validate", &draft(1), &["not-a-resource"]),
        ] {
            assert_eq!(errors(&client.post(path, body).await), expected, "{path}");
        }
    }
    let inside = gateway.engineer.post("/fhir/$validate", &wrapped).await.expect(200);
    assert_eq!(inside["issue"][0]["expression"][0], "Task.status", "{inside}");
    assert_eq!(newest(&gateway).await, before);
}

#[tokio::test]
async fn says_whether_it_could_be_created() {
    let gateway = Gateway::start().await;
    let before = newest(&gateway).await;
    let create = "/fhir/Task/$validate?mode=create";
    assert_eq!(errors(&gateway.ehr.post(create, &draft(1)).await), [""; 0]);
    // It is this client that would send it.
    for client in [&gateway.engineer, &gateway.agency] {
        assert_eq!(errors(&client.post(create, &draft(1)).await), ["forbidden"]);
    }
    let mut lost = draft(1);
    lost["status"] = json!("requested");
    lost["focus"] = json!({ "reference": "ServiceRequest/nobody" });
    assert_eq!(errors(&gateway.ehr.post("/fhir/Task/$validate", &lost).await), [""; 0]);
    let wrapped = parameters(&[json!({ "name": "mode", "valueCode": "create" }), part(&lost)]);
    let answer = gateway.ehr.post("/fhir/$validate", &wrapped).await;
    assert!(errors(&answer).contains(&"reference-dangling".to_owned()), "{}", answer.text);
    let outcome = answer.json();
    let issues = outcome["issue"].as_array().unwrap();
    let dangling = issues.iter().find(|issue| issue["details"]["coding"][0]["code"] == "reference-dangling").unwrap();
    assert_eq!(dangling["expression"][0], "Task.focus.reference", "{outcome}");
    assert_eq!(newest(&gateway).await, before);
}

#[tokio::test]
async fn says_whether_it_could_be_the_next_version() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let before = newest(&gateway).await;
    let path = format!("/fhir/Task/{id}/$validate?mode=update");
    let task = gateway.ehr.get(&format!("/fhir/Task/{id}")).await.expect(200);
    let with = |name: &str, value: Value| {
        let mut changed = task.clone();
        changed[name] = value;
        changed
    };
    let update = async |client: &Client, body: &Value| errors(&client.post(&path, body).await);
    assert_eq!(update(&gateway.ehr, &with("priority", json!("urgent"))).await, [""; 0]);
    assert_eq!(update(&gateway.agency, &with("status", json!("accepted"))).await, [""; 0]);
    assert_eq!(update(&gateway.ehr, &with("status", json!("accepted"))).await, ["not-your-move"]);
    assert_eq!(update(&gateway.ehr, &with("id", json!("another"))).await, ["invalid-id"]);
    assert_eq!(update(&gateway.ehr, &with("status", json!("requsted"))).await, ["binding"]);
    let old = gateway.ehr.with_body(Method::POST, &path, &task).header("if-match", "W/\"7\"");
    assert_eq!(errors(&send(old).await), ["stale-version"]);
    // Somebody else does not learn that it is there.
    for client in [&gateway.other_ehr, &gateway.other_agency, &gateway.engineer] {
        assert_eq!(client.post(&path, &task).await.status, 404);
    }
    assert_eq!(newest(&gateway).await, before);
    assert_eq!(gateway.ehr.get(&format!("/fhir/Task/{id}")).await.expect(200), task);
}

#[tokio::test]
async fn checks_what_is_stored() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let path = format!("/fhir/Task/{id}/$validate");
    let body = parameters(&[
        json!({ "name": "mode", "valueCode": "profile" }),
        json!({ "name": "profile", "valueUri": "https://example.org/p" }),
    ]);
    for client in [&gateway.ehr, &gateway.agency] {
        assert_eq!(errors(&client.get(&path).await), [""; 0]);
        assert_eq!(errors(&send(client.request(Method::POST, &path)).await), [""; 0]);
        // A profile that is not at hand is said, and is no error.
        for answer in
            [client.get(&format!("{path}?profile=https://example.org/p")).await, client.post(&path, &body).await]
        {
            assert_eq!(errors(&answer), [""; 0]);
            assert!(answer.text.contains("the profile https://example.org/p is not at hand"), "{}", answer.text);
        }
        let deleted = client.get(&format!("{path}?mode=delete")).await;
        assert_eq!(errors(&deleted), ["not-supported"]);
    }
    for client in [&gateway.other_ehr, &gateway.other_agency, &gateway.engineer] {
        for query in ["", "?mode=delete", "?profile=https://example.org/p"] {
            assert_eq!(client.get(&format!("{path}{query}")).await.status, 404);
        }
    }
}

#[tokio::test]
async fn refuses_what_cannot_be_checked() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let stored = format!("/fhir/Task/{id}/$validate");
    let task = draft(1);
    let nothing = parameters(&[json!({ "name": "mode", "valueCode": "create" })]);
    let strange = parameters(&[part(&task), json!({ "name": "depth", "valueInteger": 1 })]);
    for (path, body, status) in [
        ("/fhir/Task/$validate?mode=update", &task, 400),
        ("/fhir/Task/$validate?mode=delete", &task, 400),
        ("/fhir/Task/$validate?mode=profile", &task, 400),
        ("/fhir/Task/$validate?mode=new", &task, 400),
        ("/fhir/Task/$validate?depth=1", &task, 400),
        ("/fhir/Task/$validate", &nothing, 400),
        ("/fhir/Task/$validate", &strange, 400),
        ("/fhir/Tusk/$validate", &task, 404),
        (&format!("{stored}?mode=create"), &task, 400),
        (&format!("{stored}?mode=profile"), &task, 400),
        ("/fhir/Task/nobody/$validate?mode=update", &task, 404),
    ] {
        let answer = gateway.ehr.post(path, body).await;
        assert_eq!(answer.status, status, "{path} {}", answer.text);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
    for (path, status) in [
        (format!("{stored}?mode=update"), 400),
        (format!("{stored}?mode=profile"), 400),
        ("/fhir/Task/nobody/$validate".to_owned(), 404),
        ("/fhir/Task/$validate".to_owned(), 405),
    ] {
        assert_eq!(gateway.ehr.get(&path).await.status, status, "{path}");
    }
    let post = |kind: &str, body: &str| {
        gateway.ehr.request(Method::POST, "/fhir/Task/$validate").header("content-type", kind).body(body.to_owned())
    };
    let broken = send(post("application/fhir+json", "{\"resourceType\": \"Task\",")).await;
    assert_eq!((broken.status, broken.rules()), (400, vec!["json-syntax".to_owned()]));
    assert_eq!(send(post("text/plain", "{}")).await.status, 415);
}

#[tokio::test]
async fn a_finding_is_a_code_that_can_be_looked_up() {
    let gateway = Gateway::start().await;
    let mut wrong = draft(1);
    wrong["status"] = json!("requsted");
    let outcome = gateway.ehr.post("/fhir/$validate", &wrong).await.expect(200);
    let coding = &outcome["issue"].as_array().unwrap().last().unwrap()["details"]["coding"][0];
    let found =
        gateway.ehr.get(&format!("/fhir/CodeSystem?url={}", coding["system"].as_str().unwrap())).await.expect(200);
    let system = &found["entry"][0]["resource"];
    let concepts = system["concept"].as_array().unwrap();
    let concept = concepts.iter().find(|concept| concept["code"] == coding["code"]).unwrap();
    assert_eq!(concept["display"], coding["display"]);
    // Both are valid themselves, and the code is known to be one.
    for message in [system, &outcome] {
        assert_eq!(errors(&gateway.ehr.post("/fhir/$validate", message).await), [""; 0]);
    }
    let mut foreign = outcome.clone();
    foreign["issue"][0]["details"]["coding"][0]["code"] = json!("no-such-finding");
    assert_eq!(errors(&gateway.ehr.post("/fhir/$validate", &foreign).await), ["coding"]);
}

#[tokio::test]
async fn the_statement_names_the_operation() {
    let gateway = Gateway::start().await;
    let statement = gateway.engineer.get("/fhir/metadata").await.expect(200);
    let definition = "http://hl7.org/fhir/OperationDefinition/Resource-validate";
    assert_eq!(statement["rest"][0]["operation"][0]["definition"], definition);
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let task = resources.iter().find(|resource| resource["type"] == "Task").unwrap();
    assert_eq!(task["operation"][0]["definition"], definition);
}
