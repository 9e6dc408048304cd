//! What many referrals share changes: the change costs the same however many they are, what it means for each of them follows in
//! groups, and when all are done everybody sees what they would have seen had it been done at once.

use std::collections::BTreeMap;
use std::time::Duration;

use handoff::fhir::{Document, Key, Preconditions, ResourceKey};
use handoff::referral::{Scope, TaskStatus};
use handoff::security::{Caller, Role};
use handoff::store::Resources;
use serde_json::{Value, json};

use crate::scale;
use crate::world::{AGENCY, HOSPITAL, World, agency, caller, ehr, permit, request, task};

/// Another agency, and another organization that sends.
const OTHER: &str = "lantern-housing";
const CLINIC: &str = "tarnside-clinic";

/// What the referrals of a hospital share.
struct Shared {
    role: String,
    places: [String; 2],
    person: String,
}

fn reference(address: &str) -> Value {
    json!({ "reference": address })
}

impl Shared {
    async fn new(world: &World) -> Self {
        let ehr = ehr();
        let mut places = Vec::new();
        for name in ["North ward", "South ward"] {
            let (place, _) = world.create(&ehr, &json!({ "resourceType": "Location", "name": name })).await;
            places.push(place);
        }
        let role = json!({
            "resourceType": "PractitionerRole", "active": true,
            "organization": reference(&format!("Organization/{HOSPITAL}")),
            "location": [reference(&places[0])],
            "identifier": [{ "system": "urn:ehr:roles", "value": "0100" }]
        });
        let (role, _) = world.create(&ehr, &role).await;
        let (person, _) = world.create(&ehr, &json!({ "resourceType": "Patient" })).await;
        world.create(&ehr, &permit(&person, "2026-10-01")).await;
        Self { role, places: places.try_into().unwrap(), person }
    }

    /// One more referral that shares it; its Task.
    async fn send(&self, world: &World, person: &str, owner: &str) -> String {
        let mut asked = request(person);
        asked["requester"] = reference(&self.role);
        let (asked, _) = world.create(&ehr(), &asked).await;
        let mut sent = task(person, &asked, TaskStatus::Requested);
        sent["owner"] = reference(&format!("Organization/{owner}"));
        world.create(&ehr(), &sent).await.0
    }
}

/// Deals with all that is left, or with so many groups of it; gives how many steps of the database each group took.
async fn renew(world: &World, groups: usize) -> Vec<u64> {
    let mut costs = Vec::new();
    for _ in 0..groups {
        let before = world.store.statement_counts().steps;
        if !world.exchange.renew_shares().await.unwrap() {
            break;
        }
        costs.push(world.store.statement_counts().steps - before);
    }
    costs
}

const ALL: usize = usize::MAX;

/// A change costs the same however many referrals share what it changes, and so does each group of them.
#[tokio::test]
async fn a_change_costs_the_same_however_many_referrals_share_it() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    let mut sent = 0;
    let mut costs: BTreeMap<&str, Vec<(u64, u64, usize)>> = BTreeMap::new();
    for count in [1000, 2000, 4000].map(scale::scaled) {
        while sent < count {
            shared.send(&world, &shared.person, AGENCY).await;
            sent += 1;
        }
        let [north, south] = shared.places.each_ref().map(|place| reference(place));
        let other = reference(&world.create(&ehr(), &json!({ "resourceType": "Patient" })).await.0);
        let phone = |number: &str| json!([{ "system": "phone", "value": number }]);
        let merged = json!({ "active": false, "link": [{ "other": other, "type": "replaced-by" }] });
        for (what, address, members) in [
            ("content", &shared.role, json!({ "telecom": phone("0101") })),
            ("new reference", &shared.role, json!({ "location": [north, south] })),
            ("removed reference", &shared.role, json!({ "location": [north] })),
            ("inactive", &shared.role, json!({ "active": false })),
            ("active", &shared.role, json!({ "active": true })),
            ("person", &shared.person, json!({ "birthDate": format!("19{:02}-01-01", count % 100) })),
            ("merged person", &shared.person, merged),
            ("person in use again", &shared.person, json!({ "active": true, "link": null })),
            ("place", &shared.places[0], json!({ "description": format!("of {count}") })),
        ] {
            world.tasks_at_once(Some(10));
            let before = world.store.statement_counts().steps;
            let outcome = world.change(&ehr(), address, members.clone()).await.unwrap();
            let cost = world.store.statement_counts().steps - before;
            assert!(outcome.issues.iter().any(|issue| issue.key == Key::ChangeFollows), "{what}");
            let groups = renew(&world, ALL).await;
            costs.entry(what).or_default().push((cost, *groups.iter().max().unwrap(), groups.len()));
        }
        // All at once, as it was.
        world.tasks_at_once(Some(ALL));
        let before = world.store.statement_counts().steps;
        world.change(&ehr(), &shared.role, json!({ "telecom": phone("0100") })).await.unwrap();
        costs.entry("at once").or_default().push((world.store.statement_counts().steps - before, 0, 0));
    }
    let at_once = costs.remove("at once").unwrap();
    println!(
        "steps of a change that {:?} referrals share, all at once: {at_once:?}",
        [1000, 2000, 4000].map(scale::scaled)
    );
    assert!(at_once[2].0 > 3 * at_once[0].0, "{at_once:?}: nothing grows, so nothing is shown");
    for (what, costs) in costs {
        println!("{what}: steps of the change, most steps of a group, groups: {costs:?}");
        let (change, group, _) = costs[0];
        assert!(costs.iter().all(|cost| cost.0 <= change + change / 10 + 50), "{what}: {costs:?}");
        assert!(costs.iter().all(|cost| cost.1 <= group + group / 4), "{what}: {costs:?}");
        assert!(costs[2].2 > 3 * costs[0].2, "{what}: {costs:?}");
    }
}

/// The version of a resource that somebody reads, if any.
async fn version(world: &World, by: &Caller, address: &str) -> Option<String> {
    let read = world.read(by, address).await?;
    Some(read["meta"]["versionId"].as_str().unwrap().to_owned())
}

/// How many resources of a type somebody finds by a condition.
async fn found(world: &World, by: &Caller, kind: &str, condition: (&str, &str)) -> u64 {
    let asked = [(condition.0.to_owned(), condition.1.to_owned()), ("_total".to_owned(), "accurate".to_owned())];
    let page = world.exchange.search(by, kind, &asked).await.unwrap();
    assert_eq!(page.total, Some(page.matches.len() as u64));
    page.total.unwrap()
}

async fn polled(world: &World, by: &Caller, since: Option<&str>) -> (Vec<String>, String) {
    let polled = world.exchange.poll(by, since, 100, Duration::ZERO).await.unwrap();
    (polled.records.iter().map(|record| record.id().to_owned()).collect(), polled.cursor)
}

/// Until all referrals are decided, whoever sees the resource through them is shown it as it was; what it leads to no longer is not
/// seen at once; and then all are told.
#[tokio::test]
async fn a_change_is_shown_when_all_are_decided() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(shared.send(&world, &shared.person, AGENCY).await);
    }
    let (first, cursor) = polled(&world, &agency(), None).await;
    assert_eq!(first.len(), 5);
    world.tasks_at_once(Some(2));
    let [north, south] = shared.places.clone();
    let changed =
        json!({ "location": [reference(&south)], "identifier": [{ "system": "urn:ehr:roles", "value": "0199" }] });
    world.change(&ehr(), &shared.role, changed).await.unwrap();
    let (mut before, mut after) = (0, 0);
    loop {
        let held = version(&world, &agency(), &shared.role).await.unwrap() == "1";
        let key = ResourceKey::parse(&shared.role).unwrap();
        let versions = world.exchange.history(&agency(), &key, 9).await.unwrap().found.len();
        let newest = world.exchange.read(&agency(), &key, Some(2)).await;
        let search = async |number: &str| found(&world, &agency(), "PractitionerRole", ("identifier", number)).await;
        let finds = (search("0100").await, search("0199").await);
        assert_eq!(version(&world, &ehr(), &shared.role).await.as_deref(), Some("2"), "its sender sees what it sent");
        if held {
            assert_eq!((versions, newest.is_err(), finds), (1, true, (1, 0)));
            assert_eq!(found(&world, &ehr(), "PractitionerRole", ("identifier", "0199")).await, 1);
            before += 1;
        } else {
            assert_eq!((versions, newest.is_err(), finds), (2, false, (0, 1)));
            after += 1;
        }
        // What was withdrawn is gone from the change on; what was added follows with the group.
        assert_eq!(version(&world, &agency(), &north).await, None, "{before}");
        assert_eq!(found(&world, &agency(), "Location", ("name", "North ward")).await, 0);
        assert_eq!(version(&world, &agency(), &south).await.is_some(), before > 1 || after > 0, "{before} {after}");
        if renew(&world, 1).await.is_empty() {
            break;
        }
    }
    assert_eq!((before, after), (3, 4), "three groups that are decided, and three that are told");
    let (mut told, _) = polled(&world, &agency(), Some(&cursor)).await;
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 5);
    assert_eq!(world.store.statistics().await.unwrap().renewals, 0);
}

/// What is withdrawn from some referrals is seen through others all the while.
#[tokio::test]
async fn what_other_referrals_show_is_seen_all_the_while() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    for _ in 0..3 {
        shared.send(&world, &shared.person, AGENCY).await;
    }
    let [north, south] = shared.places.clone();
    let mut asked = request(&shared.person);
    asked["locationReference"] = json!([reference(&north)]);
    let (asked, _) = world.create(&ehr(), &asked).await;
    world.create(&ehr(), &task(&shared.person, &asked, TaskStatus::Requested)).await;
    world.tasks_at_once(Some(2));
    world.change(&ehr(), &shared.role, json!({ "location": [reference(&south)] })).await.unwrap();
    loop {
        assert!(world.read(&agency(), &north).await.is_some());
        assert_eq!(found(&world, &agency(), "Location", ("name", "North ward")).await, 1);
        if renew(&world, 1).await.is_empty() {
            break;
        }
    }
}

async fn raise(world: &World, organization: &str, task: &str, event: Value) {
    let (by, id) = (caller(Role::Agency, organization), task.trim_start_matches("Task/"));
    let event = Document::from_value(&event).unwrap();
    world.exchange.raise_event(&by, id, &event, Preconditions::default(), None).await.unwrap();
}

/// For whom a referral is over, and whom consent forbids it by now, never see the change, at no time and in no view.
#[tokio::test]
async fn who_may_see_nothing_newer_never_sees_the_change() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    let (person, _) = world.create(&ehr(), &json!({ "resourceType": "Patient" })).await;
    let mut ends = permit(&person, "2026-10-01");
    ends["provision"]["period"] = json!({ "end": "2026-11-30" });
    world.create(&ehr(), &ends).await;
    let lapsed = shared.send(&world, &person, OTHER).await;
    raise(&world, OTHER, &lapsed, json!({ "event": "accept" })).await;
    let declined = shared.send(&world, &shared.person, AGENCY).await;
    for _ in 0..3 {
        shared.send(&world, &shared.person, "first-steps").await;
    }
    let decline = json!({ "event": "decline", "reason": { "code": "other", "text": "full" } });
    raise(&world, AGENCY, &declined, decline).await;
    world.set_clock("2026-12-24T10:00:00Z");
    world.tasks_at_once(Some(2));
    world
        .change(&ehr(), &shared.role, json!({ "identifier": [{ "system": "urn:ehr:roles", "value": "0199" }] }))
        .await
        .unwrap();
    let key = ResourceKey::parse(&shared.role).unwrap();
    loop {
        for by in [agency(), caller(Role::Agency, OTHER)] {
            assert_eq!(version(&world, &by, &shared.role).await.as_deref(), Some("1"), "{}", by.organization);
            assert_eq!(world.exchange.history(&by, &key, 9).await.unwrap().found.len(), 1);
            assert!(world.exchange.read(&by, &key, Some(2)).await.is_err());
            assert_eq!(found(&world, &by, "PractitionerRole", ("identifier", "0199")).await, 0);
        }
        if renew(&world, 1).await.is_empty() {
            break;
        }
    }
    let position = handoff::referral::task::position(world.stored(&lapsed).await.document.root()).unwrap();
    assert_eq!(position.state.code(), "not-permitted");
    let key = ResourceKey::parse(&declined).unwrap();
    let stored = world.store.referral(&Scope::Gateway, &key, false);
    assert!(stored.await.unwrap().unwrap().current().iter().all(|with| with.organization != AGENCY));
}

/// A change that comes while an earlier one is being brought to the referrals waits for it; those in between are done with the last.
#[tokio::test]
async fn changes_of_one_resource_follow_each_other() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    for _ in 0..4 {
        shared.send(&world, &shared.person, AGENCY).await;
    }
    let [north, south] = shared.places.clone();
    world.tasks_at_once(Some(3));
    let locate = async |world: &World, places: &[&String]| {
        let places: Vec<Value> = places.iter().map(|place| reference(place)).collect();
        world.change(&ehr(), &shared.role, json!({ "location": places })).await.unwrap();
    };
    locate(&world, &[&north, &south]).await;
    renew(&world, 1).await;
    locate(&world, &[&south]).await;
    locate(&world, &[&north]).await;
    assert_eq!(world.store.statistics().await.unwrap().renewals, 2);
    assert_eq!(version(&world, &agency(), &shared.role).await.as_deref(), Some("1"));
    world.restart().await;
    renew(&world, 1).await;
    assert_eq!(version(&world, &agency(), &shared.role).await.as_deref(), Some("2"), "as the first of them left it");
    assert_eq!(version(&world, &agency(), &south).await, None, "what the later ones withdraw is gone");
    renew(&world, ALL).await;
    assert_eq!(version(&world, &agency(), &shared.role).await.as_deref(), Some("4"));
    assert!(world.read(&agency(), &north).await.is_some() && world.read(&agency(), &south).await.is_none());
}

/// One referral that cannot be read keeps no other back.
#[tokio::test]
async fn a_referral_that_cannot_be_decided_keeps_no_other_back() {
    let mut world = World::new().await;
    let shared = Shared::new(&world).await;
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(shared.send(&world, &shared.person, AGENCY).await);
    }
    // It references more than a referral may disclose.
    let mut many = Vec::new();
    for _ in 0..990 {
        many.push(reference(&world.create(&ehr(), &json!({ "resourceType": "Location", "name": "x" })).await.0));
    }
    world.change(&ehr(), &tasks[2], json!({ "input": many.iter().map(|place| json!({ "type": { "text": "place" }, "valueReference": place })).collect::<Vec<_>>() })).await.unwrap();
    let mut places = vec![reference(&shared.places[1])];
    for _ in 0..15 {
        places.push(reference(&world.create(&ehr(), &json!({ "resourceType": "Location", "name": "y" })).await.0));
    }
    world.tasks_at_once(Some(3));
    world.change(&ehr(), &shared.role, json!({ "location": places })).await.unwrap();
    renew(&world, 100).await;
    assert_eq!(world.store.statistics().await.unwrap().renewals, 0);
    assert_eq!(version(&world, &agency(), &shared.role).await.as_deref(), Some("2"));
    assert!(world.read(&agency(), &shared.places[1]).await.is_some());
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// What everybody sees of all that there is, but for the times of changes.
async fn views(world: &World, addresses: &[String]) -> BTreeMap<(String, String), Value> {
    let mut views = BTreeMap::new();
    for (role, organization) in
        [(Role::Ehr, HOSPITAL), (Role::Ehr, CLINIC), (Role::Agency, AGENCY), (Role::Agency, OTHER)]
    {
        let by = caller(role, organization);
        for address in addresses {
            let mut view = world.read(&by, address).await.unwrap_or_default();
            if let Some(meta) = view.get_mut("meta").and_then(Value::as_object_mut) {
                meta.shift_remove("lastUpdated");
            }
            views.insert((organization.to_owned(), address.clone()), view);
            if let Some(id) = address.strip_prefix("Task/") {
                let record = world.exchange.record(&by, id).await.ok().map(|record| record.value().unwrap());
                views.insert((organization.to_owned(), format!("{address} as record")), record.into());
            }
        }
    }
    views
}

/// Something that somebody does, in a gateway that does all at once and in one that does not.
async fn act(worlds: [&World; 2], dice: &mut Dice, shared: &Shared, tasks: &mut Vec<String>, all: &mut Vec<String>) {
    let places = shared.places.each_ref();
    let one_of = |dice: &mut Dice| reference(places[dice.below(2)]);
    let number = dice.below(100);
    let phone = json!([{ "system": "phone", "value": format!("01{number:02}") }]);
    match dice.below(10) {
        0..=5 => {
            let (address, members) = match dice.below(5) {
                0 => (&shared.role, json!({ "telecom": phone })),
                1 => (&shared.role, json!({ "location": [one_of(dice)], "telecom": phone })),
                2 => (
                    &shared.role,
                    json!({ "location": [one_of(dice), one_of(dice)], "active": number.is_multiple_of(2) }),
                ),
                3 => (&shared.role, json!({ "location": null })),
                _ => (places[dice.below(2)], json!({ "description": format!("{number}"), "telecom": phone })),
            };
            for world in worlds {
                world.change(&ehr(), address, members.clone()).await.unwrap();
            }
        }
        6 => {
            let owner = [AGENCY, OTHER][dice.below(2)];
            for (at, world) in worlds.into_iter().enumerate() {
                let task = shared.send(world, &shared.person, owner).await;
                if at == 0 {
                    all.push(task.clone());
                    tasks.push(task);
                }
            }
        }
        _ if tasks.is_empty() => {}
        _ => {
            // Of what is over meanwhile nothing newer is shown, so whether it is has to be the same in both.
            renew(worlds[1], ALL).await;
            let task = &tasks[dice.below(tasks.len())];
            let event = ["accept", "decline", "start", "cancel", "note"][dice.below(5)];
            let message = json!({ "event": event, "note": "x", "reason": { "code": "other", "text": "x" } });
            let message = Document::from_value(&message).unwrap();
            for world in worlds {
                for organization in [AGENCY, OTHER] {
                    let (by, id) = (caller(Role::Agency, organization), task.trim_start_matches("Task/"));
                    let _ = world.exchange.raise_event(&by, id, &message, Preconditions::default(), None).await;
                }
            }
        }
    }
}

/// When all groups are done, everybody sees what is seen where all is done at once, and was told of the same referrals.
#[tokio::test]
async fn groups_come_to_the_same_as_all_at_once() {
    let mut groups = 0;
    for seed in 0..scale::scaled(400) {
        let mut dice = Dice(u64::from(seed) + 1);
        let (mut whole, mut grouped) = (World::new().await, World::new().await);
        whole.tasks_at_once(Some(ALL));
        grouped.tasks_at_once(Some(1 + dice.below(3)));
        let shared = Shared::new(&whole).await;
        Shared::new(&grouped).await;
        let mut all =
            vec![shared.role.clone(), shared.places[0].clone(), shared.places[1].clone(), shared.person.clone()];
        let mut tasks = Vec::new();
        for owner in [AGENCY, OTHER, AGENCY, AGENCY, OTHER] {
            for world in [&whole, &grouped] {
                let task = shared.send(world, &shared.person, owner).await;
                if !all.contains(&task) {
                    all.push(task.clone());
                    tasks.push(task);
                }
            }
        }
        let mut cursors: BTreeMap<(bool, &str), String> = BTreeMap::new();
        for _ in 0..6 {
            for _ in 0..=dice.below(3) {
                act([&whole, &grouped], &mut dice, &shared, &mut tasks, &mut all).await;
                for _ in 0..dice.below(4) {
                    groups += usize::from(grouped.exchange.renew_shares().await.unwrap());
                }
                if dice.below(3) == 0 {
                    grouped.restart().await;
                }
            }
            groups += renew(&grouped, ALL).await.len();
            let (expected, seen) = (views(&whole, &all).await, views(&grouped, &all).await);
            for (who, expected) in &expected {
                assert_eq!(&seen[who], expected, "seed {seed}: {who:?}");
            }
            for organization in [AGENCY, OTHER] {
                let mut told = Vec::new();
                for (is_whole, world) in [(true, &whole), (false, &grouped)] {
                    let since = cursors.get(&(is_whole, organization)).map(String::as_str);
                    let (mut ids, cursor) = polled(world, &caller(Role::Agency, organization), since).await;
                    cursors.insert((is_whole, organization), cursor);
                    ids.sort();
                    told.push(ids);
                }
                assert_eq!(told[0], told[1], "seed {seed}: {organization}");
            }
        }
    }
    assert!(groups > 200, "{groups}: too little happens");
}
