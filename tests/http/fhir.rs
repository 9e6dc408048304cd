//! The interactions of FHIR (<https://hl7.org/fhir/R4/http.html>): what they answer when all is well.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Gateway, send};
use crate::referral::{draft, key_of, sent, transaction};

#[tokio::test]
async fn create_answers_where_it_stands() {
    let gateway = Gateway::start().await;
    let body = serde_json::to_string_pretty(&draft(1)).unwrap();
    let post = || {
        gateway.ehr.request(Method::POST, "/fhir/Task").header("content-type", "application/fhir+json; charset=UTF-8")
    };
    let created = send(post().body(body.clone())).await;
    let resource = created.expect(201);
    let id = resource["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("{}/fhir/Task/{id}/_history/1", gateway.base));
    assert_eq!((created.header("etag"), created.header("last-modified")), ("W/\"1\"", "Sat, 21 Nov 2026 10:00:00 GMT"));
    assert_eq!(created.header("content-type"), "application/fhir+json");

    let read = gateway.ehr.get(&format!("/fhir/Task/{id}")).await;
    assert_eq!(read.text, created.text);
    assert!(read.text.contains("\"valueDecimal\": 1.10"), "white space, order and digits are kept: {}", read.text);

    let minimal = send(post().header("prefer", "return=minimal").body(body.clone())).await;
    assert_eq!((minimal.status, minimal.text.as_str(), minimal.header("etag")), (201, "", "W/\"1\""));
    let outcome = send(post().header("prefer", "return=OperationOutcome").body(body)).await.expect(201);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
}

#[tokio::test]
async fn conditional_create_finds_what_is_there() {
    let gateway = Gateway::start().await;
    let post = || {
        let request = gateway.ehr.with_body(Method::POST, "/fhir/Task", &draft(1));
        request.header("if-none-exist", "identifier=urn:test:draft%7C1")
    };
    let first = send(post()).await;
    let id = first.expect(201)["id"].clone();
    let again = send(post()).await;
    assert_eq!(again.expect(200)["id"], id);
    assert_eq!(again.header("location"), first.header("location"));
    gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let several = send(post()).await;
    assert_eq!((several.status, several.rules()), (412, vec!["multiple-matches".to_owned()]));
}

/// fhirpy's `get_or_create` asks so.
#[tokio::test]
async fn the_condition_of_a_create_may_stand_in_the_address() {
    let gateway = Gateway::start().await;
    let post = |query: &str| gateway.ehr.with_body(Method::POST, &format!("/fhir/Task?{query}"), &draft(1));
    let id = send(post("identifier=urn:test:draft%7C1&_format=json")).await.expect(201)["id"].clone();
    assert_eq!(send(post("identifier=urn:test:draft%7C1")).await.expect(200)["id"], id);
    let both = post("identifier=urn:test:draft%7C1").header("if-none-exist", "identifier=urn:test:draft%7C1");
    assert_eq!(send(both).await.status, 400);
    for bad in ["identifer=urn:test:draft%7C1", "identifier=%zz"] {
        assert_eq!(send(post(bad)).await.status, 400, "{bad}");
    }
    for plain in ["", "_format=json", "_pretty=true&_format=application/fhir%2Bjson"] {
        assert_ne!(send(post(plain)).await.expect(201)["id"], id, "{plain}");
    }
}

/// fhirpy's `count` asks so.
#[tokio::test]
async fn a_count_is_asked_for_by_either_name() {
    let gateway = Gateway::start().await;
    gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    for query in ["_count=0&_totalMethod=count", "_count=0&_total=accurate", "_summary=count"] {
        let found = gateway.ehr.get(&format!("/fhir/Task?{query}")).await.expect(200);
        assert_eq!((&found["total"], found.get("entry")), (&json!(1), None), "{query}");
    }
    assert_eq!(gateway.ehr.get("/fhir/Task?_totalMethod=guess").await.status, 400);
}

#[tokio::test]
async fn read_says_not_modified() {
    let gateway = Gateway::start().await;
    let id = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201)["id"].as_str().unwrap().to_owned();
    let get = || gateway.ehr.request(Method::GET, &format!("/fhir/Task/{id}"));
    for (name, value, status) in [
        ("if-none-match", "W/\"1\"", 304),
        ("if-none-match", "W/\"2\"", 200),
        ("if-modified-since", "Sat, 21 Nov 2026 10:00:00 GMT", 304),
        ("if-modified-since", "Fri, 20 Nov 2026 10:00:00 GMT", 200),
    ] {
        let answer = send(get().header(name, value)).await;
        assert_eq!((answer.status, answer.header("etag")), (status, "W/\"1\""), "{name}: {value}");
        assert_eq!(answer.text.is_empty(), status == 304);
    }
    let head = send(gateway.ehr.request(Method::HEAD, &format!("/fhir/Task/{id}"))).await;
    assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", "W/\"1\""));
    let options = send(gateway.anonymous(Method::OPTIONS, "/fhir/Task/1")).await;
    assert_eq!((options.status, options.header("allow")), (204, "GET,HEAD,PUT"));
}

#[tokio::test]
async fn update_keeps_every_version() {
    let gateway = Gateway::start().await;
    let mut task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let path = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    task["priority"] = json!("urgent");
    let put = |version: &str| gateway.ehr.with_body(Method::PUT, &path, &task).header("if-match", version.to_owned());
    let updated = send(put("W/\"1\"")).await;
    assert_eq!(updated.expect(200)["meta"]["versionId"], "2");
    assert_eq!(updated.header("etag"), "W/\"2\"");
    assert_eq!(send(put("W/\"1\"")).await.status, 412);

    let old = gateway.ehr.get(&format!("{path}/_history/1")).await;
    assert_eq!(old.expect(200)["priority"], Value::Null);
    let history = gateway.ehr.get(&format!("{path}/_history")).await.expect(200);
    assert_eq!((&history["type"], &history["total"]), (&json!("history"), &json!(2)));
    let versions: Vec<&Value> =
        history["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["meta"]["versionId"]).collect();
    assert_eq!(versions, ["2", "1"]);
    assert_eq!(history["entry"][0]["request"]["method"], "PUT");
    assert_eq!(history["entry"][1]["request"]["method"], "POST");
    let one = gateway.ehr.get(&format!("{path}/_history?_count=1")).await.expect(200);
    assert_eq!((one["entry"].as_array().unwrap().len(), &one["total"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_transaction_is_answered_entry_by_entry() {
    let gateway = Gateway::start().await;
    for path in ["/fhir", "/fhir/"] {
        let response = gateway.ehr.post(path, &transaction(1)).await.expect(200);
        assert_eq!(response["type"], "transaction-response");
        let statuses: Vec<&str> = response["entry"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["response"]["status"].as_str())
            .collect();
        assert!(statuses.iter().all(|status| status.starts_with("201")) && statuses.len() == 3, "{statuses:?}");
        let task = gateway.ehr.get(&format!("/fhir/{}", key_of(&response, "Task"))).await.expect(200);
        assert_eq!(task["for"]["reference"], key_of(&response, "Patient"));
    }
    let mut batch = transaction(2);
    batch["type"] = json!("batch");
    batch["entry"].as_array_mut().unwrap().truncate(1);
    batch["entry"].as_array_mut().unwrap().push(json!({ "request": { "method": "GET", "url": "Patient/none" } }));
    let response = gateway.ehr.post("/fhir", &batch).await.expect(200);
    assert_eq!(response["type"], "batch-response");
    assert!(response["entry"][0]["response"]["status"].as_str().unwrap().starts_with("201"));
    assert!(response["entry"][1]["response"]["status"].as_str().unwrap().starts_with("404"));
}

#[tokio::test]
async fn the_statement_tells_what_is_served() {
    let gateway = Gateway::start().await;
    let answer = send(gateway.anonymous(Method::GET, "/fhir/metadata").header("accept", "application/fhir+json")).await;
    let statement = answer.expect(200);
    assert_eq!(
        (&statement["resourceType"], &statement["fhirVersion"]),
        (&json!("CapabilityStatement"), &json!("4.0.1"))
    );
    let outcome = gateway.engineer.post("/fhir/CapabilityStatement/$validate", &statement).await.expect(200);
    assert!(outcome["issue"].as_array().unwrap().iter().all(|issue| issue["severity"] != "error"), "{outcome}");

    // What it says of searching Task is true.
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let task = resources.iter().find(|resource| resource["type"] == "Task").unwrap();
    for include in task["searchInclude"].as_array().unwrap() {
        gateway.ehr.get(&format!("/fhir/Task?_include={}", include.as_str().unwrap())).await.expect(200);
    }
    for parameter in task["searchParam"].as_array().unwrap() {
        let value = match parameter["type"].as_str().unwrap() {
            "date" => "2026",
            "reference" => "nobody",
            _ => "x",
        };
        gateway.ehr.get(&format!("/fhir/Task?{}={value}", parameter["name"].as_str().unwrap())).await.expect(200);
    }
    let names: Vec<&str> =
        task["searchParam"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    for wanted in ["_id", "_lastUpdated", "owner", "requester", "patient", "status", "code", "focus"] {
        assert!(names.contains(&wanted), "{wanted}");
    }
}

#[tokio::test]
async fn a_request_is_called_by_an_id_of_ours_and_by_the_client_s_beside_it() {
    let gateway = Gateway::start().await;
    let get = || gateway.ehr.request(Method::GET, "/fhir/Task/none");
    for header in ["x-request-id", "x-correlation-id"] {
        let named = [(); 2].map(|()| send(get().header(header, "my-request.1")));
        let mut ours = Vec::new();
        for answer in named {
            let answer = answer.await;
            assert_eq!(answer.header("x-correlation-id"), "my-request.1", "{header}");
            ours.push(answer.header("x-request-id").to_owned());
        }
        assert!(ours[0].starts_with("id-") && ours[0] != ours[1], "{ours:?}");
    }
    let sentence = send(get().header("x-request-id", "for Jane Doe")).await;
    assert!(sentence.header("x-request-id").starts_with("id-"), "{}", sentence.header("x-request-id"));
    assert_eq!(sentence.header("x-correlation-id"), "");
    let longest = "a".repeat(64);
    assert_eq!(send(get().header("x-request-id", &longest)).await.header("x-correlation-id"), longest);
    assert_eq!(send(get().header("x-request-id", format!("{longest}a"))).await.header("x-correlation-id"), "");
    sent(&gateway, 1).await;
}

#[tokio::test]
async fn addresses_are_public_where_one_is_set() {
    let gateway = Gateway::with(|settings| settings.base = Some("https://gateway.example".to_owned())).await;
    let created = gateway.ehr.post("/fhir/Task", &draft(1)).await;
    assert!(
        created.header("location").starts_with("https://gateway.example/fhir/Task/"),
        "{}",
        created.header("location")
    );
    let found = gateway.ehr.get("/fhir/Task").await.expect(200);
    assert_eq!(found["link"][0]["url"], "https://gateway.example/fhir/Task");
    // The guide asks with the Organization's whole address.
    sent(&gateway, 1).await;
    let owner = format!("https://gateway.example/fhir/Organization/{AGENCY}");
    let found = gateway.agency.get(&format!("/fhir/Task?owner={owner}&_total=accurate")).await.expect(200);
    assert_eq!(found["total"], 1, "{found}");
}
