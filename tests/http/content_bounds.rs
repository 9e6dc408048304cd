//! How much one request may ask for: of each limit the largest lawful request and the smallest that is refused, with small
//! limits, counted in entries, values and bytes. A page ends where it has no more room, and its link leads on.

use handoff::limits::ContentLimits;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, Gateway, send};
use crate::referral::{draft, sent, transaction};

/// The media type of a search by POST.
const FORM: &str = "application/x-www-form-urlencoded";

/// A gateway with small limits.
async fn small(change: impl FnOnce(&mut ContentLimits)) -> Gateway {
    Gateway::with(|settings| change(&mut settings.limits.content)).await
}

/// Is it refused with 422, and does it say so: which limit was met, how much was sent and how much is taken?
#[track_caller]
fn refused(answer: &Answer, words: &[&str]) {
    assert_eq!((answer.status, answer.rules()), (422, vec!["too-large".to_owned()]), "{}", answer.text);
    let outcome = answer.json();
    let text = outcome["issue"][0]["diagnostics"].as_str().or(outcome["detail"].as_str()).unwrap();
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn create(number: usize) -> Value {
    json!({ "resource": draft(number), "request": { "method": "POST", "url": "Task" } })
}

fn get(url: &str) -> Value {
    json!({ "request": { "method": "GET", "url": url } })
}

fn statuses(answer: &Value) -> Vec<u16> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].parse().unwrap()).collect()
}

fn link<'v>(page: &'v Value, relation: &str) -> Option<&'v str> {
    let mut links = page["link"].as_array()?.iter();
    links.find(|link| link["relation"] == relation).and_then(|link| link["url"].as_str())
}

/// The pages from this one on, by their next links.
async fn pages(gateway: &Gateway, client: &Client, path: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = client.get(&path).await.expect(200);
        next = link(&page, "next").map(|url| url.trim_start_matches(&gateway.base).to_owned());
        pages.push(page);
    }
    pages
}

fn ids(page: &Value) -> Vec<&str> {
    page["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"]["id"].as_str().unwrap()).collect()
}

/// Drafts with so much text each.
async fn keep_drafts(gateway: &Gateway, count: usize, bytes: usize) -> Vec<String> {
    let mut kept = Vec::new();
    for number in 0..count {
        let mut task = draft(number);
        task["description"] = "x".repeat(bytes).into();
        let stored = gateway.ehr.post("/fhir/Task", &task).await.expect(201);
        kept.push(stored["id"].as_str().unwrap().to_owned());
    }
    kept
}

// === what a query may hold ===

#[tokio::test]
async fn a_query_has_so_many_values_and_parameters_and_no_more() {
    let gateway =
        small(|limits| (limits.parameters, limits.parameter_values, limits.parameter_bytes) = (5, 4, 1024)).await;
    let list = |count: usize| (0..count).map(|number| format!("v{number}")).collect::<Vec<_>>().join(",");
    let times = |parameter: &str, count: usize| vec![parameter; count].join("&");
    let long = |bytes: usize| format!("identifier={}", "a".repeat(bytes));
    let parameters = [
        "_id",
        "identifier",
        "status",
        "status:not",
        "patient",
        "owner",
        "subject",
        "code",
        "focus",
        "part-of",
        "requester",
        "business-status",
    ];
    let dates = |count: usize| vec!["ge2020"; count].join(",");
    for name in parameters {
        let lawful = format!("{name}={}", list(4));
        gateway.ehr.get(&format!("/fhir/Task?{lawful}")).await.expect(200);
        let beyond = format!("{name}={}", list(5));
        refused(&gateway.ehr.get(&format!("/fhir/Task?{beyond}")).await, &[name, "5 values", "at most 4"]);
        let form = gateway.ehr.request(Method::POST, "/fhir/Task/_search").header("content-type", FORM).body(beyond);
        refused(&send(form).await, &[name, "5 values", "at most 4"]);
    }
    for (lawful, beyond, words) in [
        (format!("_lastUpdated={}", dates(4)), format!("_lastUpdated={}", dates(5)), ["_lastUpdated", "5 values"]),
        (format!("authored-on={}", dates(4)), format!("authored-on={}", dates(5)), ["authored-on", "5 values"]),
        (format!("_elements={}", list(4)), format!("_elements={}", list(5)), ["_elements", "5 values"]),
        (
            "_sort=_lastUpdated,-_id".to_owned(),
            format!("_sort={}", times("_id", 5).replace('&', ",")),
            ["_sort", "5 values"],
        ),
        (times("_include=Task:patient", 5), times("_include=Task:patient", 6), ["6 parameters", "at most 5"]),
        (times("status=requested", 5), times("status=requested", 6), ["6 parameters", "at most 5"]),
        (times("colour=red", 0), times("colour=red", 6), ["6 parameters", "at most 5"]),
        (long(1024), long(1025), ["identifier", "1025 bytes"]),
    ] {
        gateway.ehr.get(&format!("/fhir/Task?{lawful}")).await.expect(200);
        refused(&gateway.ehr.get(&format!("/fhir/Task?{beyond}")).await, &words);
        let entry = bundle("batch", &[get(&format!("Task?{lawful}")), get(&format!("Task?{beyond}"))]);
        assert_eq!(statuses(&gateway.ehr.post("/fhir", &entry).await.expect(200)), [200, 422], "{beyond}");
        refused(&gateway.ehr.post("/fhir", &bundle("transaction", &[get(&format!("Task?{beyond}"))])).await, &words);
    }
    // Other routes, and other methods, keep the same limits.
    let many = times("since=a.1", 6);
    refused(&gateway.agency.get(&format!("/agency/v1/referrals?{many}")).await, &["6 parameters"]);
    refused(&gateway.auditor.get(&format!("/fhir/AuditEvent?type={}", list(5))).await, &["type", "5 values"]);
    refused(&gateway.ehr.get(&format!("/fhir/StructureDefinition?name={}", list(5))).await, &["name", "5 values"]);
    let task = sent(&gateway, 1).await;
    refused(&gateway.ehr.get(&format!("/fhir/Task/{task}/_history?_count={}", list(5))).await, &["_count", "5 values"]);
}

#[tokio::test]
async fn what_the_settings_allow_the_database_takes() {
    let gateway = small(|limits| (limits.parameter_values, limits.parameter_bytes) = (1001, 64 * 1024)).await;
    gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201);
    for name in ["_id", "identifier", "status", "status:not", "owner", "code", "_lastUpdated", "authored-on"] {
        let value = if matches!(name, "_lastUpdated" | "authored-on") { "ge2020" } else { "a" };
        for count in [500, 1001] {
            let form = format!("{name}={}", vec![value; count].join(","));
            let post = gateway.ehr.request(Method::POST, "/fhir/Task/_search").header("content-type", FORM).body(form);
            let answer = send(post).await;
            assert_eq!(answer.status, 200, "{name} {count}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn conditions_of_a_message_are_counted_and_as_long_as_a_query() {
    let gateway = small(|limits| (limits.conditions, limits.parameter_values) = (3, 4)).await;
    let conditional = |number: usize| {
        let mut entry = create(number);
        entry["request"]["ifNoneExist"] = format!("identifier=urn:test:draft|{number}").into();
        entry
    };
    let creates = |count: usize| (0..count).map(conditional).collect::<Vec<_>>();
    for kind in ["transaction", "batch"] {
        gateway.ehr.post("/fhir", &bundle(kind, &creates(3))).await.expect(200);
        refused(&gateway.ehr.post("/fhir", &bundle(kind, &creates(4))).await, &["more than 3 conditions"]);
    }
    let referring = |searches: usize| {
        let people: Vec<Value> = (0..searches)
            .map(|number| json!({ "other": { "reference": format!("Patient?identifier=urn:c|{number}") }, "type": "seealso" }))
            .collect();
        bundle(
            "transaction",
            &[json!({
                "resource": { "resourceType": "Patient", "link": people },
                "request": { "method": "POST", "url": "Patient" }
            })],
        )
    };
    // Three are looked for, and none is found.
    gateway.ehr.post("/fhir", &referring(3)).await.expect(412);
    refused(&gateway.ehr.post("/fhir", &referring(4)).await, &["more than 3 conditions"]);
    // The same search again is the same one.
    let mut twice = referring(3);
    let again = twice["entry"][0].clone();
    twice["entry"].as_array_mut().unwrap().push(again);
    gateway.ehr.post("/fhir", &twice).await.expect(412);

    let mut values = create(9);
    values["request"]["ifNoneExist"] = "identifier=a,b,c,d".into();
    gateway.ehr.post("/fhir", &bundle("transaction", &[values.clone()])).await.expect(200);
    values["request"]["ifNoneExist"] = "identifier=a,b,c,d,e".into();
    refused(&gateway.ehr.post("/fhir", &bundle("transaction", &[values])).await, &["identifier", "5 values"]);
    let alone = gateway.ehr.with_body(Method::POST, "/fhir/Task", &draft(8));
    refused(&send(alone.header("if-none-exist", "identifier=a,b,c,d,e")).await, &["identifier", "5 values"]);
}

// === what a Bundle may hold ===

#[tokio::test]
async fn a_bundle_has_so_many_entries_and_gets_and_no_more() {
    let gateway = small(|limits| (limits.bundle_entries, limits.bundle_reads) = (4, 2)).await;
    for kind in ["transaction", "batch"] {
        let creates = |count: usize| bundle(kind, &(0..count).map(create).collect::<Vec<_>>());
        gateway.ehr.post("/fhir", &creates(4)).await.expect(200);
        let beyond = gateway.ehr.post("/fhir", &creates(5)).await;
        refused(&beyond, &["5 entries", "at most 4"]);
        assert_eq!(beyond.json()["issue"][0]["expression"], json!(["Bundle.entry[4]"]));
        let gets = |count: usize| bundle(kind, &vec![get("Task"); count]);
        gateway.ehr.post("/fhir", &gets(2)).await.expect(200);
        refused(&gateway.ehr.post("/fhir", &gets(3)).await, &["3 GETs", "at most 2"]);
    }
    let stored = gateway.ehr.get("/fhir/Task?_count=0").await.expect(200);
    assert_eq!(stored["total"], 8, "what was refused was not done");
}

#[tokio::test]
async fn a_message_stands_on_so_much_and_no_more() {
    let gateway = small(|limits| (limits.references, limits.reference_bytes) = (3, 1024 * 1024)).await;
    let referring = |count: usize| {
        let named: Vec<Value> =
            (0..count).map(|number| json!({ "reference": format!("Practitioner/p{number}") })).collect();
        json!({ "resourceType": "Patient", "generalPractitioner": named })
    };
    gateway.ehr.post("/fhir/Patient", &referring(3)).await.expect(201);
    refused(&gateway.ehr.post("/fhir/Patient", &referring(4)).await, &["more than 3 resources"]);

    let mut kept = Vec::new();
    for _ in 0..3 {
        let large = json!({ "resourceType": "Practitioner", "name": [{ "text": "x".repeat(400 * 1024) }] });
        kept.push(gateway.ehr.post("/fhir/Practitioner", &large).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    let named = |kept: &[String]| {
        let named: Vec<Value> = kept.iter().map(|id| json!({ "reference": format!("Practitioner/{id}") })).collect();
        json!({ "resourceType": "Patient", "generalPractitioner": named })
    };
    gateway.ehr.post("/fhir/Patient", &named(&kept[..2])).await.expect(201);
    refused(&gateway.ehr.post("/fhir/Patient", &named(&kept)).await, &["more than 1 MB"]);
}

// === how many are on a page ===

#[tokio::test]
async fn versions_are_counted_without_their_documents() {
    let gateway = small(|limits| limits.answer_bytes = 600 * 1024).await;
    let large = |name: &str| json!({ "resourceType": "Practitioner", "name": [{ "text": name.repeat(400 * 1024) }] });
    let stored = gateway.ehr.post("/fhir/Practitioner", &large("a")).await.expect(201);
    let id = stored["id"].as_str().unwrap();
    for name in ["b", "c"] {
        let mut next = large(name);
        next["id"] = json!(id);
        send(gateway.ehr.with_body(Method::PUT, &format!("/fhir/Practitioner/{id}"), &next)).await.expect(200);
    }
    let history = gateway.ehr.get(&format!("/fhir/Practitioner/{id}/_history")).await.expect(200);
    assert!(history["entry"].as_array().unwrap().len() < 3 && history["total"].is_null(), "an answer holds them all");
    // Read, the three would not have had room in an answer, and nobody would know how many there are.
    for page in
        [format!("Practitioner/{id}/_history?_count=0"), format!("Practitioner/{id}/_history?_count=0&_format=json")]
    {
        let total = gateway.ehr.get(&format!("/fhir/{page}")).await.expect(200);
        assert_eq!((&total["total"], &total["entry"]), (&json!(3), &Value::Null));
    }
    gateway.ehr.get("/fhir/Practitioner/none/_history?_count=0").await.expect(404);
}

#[tokio::test]
async fn a_count_above_the_most_is_capped_and_said_so() {
    let gateway = small(|limits| limits.count = 3).await;
    let kept = keep_drafts(&gateway, 5, 1).await;
    for count in ["4", "1000000", "99999999999999999999999"] {
        let page = gateway.ehr.get(&format!("/fhir/Task?_count={count}")).await.expect(200);
        assert_eq!(ids(&page).len(), 3);
        assert!(link(&page, "self").unwrap().ends_with("/fhir/Task?_count=3"), "{page}");
        let found: Vec<Value> = pages(&gateway, &gateway.ehr, &format!("/fhir/Task?_count={count}&_sort=_id")).await;
        assert_eq!(found.iter().flat_map(ids).collect::<Vec<_>>(), kept);
        let versions = gateway.ehr.get(&format!("/fhir/Task/{}/_history?_count={count}", kept[0])).await.expect(200);
        assert!(link(&versions, "self").unwrap().ends_with("/_history?_count=3"), "{versions}");
        let audit = gateway.auditor.get(&format!("/fhir/AuditEvent?_count={count}")).await.expect(200);
        assert!(link(&audit, "self").unwrap().ends_with("/fhir/AuditEvent?_count=3"), "{audit}");
        let sets = gateway.ehr.get(&format!("/fhir/ValueSet?_count={count}")).await.expect(200);
        assert!(link(&sets, "self").unwrap().ends_with("/fhir/ValueSet?_count=3"), "{sets}");
    }
    let total = gateway.ehr.get("/fhir/Task?_count=0").await.expect(200);
    assert_eq!((&total["total"], &total["entry"]), (&json!(5), &Value::Null));
    let total = gateway.ehr.get(&format!("/fhir/Task/{}/_history?_count=0", kept[0])).await.expect(200);
    assert_eq!((&total["total"], &total["entry"]), (&json!(1), &Value::Null));
    for count in ["-1", "+3", "1.5", "x", "", "0x3"] {
        for path in ["Task?", &format!("Task/{}/_history?", kept[0]), "ValueSet?"] {
            gateway.ehr.get(&format!("/fhir/{path}_count={}", count.replace('+', "%2B"))).await.expect(400);
        }
        gateway.agency.get(&format!("/agency/v1/referrals?limit={}", count.replace('+', "%2B"))).await.expect(400);
    }
}

#[tokio::test]
async fn a_limit_above_the_most_is_capped_in_the_list_of_an_agency() {
    let gateway = small(|limits| limits.count = 2).await;
    for number in 0..5 {
        sent(&gateway, number).await;
    }
    let (mut found, mut cursor) = gateway.agency.poll("?limit=1000000").await;
    assert_eq!(found.len(), 2);
    while let (more, next) = gateway.agency.poll(&format!("?limit=99999999999999999999999&since={cursor}")).await
        && !more.is_empty()
    {
        assert!(more.len() <= 2);
        found.extend(more);
        cursor = next;
    }
    assert_eq!(found.len(), 5);
}

#[tokio::test]
async fn a_history_is_read_by_pages() {
    let gateway = small(|limits| limits.count = 2).await;
    let id = keep_drafts(&gateway, 1, 1).await.remove(0);
    for version in 1..5 {
        let mut task = draft(0);
        task["id"] = id.clone().into();
        task["description"] = format!("{version}").into();
        let put = gateway.ehr.with_body(Method::PUT, &format!("/fhir/Task/{id}"), &task);
        send(put.header("if-match", format!("W/\"{version}\""))).await.expect(200);
    }
    let found = pages(&gateway, &gateway.ehr, &format!("/fhir/Task/{id}/_history")).await;
    let versions: Vec<Vec<&str>> = found
        .iter()
        .map(|page| {
            page["entry"].as_array().unwrap().iter().map(|it| it["resource"]["meta"]["versionId"].as_str().unwrap())
        })
        .map(Iterator::collect)
        .collect();
    assert_eq!(versions, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
    assert_eq!(found[0].get("total"), None, "how many there are is told where all are shown");
    let behind = gateway.ehr.get(&format!("/fhir/Task/{id}/_history?_cursor=1")).await.expect(200);
    assert_eq!(behind["entry"], Value::Null);
    gateway.other_ehr.get(&format!("/fhir/Task/{id}/_history?_cursor=3")).await.expect(404);
}

// === how large an answer is ===

/// The bytes that answers may have here, and how much longer one is by its frame.
const MOST: usize = 64 * 1024;
const FRAME: usize = 8 * 1024;

#[tokio::test]
async fn a_page_ends_where_it_has_no_more_room() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let kept = keep_drafts(&gateway, 9, 20 * 1024).await;
    for path in ["/fhir/Task?_sort=_id", "/fhir/Task?_sort=_id&_count=7", "/fhir/Task?_sort=_id&_elements=description"]
    {
        let found = pages(&gateway, &gateway.ehr, path).await;
        assert_eq!(found.iter().flat_map(ids).collect::<Vec<_>>(), kept, "{path}");
        assert_eq!(found.len(), 3, "{path}");
        assert!(found.iter().all(|page| page.to_string().len() <= MOST + FRAME), "{path}");
    }
    let one = gateway.ehr.get("/fhir/Task?_total=accurate").await.expect(200);
    assert_eq!((ids(&one).len(), &one["total"]), (3, &json!(9)));
    // One that is larger than any page is a page of its own.
    let large = keep_drafts(&gateway, 1, 2 * MOST).await;
    let found = pages(&gateway, &gateway.ehr, "/fhir/Task?_sort=_id").await;
    assert_eq!(found.last().map(ids), Some(vec![&*large[0]]));
}

#[tokio::test]
async fn what_is_included_has_room_or_the_page_ends_earlier() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let mut tasks = Vec::new();
    for number in 0..6 {
        let person = json!({ "resourceType": "Patient", "name": [{ "text": "x".repeat(25 * 1024) }] });
        let person = gateway.ehr.post("/fhir/Patient", &person).await.expect(201);
        let mut task = draft(number);
        task["for"] = json!({ "reference": format!("Patient/{}", person["id"].as_str().unwrap()) });
        tasks.push(gateway.ehr.post("/fhir/Task", &task).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    let found = pages(&gateway, &gateway.ehr, "/fhir/Task?_include=Task:patient&_sort=_id").await;
    assert_eq!(found.len(), 3);
    let mut matches = Vec::new();
    for page in &found {
        assert!(page.to_string().len() <= MOST + FRAME);
        let entries = page["entry"].as_array().unwrap();
        let of = |mode: &str| entries.iter().filter(|entry| entry["search"]["mode"] == mode).collect::<Vec<_>>();
        let people: Vec<String> =
            of("include").iter().map(|it| format!("Patient/{}", it["resource"]["id"].as_str().unwrap())).collect();
        for task in of("match") {
            assert!(people.contains(&task["resource"]["for"]["reference"].as_str().unwrap().to_owned()), "{page}");
            matches.push(task["resource"]["id"].as_str().unwrap());
        }
    }
    assert_eq!(matches, tasks);
}

#[tokio::test]
async fn a_history_ends_where_it_has_no_more_room() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let id = keep_drafts(&gateway, 1, 20 * 1024).await.remove(0);
    for version in 1..7 {
        let mut task = draft(0);
        task["id"] = id.clone().into();
        task["description"] = format!("{version}{}", "x".repeat(20 * 1024)).into();
        let put = gateway.ehr.with_body(Method::PUT, &format!("/fhir/Task/{id}"), &task);
        send(put.header("if-match", format!("W/\"{version}\""))).await.expect(200);
    }
    let found = pages(&gateway, &gateway.ehr, &format!("/fhir/Task/{id}/_history")).await;
    let counts: Vec<usize> = found.iter().map(|page| ids(page).len()).collect();
    assert_eq!(counts, [3, 3, 1]);
}

#[tokio::test]
async fn a_batch_is_answered_as_far_as_there_is_room() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let kept = keep_drafts(&gateway, 1, 20 * 1024).await;
    let read = || get(&format!("Task/{}", kept[0]));
    let answer = gateway.ehr.post("/fhir", &bundle("batch", &[read(), read(), read(), create(7)])).await.expect(200);
    assert_eq!(statuses(&answer), [200, 200, 200, 201]);
    // The fourth finds no room, and what comes after it is not done.
    let answer = gateway.ehr.post("/fhir", &bundle("batch", &[read(), read(), read(), read(), create(8)])).await;
    assert!(answer.text.len() <= MOST + FRAME, "{}", answer.text.len());
    let answer = answer.expect(200);
    assert_eq!(statuses(&answer), [200, 200, 200, 413, 413]);
    let text = &answer["entry"][3]["response"]["outcome"]["issue"][0];
    assert!(text["diagnostics"].as_str().unwrap().contains("no room for this entry"), "{text}");
    let total = gateway.ehr.get("/fhir/Task?_count=0").await.expect(200);
    assert_eq!(total["total"], 2, "the draft, and the one that was made where there was room");

    // What a write repeats is left out; that it was made is said.
    let mut large = create(9);
    large["resource"]["description"] = "x".repeat(40 * 1024).into();
    let post = gateway.ehr.with_body(Method::POST, "/fhir", &bundle("batch", &[large.clone(), large, create(10)]));
    let answer = send(post.header("prefer", "return=representation")).await.expect(200);
    assert_eq!(statuses(&answer), [201, 201, 413]);
    let of =
        |number: usize| (&answer["entry"][number]["resource"]["resourceType"], &answer["entry"][number]["response"]);
    assert_eq!(of(0).0, "Task");
    assert_eq!(of(1).0, &Value::Null);
    let location = of(1).1["location"].as_str().unwrap().split("/_history").next().unwrap().to_owned();
    gateway.ehr.get(&format!("/fhir/{location}")).await.expect(200);
}

#[tokio::test]
async fn many_refusals_in_a_batch_are_no_large_answer() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let modifiers: Vec<Value> = (0..20).map(|number| json!({ "url": format!("urn:test:{number}") })).collect();
    let bad = json!({
        "resource": { "resourceType": "Patient", "modifierExtension": modifiers },
        "request": { "method": "POST", "url": "Patient" }
    });
    let answer = gateway.ehr.post("/fhir", &bundle("batch", &vec![bad; 40])).await;
    assert!(answer.text.len() <= MOST + 40 * 1024, "{}", answer.text.len());
    let statuses = statuses(&answer.expect(200));
    assert_eq!((statuses[0], statuses[39]), (422, 413));
}

#[tokio::test]
async fn a_transaction_whose_answer_is_too_large_is_not_made() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    let kept = keep_drafts(&gateway, 1, 20 * 1024).await;
    let asking = |reads: usize, number: usize| {
        let mut entries = vec![get(&format!("Task/{}", kept[0])); reads];
        entries.push(create(number));
        bundle("transaction", &entries)
    };
    gateway.ehr.post("/fhir", &asking(3, 1)).await.expect(200);
    let answer = gateway.ehr.post("/fhir", &asking(4, 2)).await;
    refused(&answer, &["more than 65536 bytes"]);
    assert_eq!(answer.json()["issue"][0]["expression"], json!(["Bundle.entry[3].request.url"]));
    let total = gateway.ehr.get("/fhir/Task?_count=0").await.expect(200);
    assert_eq!(total["total"], 2);
    // One that only reads is bounded as well.
    let reads = bundle("transaction", &vec![get(&format!("Task/{}", kept[0])); 4]);
    refused(&gateway.ehr.post("/fhir", &reads).await, &["more than 65536 bytes"]);

    // What it writes is not repeated where there is no room, for it is made by then.
    let mut large = create(3);
    large["resource"]["description"] = "x".repeat(40 * 1024).into();
    let mut other = large.clone();
    other["resource"]["identifier"][0]["value"] = "4".into();
    let post = gateway.ehr.with_body(Method::POST, "/fhir", &bundle("transaction", &[large, other]));
    let answer = send(post.header("prefer", "return=representation")).await.expect(200);
    assert_eq!(statuses(&answer), [201, 201]);
    assert_eq!(answer["entry"][1]["resource"], Value::Null);
    assert_eq!(answer["entry"][1]["response"]["outcome"]["issue"][0]["severity"], "warning");
}

#[tokio::test]
async fn the_list_of_an_agency_ends_where_it_has_no_more_room() {
    let gateway = small(|limits| limits.answer_bytes = MOST).await;
    // Five referrals of one commit, and two of others.
    let mut entries = Vec::new();
    for number in 0..5 {
        let text = transaction(number)
            .to_string()
            .replace("00000000-0000-4000-8000", &format!("0000000{number}-0000-4000-8000"));
        let mut one: Value = serde_json::from_str(&text).unwrap();
        one["entry"][0]["resource"]["name"][0]["given"] = json!(["x".repeat(20 * 1024)]);
        entries.extend(one["entry"].as_array().unwrap().clone());
    }
    gateway.ehr.post("/fhir", &bundle("transaction", &entries)).await.expect(200);
    let last = [sent(&gateway, 5).await, sent(&gateway, 6).await];
    for (accept, most) in [("application/json", MOST + FRAME), ("text/csv", MOST)] {
        let mut cursor = String::new();
        let mut seen = Vec::new();
        loop {
            let path = format!("/agency/v1/referrals?since={cursor}");
            let answer = send(gateway.agency.request(Method::GET, &path).header("accept", accept)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.text.len() <= most, "{accept}: {}", answer.text.len());
            let next = match accept {
                "text/csv" => answer.header("handoff-cursor").to_owned(),
                _ => answer.json()["cursor"].as_str().unwrap().to_owned(),
            };
            if next == cursor {
                break;
            }
            seen.push(match accept {
                "text/csv" => answer.text.lines().count() - 1,
                _ => answer.json()["records"].as_array().unwrap().len(),
            });
            cursor = next;
        }
        assert_eq!(seen.iter().sum::<usize>(), 7, "{accept}: {seen:?}");
        assert!(seen[0] < 5, "{accept}: what one commit made is told in parts: {seen:?}");
    }
    let (newest, _) = gateway.agency.poll("?limit=1000").await;
    assert!(newest.len() < 7 && last.len() == 2);
}
