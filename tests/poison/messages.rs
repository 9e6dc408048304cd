//! What EHRs send: the messages of the fixtures, each a new one, with lawful shapes that are seldom seen and with random
//! changes.

use std::path::Path;

use serde_json::{Value, json};

use crate::gateway::{Ask, journeys, json as read};
use crate::odd;
use crate::random::Random;

/// What messages are made of.
pub(crate) struct Messages(Vec<Value>);

impl Messages {
    pub(crate) fn load() -> Self {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/ehr");
        let mut files: Vec<_> = std::fs::read_dir(demo).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "json"));
        files.sort_unstable();
        files.extend(journeys().iter().map(|folder| folder.join("ehr.json")));
        Self(files.iter().map(|file| read(file)).collect())
    }

    /// A message; `number` makes its resources new ones.
    pub(crate) fn ask(&self, random: &mut Random, number: usize) -> Ask {
        let mut bundle = random.pick(&self.0).clone();
        make_new(&mut bundle, random, number);
        if random.one_in(2) {
            drop_profiles(&mut bundle);
        }
        for _ in 0..random.below(4) {
            shape(random, &mut bundle);
        }
        for _ in 0..random.below(3) {
            let entries = bundle["entry"].as_array_mut().unwrap();
            if entries.is_empty() || random.one_in(10) {
                odd::mutate(random, &mut bundle);
                break;
            }
            let at = random.below(entries.len());
            odd::mutate(random, &mut entries[at]["resource"]);
        }
        if random.one_in(8) {
            bundle["type"] = json!("batch");
        }
        if random.one_in(10) {
            bundle["entry"].as_array_mut().into_iter().flatten().for_each(drop_condition);
        }
        let text = bundle.to_string();
        let text = if random.one_in(25) { odd::mutate_text(random, &text) } else { text };
        Ask::post("/fhir", text)
    }

    /// One resource of a message, on its own.
    pub(crate) fn single(&self, random: &mut Random) -> Ask {
        let bundle = random.pick(&self.0);
        let entry = random.pick(bundle["entry"].as_array().unwrap());
        let mut resource = entry["resource"].clone();
        resource.as_object_mut().unwrap().shift_remove("meta");
        let kind = resource["resourceType"].as_str().unwrap().to_owned();
        if random.one_in(6) {
            resource = json!({ "resourceType": kind, "extension": [odd::nested_extension(random.below(3))] });
        }
        for _ in 0..=random.below(3) {
            odd::mutate(random, &mut resource);
        }
        Ask::post(format!("/fhir/{kind}"), resource.to_string())
    }
}

/// Whatever the message names by an identifier becomes another, or some of it.
fn make_new(bundle: &mut Value, random: &mut Random, number: usize) {
    for entry in bundle["entry"].as_array_mut().unwrap() {
        let kind = entry["resource"]["resourceType"].as_str().unwrap();
        let is_shared = matches!(kind, "Organization" | "Practitioner" | "PractitionerRole") || random.one_in(30);
        if is_shared {
            continue;
        }
        if let Some(condition) = entry["request"]["ifNoneExist"].as_str() {
            entry["request"]["ifNoneExist"] = json!(format!("{condition}-{number}"));
        }
        for identifier in entry["resource"]["identifier"].as_array_mut().into_iter().flatten() {
            if let Some(value) = identifier["value"].as_str() {
                identifier["value"] = json!(format!("{value}-{number}"));
            }
        }
    }
}

fn drop_profiles(bundle: &mut Value) {
    for entry in bundle["entry"].as_array_mut().unwrap() {
        entry["resource"].as_object_mut().unwrap().shift_remove("meta");
    }
}

fn drop_condition(entry: &mut Value) {
    if let Some(request) = entry["request"].as_object_mut() {
        request.shift_remove("ifNoneExist");
    }
}

/// The entry of the first resource of a type.
fn entry_of<'b>(bundle: &'b mut Value, kind: &str) -> Option<&'b mut Value> {
    bundle["entry"].as_array_mut()?.iter_mut().find(|entry| entry["resource"]["resourceType"] == kind)
}

fn url_of(bundle: &mut Value, kind: &str) -> Value {
    entry_of(bundle, kind).map_or(json!("Patient/none"), |entry| entry["fullUrl"].clone())
}

fn set(bundle: &mut Value, kind: &str, member: &str, value: Value) {
    if let Some(entry) = entry_of(bundle, kind) {
        entry["resource"][member] = value;
    }
}

fn add(bundle: &mut Value, resource: &Value) -> Value {
    let entries = bundle["entry"].as_array_mut().unwrap();
    let url = json!(format!("urn:uuid:00000000-0000-4000-8000-{:012}", entries.len()));
    let request = json!({ "method": "POST", "url": resource["resourceType"] });
    entries.push(json!({ "fullUrl": url, "resource": resource, "request": request }));
    url
}

/// Gives a message a shape that is lawful, or nearly.
fn shape(random: &mut Random, bundle: &mut Value) {
    match random.below(24) {
        0..10 => shape_parties(random, bundle),
        10..15 => shape_links(random, bundle),
        _ => shape_content(random, bundle),
    }
}

/// Whom it is about, who asks and who is asked.
fn shape_parties(random: &mut Random, bundle: &mut Value) {
    let patient = url_of(bundle, "Patient");
    let reference = |url: &Value| json!({ "reference": url });
    match random.below(10) {
        0 => {
            let member = json!([{ "entity": reference(&patient) }]);
            let group = json!({ "resourceType": "Group", "type": "person", "actual": true, "member": member });
            let group = add(bundle, &group);
            set(bundle, "Task", "for", reference(&group));
            set(bundle, "ServiceRequest", "subject", reference(&group));
        }
        1 => {
            let group =
                add(bundle, &json!({ "resourceType": "Group", "type": "person", "actual": true, "quantity": 3 }));
            set(bundle, "Task", "for", reference(&group));
            set(bundle, "ServiceRequest", "subject", reference(&group));
        }
        2 => {
            let name = json!([{ "text": odd::text(random) }]);
            let related = json!({ "resourceType": "RelatedPerson", "patient": reference(&patient), "name": name });
            let related = add(bundle, &related);
            match random.below(3) {
                0 => set(bundle, "Task", "for", reference(&related)),
                1 => set(bundle, "Task", "requester", reference(&related)),
                _ => set(bundle, "ServiceRequest", "requester", reference(&related)),
            }
        }
        3 => set(bundle, "Task", "requester", reference(&patient)),
        4 => {
            let device = add(bundle, &json!({ "resourceType": "Device", "patient": reference(&patient) }));
            match random.below(3) {
                0 => set(bundle, "Task", "requester", reference(&device)),
                1 => set(bundle, "ServiceRequest", "performer", json!([reference(&device)])),
                _ => set(bundle, "ServiceRequest", "subject", reference(&device)),
            }
        }
        5 => {
            let kind = *random.pick(&["Practitioner", "PractitionerRole", "Organization"]);
            let url = url_of(bundle, kind);
            let (of, member) =
                *random.pick(&[("Task", "requester"), ("ServiceRequest", "requester"), ("Task", "owner")]);
            set(bundle, of, member, reference(&url));
        }
        6 => {
            let team = json!({ "resourceType": "CareTeam", "subject": reference(&patient), "name": odd::text(random) });
            let team = add(bundle, &team);
            set(bundle, "ServiceRequest", "performer", json!([reference(&team)]));
        }
        7 => set(bundle, "Task", "owner", json!({ "display": "somebody who has time" })),
        8 => {
            if let Some(entry) = entry_of(bundle, "Task") {
                entry["resource"].as_object_mut().unwrap().shift_remove("owner");
            }
        }
        9 => {
            let id =
                *random.pick(&["first-steps", "lantern-housing", "gullmarsh-hub", "three-counties-action", "nobody"]);
            set(bundle, "Task", "owner", json!({ "reference": format!("Organization/{id}") }));
        }
        _ => {}
    }
}

/// What the Task leads to.
fn shape_links(random: &mut Random, bundle: &mut Value) {
    let patient = url_of(bundle, "Patient");
    let reference = |url: &Value| json!({ "reference": url });
    match random.below(5) {
        0 => {
            if let Some(entry) = entry_of(bundle, "Task") {
                entry["resource"].as_object_mut().unwrap().shift_remove("focus");
            }
        }
        1 => {
            let subject = reference(&patient);
            let plan = json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": subject });
            let plan = add(bundle, &plan);
            let member = if random.one_in(2) { "focus" } else { "basedOn" };
            let value = if member == "focus" { reference(&plan) } else { json!([reference(&plan)]) };
            set(bundle, "Task", member, value);
        }
        2 => {
            let task = url_of(bundle, "Task");
            set(bundle, "Task", "focus", reference(&task));
        }
        // The request inside its Task.
        3 => {
            let Some(request) = entry_of(bundle, "ServiceRequest").map(|entry| entry["resource"].clone()) else {
                return;
            };
            let mut request = request;
            request["id"] = json!("sr");
            set(bundle, "Task", "contained", json!([request]));
            set(bundle, "Task", "focus", json!({ "reference": "#sr" }));
        }
        4 => {
            let person = json!({ "resourceType": "Patient", "id": "p", "name": [{ "text": odd::text(random) }] });
            let (of, member) = *random.pick(&[("Task", "for"), ("ServiceRequest", "subject")]);
            set(bundle, of, "contained", json!([person]));
            set(bundle, of, member, json!({ "reference": "#p" }));
        }
        _ => {}
    }
}

/// What its resources say.
fn shape_content(random: &mut Random, bundle: &mut Value) {
    match random.below(9) {
        0 => {
            let contact =
                json!([{ "name": { "text": odd::text(random) }, "telecom": [{ "value": odd::text(random) }] }]);
            set(bundle, "Patient", "contact", contact);
        }
        1 => {
            let name = json!([{ "family": odd::text(random), "given": [odd::text(random), "B"],
                                "_given": [null, { "id": "g2" }] }]);
            set(bundle, "Patient", "name", name);
        }
        2 => set(
            bundle,
            "Patient",
            "identifier",
            json!([{ "value": odd::text(random) }, { "value": "same" }, { "value": "same" }]),
        ),
        3 => {
            let kind = *random.pick(&["Task", "ServiceRequest"]);
            set(bundle, kind, "note", json!([{ "text": odd::text(random) }, { "text": odd::text(random) }]));
        }
        4 => {
            let depth = *random.pick(&[1, 20, 40, 45, 46, 47, 48]);
            let kind = *random.pick(&["Patient", "Task", "ServiceRequest", "Condition"]);
            set(bundle, kind, "extension", json!([odd::nested_extension(depth)]));
        }
        5 => {
            let text = odd::text(random).replace('&', "&amp;").replace('<', "&lt;");
            let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>");
            let kind = *random.pick(&["Patient", "Task", "ServiceRequest"]);
            set(bundle, kind, "text", json!({ "status": "generated", "div": div }));
        }
        6 => {
            let mut quantity = json!({ "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" });
            quantity["value"] = odd::number(random);
            set(bundle, "Observation", "valueQuantity", quantity);
        }
        7 => {
            let member = *random.pick(&["status", "intent", "priority", "occurrenceDateTime", "authoredOn"]);
            set(
                bundle,
                "ServiceRequest",
                member,
                json!(*random.pick(&["draft", "revoked", "plan", "stat", "2026-11"])),
            );
        }
        _ => set(bundle, "Patient", "birthDate", json!(*random.pick(&["1984", "1984-06", "0001-01-01", "9999-12-31"]))),
    }
}
