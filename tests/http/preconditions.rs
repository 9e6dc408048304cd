//! What a request makes its effect depend on (RFC 9110, section 13), on every route: held against what there is, or
//! refused; never passed over.

use handoff::app::routes;
use handoff::server::Access;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway, send};
use crate::referral::{draft, key_of, sent, transaction};

/// When everything is written, as HTTP says it, and a second before.
const THEN: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
const BEFORE: &str = "Saturday, 21-Nov-26 09:59:59 GMT";

async fn status(request: RequestBuilder, headers: &[(&str, &str)]) -> (u16, Answer) {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = send(request).await;
    (answer.status, answer)
}

#[tokio::test]
async fn a_read_is_held_to_its_conditions_in_the_order_of_the_standard() {
    let gateway = Gateway::start().await;
    let mut task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let path = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    task["priority"] = json!("urgent");
    send(gateway.ehr.with_body(Method::PUT, &path, &task)).await.expect(200);
    let vread = format!("{path}/_history/2");
    for path in [&path, &vread] {
        for (headers, expected) in [
            (&[("if-none-match", "W/\"1\", \"2\"")][..], 304),
            (&[("if-none-match", "\"02\"")], 200),
            (&[("if-none-match", "\"1,2\"")], 200),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "W/\"1\""), ("if-modified-since", THEN)], 200),
            (&[("if-modified-since", THEN)], 304),
            (&[("if-modified-since", BEFORE)], 200),
            (&[("if-modified-since", "soon")], 200),
            (&[("if-match", "W/\"2\"")], 200),
            (&[("if-match", "*")], 200),
            (&[("if-match", "W/\"1\"")], 412),
            (&[("if-match", "W/\"1\""), ("if-none-match", "W/\"2\"")], 412),
            (&[("if-match", "W/\"2\""), ("if-none-match", "W/\"2\"")], 304),
            (&[("if-match", "W/\"2\""), ("if-unmodified-since", BEFORE)], 200),
            (&[("if-unmodified-since", BEFORE)], 412),
            (&[("if-unmodified-since", THEN)], 200),
            (&[("if-unmodified-since", "Sat Nov 21 10:00:00 2026")], 200),
            (&[("if-range", "\"x\""), ("range", "bytes=0-1")], 200),
            (&[("if-none-match", "2")], 304),
            (&[("if-none-match", "two")], 400),
            (&[("if-none-match", "*, \"2\"")], 400),
            (&[("if-match", "")], 400),
            (&[("if-unmodified-since", "soon")], 400),
            (&[("if-unmodified-since", THEN), ("if-unmodified-since", BEFORE)], 400),
            (&[("if-none-exist", "identifier=x")], 400),
            (&[("if", "(<urn:x>)")], 400),
            (&[("if-schedule-tag-match", "\"1\"")], 400),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let (found, answer) = status(gateway.ehr.request(method.clone(), path), headers).await;
                assert_eq!(found, expected, "{method} {path} {headers:?}: {}", answer.text);
                if found == 304 {
                    assert_eq!((answer.text.as_str(), answer.header("etag")), ("", "W/\"2\""));
                    assert_eq!((answer.header("last-modified"), answer.header("content-type")), (THEN, ""));
                }
            }
        }
    }
    // What is refused in any case is refused for that.
    let (found, _) = status(gateway.ehr.request(Method::GET, "/fhir/Task/none"), &[("if-match", "*")]).await;
    assert_eq!(found, 404);
}

/// The path of each GET, of both APIs.
async fn gets(gateway: &Gateway, id: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for route in routes().iter().filter(|route| route.method == "GET") {
        let is_open = matches!(route.access, Access::Anyone | Access::Client | Access::Agency | Access::Party);
        if !is_open
            || (route.path.contains("{id}") && route.path.matches('{').count() == 1 && is_definition(route.path))
        {
            continue;
        }
        let path = route.path.replace("{type}", if route.path.starts_with("/fhir") { "Task" } else { "generic" });
        paths.push(path.replace("{id}", id).replace("{version}", "1"));
    }
    assert!(paths.len() > 15, "{paths:?}");
    for path in &paths {
        assert_eq!(gateway.agency.get(path).await.status, 200, "{path}");
    }
    paths
}

fn is_definition(path: &str) -> bool {
    ["StructureDefinition", "ValueSet", "CodeSystem", "AuditEvent"].iter().any(|kind| path.contains(kind))
}

#[tokio::test]
async fn every_get_holds_its_conditions_against_what_its_answer_says() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    for path in gets(&gateway, &id).await {
        let get = || gateway.agency.request(Method::GET, &path);
        let plain = send(get()).await;
        let (tag, since) = (plain.header("etag").to_owned(), plain.header("last-modified").to_owned());
        let has = |header: &str, yes: u16, no: u16| if header.is_empty() { no } else { yes };
        let own = if tag.is_empty() { "\"none\"" } else { tag.as_str() };
        for (headers, expected) in [
            (&[("if-none-match", own)][..], has(&tag, 304, 200)),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "\"none\"")], 200),
            (&[("if-match", own)], has(&tag, 200, 412)),
            (&[("if-match", "\"none\"")], 412),
            (&[("if-match", "*")], 200),
            (&[("if-modified-since", THEN)], has(&since, 304, 200)),
            // Nothing to hold it against: refused, and not passed over.
            (&[("if-unmodified-since", THEN)], has(&since, 200, 400)),
            (&[("if-unmodified-since", BEFORE)], has(&since, 412, 400)),
            (&[("if-none-exist", "identifier=x")], 400),
            (&[("if-anything", "x")], 400),
        ] {
            let (found, answer) = status(get(), headers).await;
            assert_eq!(found, expected, "{path} {headers:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_write_refuses_what_it_cannot_evaluate() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let before = gateway.store.statistics().await.unwrap().newest;
    let mut count = 0;
    for route in routes().iter().filter(|route| route.method != "GET" && route.access != Access::Auditor) {
        let path = route.path.replace("{type}", if route.path.starts_with("/fhir") { "Task" } else { "generic" });
        let path = path.replace("{id}", &id);
        let method: Method = route.method.parse().unwrap();
        for name in [
            "if",
            "if-match",
            "if-none-match",
            "if-unmodified-since",
            "if-none-exist",
            "if-range",
            "if-schedule-tag-match",
            "if-whatever",
        ] {
            // What can be evaluated there is not readable, which is refused as well.
            let request = gateway.agency.with_body(method.clone(), &path, &json!({ "event": "accept" }));
            let value = if name == "if-none-exist" { "?" } else { "soon" };
            let answer = send(request.header(name, value)).await;
            let is_evaluated = route.conditions.contains(&name);
            // A search of the definitions, and what is no resource, is not read so far.
            let statuses: &[u16] = if is_evaluated { &[400, 422] } else { &[400] };
            assert!(statuses.contains(&answer.status), "{method} {path} {name}: {} {}", answer.status, answer.text);
            if !is_evaluated {
                assert_eq!(answer.rules(), ["parameter"], "{method} {path} {name}");
                assert!(answer.text.contains(name), "{}", answer.text);
            }
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
    assert_eq!(gateway.store.statistics().await.unwrap().newest, before, "something was stored");
}

#[tokio::test]
async fn changes_of_every_kind_are_held_to_their_conditions() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let record = format!("/agency/v1/referrals/{id}");
    let events = format!("{record}/events");
    let capacity = "/agency/v1/programs/community-food/capacity";
    let text = gateway.agency.get(&record).await.expect(200);
    let patient = gateway.ehr.get("/fhir/Patient").await.expect(200)["entry"][0]["resource"].clone();
    let patient_path = format!("/fhir/Patient/{}", patient["id"].as_str().unwrap());
    let tag = gateway.agency.get(&record).await.header("etag").to_owned();
    let others = "\"99\", W/\"x\"".to_owned();
    let with_own = format!("\"98\",, {tag}");
    for (what, request, own, timed) in [
        ("record", gateway.agency.with_body(Method::PUT, &record, &text), &with_own, false),
        (
            "event",
            gateway.agency.with_body(Method::POST, &events, &json!({ "event": "note", "note": "x" })),
            &with_own,
            false,
        ),
        (
            "capacity",
            gateway.agency.with_body(Method::PUT, capacity, &json!({ "status": "waitlist" })),
            &"\"1\"".to_owned(),
            true,
        ),
        ("resource", gateway.ehr.with_body(Method::PUT, &patient_path, &patient), &"\"1\"".to_owned(), true),
    ] {
        let request = || request.try_clone().unwrap();
        for (headers, expected) in [
            (&[("if-match", others.as_str())][..], 412),
            (&[("if-none-match", "*")], 412),
            (&[("if-none-match", own)], 412),
            (&[("if-match", own), ("if-none-match", "*")], 412),
            (&[("if-unmodified-since", BEFORE)], if timed { 412 } else { 400 }),
            (&[("if-match", "one")], 400),
        ] {
            let (found, answer) = status(request(), headers).await;
            assert_eq!(found, expected, "{what} {headers:?}: {}", answer.text);
        }
        // A later version of the condition's, and of no effect: If-Modified-Since is for reads (RFC 9110, 13.1.3).
        let all = [("if-match", own.as_str()), ("if-none-match", "\"77\""), ("if-modified-since", THEN)];
        let (found, answer) = status(request(), &all).await;
        assert_eq!(found, 200, "{what}: {}", answer.text);
    }
}

#[tokio::test]
async fn without_if_match_the_body_says_which_version_was_read() {
    let gateway = Gateway::start().await;
    let patient = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
    for key in [key_of(&patient, "Task"), key_of(&patient, "Patient"), key_of(&patient, "ServiceRequest")] {
        let path = format!("/fhir/{key}");
        let first = gateway.ehr.get(&path).await.expect(200);
        let put = |body: &Value| send(gateway.ehr.with_body(Method::PUT, &path, body));
        let mut changed = first.clone();
        changed["language"] = json!("en");
        assert_eq!(put(&changed).await.expect(200)["meta"]["versionId"], "2", "{key}");
        changed["language"] = json!("fr");
        let stale = put(&changed).await;
        assert_eq!((stale.status, stale.rules()), (412, vec!["stale-version".to_owned()]), "{key}: {}", stale.text);
        // The sender is the only writer of what is no Task: it need not say what it read, in words of ours.
        let is_task = key.starts_with("Task");
        changed.as_object_mut().unwrap().remove("meta");
        assert_eq!(put(&changed).await.status, if is_task { 400 } else { 200 }, "{key}");
        changed["meta"] = json!({ "versionId": "v77" });
        assert_eq!(put(&changed).await.status, if is_task { 412 } else { 200 }, "{key}");
    }
    // The statement says so.
    let statement = gateway.ehr.get("/fhir/metadata").await.expect(200);
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let expected = match resource["type"].as_str().unwrap() {
            "Task" => "versioned-update",
            "StructureDefinition" | "ValueSet" | "CodeSystem" | "AuditEvent" => "no-version",
            _ => "versioned",
        };
        assert_eq!(resource["versioning"], expected, "{}", resource["type"]);
    }
}

#[tokio::test]
async fn the_condition_of_a_create_names_one_resource() {
    let gateway = Gateway::start().await;
    let base = format!("{}/fhir", gateway.base);
    let create = |condition: String| {
        let request = gateway.ehr.with_body(Method::POST, "/fhir/Task", &draft(1)).header("if-none-exist", condition);
        send(request)
    };
    let own = "identifier=urn:test:draft%7C1";
    let first = create(own.to_owned()).await.expect(201)["id"].clone();
    for condition in [
        format!("?{own}"),
        format!("Task?{own}"),
        format!("/Task?{own}"),
        format!("{base}/Task?{own}"),
        "identifier=urn:test:draft|1".to_owned(),
        format!("{own}&_count=0&_format=xml&_pretty=true"),
        format!("_summary=count&{own}"),
        format!("{own}&_include:iterate=Task:nothing&_sort=-nothing&_elements=a.b&_total=x"),
    ] {
        let answer = create(condition.clone()).await;
        assert_eq!(answer.expect(200)["id"], first, "{condition}");
    }
    for condition in [
        "",
        "?",
        "Task?",
        "_count=1",
        "_format=json&_sort=_id",
        "identifier=",
        "identifer=urn:test:draft|1",
        "Patient?identifier=urn:test:draft|1",
        "Tasks?identifier=urn:test:draft|1",
        "Task/1?identifier=urn:test:draft|1",
        "?Task?identifier=urn:test:draft|1",
    ] {
        let answer = create(condition.to_owned()).await;
        assert_eq!(
            (answer.status, answer.rules()),
            (400, vec!["parameter".to_owned()]),
            "{condition}: {}",
            answer.text
        );
    }
    // A question mark in the value is part of it.
    create("identifier=urn:test:draft?|1".to_owned()).await.expect(201);
    for condition in [own.to_owned(), format!("{own}&_count=1"), format!("_count=0&{own}")] {
        let answer = create(condition.clone()).await;
        assert_eq!((answer.status, answer.rules()), (412, vec!["multiple-matches".to_owned()]), "{condition}");
    }
    let twice = gateway.ehr.with_body(Method::POST, "/fhir/Task", &draft(2));
    let twice = twice.header("if-none-exist", "identifier=urn:a|1").header("if-none-exist", "identifier=urn:a|2");
    assert_eq!(send(twice).await.status, 400);
}

#[tokio::test]
async fn entries_of_a_bundle_take_the_conditions_of_their_method() {
    let gateway = Gateway::start().await;
    let mut task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let url = format!("Task/{}", task["id"].as_str().unwrap());
    task.as_object_mut().unwrap().remove("meta");
    let entry = |request: Value, resource: Option<&Value>| {
        let mut entry = json!({ "request": request });
        if let Some(resource) = resource {
            entry["resource"] = resource.clone();
        }
        entry
    };
    let with = |method: &str, url: &str, name: &str, value: &str| {
        let mut request = json!({ "method": method, "url": url });
        request[name] = json!(value);
        request
    };
    let new = draft(7);
    let cases = [
        (entry(with("GET", &url, "ifNoneMatch", "W/\"9\", \"1\""), None), "304"),
        (entry(with("GET", &url, "ifMatch", "\"2\""), None), "412"),
        (entry(with("GET", &url, "ifMatch", "01"), None), "400"),
        (entry(with("GET", &url, "ifModifiedSince", "yesterday"), None), "400"),
        (entry(with("GET", &url, "ifNoneExist", "identifier=x"), None), "400"),
        (entry(with("GET", "Task?status=draft", "ifMatch", "\"1\""), None), "412"),
        (entry(with("GET", "Task?status=draft", "ifNoneMatch", "*"), None), "304"),
        (entry(with("POST", "Task", "ifMatch", "\"1\""), Some(&new)), "400"),
        (entry(with("POST", "Task", "ifNoneMatch", "*"), Some(&new)), "400"),
        (entry(with("POST", "Task", "ifModifiedSince", "2026-11-21T10:00:00Z"), Some(&new)), "400"),
        (entry(with("POST", "Task", "ifWhatever", "x"), Some(&new)), "422"),
        (entry(with("POST", "Task", "ifNoneExist", "_count=1"), Some(&new)), "400"),
        (entry(with("PUT", &url, "ifNoneExist", "identifier=x"), Some(&task)), "400"),
        (entry(with("PUT", &url, "ifModifiedSince", "2026-11-21T10:00:00Z"), Some(&task)), "400"),
        (entry(with("PUT", &url, "ifNoneMatch", "*"), Some(&task)), "412"),
        (entry(with("PUT", &url, "ifMatch", "\"2\", \"3\""), Some(&task)), "412"),
        (entry(with("PUT", &url, "ifMatch", "\"2\", W/\"1\""), Some(&task)), "200"),
    ];
    let entries: Vec<&Value> = cases.iter().map(|(entry, _)| entry).collect();
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    let answers = gateway.ehr.post("/fhir", &batch).await.expect(200);
    for ((entry, expected), answer) in cases.iter().zip(answers["entry"].as_array().unwrap()) {
        let found = answer["response"]["status"].as_str().unwrap();
        assert!(found.starts_with(expected), "{}: {answer}", entry["request"]);
    }
    // In a transaction the answer to a GET stands when all is written: what could refuse it then is refused before.
    let mut bundle = transaction(2);
    bundle["entry"].as_array_mut().unwrap().push(entry(with("GET", &url, "ifMatch", "W/\"1\""), None));
    let before = gateway.store.statistics().await.unwrap().newest;
    let answer = gateway.ehr.post("/fhir", &bundle).await;
    assert_eq!((answer.status, answer.rules()), (400, vec!["parameter".to_owned()]), "{}", answer.text);
    assert_eq!(gateway.store.statistics().await.unwrap().newest, before);
}

#[tokio::test]
async fn two_entries_that_write_one_resource_are_named_both() {
    let gateway = Gateway::start().await;
    let task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let url = format!("Task/{}", task["id"].as_str().unwrap());
    let put = json!({ "resource": task, "request": { "method": "PUT", "url": url } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [put, put] });
    let answer = gateway.ehr.post("/fhir", &bundle).await;
    assert_eq!((answer.status, answer.rules()), (422, vec!["bundle-duplicate".to_owned()]), "{}", answer.text);
    let issue = &answer.json()["issue"][0];
    assert_eq!(issue["expression"], json!(["Bundle.entry[1].request.url"]));
    assert!(issue["diagnostics"].as_str().unwrap().contains("Bundle.entry[0].request.url"), "{issue}");
}

/// A write of one resource under a key of the client's is made once, and answered alike.
#[tokio::test]
async fn a_single_write_under_a_key_is_made_once() {
    let gateway = Gateway::start().await;
    let with_key = async |method: Method, path: &str, body: &Value, key: &str| {
        send(gateway.ehr.with_body(method, path, body).header("idempotency-key", key)).await
    };
    let first = with_key(Method::POST, "/fhir/Task", &draft(1), "made").await;
    let again = with_key(Method::POST, "/fhir/Task", &draft(1), "made").await;
    assert_eq!((first.status, again.status, &first.text), (201, 201, &again.text));
    for header in ["location", "etag", "last-modified"] {
        assert_eq!(first.header(header), again.header(header));
    }
    let mut task = first.json();
    let path = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    task["priority"] = json!("urgent");
    let first = with_key(Method::PUT, &path, &task, "changed").await;
    // Without the key it would be stale now.
    let again = with_key(Method::PUT, &path, &task, "changed").await;
    assert_eq!((first.status, again.status, &first.text), (200, 200, &again.text), "{}", again.text);
    assert_eq!(send(gateway.ehr.with_body(Method::PUT, &path, &task)).await.status, 412);
    let versions = gateway.ehr.get(&format!("{path}/_history")).await.expect(200);
    assert_eq!(versions["total"], 2);
    assert_eq!(gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200)["total"], 1);
    // For anything else it is another request, which needs a key of its own; and it is the client's alone.
    for (method, path, body) in
        [(Method::POST, "/fhir/Task", draft(2)), (Method::POST, "/fhir/Basic", json!({ "resourceType": "Basic" }))]
    {
        let other = with_key(method, path, &body, "made").await;
        assert!(matches!(other.status, 404 | 422), "{}", other.text);
    }
    let others =
        send(gateway.other_ehr.with_body(Method::POST, "/fhir/Task", &draft(1)).header("idempotency-key", "made"));
    assert_eq!(others.await.status, 201);
    for key in ["", &"k".repeat(256)] {
        assert_eq!(with_key(Method::POST, "/fhir/Task", &draft(3), key).await.status, 400, "{key:.3}");
    }
    let program = gateway.agency.get("/agency/v1/programs").await.expect(200)["programs"][0]["id"].clone();
    let path = format!("/agency/v1/programs/{}/capacity", program.as_str().unwrap());
    let say = async |status: &str, key: &str| {
        let body = json!({ "status": status });
        send(gateway.agency.with_body(Method::PUT, &path, &body).header("idempotency-key", key)).await
    };
    let first = say("waitlist", "room").await;
    say("no-capacity", "none").await.expect(200);
    assert_eq!(say("waitlist", "room").await.text, first.text, "what was said before is not said again");
    let now = gateway.agency.get("/agency/v1/programs").await.expect(200);
    assert_eq!(now["programs"][0]["capacity"]["status"], "no-capacity", "{now}");
}

/// A part is never taken for the whole (RFC 9110, 14.5).
#[tokio::test]
async fn a_part_of_a_body_is_refused_on_every_route_that_takes_one() {
    let gateway = Gateway::start().await;
    let task = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    let path = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    for (method, path, body) in [
        (Method::PUT, &*path, &task),
        (Method::POST, "/fhir/Task", &draft(2)),
        (Method::POST, "/fhir", &transaction(1)),
    ] {
        let (status, answer) =
            status(gateway.ehr.with_body(method, path, body), &[("content-range", "bytes 0-99/100")]).await;
        assert_eq!((status, answer.rules()), (400, vec!["parameter".to_owned()]), "{path}: {}", answer.text);
    }
    let sheet = gateway.agency.request(Method::POST, "/agency/v1/sheets/community-action").body("id\n");
    let sheet = sheet.header("content-type", "text/csv");
    assert_eq!(status(sheet, &[("content-range", "bytes 0-2/9")]).await.0, 400);
    assert_eq!(gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200)["total"], 1);
    let (read, _) = status(gateway.ehr.request(Method::GET, &path), &[("content-range", "bytes 0-2/9")]).await;
    assert_eq!(read, 200, "a read has no body");
}
