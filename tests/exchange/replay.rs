//! Whatever is sent, written and withdrawn in whatever order: what is shared is what a replay of all commits gives, by the
//! rules as they are said, and nobody's GET and PUT changes what they could not see.
//!
//! The replay knows nothing of the store's tables. It sees which resources get new versions, and by whom, and keeps for
//! each referral what was given.

use std::collections::{BTreeMap, BTreeSet};

use handoff::fhir::{Node, Preconditions, Reference, ResourceKey};
use handoff::referral::state::State;
use handoff::referral::{Party, Scope, TaskStatus, task as tasks};
use handoff::security::{Caller, Role};
use handoff::store::{DirectoryPosition, Resources, Stored};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::scale;
use crate::world::{World, caller, permit, request, task};

const EHRS: [&str; 2] = ["fernhollow-hospital", "tarnside-clinic"];
const AGENCIES: [&str; 2] = ["three-counties-action", "lantern-housing"];

/// Numbers that look random and come again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        // Steele, Lea and Flood, splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % count as u64) as usize
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

/// Who sent a resource, and what it says.
type Known = (Option<String>, Value);

/// What the rules give, told from what was written alone.
#[derive(Default)]
struct Replay {
    /// Every resource at its newest version
    resources: BTreeMap<ResourceKey, Known>,
    /// What each Task shares
    given: BTreeMap<ResourceKey, BTreeSet<ResourceKey>>,
    /// Who takes part in each
    parties: BTreeMap<ResourceKey, BTreeSet<(String, Party)>>,
}

/// The keys that a resource names, each with the member that holds the reference.
fn named(resource: &Value) -> Vec<(String, ResourceKey)> {
    fn walk(member: &str, value: &Value, found: &mut Vec<(String, ResourceKey)>) {
        match value {
            Value::Object(members) => {
                let reference = members.get("reference").and_then(Value::as_str);
                found.extend(
                    reference.and_then(|text| Reference::parse(text)?.local(None)).map(|key| (member.to_owned(), key)),
                );
                members.values().for_each(|value| walk(member, value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(member, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (member, value) in resource.as_object().into_iter().flatten() {
        walk(member, value, &mut found);
    }
    found
}

/// Another matter begins here: as the rules say it of each kind.
fn is_of_the_matter(from: &str, member: &str, to: &str) -> bool {
    match to {
        "Task" | "Provenance" | "AuditEvent" | "Subscription" | "Group" | "List" => false,
        "ServiceRequest" => (from, member) == ("Task", "focus") || (from, member) == ("ServiceRequest", "basedOn"),
        _ => (from, member) != ("CarePlan", "activity"),
    }
}

impl Replay {
    /// May the organization share it: sent by it, public, or given to it as a requester?
    fn may_share(&self, organization: &str, key: &ResourceKey, public: &BTreeSet<ResourceKey>) -> bool {
        public.contains(key)
            || self.resources.get(key).is_some_and(|(author, _)| author.as_deref() == Some(organization))
            || self.given.iter().any(|(task, given)| {
                given.contains(key) && self.parties[task].contains(&(organization.to_owned(), Party::Requester))
            })
    }

    /// Takes in what one commit wrote.
    fn follow(&mut self, by: &str, written: &BTreeMap<ResourceKey, Known>, public: &BTreeSet<ResourceKey>) {
        let earlier: BTreeMap<&ResourceKey, Value> =
            written.keys().filter_map(|key| Some((key, self.resources.get(key)?.1.clone()))).collect();
        let mut after = self.resources.clone();
        after.extend(written.iter().map(|(key, known)| (key.clone(), known.clone())));
        let is_concerned = |given: &BTreeSet<ResourceKey>| written.keys().any(|key| given.contains(key));
        let concerned = self.given.iter().filter(|(_, given)| is_concerned(given)).map(|(task, _)| task);
        let own = written.keys().filter(|key| key.kind == "Task");
        let tasks: BTreeSet<ResourceKey> = own.chain(concerned).cloned().collect();
        let mut given_now = BTreeMap::new();
        for task in &tasks {
            let before = self.given.get(task).cloned().unwrap_or_default();
            let mut given = BTreeSet::from([task.clone()]);
            let mut waiting = vec![task.clone()];
            while let Some(from) = waiting.pop() {
                let Some((author, resource)) = after.get(&from) else { continue };
                for (member, to) in named(resource) {
                    if given.contains(&to) || !is_of_the_matter(&from.kind, &member, &to.kind) {
                        continue;
                    }
                    let is_new = written.contains_key(&to) && !earlier.contains_key(&to);
                    let adds = match earlier.get(&from) {
                        Some(earlier) => !named(earlier).iter().any(|(_, key)| *key == to),
                        None => written.contains_key(&from),
                    };
                    let leads = before.contains(&to)
                        || is_new
                        || (self.may_share(by, &to, public)
                            && (adds
                                || (!before.contains(&from)
                                    && author.as_deref().is_none_or(|it| self.may_share(it, &to, public)))));
                    if leads {
                        given.insert(to.clone());
                        waiting.push(to);
                    }
                }
            }
            given_now.insert(task.clone(), given);
        }
        self.resources = after;
        self.given.extend(given_now);
    }
}

fn party(organization: &str) -> Caller {
    caller(if EHRS.contains(&organization) { Role::Ehr } else { Role::Agency }, organization)
}

/// The stored resources that the organization may write to, by their addresses.
async fn seen(world: &World, organization: &str, all: &[String]) -> Vec<String> {
    let mut seen = Vec::new();
    for address in all {
        let key = ResourceKey::parse(address).unwrap();
        let scope = Scope::Organization(organization.to_owned());
        if world.store.read(&scope, &key, None).await.unwrap().is_some_and(|stored| stored.until.is_none()) {
            seen.push(address.clone());
        }
    }
    seen
}

/// One thing that somebody does; whether it is allowed is the gateway's to say.
async fn act(world: &World, dice: &mut Dice, all: &mut Vec<String>) -> &'static str {
    let organization = *dice.of(&[EHRS, AGENCIES].concat()).unwrap();
    let by = party(organization);
    let of_kind = |kind: &str, all: &[String]| -> Vec<String> {
        all.iter().filter(|address| address.starts_with(&format!("{kind}/"))).cloned().collect()
    };
    let own = seen(world, organization, all).await;
    // Anything at all is named: one's own, and what one should not know of.
    let anything = dice.of(all).cloned().unwrap_or_else(|| "Patient/none".to_owned());
    let reference = |address: &str| json!({ "reference": address });
    match dice.below(12) {
        0 => {
            let person = json!({ "resourceType": "Patient", "name": [{ "family": organization }] });
            create(world, &by, &person, all).await;
        }
        1 | 2 => {
            let Some(person) = dice.of(&of_kind("Patient", &own)).cloned() else { return organization };
            let mut wanted = request(&person);
            wanted["supportingInfo"] = json!([reference(&anything)]);
            let Some(request) = create(world, &by, &wanted, all).await else { return organization };
            let mut wanted = task(&person, &request, TaskStatus::Requested);
            wanted["requester"] = reference(&format!("Organization/{organization}"));
            wanted["owner"] = reference(&format!("Organization/{}", dice.of(&AGENCIES).unwrap()));
            create(world, &by, &wanted, all).await;
        }
        3 | 4 => {
            let Some(person) = dice.of(&of_kind("Patient", &own)).cloned() else { return organization };
            let resource = json!({
                "resourceType": "Observation", "status": "final", "code": { "text": organization },
                "subject": reference(&person), "focus": [reference(&anything)]
            });
            create(world, &by, &resource, all).await;
        }
        5 | 6 => {
            let Some(address) = dice.of(&own).cloned() else { return organization };
            let extension = json!([{ "url": "urn:x", "valueReference": reference(&anything) }]);
            let _ = world.change(&by, &address, json!({ "extension": extension })).await;
        }
        7 => {
            let Some(address) = dice.of(&of_kind("Task", &own)).cloned() else { return organization };
            let output = json!([{ "type": { "text": "x" }, "valueReference": reference(&anything) }]);
            let _ = world.change(&by, &address, json!({ "output": output })).await;
        }
        8 | 9 => {
            let Some(address) = dice.of(&of_kind("Task", all)).cloned() else { return organization };
            let events = ["accept", "decline", "start", "complete", "note", "service", "cancel"];
            let event = *dice.of(&events).unwrap();
            let mut message = json!({ "event": event, "note": "x", "reason": { "code": "other", "text": "x" } });
            if event == "service" {
                message["service"] = json!({ "type": { "text": "box" } });
            }
            let document = handoff::fhir::Document::from_value(&message).unwrap();
            let id = address.trim_start_matches("Task/");
            let _ = world.exchange.raise_event(&by, id, &document, Preconditions::default(), None).await;
        }
        10 => {
            let Some(person) = dice.of(&of_kind("Patient", &own)).cloned() else { return organization };
            let mut consent = permit(&person, "2026-11-20");
            consent["provision"]["type"] = json!(if dice.below(2) == 0 { "deny" } else { "permit" });
            create(world, &by, &consent, all).await;
        }
        _ => {
            let Some(address) = dice.of(&of_kind("Task", &own)).cloned() else { return organization };
            let owner = reference(&format!("Organization/{}", dice.of(&AGENCIES).unwrap()));
            let _ = world.change(&by, &address, json!({ "owner": owner })).await;
        }
    }
    organization
}

/// What was written since the replay knew it last.
async fn written(world: &World, all: &mut Vec<String>, replay: &Replay) -> BTreeMap<ResourceKey, Known> {
    // What was made besides (a service's Procedure) is named later, too.
    for task in all.clone().iter().filter(|address| address.starts_with("Task/")) {
        let key = ResourceKey::parse(task).unwrap();
        let stored = world.store.referral(&Scope::Gateway, &key, false).await.unwrap().unwrap();
        for given in stored.resources {
            let address = given.resource.to_string();
            if address.starts_with("Procedure/") && !all.contains(&address) {
                all.push(address);
            }
        }
    }
    let mut written = BTreeMap::new();
    for address in all.iter() {
        let stored = world.stored(address).await;
        let known = (stored.author.clone(), stored.document.root().to_value());
        if replay.resources.get(&stored.key) != Some(&known) {
            written.insert(stored.key, known);
        }
    }
    written
}

async fn create(world: &World, by: &Caller, resource: &Value, all: &mut Vec<String>) -> Option<String> {
    let kind = resource["resourceType"].as_str().unwrap();
    let document = handoff::fhir::Document::from_value(resource).unwrap();
    let address = world.exchange.create(by, kind, document, None, None).await.ok()?.key.to_string();
    all.push(address.clone());
    Some(address)
}

#[tokio::test]
async fn shares_equal_the_replay_of_all_commits() {
    replay_all(None).await;
}

/// As well where what many referrals share comes to them later, one after the other, and the gateway is started again in between.
#[tokio::test]
async fn shares_that_follow_in_groups_equal_the_replay_of_all_commits() {
    let renewed = replay_all(Some(1)).await;
    assert!(renewed > 10, "{renewed}: too little happens");
}

/// What is in the directory.
async fn directory(store: &dyn Resources) -> BTreeSet<ResourceKey> {
    let (sender, mut receiver) = mpsc::channel::<Stored>(1);
    let read = async {
        let mut keys = BTreeSet::new();
        while let Some(stored) = receiver.recv().await {
            keys.insert(stored.key);
        }
        keys
    };
    let (read, keys) = tokio::join!(store.directory_changes(DirectoryPosition::default(), sender), read);
    read.unwrap();
    keys
}

/// Gives how many groups were dealt with.
async fn replay_all(tasks_at_once: Option<usize>) -> usize {
    let (mut moved, mut shared, mut renewed) = (0, 0, 0);
    for seed in 0..scale::scaled(400) {
        let mut world = World::new().await;
        world.tasks_at_once(tasks_at_once);
        let public = directory(&*world.store).await;
        let (mut dice, mut all, mut replay) = (Dice(u64::from(seed)), Vec::new(), Replay::default());
        for organization in EHRS {
            let person = json!({ "resourceType": "Patient", "name": [{ "family": organization }] });
            create(&world, &party(organization), &person, &mut all).await;
        }
        for _ in 0..80 {
            let by = act(&world, &mut dice, &mut all).await;
            while world.exchange.renew_shares().await.unwrap() {
                renewed += 1;
                if renewed % 5 == 0 {
                    world.restart().await;
                }
            }
            let written = written(&world, &mut all, &replay).await;
            replay.follow(by, &written, &public);
            replay.parties = everybody(&world, replay.given.keys()).await;
        }
        for (task, given) in &replay.given {
            let stored = world.store.referral(&Scope::Gateway, task, false).await.unwrap().unwrap();
            let resources: BTreeSet<ResourceKey> =
                stored.resources.iter().map(|given| given.resource.clone()).collect();
            assert_eq!(resources, *given, "seed {seed}, {task}");
            shared += resources.len();
            let position = tasks::position(stored.graph.resolve(&task.to_string()).unwrap().node()).unwrap();
            moved += usize::from(position.state != State::Sent);
        }
        for organization in [EHRS, AGENCIES].concat() {
            is_seen_as_shared(&world, &replay, organization, seed).await;
        }
        for organization in [EHRS, AGENCIES].concat() {
            changes_what_it_sees(&world, organization, &all, seed).await;
        }
    }
    assert!(moved > 20 && shared > 200, "{moved} moved, {shared} shared: too little happens");
    renewed
}

/// Who takes part in each of these now.
async fn everybody(
    world: &World,
    tasks: impl Iterator<Item = &ResourceKey>,
) -> BTreeMap<ResourceKey, BTreeSet<(String, Party)>> {
    let mut parties = BTreeMap::new();
    for task in tasks {
        let stored = world.store.referral(&Scope::Gateway, task, false).await.unwrap().unwrap();
        let taking_part = stored.current().into_iter().map(|with| (with.organization, with.party)).collect();
        parties.insert(task.clone(), taking_part);
    }
    parties
}

/// What the organization sees is what it sent, and what the replay gives it.
async fn is_seen_as_shared(world: &World, replay: &Replay, organization: &str, seed: u32) {
    for (key, (author, _)) in &replay.resources {
        let is_given = replay.given.iter().any(|(task, given)| {
            given.contains(key) && replay.parties[task].iter().any(|(other, _)| other == organization)
        });
        let scope = Scope::Organization(organization.to_owned());
        let stored = world.store.read(&scope, key, None).await.unwrap();
        let sees = stored.is_some_and(|stored| stored.until.is_none());
        assert_eq!(sees, is_given || author.as_deref() == Some(organization), "seed {seed}: {organization} and {key}");
    }
}

/// What the organization reads and puts back unchanged changes nothing.
async fn changes_what_it_sees(world: &World, organization: &str, all: &[String], seed: u32) {
    for address in seen(world, organization, all).await {
        let (by, key) = (party(organization), ResourceKey::parse(&address).unwrap());
        let read = world.exchange.read(&by, &key, None).await.unwrap();
        let before = content(world.stored(&address).await.document.root());
        let document = handoff::fhir::Document::parse(read.document.text().to_owned()).unwrap();
        let _ = world.exchange.update(&by, &key, document, Preconditions::of_version(read.version), None).await;
        let after = content(world.stored(&address).await.document.root());
        assert_eq!(after, before, "seed {seed}: {organization} and {address}");
    }
}

/// A resource without what every version has of its own.
fn content(resource: Node<'_>) -> Value {
    let mut value = resource.to_value();
    if let Some(meta) = value["meta"].as_object_mut() {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
    }
    value.as_object_mut().unwrap().shift_remove("lastModified");
    value
}
