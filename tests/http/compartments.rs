//! No byte to the wrong eyes: four EHRs, four agencies, an engineer, an auditor and an administrator. Every referral says
//! words that only its own parties may read; every route, parameter, include and version is asked by everybody; references
//! are smuggled and Tasks rewritten in many ways; and what is foreign answers as what is not there.

use std::collections::BTreeSet;

use handoff::security::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Answer, CLINIC, Client, Gateway, HOSPITAL, OTHER, send};

const GUIDE: &str = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes";

/// Somebody with eyes.
struct Party {
    name: String,
    organization: &'static str,
    client: Client,
}

/// A referral whose words are its parties' alone.
struct Sent {
    /// Stands in each of its resources
    word: String,
    requester: &'static str,
    owner: &'static str,
    /// Address of each of its resources
    addresses: Vec<String>,
    task: String,
    person: String,
}

struct World {
    gateway: Gateway,
    parties: Vec<Party>,
    referrals: Vec<Sent>,
}

const EHRS: [&str; 4] = [HOSPITAL, CLINIC, "upper-ehr", "lower-ehr"];
const AGENCIES: [&str; 4] = [AGENCY, OTHER, "gullmarsh-hub", "wayside-care"];

impl World {
    async fn new() -> Self {
        let gateway = Gateway::start().await;
        let mut parties = Vec::new();
        for organization in EHRS {
            let client = gateway.add_client(Role::Ehr, organization).await;
            parties.push(Party { name: format!("EHR of {organization}"), organization, client });
        }
        for organization in AGENCIES {
            let client = gateway.add_client(Role::Agency, organization).await;
            parties.push(Party { name: format!("agency {organization}"), organization, client });
        }
        for (role, client) in [("engineer", &gateway.engineer), ("auditor", &gateway.auditor)] {
            parties.push(Party { name: role.to_owned(), organization: "", client: client.clone() });
        }
        let client = gateway.administrator.clone();
        parties.push(Party { name: "administrator".to_owned(), organization: "", client });
        Self { gateway, parties, referrals: Vec::new() }
    }

    fn party(&self, organization: &str) -> &Client {
        &self.parties.iter().find(|party| party.organization == organization).unwrap().client
    }

    async fn send(&mut self, requester: &'static str, owner: &'static str) -> usize {
        let number = self.referrals.len();
        let word = format!("Zq{number}x{}", requester.replace('-', ""));
        let ehr = self.party(requester);
        let answer = ehr.post("/fhir", &message(&word, owner)).await.expect(200);
        let addresses: Vec<String> = answer["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["response"]["location"].as_str().unwrap().split("/_history").next().unwrap())
            .map(|location| location.rsplit('/').take(2).collect::<Vec<_>>())
            .map(|parts| format!("{}/{}", parts[1], parts[0]))
            .collect();
        let of = |kind: &str| addresses.iter().find(|address| address.starts_with(kind)).unwrap().clone();
        let (task, person) = (of("Task"), of("Patient"));
        self.referrals.push(Sent { word, requester, owner, addresses, task, person });
        number
    }

    /// The agency reports a service, so that there is something of its own.
    async fn serve(&mut self, number: usize) {
        let Sent { word, owner, task, .. } = &self.referrals[number];
        let agency = self.party(owner);
        let path = format!("/agency/v1/referrals/{}/events", task.trim_start_matches("Task/"));
        agency.post(&path, &json!({ "event": "accept", "note": format!("{word} note") })).await.expect(200);
        let service = json!({ "event": "service", "service": { "type": { "text": format!("{word} food box") } } });
        agency.post(&path, &service).await.expect(200);
        let found = agency.get(&format!("/fhir/{task}")).await.expect(200);
        let outputs = found["output"].as_array().cloned().unwrap_or_default();
        let made = outputs.iter().filter_map(|output| output["valueReference"]["reference"].as_str());
        let made: Vec<String> = made.map(str::to_owned).collect();
        self.referrals[number].addresses.extend(made);
    }

    /// The words that this party must not read.
    fn forbidden(&self, party: &Party) -> Vec<&str> {
        let others = self.referrals.iter();
        let others = others.filter(|sent| sent.requester != party.organization && sent.owner != party.organization);
        others.map(|sent| sent.word.as_str()).collect()
    }
}

/// A referral in which everything says the word.
fn message(word: &str, owner: &str) -> Value {
    let entry = |number: u32, resource: Value| {
        json!({
            "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-{number:012}"),
            "resource": resource,
            "request": { "method": "POST", "url": resource["resourceType"] }
        })
    };
    let named = |number: u32| json!({ "reference": format!("urn:uuid:00000000-0000-4000-8000-{number:012}") });
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        entry(1, json!({
            "resourceType": "Patient",
            "identifier": [{ "system": "urn:test:person", "value": word }],
            "name": [{ "family": word, "given": [format!("{word}given")] }],
            "telecom": [{ "system": "phone", "value": word }],
            "address": [{ "city": word, "line": [word] }],
            "birthDate": "1971-07-17"
        })),
        entry(2, json!({
            "resourceType": "Condition",
            "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
            "code": { "coding": [{ "system": "urn:test:code", "code": word }], "text": word },
            "subject": named(1)
        })),
        entry(3, json!({
            "resourceType": "ServiceRequest",
            "identifier": [{ "system": "urn:test:order", "value": word }],
            "status": "active",
            "intent": "order",
            "category": [{ "coding": [{ "system": GUIDE, "code": "food-insecurity" }] }],
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "710925007" }], "text": word },
            "subject": named(1),
            "reasonReference": [named(2)],
            "note": [{ "text": word }]
        })),
        entry(4, json!({
            "resourceType": "Task",
            "identifier": [{ "system": "urn:test:referral", "value": word }],
            "status": "requested",
            "intent": "order",
            "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
            "description": word,
            "focus": named(3),
            "for": named(1),
            "authoredOn": "2026-11-20T09:00:00Z",
            "requester": { "display": word },
            "owner": { "reference": format!("Organization/{owner}") }
        })),
    ]})
}

/// What an answer says, headers included.
fn said(answer: &Answer) -> String {
    let headers: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    format!("{}\n{}\n{}", answer.status, headers.join("\n"), answer.text)
}

/// An answer without what differs from one request to the next, and with `own` where it repeats what was asked.
fn shape(answer: &Answer, own: &[&str]) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date" | "content-length"))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let mut text = answer.text.clone();
    for own in own {
        text = text.replace(own, "OWN");
    }
    // A searchset has an id and a time of its own.
    let text = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(mut members)) => {
            for name in ["id", "meta", "timestamp"] {
                members.remove(name);
            }
            members.remove("instance");
            Value::Object(members).to_string()
        }
        _ => text,
    };
    format!("{}\n{}\n{text}", answer.status, headers.join("\n"))
}

/// The paths that lead to one resource.
fn paths_of(address: &str) -> Vec<String> {
    let mut paths = vec![
        format!("/fhir/{address}"),
        format!("/fhir/{address}?_elements=id"),
        format!("/fhir/{address}?_summary=true"),
        format!("/fhir/{address}/_history"),
        format!("/fhir/{address}/_history/1"),
        format!("/fhir/{address}/_history/2"),
        format!("/fhir/{address}/$validate"),
    ];
    if let Some(id) = address.strip_prefix("Task/") {
        for tail in ["", "/explanation", "/eligibility", "/timeline"] {
            paths.push(format!("/agency/v1/referrals/{id}{tail}"));
        }
    }
    paths
}

/// Every search that finds a resource by what it says or references, for each parameter of the statement.
fn searches(statement: &Value, word: &str, addresses: &[String]) -> Vec<String> {
    let mut searches = Vec::new();
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        searches.push(format!("{kind}?_total=accurate"));
        searches.push(format!("{kind}?_summary=count"));
        for parameter in resource["searchParam"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            match parameter["type"].as_str().unwrap() {
                "reference" => {
                    for address in addresses {
                        searches.push(format!("{kind}?{name}={address}&_total=accurate"));
                    }
                }
                "date" => searches.push(format!("{kind}?{name}=1971-07-17&_total=accurate")),
                "token" if name == "_id" => {
                    let ids: Vec<&str> = addresses.iter().map(|it| it.split('/').nth(1).unwrap()).collect();
                    searches.push(format!("{kind}?_id={}&_total=accurate", ids.join(",")));
                }
                "string" => {
                    searches.push(format!("{kind}?{name}={word}&_total=accurate"));
                    searches.push(format!("{kind}?{name}:contains={word}&_total=accurate"));
                    searches.push(format!("{kind}?{name}:exact={word}&_total=accurate"));
                }
                _ => searches.push(format!("{kind}?{name}={word}&_total=accurate")),
            }
        }
        for (member, word) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
            for include in resource[member].as_array().into_iter().flatten() {
                searches.push(format!("{kind}?{word}={}", include.as_str().unwrap()));
            }
        }
    }
    searches
}

async fn three_referrals_each() -> World {
    let mut world = World::new().await;
    for (position, ehr) in EHRS.into_iter().enumerate() {
        for further in 0..2 {
            let number = world.send(ehr, AGENCIES[(position + further) % 4]).await;
            if further == 0 {
                world.serve(number).await;
            }
        }
    }
    world
}

#[tokio::test]
async fn everybody_asks_for_everything_and_gets_what_is_theirs() {
    let world = three_referrals_each().await;
    let statement = world.parties[0].client.get("/fhir/metadata").await.expect(200);
    // Whom each party looks for: a referral of others, and all of it.
    for party in &world.parties {
        let forbidden = world.forbidden(party);
        let check = |what: &str, answer: &Answer| {
            let text = said(answer);
            for word in &forbidden {
                let asked = what.contains(word);
                let text =
                    if asked { text.replace(&what.replace('|', "%7C"), "").replace(what, "") } else { text.clone() };
                let told = text.lines().any(|line| line.contains(word) && !line.contains("\"self\""));
                // A search repeats in its links what was asked; nothing else of it is known.
                let told = told && !(asked && answer.json()["entry"].as_array().is_none_or(Vec::is_empty));
                assert!(!told, "{} read {word} by {what}: {text:.600}", party.name);
            }
        };
        for path in ["/agency/v1/referrals", "/agency/v1/programs", "/fhir/metadata", "/fhir", "/agency/v1/hmis"] {
            check(path, &party.client.get(path).await);
        }
        let csv = party.client.request(Method::GET, "/agency/v1/referrals").header("accept", "text/csv");
        check("csv", &send(csv).await);
        for kind in ["generic", "pace", "community-action"] {
            check("sheet", &party.client.get(&format!("/agency/v1/sheets/{kind}")).await);
        }
        for sent in world.referrals.iter().filter(|sent| forbidden.contains(&sent.word.as_str())) {
            for address in &sent.addresses {
                for path in paths_of(address) {
                    let answer = party.client.get(&path).await;
                    check(&path, &answer);
                    assert!(matches!(answer.status, 403..=405), "{} {path}: {}", party.name, answer.text);
                }
            }
        }
        let Some(sent) = world.referrals.iter().find(|sent| forbidden.contains(&sent.word.as_str())) else { continue };
        let searches = searches(&statement, &sent.word, &sent.addresses);
        let gets: Vec<Value> =
            searches.iter().map(|url| json!({ "request": { "method": "GET", "url": url } })).collect();
        for (chunk, urls) in gets.chunks(40).zip(searches.chunks(40)) {
            let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": chunk });
            let answer = party.client.post("/fhir", &batch).await;
            if answer.status != 200 {
                continue;
            }
            for (entry, url) in answer.json()["entry"].as_array().unwrap().iter().zip(urls) {
                let found = &entry["resource"];
                for found in found["entry"].as_array().into_iter().flatten() {
                    let text = found["resource"].to_string();
                    assert!(!forbidden.iter().any(|word| text.contains(word)), "{} by {url}: {text:.300}", party.name);
                }
                let is_of_word = url.contains(&sent.word) || sent.addresses.iter().any(|it| url.contains(&**it));
                if is_of_word {
                    assert_eq!(found["total"].as_u64().unwrap_or(0), 0, "{} counts by {url}", party.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_foreign_answers_as_what_is_not_there() {
    let world = three_referrals_each().await;
    let sent = &world.referrals[0];
    for party in world.parties.iter().filter(|it| it.organization != sent.requester && it.organization != sent.owner) {
        for address in &sent.addresses {
            let (kind, id) = address.split_once('/').unwrap();
            let absent = format!("{kind}/{}", "9".repeat(id.len()));
            let absent_id = absent.split_once('/').unwrap().1;
            for (there, not_there) in paths_of(address).iter().zip(paths_of(&absent)) {
                let (one, other) = (party.client.get(there).await, party.client.get(&not_there).await);
                assert_eq!(shape(&one, &[id]), shape(&other, &[absent_id]), "{} {there}", party.name);
            }
            let body = |id: &str| json!({ "resourceType": kind, "id": id, "status": "completed", "intent": "order" });
            for (method, tail) in
                [(Method::PUT, ""), (Method::DELETE, ""), (Method::PATCH, ""), (Method::POST, "/$validate")]
            {
                let ask = |address: &str, id: &str| {
                    let request = party.client.with_body(method.clone(), &format!("/fhir/{address}{tail}"), &body(id));
                    send(request.header("if-match", "W/\"1\""))
                };
                let (one, other) = (ask(address, id).await, ask(&absent, absent_id).await);
                assert_eq!(shape(&one, &[id]), shape(&other, &[absent_id]), "{} {method} {address}", party.name);
            }
            let references = |address: &str| {
                json!({
                    "resourceType": "Observation", "status": "final", "code": { "text": "x" },
                    "subject": { "reference": address }, "focus": [{ "reference": address }]
                })
            };
            let one = party.client.post("/fhir/Observation", &references(address)).await;
            let other = party.client.post("/fhir/Observation", &references(&absent)).await;
            if one.status >= 400 || other.status >= 400 {
                assert_eq!(shape(&one, &[id]), shape(&other, &[absent_id]), "{} refers to {address}", party.name);
            }
        }
        let (id, absent) = (sent.task.trim_start_matches("Task/"), "9".repeat(sent.task.len() - 5));
        for (tail, body) in [("/events", json!({ "event": "accept" })), ("/record", json!({ "type": "generic" }))] {
            let method = if tail == "/events" { Method::POST } else { Method::PUT };
            let ask = |id: &str| {
                send(party.client.with_body(method.clone(), &format!("/agency/v1/referrals/{id}{tail}"), &body))
            };
            let (one, other) = (ask(id).await, ask(&absent).await);
            assert_eq!(shape(&one, &[id]), shape(&other, &[&absent]), "{} {tail}", party.name);
        }
        let condition = |word: &str| {
            let path = "/fhir/Patient";
            let body = json!({ "resourceType": "Patient", "name": [{ "family": "Probe" }] });
            let condition = format!("identifier=urn:test:person|{word}");
            send(party.client.with_body(Method::POST, path, &body).header("if-none-exist", condition))
        };
        let (one, other) = (condition(&sent.word).await, condition("never").await);
        assert_eq!(one.status, other.status, "{} tells a stranger's identifier from none", party.name);
    }
}

/// Resources that name something, by each way in which their types have a Reference, each with the kind that has to be
/// posted. `target` is what is named.
fn carriers(target: &Value, own: &str) -> Vec<Value> {
    let person = json!({ "reference": own });
    let text = |text: &str| json!({ "text": text });
    let observation = |member: &str, value: Value| {
        let mut resource =
            json!({ "resourceType": "Observation", "status": "final", "code": text("x"), "subject": person });
        resource[member] = value;
        resource
    };
    let condition = |member: &str, value: Value| {
        let mut resource = json!({
            "resourceType": "Condition", "subject": person, "code": text("x"),
            "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] }
        });
        resource[member] = value;
        resource
    };
    let goal = |member: &str, value: Value| {
        let mut resource = json!({
            "resourceType": "Goal", "lifecycleStatus": "active", "description": text("x"), "subject": person
        });
        resource[member] = value;
        resource
    };
    let plan = |member: &str, value: Value| {
        let mut resource =
            json!({ "resourceType": "CarePlan", "status": "draft", "intent": "plan", "subject": person });
        resource[member] = value;
        resource
    };
    let document = |member: &str, value: Value| {
        let mut resource = json!({
            "resourceType": "DocumentReference", "status": "current", "subject": person,
            "content": [{ "attachment": { "contentType": "text/plain", "data": "eA==" } }]
        });
        resource[member] = value;
        resource
    };
    let extension = json!([{ "url": "urn:x", "valueReference": target }]);
    let nested = json!([{ "url": "urn:x", "extension": [{ "url": "y", "valueReference": target }] }]);
    let contained =
        json!([{ "resourceType": "Observation", "id": "c", "status": "final", "code": text("x"), "focus": [target] }]);
    let mut inside = observation("contained", contained);
    inside["hasMember"] = json!([{ "reference": "#c" }]);
    vec![
        observation("subject", target.clone()),
        observation("focus", json!([target])),
        observation("derivedFrom", json!([target])),
        observation("hasMember", json!([target])),
        observation("performer", json!([target])),
        observation("encounter", target.clone()),
        observation("extension", extension.clone()),
        observation("extension", nested),
        observation("note", json!([{ "text": "x", "authorReference": target }])),
        inside,
        condition("recorder", target.clone()),
        condition("asserter", target.clone()),
        condition("evidence", json!([{ "detail": [target] }])),
        condition("stage", json!([{ "assessment": [target] }])),
        condition("extension", extension.clone()),
        goal("addresses", json!([target])),
        goal("expressedBy", target.clone()),
        goal("outcomeReference", json!([target])),
        plan("addresses", json!([target])),
        plan("supportingInfo", json!([target])),
        plan("contributor", json!([target])),
        document("author", json!([target])),
        document("custodian", target.clone()),
        document("context", json!({ "related": [target] })),
        document("relatesTo", json!([{ "code": "appends", "target": target }])),
    ]
}

/// The ways to write a reference to the same thing.
fn forms(base: &str, address: &str) -> Vec<Value> {
    vec![
        json!({ "reference": address }),
        json!({ "reference": format!("{address}/_history/1") }),
        json!({ "reference": format!("{base}/fhir/{address}") }),
    ]
}

#[tokio::test]
async fn references_smuggle_nothing() {
    let mut world = World::new().await;
    // The thief and the victim refer to one agency, which sees both.
    let (victim, thief) = (CLINIC, HOSPITAL);
    let secret = world.send(victim, AGENCY).await;
    world.serve(secret).await;
    let bait = world.send(thief, AGENCY).await;
    let other = world.send(thief, AGENCY).await;
    let (secret, bait, other) = (&world.referrals[secret], &world.referrals[bait], &world.referrals[other]);
    let (ehr, agency) = (world.party(thief), world.party(AGENCY));
    let id = |task: &str| task.trim_start_matches("Task/").to_owned();
    let request = |sent: &Sent| sent.addresses.iter().find(|it| it.starts_with("ServiceRequest")).unwrap().clone();

    let mut ways = 0;
    let mut planted: Vec<String> = Vec::new();
    for address in &secret.addresses {
        for target in forms(&world.gateway.base, address) {
            for carrier in carriers(&target, &bait.person) {
                ways += 1;
                let kind = carrier["resourceType"].as_str().unwrap().to_owned();
                let answer = ehr.post(&format!("/fhir/{kind}"), &carrier).await;
                if answer.status == 201 {
                    let location = answer.header("location").to_owned();
                    let parts: Vec<&str> = location.split("/_history").next().unwrap().rsplit('/').collect();
                    planted.push(format!("{}/{}", parts[1], parts[0]));
                }
            }
        }
    }
    assert!(ways >= 60, "{ways}");
    assert!(planted.len() > 20, "a reference that leads nowhere is mostly a warning: {}", planted.len());
    // All of it hangs on the thief's own referral.
    let found = ehr.get(&format!("/fhir/{}", request(bait))).await;
    let mut with_bait = found.expect(200);
    with_bait["supportingInfo"] = planted.iter().map(|address| json!({ "reference": address })).collect();
    let put = ehr.with_body(Method::PUT, &format!("/fhir/{}", request(bait)), &with_bait);
    send(put.header("if-match", found.header("etag").to_owned())).await.expect(200);

    // The agency, which sees everything, does everything.
    for event in [json!({ "event": "accept" }), json!({ "event": "note", "note": "called" })] {
        for task in [&bait.task, &other.task] {
            agency.post(&format!("/agency/v1/referrals/{}/events", id(task)), &event).await.expect(200);
        }
    }
    let found = agency.get(&format!("/fhir/{}", bait.task)).await;
    let mut task = found.expect(200);
    task["status"] = json!("in-progress");
    task["output"] = json!([{ "type": { "text": "x" }, "valueReference": { "reference": planted[0] } }]);
    let put = agency.with_body(Method::PUT, &format!("/fhir/{}", bait.task), &task);
    send(put.header("if-match", found.header("etag").to_owned())).await.expect(200);
    let record = agency.get(&format!("/agency/v1/referrals/{}", id(&bait.task))).await.expect(200);
    let path = format!("/agency/v1/referrals/{}", id(&bait.task));
    send(agency.with_body(Method::PUT, &path, &record)).await.expect(200);
    // And the victim writes, too.
    let found = world.party(victim).get(&format!("/fhir/{}", secret.person)).await;
    let mut person = found.expect(200);
    person["gender"] = json!("unknown");
    let put = world.party(victim).with_body(Method::PUT, &format!("/fhir/{}", secret.person), &person);
    send(put.header("if-match", found.header("etag").to_owned())).await.expect(200);

    for address in &secret.addresses {
        for path in paths_of(address) {
            let answer = ehr.get(&path).await;
            assert!(matches!(answer.status, 403..=405) && !answer.text.contains(&secret.word), "{path}");
        }
    }
    let statement = ehr.get("/fhir/metadata").await.expect(200);
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        let mut urls = vec![format!("/fhir/{kind}?_count=1000")];
        for (member, word) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
            let includes = resource[member].as_array().into_iter().flatten();
            urls.extend(includes.map(|it| format!("/fhir/{kind}?{word}={}&_count=200", it.as_str().unwrap())));
        }
        for url in urls {
            let answer = ehr.get(&url).await;
            assert!(!answer.text.contains(&secret.word), "{url}");
        }
    }
}

/// What a hostile agency writes into a Task that it owns, each a merge patch of its members.
fn rewrites(foreign: &Sent) -> Vec<Value> {
    let code = |code: &str| json!({ "coding": [{ "system": GUIDE, "code": code }] });
    let mut rewrites: Vec<Value> = Vec::new();
    for word in ["complete-questionnaire", "make-contact", "review-material", "general-information"] {
        rewrites.push(json!({ "code": code(word), "description": "rewritten", "status": "completed" }));
        rewrites.push(json!({ "code": code(word), "owner": { "reference": format!("Organization/{OTHER}") } }));
        rewrites.push(json!({ "code": code(word), "for": { "reference": foreign.person }, "focus": null }));
    }
    rewrites.extend([
        json!({ "code": null }),
        json!({ "code": null, "focus": null }),
        json!({ "focus": null }),
        json!({ "focus": null, "status": "completed" }),
        json!({ "for": null }),
        json!({ "for": { "reference": foreign.person } }),
        json!({ "for": { "identifier": { "system": "urn:test:person", "value": foreign.word } } }),
        json!({ "focus": { "reference": foreign.addresses[2] } }),
        json!({ "requester": { "reference": format!("Organization/{AGENCY}") } }),
        json!({ "requester": null }),
        json!({ "owner": { "reference": format!("Organization/{OTHER}") } }),
        json!({ "owner": null }),
        json!({ "owner": { "display": "nobody" } }),
        json!({ "intent": "plan" }),
        json!({ "intent": "proposal", "status": "draft" }),
        json!({ "status": "draft" }),
        json!({ "status": "draft", "owner": null }),
        json!({ "status": "requested", "owner": { "reference": format!("Organization/{OTHER}") } }),
        json!({ "status": "ready" }),
        json!({ "status": "entered-in-error" }),
        json!({ "status": "completed" }),
        json!({ "priority": "stat" }),
        json!({ "description": "rewritten" }),
        json!({ "identifier": [] }),
        json!({ "identifier": [{ "system": "urn:test:referral", "value": foreign.word }] }),
        json!({ "authoredOn": "2020-01-01" }),
        json!({ "partOf": [{ "reference": foreign.task }] }),
        json!({ "basedOn": [{ "reference": foreign.addresses[2] }] }),
        json!({ "groupIdentifier": { "value": "x" } }),
        json!({ "instantiatesUri": "urn:x" }),
        json!({ "reasonReference": { "reference": foreign.addresses[1] } }),
        json!({ "location": { "display": "x" } }),
        json!({ "insurance": [{ "display": "x" }] }),
        json!({ "restriction": { "repetitions": 3 } }),
        json!({ "input": [{ "type": { "text": "x" }, "valueReference": { "reference": foreign.person } }] }),
        json!({ "performerType": [{ "text": "x" }] }),
        json!({ "encounter": { "display": "x" } }),
        json!({ "_focus": { "id": "x" } }),
        json!({ "_status": { "id": "x" }, "status": "rejected" }),
        json!({ "id": "another" }),
        json!({ "resourceType": "ServiceRequest" }),
        json!({ "businessStatus": { "coding": [{ "system": "urn:handoff:fhir:CodeSystem:referral-state", "code": "need-met" }] } }),
        json!({ "modifierExtension": [{ "url": "urn:x", "valueBoolean": true }] }),
        json!({ "implicitRules": "urn:x" }),
        json!({ "contained": [{ "resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": { "reference": foreign.person } }], "focus": { "reference": "#s" } }),
        json!({ "extension": [{ "url": "urn:handoff:fhir:StructureDefinition:program", "valueReference": { "reference": "HealthcareService/none" } }] }),
        json!({ "extension": [{ "url": "urn:handoff:fhir:StructureDefinition:program-type", "valueCode": "pace" }] }),
        json!({ "note": null, "status": "in-progress" }),
        json!({ "output": [{ "type": { "text": "x" }, "valueReference": { "reference": foreign.person } }] }),
        json!({ "relevantHistory": [{ "reference": foreign.task }] }),
    ]);
    rewrites
}

/// The members that a Task that was sent keeps, whoever writes it.
const KEPT: [&str; 9] =
    ["code", "focus", "for", "requester", "owner", "intent", "identifier", "authoredOn", "description"];

#[tokio::test]
async fn a_task_is_rewritten_by_nobody() {
    let mut world = World::new().await;
    let foreign = world.send(CLINIC, AGENCY).await;
    let mine = world.send(HOSPITAL, AGENCY).await;
    let (foreign, mine) = (&world.referrals[foreign], &world.referrals[mine]);
    let (ehr, agency, stranger) = (world.party(HOSPITAL), world.party(AGENCY), world.party("wayside-care"));
    let path = format!("/fhir/{}", mine.task);
    let before = ehr.get(&path).await.expect(200);
    let rewrites = rewrites(foreign);
    assert!(rewrites.len() >= 60, "{}", rewrites.len());
    for patch in &rewrites {
        for (client, stands) in [(agency, true), (stranger, false), (world.party(CLINIC), false)] {
            let found = ehr.get(&path).await;
            let mut body = found.json();
            for (name, value) in patch.as_object().unwrap() {
                if value.is_null() {
                    body.as_object_mut().unwrap().shift_remove(name);
                } else {
                    body[name] = value.clone();
                }
            }
            let tag = found.header("etag").to_owned();
            let alone = send(client.with_body(Method::PUT, &path, &body).header("if-match", tag.clone())).await;
            let entry = json!({ "resource": body, "request": { "method": "PUT", "url": mine.task, "ifMatch": tag } });
            let mut also = BTreeSet::new();
            for kind in ["batch", "transaction"] {
                let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
                let answer = client.post("/fhir", &bundle).await;
                also.insert(answer.status);
                assert!(!answer.text.contains(&foreign.word) || stands, "{patch}");
            }
            assert!(stands || alone.status >= 400, "{patch} by a stranger: {}", alone.text);
        }
        let after = ehr.get(&path).await.expect(200);
        for name in KEPT {
            assert_eq!(after[name], before[name], "{name} after {patch}");
        }
        for client in [stranger, world.party(CLINIC), world.party(OTHER)] {
            assert_eq!(client.get(&path).await.status, 404, "after {patch}");
            assert_eq!(client.get(&format!("/fhir/{}", mine.person)).await.status, 404, "after {patch}");
        }
        assert_eq!(ehr.get(&format!("/fhir/{}", foreign.person)).await.status, 404, "after {patch}");
    }
}
