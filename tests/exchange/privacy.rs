//! What is withheld is withheld in every view, and nobody changes what they do not see: whatever a resource holds, reading
//! and writing it back unchanged changes nothing, and a change of something else changes that alone.

use std::sync::Arc;
use std::time::Duration;

use handoff::error::Category;
use handoff::exchange::Base;
use handoff::fhir::{Document, Preconditions, ResourceKey};
use handoff::referral::TaskStatus;
use handoff::security::Caller;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::scale;
use crate::world::{HOSPITAL, World, agency, ehr, permit, request, task};

/// An agency that had a referral before.
const BEFORE: &str = "lantern-housing";
/// Stands in every value that the agency is not to see.
const SECRET: &str = "hidden-";

/// Who wrote a note.
#[derive(Debug, Clone, Copy)]
enum Writer {
    Requester,
    Owner,
    Former,
    Nobody,
}

#[derive(Debug, Clone)]
struct Given {
    telecom: usize,
    addresses: usize,
    narrative: bool,
    notes: Vec<Writer>,
    tagged: bool,
}

fn given() -> impl Strategy<Value = Given> {
    let writer = prop_oneof![Just(Writer::Requester), Just(Writer::Owner), Just(Writer::Former), Just(Writer::Nobody)];
    (0..3_usize, 0..3_usize, any::<bool>(), prop::collection::vec(writer, 0..6), any::<bool>()).prop_map(
        |(telecom, addresses, narrative, notes, tagged)| Given { telecom, addresses, narrative, notes, tagged },
    )
}

impl Given {
    fn person(&self) -> Value {
        let mut person = json!({ "resourceType": "Patient", "name": [{ "family": "Marlowe", "given": ["Ines"] }] });
        let secret = |number: usize| format!("{SECRET}{number}");
        if self.telecom > 0 {
            let system = |number| ["phone", "email", "url"][number % 3];
            person["telecom"] =
                (0..self.telecom).map(|at| json!({ "system": system(at), "value": secret(at) })).collect();
        }
        if self.addresses > 0 {
            person["address"] =
                (0..self.addresses).map(|at| json!({ "text": secret(at), "line": [secret(at)] })).collect();
        }
        if self.narrative {
            let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", secret(9));
            // It goes with what it may tell of.
            if self.telecom + self.addresses > 0 {
                person["text"] = json!({ "status": "generated", "div": div });
            }
        }
        if self.tagged {
            person["meta"] = json!({ "tag": [{ "system": "urn:ehr:tags", "code": "a" }] });
        }
        person
    }

    fn notes(&self) -> Value {
        let note = |(at, writer): (usize, &Writer)| match writer {
            Writer::Requester => {
                json!({ "authorReference": { "reference": format!("Organization/{HOSPITAL}") }, "text": format!("asked {at}") })
            }
            Writer::Owner => {
                json!({ "authorReference": { "reference": "Organization/three-counties-action" }, "text": format!("own {at}") })
            }
            Writer::Former => {
                json!({ "authorReference": { "reference": format!("Organization/{BEFORE}") }, "text": format!("{SECRET}{at}") })
            }
            Writer::Nobody => json!({ "text": format!("unsigned {at}") }),
        };
        self.notes.iter().enumerate().map(note).collect()
    }
}

/// The referral, of which phone and address are withheld; the addresses of its Patient and Task.
async fn send(world: &World, given: &Given) -> [String; 2] {
    let ehr = ehr();
    let (person, _) = world.create(&ehr, &given.person()).await;
    world.create(&ehr, &permit(&person, "2026-10-01")).await;
    let mut asked = request(&person);
    let system = handoff::referral::task::SDOHCC_CODES;
    asked["orderDetail"] = json!([{ "coding": [{ "system": system, "code": "contacting-subject-prohibited" }] }]);
    let (asked, _) = world.create(&ehr, &asked).await;
    let mut sent = task(&person, &asked, TaskStatus::Requested);
    if !given.notes.is_empty() {
        sent["note"] = given.notes();
    }
    let (task, _) = world.create(&ehr, &sent).await;
    [person, task]
}

/// A resource without what the server owns.
fn content(mut resource: Value) -> Value {
    let members = resource.as_object_mut().unwrap();
    if let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
        if meta.is_empty() {
            members.shift_remove("meta");
        }
    }
    members.shift_remove("lastModified");
    resource
}

async fn whole(world: &World, address: &str) -> Value {
    content(world.stored(address).await.document.root().to_value())
}

/// Reads as the caller, changes that, and writes it; what it was told of what it wrote.
async fn write_back(world: &World, caller: &Caller, address: &str, change: impl Fn(&mut Value)) -> Value {
    let key = ResourceKey::parse(address).unwrap();
    let stored = world.exchange.read(caller, &key, None).await.unwrap();
    let mut resource = stored.document.root().to_value();
    change(&mut resource);
    let document = Document::from_value(&resource).unwrap();
    let outcome = world.exchange.update(caller, &key, document, Preconditions::of_version(stored.version), None).await;
    outcome.unwrap_or_else(|error| panic!("{error}\n{resource}")).document.root().to_value()
}

/// Everything that the agency can get of the referral, as text.
async fn views(world: &World, person: &str, task: &str) -> Vec<String> {
    let (agency, id) = (agency(), task.trim_start_matches("Task/"));
    let mut views = Vec::new();
    for address in [person, task] {
        let key = ResourceKey::parse(address).unwrap();
        views.push(world.exchange.read(&agency, &key, None).await.unwrap().document);
        for stored in world.exchange.history(&agency, &key, 100).await.unwrap().found {
            views.push(world.exchange.read(&agency, &key, Some(stored.version)).await.unwrap().document);
            views.push(stored.document);
        }
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let asked = [pair("_id", &key.id), pair("_include", "Task:patient"), pair("_revinclude", "Task:patient")];
        let asked = if key.kind == "Task" { &asked[..2] } else { &[asked[0].clone(), asked[2].clone()][..] };
        let page = world.exchange.search(&agency, &key.kind, asked).await.unwrap();
        assert_eq!(page.matches.len(), 1);
        views.extend(page.matches.into_iter().chain(page.included).map(|stored| stored.document));
    }
    let mut texts: Vec<String> = views.iter().map(|document: &Arc<Document>| document.text().to_owned()).collect();
    texts.push(world.exchange.record(&agency, id).await.unwrap().json);
    let (record, fidelity, issues) = world.exchange.explain(&agency, id).await.unwrap();
    texts.extend([record.json, fidelity.to_value().to_string(), format!("{issues:?}")]);
    texts.push(world.exchange.eligibility(&agency, id).await.unwrap().to_string());
    let polled = world.exchange.poll(&agency, None, 100, Duration::ZERO).await.unwrap();
    texts.extend(polled.records.into_iter().map(|record| record.json));
    texts
}

async fn holds(given: &Given) {
    let world = World::new().await;
    let [person, task] = send(&world, given).await;
    let id = task.trim_start_matches("Task/");
    let (ehr, agency) = (ehr(), agency());
    let (person_before, task_before) = (whole(&world, &person).await, whole(&world, &task).await);
    for text in views(&world, &person, &task).await {
        assert!(!text.contains(SECRET), "{text}");
    }
    let has = |address: &str, part: bool, value: &Value| {
        assert_eq!(value.to_string().contains("SUBSETTED"), part, "{address} {value}");
    };
    has(&person, given.telecom + given.addresses > 0, &world.read(&agency, &person).await.unwrap());
    let hides_notes = given.notes.iter().any(|writer| matches!(writer, Writer::Former));
    has(&task, hides_notes, &world.read(&agency, &task).await.unwrap());

    // Nobody changes anything by writing back what they read.
    for (caller, address) in [(&ehr, &person), (&ehr, &task), (&agency, &task)] {
        let told = write_back(&world, caller, address, |_| {}).await;
        assert!(caller.organization == HOSPITAL || !told.to_string().contains(SECRET), "{told}");
    }
    let record = world.exchange.record(&agency, id).await.unwrap();
    let document = Document::parse(record.json).unwrap();
    world.exchange.put_record(&agency, id, &document, Base::Newest, Preconditions::default(), None).await.unwrap();
    assert_eq!(whole(&world, &person).await, person_before);
    assert_eq!(whole(&world, &task).await, task_before);

    // And a change changes that alone.
    write_back(&world, &ehr, &person, |person| person["gender"] = "female".into()).await;
    let mut expected = person_before.clone();
    expected["gender"] = "female".into();
    assert_eq!(whole(&world, &person).await, expected);
    let added = json!({ "authorReference": { "reference": "Organization/three-counties-action" }, "text": "added" });
    write_back(&world, &agency, &task, |task| match task["note"].as_array_mut() {
        Some(notes) => notes.push(added.clone()),
        None => task["note"] = json!([added]),
    })
    .await;
    let mut expected: Vec<Value> = task_before["note"].as_array().cloned().unwrap_or_default();
    let after = whole(&world, &task).await;
    let notes = after["note"].as_array().unwrap();
    expected.push(added.clone());
    let sorted = |notes: &[Value]| {
        let mut texts: Vec<String> = notes.iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(notes), sorted(&expected), "nothing is gone and nothing twice");
    let old: Vec<&Value> = notes.iter().filter(|note| **note != added).collect();
    assert!(old.into_iter().eq(task_before["note"].as_array().into_iter().flatten()), "and all stands where it stood");

    // The person is the sender's alone.
    let stored = world.exchange.read(&agency, &ResourceKey::parse(&person).unwrap(), None).await.unwrap();
    let refused = world
        .exchange
        .update(&agency, &stored.key, Document::parse(stored.document.text()).unwrap(), Preconditions::default(), None)
        .await
        .unwrap_err();
    assert_eq!(refused.category, Category::Forbidden);
    for text in views(&world, &person, &task).await {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn nobody_sees_or_changes_what_is_withheld_from_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { failure_persistence: None, ..Config::with_cases(scale::scaled(24)) };
    TestRunner::new(config)
        .run(&given(), |given| {
            runtime.block_on(holds(&given));
            Ok(())
        })
        .unwrap();
}
