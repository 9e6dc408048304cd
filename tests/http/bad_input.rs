//! What bad input gets: its own status, the name of the rule, the place, what to do; and nothing is stored.

use handoff::fhir::Limits;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Answer, Gateway, media, send};
use crate::referral::{draft, sent, transaction};

const FHIR: &str = "application/fhir+json";

/// What is sent, and what comes of it.
struct Case {
    what: &'static str,
    request: RequestBuilder,
    status: u16,
    rule: &'static str,
}

fn case(what: &'static str, request: RequestBuilder, status: u16, rule: &'static str) -> Case {
    Case { what, request, status, rule }
}

/// Sends all of them, and sees that each is answered as expected and that nothing was stored.
async fn check_refusals(gateway: &Gateway, cases: Vec<Case>) {
    let before = gateway.store.statistics().await.unwrap().newest;
    for Case { what, request, status, rule } in cases {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert!(answer.rules().contains(&rule.to_owned()), "{what}: no {rule} in {}", answer.text);
        mends(what, &answer);
    }
    assert_eq!(gateway.store.statistics().await.unwrap().newest, before, "something was stored");
}

/// Every finding says what is wrong and what to do.
fn mends(what: &str, answer: &Answer) {
    let json = answer.json();
    let is_fhir = json["resourceType"] == "OperationOutcome";
    for issue in json[if is_fhir { "issue" } else { "issues" }].as_array().unwrap() {
        let (message, fix) = if is_fhir { ("diagnostics", "diagnostics") } else { ("text", "mend") };
        assert!(issue[message].as_str().is_some_and(|message| message.len() > 10), "{what}: {issue}");
        assert!(issue[fix].as_str().is_some_and(|fix| fix.len() > 5), "{what}: {issue}");
    }
    if !is_fhir {
        assert_eq!(json["status"], answer.status, "{what}");
        assert_eq!(json["instance"], answer.header("x-request-id"), "{what}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let gateway = Gateway::with(|settings| settings.limits.document = Limits { bytes: 64 * 1024, depth: 40 }).await;
    for (path, kind) in [("/fhir/Task", FHIR), ("/fhir", FHIR), ("/fhir/$validate", FHIR)] {
        let post = || gateway.ehr.request(Method::POST, path);
        let body = |text: String| post().header("content-type", kind).body(text);
        let deep = format!("{}{}", "[".repeat(41), "]".repeat(41));
        check_refusals(
            &gateway,
            vec![
                case("not JSON", body("{\"resourceType\": Task}".to_owned()), 400, "json-syntax"),
                case("half of it", body("{\"resourceType\":\"Task\"".to_owned()), 400, "json-syntax"),
                case("nothing", body(String::new()), 400, "json-syntax"),
                case(
                    "not UTF-8",
                    post().header("content-type", kind).body(b"{\"a\":\"\xff\"}".to_vec()),
                    400,
                    "json-syntax",
                ),
                case("too deep", body(deep), 400, "too-deep"),
                case("too large", body(" ".repeat(64 * 1024 + 1)), 413, "too-large"),
                case("no content type", post().body("{}"), 415, "media-type"),
                case("XML", post().header("content-type", "application/fhir+xml").body("<Task/>"), 415, "media-type"),
                case(
                    "another charset",
                    post().header("content-type", "application/fhir+json; charset=latin1").body("{}"),
                    415,
                    "media-type",
                ),
                case(
                    "another version",
                    post().header("content-type", "application/fhir+json; fhirVersion=5.0").body("{}"),
                    415,
                    "media-type",
                ),
                case(
                    "wants XML",
                    body("{}".to_owned()).header("accept", "application/fhir+xml"),
                    406,
                    "not-acceptable",
                ),
            ],
        )
        .await;
    }
    let answer =
        send(gateway.ehr.request(Method::POST, "/fhir/Task").header("content-type", FHIR).body("{\n  \"a\": x}")).await;
    let lines: Vec<i64> = answer.json()["issue"][0]["extension"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|place| place["valueInteger"].as_i64())
        .collect();
    assert_eq!(lines, [2, 8], "line and column are told: {}", answer.text);
}

/// What a JSON library keeps for itself is an object to its sender and a number to us, and the other way round; a number of
/// ten characters can be longer than the memory.
#[tokio::test]
async fn json_that_is_not_taken_from_others() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let own = format!("/agency/v1/referrals/{id}");
    let mut record = gateway.agency.get(&own).await.expect(200);
    record["ours"] = json!("HERE");
    let mut transaction = transaction(2);
    transaction["entry"][0]["resource"]["extension"] = json!([{ "url": "urn:test:own", "valueString": "HERE" }]);
    let patient = &transaction["entry"][0]["resource"];
    let service = json!({ "event": "service", "service": { "notes": "HERE" } });
    let (events, capacity) = (format!("{own}/events"), json!({ "status": "HERE" }));
    let doors = [
        (&gateway.ehr, Method::POST, "/fhir", &transaction, "Bundle.entry[0].resource.extension[0].valueString"),
        (&gateway.ehr, Method::POST, "/fhir/Patient", patient, "Patient.extension[0].valueString"),
        (&gateway.ehr, Method::PUT, "/fhir/Patient/id-1", patient, "Patient.extension[0].valueString"),
        (&gateway.ehr, Method::POST, "/fhir/$validate", patient, "Patient.extension[0].valueString"),
        (&gateway.agency, Method::POST, &*events, &service, "$this.service.notes"),
        (&gateway.agency, Method::PUT, &*own, &record, "$this.ours"),
        (&gateway.agency, Method::PUT, "/agency/v1/programs/community-food/capacity", &capacity, "$this.status"),
    ];
    let long = "9".repeat(100_000);
    for (client, method, path, body, place) in doors {
        for (hostile, rule, member) in [
            (r#"{"$serde_json::private::Number":"12"}"#, "reserved-member", ".$serde_json::private::Number"),
            (r#"{"$serde_json::private::Number":"poison"}"#, "reserved-member", ".$serde_json::private::Number"),
            (
                r#"{"\u0024serde_json::private::RawValue":"{"}"#,
                "reserved-member",
                r".\u0024serde_json::private::RawValue",
            ),
            (r#"{"$__toml_private_datetime":"1"}"#, "reserved-member", ".$__toml_private_datetime"),
            ("1e999999999", "number-range", ""),
            ("-1E-2147483649", "number-range", ""),
            (&*long, "number-range", ""),
        ] {
            let what = format!("{method} {path} with {rule}");
            let text = body.to_string().replace("\"HERE\"", hostile);
            let request = client.request(method.clone(), path).header("content-type", media(path)).body(text);
            let answer = send(request).await;
            assert_eq!(answer.status, 400, "{what}: {}", answer.text);
            assert_eq!(answer.rules(), [rule], "{what}");
            mends(&what, &answer);
            let json = answer.json();
            let issue = if json["issue"].is_array() { &json["issue"][0] } else { &json["issues"][0] };
            let told = issue["expression"][0].as_str().or(issue["path"].as_str());
            assert_eq!(told, Some(&*format!("{place}{member}")), "{what}: {issue}");
            assert!(issue.to_string().contains("column") || issue["extension"].is_array(), "{what}: {issue}");
        }
    }
    assert_eq!(gateway.agency.poll("").await.0.len(), 1, "the list is as it was");
}

#[tokio::test]
async fn resources_against_the_rules() {
    let gateway = Gateway::start().await;
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut transaction = transaction(1);
        change(&mut transaction);
        gateway.ehr.with_body(Method::POST, "/fhir", &transaction)
    };
    let task = |change: &dyn Fn(&mut Value)| changed(&|whole| change(&mut whole["entry"][2]["resource"]));
    let post = |path: &str, body: &Value| gateway.ehr.with_body(Method::POST, path, body);
    check_refusals(
        &gateway,
        vec![
            case("unknown element", task(&|task| task["foo"] = json!(1)), 422, "unknown-element"),
            case("wrong type", task(&|task| task["status"] = json!(7)), 422, "wrong-type"),
            case("missing element", task(&|task| _ = task.as_object_mut().unwrap().remove("intent")), 422, "missing"),
            case("code outside its value set", task(&|task| task["status"] = json!("requsted")), 422, "binding"),
            case("bad date", task(&|task| task["authoredOn"] = json!("yesterday")), 422, "primitive-format"),
            case(
                "dangling reference",
                task(&|task| task["focus"]["reference"] = json!("ServiceRequest/none")),
                422,
                "reference-dangling",
            ),
            case(
                "focus is a Patient",
                task(&|task| task["focus"] = task["for"].clone()),
                422,
                "focus-not-service-request",
            ),
            case(
                "owner unknown",
                task(&|task| task["owner"]["reference"] = json!("Organization/none")),
                422,
                "reference-dangling",
            ),
            case(
                "no request in an entry",
                changed(&|whole| _ = whole["entry"][0].as_object_mut().unwrap().remove("request")),
                422,
                "missing",
            ),
            case("a searchset", changed(&|whole| whole["type"] = json!("searchset")), 422, "bundle-rule"),
            case(
                "a DELETE inside",
                changed(&|whole| whole["entry"][0]["request"]["method"] = json!("DELETE")),
                422,
                "not-supported",
            ),
            case("another type than the address", post("/fhir/Patient", &draft(1)), 422, "not-a-resource"),
            case("no resource", post("/fhir/Task", &json!({})), 422, "not-a-resource"),
        ],
    )
    .await;
}

#[tokio::test]
async fn addresses_methods_and_headers() {
    let gateway = Gateway::start().await;
    let id = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201)["id"].as_str().unwrap().to_owned();
    let ehr = &gateway.ehr;
    let get = |path: &str| ehr.request(Method::GET, path);
    let own = format!("/fhir/Task/{id}");
    let put = || ehr.with_body(Method::PUT, &own, &draft(1));
    check_refusals(
        &gateway,
        vec![
            case("unknown type", get("/fhir/Tsak/1"), 404, "unknown-type"),
            case("unknown type, created", ehr.with_body(Method::POST, "/fhir/Tsak", &draft(1)), 404, "unknown-type"),
            case("unknown id", get("/fhir/Task/none"), 404, "not-found"),
            case("not an id", get("/fhir/Task/a_b"), 404, "invalid-id"),
            case("unknown version", get(&format!("{own}/_history/9")), 404, "not-found"),
            case("not a version", get(&format!("{own}/_history/x")), 404, "not-found"),
            case("history of a type", get("/fhir/Task/_history"), 404, "not-supported"),
            case("no such address", get("/fhir/Task/1/2/3"), 404, "not-found"),
            case("outside of everything", get("/nowhere"), 404, "not-found"),
            case("DELETE", ehr.request(Method::DELETE, &own), 405, "not-supported"),
            case("PATCH", ehr.request(Method::PATCH, &own), 405, "not-supported"),
            case("PUT to a type", ehr.with_body(Method::PUT, "/fhir/Task", &draft(1)), 405, "not-supported"),
            case("unknown parameter", get("/fhir/Task?statsu=requested"), 400, "parameter"),
            case("bad value", get("/fhir/Task?_lastUpdated=yesterday"), 400, "parameter"),
            case("bad encoding", get("/fhir/Task?status=%zz"), 400, "parameter"),
            case("unknown history parameter", get(&format!("{own}/_history?_since=x")), 400, "parameter"),
            case("wants XML by _format", get(&format!("{own}?_format=xml")), 406, "not-acceptable"),
            case(
                "a form that is none",
                ehr.with_body(Method::POST, "/fhir/Task/_search", &draft(1)),
                415,
                "media-type",
            ),
            case("no If-Match", put(), 400, "version-required"),
            case("If-Match is no version", put().header("if-match", "three"), 400, "parameter"),
            case("If-Match names another version", put().header("if-match", "W/\"7\", W/\"8\""), 412, "stale-version"),
            case("If-None-Match of what is there", put().header("if-none-match", "*"), 412, "stale-version"),
            case(
                "If-Unmodified-Since is over",
                put().header("if-unmodified-since", "Fri, 20 Nov 2026 10:00:00 GMT"),
                412,
                "stale-version",
            ),
            case("a condition that nobody knows", put().header("if-schedule-tag-match", "x"), 400, "parameter"),
            case("stale version", put().header("if-match", "W/\"7\""), 412, "stale-version"),
            case(
                "PUT of what is not there",
                ehr.with_body(Method::PUT, "/fhir/Task/none", &draft(1)),
                404,
                "not-found",
            ),
            case(
                "empty condition",
                ehr.with_body(Method::POST, "/fhir/Task", &draft(1)).header("if-none-exist", "?"),
                400,
                "parameter",
            ),
        ],
    )
    .await;
    let hint = send(get("/fhir/Tsak/1")).await;
    assert!(hint.text.contains("Task"), "{}", hint.text);
    let known = send(get("/fhir/Task?statsu=requested")).await;
    assert!(known.text.contains("business-status"), "{}", known.text);
    assert_eq!(send(ehr.request(Method::DELETE, &own)).await.header("allow"), "GET,HEAD,PUT");
}

#[tokio::test]
async fn escapes_that_cannot_be_decoded() {
    let gateway = Gateway::start().await;
    let ehr = &gateway.ehr;
    let get = |path: String| ehr.request(Method::GET, &path);
    let form = |body: String| {
        let post = ehr.request(Method::POST, "/fhir/Task/_search");
        post.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let conditional = |condition: &str| {
        ehr.with_body(Method::POST, "/fhir/Task", &draft(1)).header("if-none-exist", condition.to_owned())
    };
    let sent = |change: &dyn Fn(&mut Value)| {
        let mut bundle = transaction(1);
        change(&mut bundle["entry"]);
        ehr.with_body(Method::POST, "/fhir", &bundle)
    };
    for escape in ["%", "%4", "%zz", "%FF"] {
        let condition = format!("identifier=urn:test|{escape}");
        let url = format!("Task?{condition}");
        let asks = |entries: &mut Value| {
            entries.as_array_mut().unwrap().push(json!({ "request": { "method": "GET", "url": url } }));
        };
        check_refusals(
            &gateway,
            vec![
                case("query", get(format!("/fhir/{url}")), 400, "parameter"),
                case("name", get(format!("/fhir/Task?stat{escape}=x")), 400, "parameter"),
                case("path", get(format!("/fhir/Task/{escape}")), 400, "parameter"),
                case(
                    "agency's path",
                    gateway.agency.request(Method::GET, &format!("/agency/v1/referrals/{escape}")),
                    400,
                    "parameter",
                ),
                case(
                    "agency's query",
                    gateway.agency.request(Method::GET, &format!("/agency/v1/referrals?since={escape}")),
                    400,
                    "parameter",
                ),
                case("form", form(condition.clone()), 400, "parameter"),
                case("If-None-Exist", conditional(&condition), 400, "parameter"),
                case(
                    "ifNoneExist",
                    sent(&|entries| entries[2]["request"]["ifNoneExist"] = json!(condition)),
                    400,
                    "parameter",
                ),
                case(
                    "url of a POST",
                    sent(&|entries| entries[2]["request"]["url"] = json!(format!("Task{escape}"))),
                    400,
                    "parameter",
                ),
                // What the transaction would write is not written either.
                case("url of a GET", sent(&asks), 400, "parameter"),
                case(
                    "conditional reference",
                    sent(&|entries| {
                        entries[1]["resource"]["subject"]["reference"] = json!(format!("Patient?{condition}"));
                    }),
                    422,
                    "reference-syntax",
                ),
            ],
        )
        .await;
    }
    let answer = send(conditional("identifier=urn:test|100%")).await;
    for expected in ["If-None-Exist", "\\\"identifier\\\"", "%25"] {
        assert!(answer.text.contains(expected), "no {expected} in {}", answer.text);
    }
    let answer = send(sent(&|entries| entries[2]["request"]["ifNoneExist"] = json!("identifier=%"))).await;
    assert_eq!(answer.json()["issue"][0]["expression"], json!(["Bundle.entry[2].request.ifNoneExist"]));
}

#[tokio::test]
async fn a_batch_goes_on_after_an_url_that_cannot_be_decoded() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let found = get("Task?identifier=urn:test:referral%7C1");
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [get("Task?identifier=%zz"), found] });
    let answers = gateway.ehr.post("/fhir", &batch).await.expect(200);
    assert_eq!(answers["entry"][0]["response"]["status"], "400 Bad Request");
    let issue = &answers["entry"][0]["response"]["outcome"]["issue"][0];
    assert_eq!(issue["expression"], json!(["Bundle.entry[0].request.url"]));
    assert_eq!(answers["entry"][1]["resource"]["entry"][0]["resource"]["id"], json!(id));
}

#[tokio::test]
async fn what_agencies_get_wrong() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let (agency, own) = (&gateway.agency, format!("/agency/v1/referrals/{id}"));
    let events = format!("{own}/events");
    let get = |path: &str| agency.request(Method::GET, path);
    let event = |event: Value| agency.with_body(Method::POST, &events, &event);
    let text = |text: &'static str| {
        agency.request(Method::POST, &events).header("content-type", "application/json").body(text)
    };
    let record = agency.get(&own).await.expect(200);
    let mut unknown_member = record.clone();
    unknown_member["participant"]["shoeSize"] = json!({ "eu": "forty-two" });
    let stale = |request: RequestBuilder| request.header("if-match", "W/\"1\"");
    check_refusals(
        &gateway,
        vec![
            case("not JSON", text("accept"), 400, "json-syntax"),
            case("not an object", text("[]"), 422, "wrong-type"),
            case("no content type", agency.request(Method::POST, &events).body("{}"), 415, "media-type"),
            case("no event", event(json!({})), 422, "missing"),
            case("unknown event", event(json!({ "event": "acept" })), 422, "unknown-code"),
            case("unknown member", event(json!({ "event": "accept", "foo": 1 })), 422, "unknown-element"),
            case(
                "unknown reason",
                event(json!({ "event": "decline", "reason": { "code": "x" } })),
                422,
                "unknown-code",
            ),
            case("no reason", event(json!({ "event": "decline" })), 422, "reason-required"),
            case("illegal move", event(json!({ "event": "complete" })), 422, "illegal-move"),
            case("not the agency's move", event(json!({ "event": "void" })), 403, "not-your-move"),
            case("stale version", stale(event(json!({ "event": "accept" }))), 412, "stale-version"),
            case("stale record", stale(agency.with_body(Method::PUT, &own, &record)), 412, "stale-version"),
            case(
                "a record that is none",
                agency.with_body(Method::PUT, &own, &json!({ "id": 1 })),
                422,
                "record-invalid",
            ),
            case("unknown referral", get("/agency/v1/referrals/none"), 404, "not-found"),
            case("unknown cursor", get("/agency/v1/referrals?since=abc"), 400, "unknown-cursor"),
            case("cursor of another store", get("/agency/v1/referrals?since=other.1"), 400, "unknown-cursor"),
            case("bad wait", get("/agency/v1/referrals?wait=long"), 400, "parameter"),
            case("unknown parameter", get("/agency/v1/referrals?cursor=1"), 400, "parameter"),
            case("wants XML", get("/agency/v1/referrals").header("accept", "application/xml"), 406, "not-acceptable"),
            case("unknown schema", get("/agency/v1/schemas/none"), 404, "not-found"),
            case(
                "unknown program",
                agency.with_body(Method::PUT, "/agency/v1/programs/none/capacity", &json!({ "status": "capacity" })),
                404,
                "not-found",
            ),
            case(
                "another's program",
                agency.with_body(
                    Method::PUT,
                    "/agency/v1/programs/lantern-apartments/capacity",
                    &json!({ "status": "capacity" }),
                ),
                404,
                "not-found",
            ),
            case(
                "unknown capacity",
                agency.with_body(
                    Method::PUT,
                    "/agency/v1/programs/community-food/capacity",
                    &json!({ "status": "plenty" }),
                ),
                422,
                "unknown-code",
            ),
            case("no such address", get("/agency/v2/referrals"), 404, "not-found"),
            case("DELETE", agency.request(Method::DELETE, &own), 405, "not-supported"),
        ],
    )
    .await;
}

#[tokio::test]
async fn one_key_is_not_for_two_requests() {
    let gateway = Gateway::start().await;
    let keyed = |body: &Value| gateway.ehr.with_body(Method::POST, "/fhir", body).header("idempotency-key", "k-1");
    let first = send(keyed(&transaction(1))).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let before = gateway.store.statistics().await.unwrap().newest;
    assert_eq!(send(keyed(&transaction(1))).await.text, first.text);
    let other = send(keyed(&transaction(2))).await;
    assert_eq!((other.status, other.rules()), (422, vec!["parameter".to_owned()]), "{}", other.text);
    assert_eq!(gateway.store.statistics().await.unwrap().newest, before);
    assert_eq!(gateway.agency.poll("").await.0.len(), 1, "one referral for Organization/{AGENCY}");
}
