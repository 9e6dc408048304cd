//! What a step costs does not grow with what was before it: counted in the steps of the database, which are the same for the
//! same rows whatever machine runs them.

use std::sync::Arc;

use handoff::fhir::{Document, Identifier, Node, Preconditions, ResourceKey};
use handoff::referral::plan::{Plan, Write};
use handoff::referral::{Graph, Referral, Resource, Scope, State, TaskStatus};
use handoff::security::consent::{ConsentDecision, Policy, Recipient, permits};
use handoff::store::Resources;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::scale;
use crate::world::{AGENCY, HOSPITAL, World, agency, ehr, permit, request, write};

/// Raises an event of the agency; gives how many steps that took.
async fn raise(world: &World, task: &str, event: Value) -> u64 {
    let before = world.store.statement_counts().steps;
    let event = Document::from_value(&event).unwrap();
    let id = task.trim_start_matches("Task/");
    let raised = world.exchange.raise_event(&agency(), id, &event, Preconditions::default(), None).await;
    raised.unwrap_or_else(|error| panic!("{error}"));
    world.store.statement_counts().steps - before
}

/// A note, an answer and a list cost the same, however many notes there were before.
#[tokio::test]
async fn an_event_costs_the_same_behind_many_others() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "accept" })).await;
    let mut costs = Vec::new();
    let mut notes = 0;
    for count in [20, 40, 80] {
        while notes < count {
            raise(&world, &task, json!({ "event": "note", "note": "called" })).await;
            notes += 1;
        }
        // What is remembered of reads is written now and then, and counted with what it falls into.
        let mut least = (u64::MAX, u64::MAX);
        for _ in 0..2 {
            let event = raise(&world, &task, json!({ "event": "note", "note": "called again" })).await;
            notes += 1;
            let before = world.store.statement_counts().steps;
            world.exchange.record(&agency(), task.trim_start_matches("Task/")).await.unwrap();
            let record = world.store.statement_counts().steps - before;
            least = (least.0.min(event), least.1.min(record));
        }
        costs.push(least);
    }
    println!("steps of a note and of a record behind 20, 40 and 80 notes: {costs:?}");
    let (event, record) = costs[0];
    assert!(costs.iter().all(|cost| cost.0 <= event + 50 && cost.1 <= record + 20), "{costs:?}");
    // Each of them is a version, and none is a step of the history.
    let key = ResourceKey::parse(&task).unwrap();
    let stored = world.store.referral(&Scope::Gateway, &key, true).await.unwrap().unwrap();
    assert!(stored.graph.only_task().unwrap().version > 80);
    assert_eq!(stored.graph.history().steps.len(), 2, "sent, and accepted");
}

/// Steps of the history cost a row each, and none of what stands in the Task besides.
#[tokio::test]
async fn a_history_of_many_steps_is_read_without_what_the_versions_hold() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "accept" })).await;
    let note = "w".repeat(1000);
    for number in 0..15 {
        let reason = json!({ "code": "request-on-hold", "text": "closed" });
        raise(&world, &task, json!({ "event": "hold", "reason": reason, "note": format!("{number} {note}") })).await;
        raise(&world, &task, json!({ "event": "resume" })).await;
    }
    let key = ResourceKey::parse(&task).unwrap();
    let stored = world.store.referral(&Scope::Gateway, &key, true).await.unwrap().unwrap();
    let steps = &stored.graph.history().steps;
    assert_eq!(steps.len(), 31);
    let bytes: usize = steps.iter().map(|step| step.node().text().len()).sum();
    let newest = stored.graph.only_task().unwrap().node().text().len();
    assert!(newest > 15_000 && bytes < 31 * 1500, "{newest} {bytes}");
    let record = world.exchange.record(&agency(), &key.id).await.unwrap();
    assert_eq!(record.value().unwrap()["referral"]["history"].as_array().unwrap().len(), 32);
    assert!(record.remarks.is_empty());
}

/// A history of more than a record tells says so, in the record's answer and in the list.
#[tokio::test]
async fn a_history_that_is_cut_says_so() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    let key = ResourceKey::parse(&task).unwrap();
    let text = "w".repeat(400_000);
    for number in 0..44 {
        let status = if number % 2 == 0 { TaskStatus::OnHold } else { TaskStatus::InProgress };
        world
            .put_raw(&task, json!({ "status": status.code(), "statusReason": { "text": format!("{number} {text}") } }))
            .await;
    }
    let record = world.exchange.record(&agency(), &key.id).await.unwrap();
    let told = record.value().unwrap()["referral"]["history"].as_array().unwrap().len();
    assert!((30..44).contains(&told), "{told}");
    let remarks: Vec<&Value> = record.remarks.iter().collect();
    assert_eq!(remarks[0]["path"], "referral.history", "{remarks:?}");
    assert!(remarks[0]["fix"].as_str().unwrap().contains(&format!("{key}/_history")), "{remarks:?}");
    let listed = world.exchange.poll(&agency(), None, 10, std::time::Duration::ZERO).await.unwrap().records;
    assert_eq!(listed[0].remarks, record.remarks);
}

/// Another referral of the same person, with a Consent of its own; gives how many steps that took.
async fn send_another(world: &World, person: &str, actors: &[&str]) -> u64 {
    let before = world.store.statement_counts().steps;
    let mut own = permit(person, "2026-10-01");
    if !actors.is_empty() {
        let actor = |id: &&str| json!({ "role": { "text": "recipient" }, "reference": { "reference": format!("Organization/{id}") } });
        own["provision"]["actor"] = actors.iter().map(actor).collect();
    }
    world.create(&ehr(), &own).await;
    let (request, _) = world.create(&ehr(), &request(person)).await;
    let (task, _) = world.create(&ehr(), &crate::world::task(person, &request, TaskStatus::Requested)).await;
    let steps = world.store.statement_counts().steps - before;
    let stored = world.stored(&task).await;
    assert_eq!(
        handoff::referral::task::position(stored.document.root()).map(|position| position.state),
        Some(State::Sent)
    );
    steps
}

/// A referral with a Consent of its own costs the same, however many the person has, whomever the Consents name.
#[tokio::test]
async fn a_referral_costs_the_same_behind_many_others_of_the_person() {
    for actors in [&[][..], &[AGENCY], &[AGENCY, "lantern-housing"]] {
        let world = World::new().await;
        let (person, _) = world.create(&ehr(), &json!({ "resourceType": "Patient" })).await;
        let mut costs = Vec::new();
        let mut sent = 0;
        for count in [8, 16, 32] {
            while sent < count {
                send_another(&world, &person, actors).await;
                sent += 1;
            }
            let first = send_another(&world, &person, actors).await;
            let second = send_another(&world, &person, actors).await;
            sent += 2;
            costs.push(first.min(second));
        }
        println!("steps of a referral behind 8, 16 and 32 of the person, to {actors:?}: {costs:?}");
        assert!(costs.iter().all(|cost| *cost <= costs[0] + costs[0] / 20), "{costs:?}");
        // What is taken back ends what rests on it, and a refusal ends all.
        let owned = async || {
            let tasks = world.exchange.search(&agency(), "Task", &[("_summary".to_owned(), "count".to_owned())]).await;
            tasks.unwrap().total.unwrap()
        };
        assert_eq!(owned().await, sent);
        let mut refusal = permit(&person, "2026-11-20");
        refusal["status"] = json!("rejected");
        world.create(&ehr(), &refusal).await;
        assert_eq!(owned().await, 0);
    }
}

/// A referral of somebody else costs the same, however many the store has.
#[tokio::test]
async fn a_referral_costs_the_same_behind_many_others() {
    let world = World::new().await;
    let mut costs = Vec::new();
    let mut sent = 0;
    for count in [20, 40, 80, 160] {
        while sent < count {
            world.send(json!({})).await;
            sent += 1;
        }
        let mut least = u64::MAX;
        for _ in 0..3 {
            let before = world.store.statement_counts().steps;
            world.send(json!({})).await;
            least = least.min(world.store.statement_counts().steps - before);
            sent += 1;
        }
        costs.push(least);
    }
    println!("steps of a referral behind 20, 40, 80 and 160: {costs:?}");
    assert!(costs.iter().all(|cost| *cost <= costs[0] + costs[0] / 20), "{costs:?}");
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// A Consent as people may give it.
fn any_consent(numbers: &mut Numbers, person: &str) -> Value {
    let days = ["2025-01-01", "2026-01-01", "2026-06-01", "2026-06", "2026-11-20", "2027-01-01"];
    let mut consent = permit(person, numbers.one_of(&days));
    consent["status"] =
        json!(numbers.one_of(&["active", "active", "active", "inactive", "rejected", "draft", "entered-in-error"]));
    if numbers.below(8) == 0 {
        consent.as_object_mut().unwrap().shift_remove("dateTime");
    }
    if numbers.below(6) == 0 {
        let code = numbers.one_of(&["OPTIN", "OPTOUT"]);
        consent["policyRule"] =
            json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code }] });
    }
    if numbers.below(10) == 0 {
        consent["scope"]["coding"][0]["code"] = json!("research");
    }
    consent["provision"] = any_provision(numbers, 0);
    if numbers.below(8) == 0 {
        consent.as_object_mut().unwrap().shift_remove("provision");
    }
    consent
}

fn any_provision(numbers: &mut Numbers, depth: usize) -> Value {
    let mut provision = json!({});
    if numbers.below(5) > 0 {
        provision["type"] = json!(numbers.one_of(&["permit", "permit", "deny"]));
    }
    if numbers.below(2) == 0 {
        let named = [
            json!({ "reference": format!("Organization/{AGENCY}") }),
            json!({ "reference": "Organization/lantern-housing" }),
            json!({ "reference": "PractitionerRole/nobody" }),
            json!({ "identifier": { "system": "urn:handoff:demo:organization", "value": AGENCY } }),
        ];
        let count = 1 + numbers.below(2);
        let actor = (0..count).map(|_| json!({ "role": { "text": "recipient" }, "reference": numbers.one_of(&named) }));
        provision["actor"] = actor.collect();
    }
    if numbers.below(4) == 0 {
        let period = [
            json!({ "end": "2026-02-01" }),
            json!({ "start": "2026-01" }),
            json!({ "start": "2026-12-01" }),
            json!({ "start": "2026", "end": "2030" }),
        ];
        provision["period"] = numbers.one_of(&period);
    }
    if depth < 2 && numbers.below(3) == 0 {
        provision["provision"] = json!([any_provision(numbers, depth + 1)]);
    }
    provision
}

/// The Consents that are read decide as all of them would.
#[tokio::test]
async fn what_is_read_of_many_consents_decides_as_all_of_them_do() {
    let world = World::new().await;
    let mut numbers = Numbers(7);
    let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let (mut permitted, mut refused) = (0, 0);
    for round in 0..scale::scaled(5000) {
        let (person, _) = world.create(&ehr(), &json!({ "resourceType": "Patient" })).await;
        let count = numbers.below(7) + 6 * usize::from(numbers.below(4) == 0);
        let consents: Vec<Value> = (0..count).map(|_| any_consent(&mut numbers, &person)).collect();
        let write = |(number, consent): (usize, &Value)| {
            write(&ResourceKey::new("Consent", format!("c{round}-{number}")), 1, consent, Some(HOSPITAL), at)
        };
        let writes: Vec<Write> = consents.iter().enumerate().map(write).collect();
        let documents: Vec<Arc<Document>> = writes.iter().map(|write| write.document.clone()).collect();
        if !writes.is_empty() {
            world.store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
        }
        let (request, _) = world.create(&ehr(), &request(&person)).await;
        let (task, _) = world.create(&ehr(), &crate::world::task(&person, &request, TaskStatus::Requested)).await;
        let stored = world.stored(&task).await;
        let state = handoff::referral::task::position(stored.document.root()).unwrap().state;

        let mut graph = Graph::default();
        for address in [&person, &request, &task] {
            let stored = world.stored(address).await;
            graph.insert(Resource::new(address.clone(), stored.version, stored.document));
        }
        let referral = Referral::read(&graph, graph.resolve(&task).unwrap()).unwrap();
        let nodes: Vec<Node<'_>> = documents.iter().map(|document| document.root()).collect();
        let identifier = Identifier { system: "urn:handoff:demo:organization".to_owned(), value: AGENCY.to_owned() };
        let recipient = Recipient { organization: AGENCY, identifiers: &[identifier] };
        let decision = permits(&referral, &nodes, recipient, Policy::Optional, at);
        let expected = matches!(decision, ConsentDecision::Permitted { .. });
        assert_eq!(state == State::Sent, expected, "{decision:?} {consents:#?}");
        permitted += usize::from(expected);
        refused += usize::from(!expected);
    }
    println!("{permitted} permitted, {refused} refused");
    assert!(permitted * 5 > refused && refused * 5 > permitted, "{permitted} {refused}");
}
