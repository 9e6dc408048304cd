//! The directory while it changes: a change costs what it changes, whoever waits for it, and nobody is sent anywhere by a
//! directory older than the one that is committed.

use std::sync::Arc;

use handoff::error::Category;
use handoff::exchange::{DirectoryWork, compile_directory};
use handoff::fhir::{Document, Preconditions, ResourceKey};
use handoff::referral::plan::{Plan, Write};
use handoff::referral::{Graph, Scope, TaskStatus, VersionRange, task_edits};
use handoff::routing::Rulebook;
use handoff::store::Resources;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{World, agency, ehr, request, task, write};

const FOOD: &str = "HealthcareService/community-food";

/// Puts resources into the directory, or takes them out of it.
async fn publish(world: &World, resources: &[(&str, Value)], public: bool) {
    let at = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut writes = Vec::new();
    for (address, resource) in resources {
        let key = ResourceKey::parse(address).unwrap();
        let stored = world.store.history(&Scope::Gateway, &key, VersionRange::newest(1)).await.unwrap();
        let version = stored.found.first().map_or(0, |stored| stored.version);
        writes.push(Write { public, ..write(&key, version + 1, resource, None, at) });
    }
    world.store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
}

/// So many programs that help nobody here.
async fn fill(world: &World, count: usize) {
    let programs: Vec<(String, Value)> = (0..count)
        .map(|id| {
            let service = json!({ "resourceType": "HealthcareService", "providedBy": { "reference": "Organization/three-counties-action" } });
            (format!("HealthcareService/filler-{id}"), service)
        })
        .collect();
    let programs: Vec<(&str, Value)> = programs.iter().map(|(key, one)| (key.as_str(), one.clone())).collect();
    publish(world, &programs, true).await;
}

/// A request for food that is ready to be sent to whoever can take it.
async fn open_task(world: &World) -> Value {
    let ehr = ehr();
    let person = json!({ "resourceType": "Patient", "address": [{ "state": "EX", "district": "Fernhollow" }] });
    let (person, _) = world.create(&ehr, &person).await;
    let (request, _) = world.create(&ehr, &request(&person)).await;
    let mut task = task(&person, &request, TaskStatus::Requested);
    task.as_object_mut().unwrap().shift_remove("owner");
    task
}

/// Where a Task was sent.
async fn program_of(world: &World, address: &str) -> Option<String> {
    task_edits::program(world.stored(address).await.document.root())
}

fn since(before: DirectoryWork, now: DirectoryWork) -> (u64, u64) {
    (now.updates - before.updates, now.resources - before.resources)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_capacity_is_read_once_whoever_waits_for_it() {
    let mut counted = Vec::new();
    for (programs, changes) in [(100, 1), (200, 1), (400, 2), (400, 4)] {
        let world = Arc::new(World::new().await);
        fill(&world, programs).await;
        let mut tasks = Vec::new();
        for _ in 0..changes * 16 {
            tasks.push(open_task(&world).await);
        }
        // All that was filled in is read by whoever asks first.
        assert!(world.exchange.programs(&agency()).await.unwrap().len() > programs);
        let before = world.exchange.directory_work();
        for round in 0..changes {
            let status = if round % 2 == 0 { "no-capacity" } else { "capacity" };
            let capacity = Document::from_value(&json!({ "status": status })).unwrap();
            world
                .exchange
                .set_capacity(&agency(), "community-food", &capacity, Preconditions::default(), None)
                .await
                .unwrap();
            let mut sent = JoinSet::new();
            for task in tasks.drain(..16) {
                let world = world.clone();
                sent.spawn(async move { world.create(&ehr(), &task).await.0 });
            }
            while let Some(address) = sent.join_next().await {
                let program = program_of(&world, &address.unwrap()).await;
                assert_eq!(program.as_deref() == Some("community-food"), status == "capacity", "{status}: {program:?}");
            }
        }
        counted.push((changes, since(before, world.exchange.directory_work())));
    }
    assert_eq!(counted, [(1, (1, 1)), (1, (1, 1)), (2, (2, 2)), (4, (4, 4))]);
}

#[tokio::test]
async fn what_leaves_the_directory_gets_nobody() {
    let world = World::new().await;
    let (address, _) = world.create(&ehr(), &open_task(&world).await).await;
    assert_eq!(program_of(&world, &address).await.as_deref(), Some("community-food"));
    let stored = world.stored(FOOD).await.document.root().to_value();
    publish(&world, &[(FOOD, stored.clone())], false).await;
    let (address, _) = world.create(&ehr(), &open_task(&world).await).await;
    assert_ne!(program_of(&world, &address).await.as_deref(), Some("community-food"));
    publish(&world, &[(FOOD, stored)], true).await;
    let (address, _) = world.create(&ehr(), &open_task(&world).await).await;
    assert_eq!(program_of(&world, &address).await.as_deref(), Some("community-food"));
}

#[tokio::test]
async fn a_program_that_cannot_be_used_stops_the_way_until_it_is_mended() {
    let world = World::new().await;
    let sent = open_task(&world).await;
    let broken = json!({ "resourceType": "HealthcareService", "providedBy": { "reference": "Organization/nobody" } });
    publish(&world, &[("HealthcareService/new", broken)], true).await;
    let before = world.exchange.directory_work();
    for _ in 0..2 {
        let refused =
            world.exchange.create(&ehr(), "Task", Document::from_value(&sent).unwrap(), None, None).await.unwrap_err();
        assert_eq!(refused.category, Category::Unprocessable, "{refused}");
        assert!(refused.to_string().contains("providedBy has to reference"), "{refused}");
    }
    assert_eq!(
        since(before, world.exchange.directory_work()),
        (1, 1),
        "it is read once, and not by everybody who is refused"
    );
    let mended = json!({ "resourceType": "HealthcareService", "providedBy": { "reference": "Organization/nobody" } });
    publish(
        &world,
        &[("Organization/nobody", json!({ "resourceType": "Organization" })), ("HealthcareService/new", mended)],
        true,
    )
    .await;
    let (address, _) = world.create(&ehr(), &sent).await;
    assert_eq!(program_of(&world, &address).await.as_deref(), Some("community-food"));
}

#[tokio::test]
async fn an_absolute_url_of_the_gateway_itself_leads_into_the_directory() {
    let world = World::new().await;
    let rules = Rulebook::shipped().unwrap();
    let named = Document::from_value(&json!([
        { "reference": format!("https://handoff.example/fhir/{FOOD}") },
        { "reference": "https://handoff.example/fhir/Organization/three-counties-action" },
        { "reference": format!("https://elsewhere.example/fhir/{FOOD}") },
    ]))
    .unwrap();
    for (base, expected) in [(Some("https://handoff.example/fhir"), [true, true, false]), (None, [false; 3])] {
        let directory = compile_directory(&*world.store, &rules, base).await.unwrap();
        // The next version is served where the one before was.
        for directory in [&directory, &directory.update(&rules).finish().unwrap()] {
            let found: Vec<bool> =
                named.root().items().map(|one| directory.resolve(one, &Graph::default()).is_some()).collect();
            assert_eq!(found, expected, "served at {base:?}");
        }
    }
}
