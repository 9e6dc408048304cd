//! The directory as it grows and changes: what is looked at for a referral, and what is made anew for a change.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decisions::{RULEBOOK, json, program, surroundings, with_referral};
use crate::scale;
use handoff::fhir::Document;
use handoff::routing::{Candidate, Decision, Directory, Fit, MAX_CANDIDATES, decide};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The next version of a directory, with these resources in it.
fn next(before: &Directory, resources: &[Value]) -> Directory {
    let documents: Vec<Document> = resources.iter().map(|one| Document::from_value(one).unwrap()).collect();
    let mut update = before.update(&RULEBOOK);
    for document in &documents {
        update.add(document.root());
    }
    update.finish().unwrap()
}

/// A directory that was compiled from these at once.
fn compile(resources: &[Value]) -> Directory {
    let documents: Vec<Document> = resources.iter().map(|one| Document::from_value(one).unwrap()).collect();
    Directory::compile(documents.iter().map(Document::root), &RULEBOOK).unwrap()
}

/// Who gets the food referral of the demo, whose Patient is changed so.
fn decide_for(directory: &Directory, address: Option<&Value>) -> Decision {
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    let mut bundle = json("demo/ehr/food-insecurity.json");
    if let Some(address) = address {
        bundle["entry"][0]["resource"]["address"] = json!([address]);
    }
    with_referral(&bundle, |referral| decide(directory, referral, at).unwrap())
}

fn ids<'d>(candidates: impl Iterator<Item = &'d Candidate>) -> Vec<&'d str> {
    candidates.map(|candidate| &*candidate.program.id).collect()
}

// === what is looked at ===

/// Programs for food: two of them for the person, the others far away, each with a rule of its own.
fn spread_over_counties(count: usize) -> Vec<Value> {
    let mut resources = surroundings();
    for id in 0..count {
        let county = if id < 2 { "Fernhollow".to_owned() } else { format!("Far {id}") };
        resources.push(json!({ "resourceType": "Location", "id": format!("l{id}"),
            "address": { "state": "EX", "district": county } }));
        let mut service = program(id, "food-insecurity", "Fernhollow", "capacity", 18);
        service["coverageArea"] = json!([{ "reference": format!("Location/l{id}") }]);
        service["extension"][1]["extension"][2]["valueDecimal"] = json!(id % 70);
        resources.push(service);
    }
    resources.sort_by_key(|resource| resource["resourceType"] == "HealthcareService");
    resources
}

#[test]
fn programs_elsewhere_are_counted_and_not_looked_at() {
    let mut judged = Vec::new();
    for count in [1_000, 2_000, 4_000] {
        let mut resources = spread_over_counties(count);
        let decision = decide_for(&compile(&resources), None);
        resources.reverse();
        assert_eq!(decide_for(&compile(&resources), None), decision, "the order of the directory changes nothing");
        assert_eq!(decision.program.as_deref(), Some("p0"));
        let kept = ids(decision.candidates.iter().filter(|one| matches!(one.verdict, Fit::Kept { .. })));
        assert_eq!(kept, ["p0", "p1"]);
        assert_eq!(decision.candidates.len(), MAX_CANDIDATES);
        assert_eq!(decision.others, BTreeMap::from([("out-of-area", count - MAX_CANDIDATES)]));
        judged.push(decision.judged);
    }
    assert!(judged.windows(2).all(|pair| pair[0] == pair[1]), "{judged:?}");
}

#[test]
fn programs_that_offer_the_same_are_judged_once() {
    let mut judged = Vec::new();
    for count in [1_000, 2_000, 4_000] {
        let mut resources = surroundings();
        for id in 0..count {
            let capacity = ["capacity", "waitlist", "no-capacity"][id % 3];
            resources.push(program(id, "food-insecurity", "Fernhollow", capacity, 18));
        }
        let decision = decide_for(&compile(&resources), None);
        let (fits, full) = (count.div_ceil(3) + (count - 1).div_ceil(3), count / 3);
        let told = |decision: &Decision| decision.candidates.iter().filter(|one| one.verdict != Fit::Dropped).count();
        assert_eq!(told(&decision), MAX_CANDIDATES);
        assert_eq!(decision.others, BTreeMap::from([("fits", fits - MAX_CANDIDATES), ("no-capacity", full)]));
        judged.push(decision.judged);
    }
    assert_eq!(judged, [1, 1, 1]);
}

fn any_part(of: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop::option::weighted(0.7, prop::sample::select(of))
}

fn any_address() -> impl Strategy<Value = Value> {
    let parts = (
        any_part(&["EX", "Example State", "QZ"]),
        any_part(&["Fernhollow", "Tarnside County"]),
        any_part(&["10101", "20202-1"]),
    );
    parts.prop_map(|(state, county, zip)| {
        let parts = [("state", state), ("district", county), ("postalCode", zip)];
        parts
            .into_iter()
            .filter_map(|(name, part)| Some((name.to_owned(), json!(part?))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

/// A program: need, capacity, minimum age, how many places of its area and whether it has words for it alone.
fn any_service() -> impl Strategy<Value = (Value, Vec<Value>)> {
    let capacity = prop::sample::select(vec!["capacity", "waitlist", "no-capacity"]);
    let needs = prop::sample::select(vec!["food-insecurity", "homelessness"]);
    (needs, capacity, prop::sample::select(vec![0_u32, 60]), prop::collection::vec(any_address(), 0..3), any::<bool>())
        .prop_map(|(need, capacity, age, places, active)| {
            let mut service = program(0, need, "Fernhollow", capacity, age);
            service["active"] = json!(active);
            (service, places)
        })
}

/// Gives a program its id, and its area, as Locations of its own.
fn with_places((service, places): &(Value, Vec<Value>), id: usize) -> Vec<Value> {
    let mut service = service.clone();
    service["id"] = json!(format!("p{id}"));
    let location = |(number, address)| {
        let id = format!("l{id}-{number}");
        json!({ "resourceType": "Location", "id": id, "address": address })
    };
    let mut resources: Vec<Value> = places.iter().enumerate().map(location).collect();
    service["coverageArea"] = resources
        .iter()
        .map(|one| json!({ "reference": format!("Location/{}", one["id"].as_str().unwrap()) }))
        .collect();
    resources.push(service);
    resources
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scale::scaled(1000)))]

    /// What is found by need and place is what is found by looking at each program alone.
    #[test]
    fn the_index_hides_nobody(
        services in prop::collection::vec(any_service(), 1..12),
        address in any_address(),
        crowd in any::<bool>(),
    ) {
        let mut resources = surroundings();
        let mut expected = Vec::new();
        for (id, service) in services.iter().enumerate() {
            let with_places = with_places(service, id + 10);
            let alone = decide_for(&compile(&[surroundings(), with_places.clone()].concat()), Some(&address));
            expected.extend(alone.candidates.into_iter().map(|one| (one.verdict, one.program.id.to_string(), one.reasons)));
            resources.extend(with_places);
        }
        if crowd {
            // So many elsewhere that those which surely do not serve the address are not told any more.
            let far = json!({ "state": "WW", "district": "Far", "postalCode": "99999" });
            for id in 0..MAX_CANDIDATES {
                let service = program(0, "food-insecurity", "Fernhollow", "no-capacity", 99);
                resources.extend(with_places(&(service, vec![far.clone()]), id + 1_000));
            }
        }
        let decision = decide_for(&compile(&resources), Some(&address));
        let mut kept: Vec<_> = expected.iter().filter_map(|(verdict, id, _)| match verdict {
            Fit::Kept { score } => Some((std::cmp::Reverse(*score), id.as_str())),
            Fit::Dropped => None,
        }).collect();
        kept.sort_unstable();
        let found: Vec<_> = decision.candidates.iter().filter_map(|one| match one.verdict {
            Fit::Kept { score } => Some((std::cmp::Reverse(score), &*one.program.id)),
            Fit::Dropped => None,
        }).collect();
        prop_assert_eq!(&found, &kept);
        prop_assert_eq!(decision.program.as_deref(), kept.first().map(|(_, id)| *id));
        for candidate in decision.candidates.iter().filter(|one| !one.program.id.starts_with("p1") || one.program.id.len() < 5) {
            let alone = expected.iter().find(|(_, id, _)| **id == *candidate.program.id);
            prop_assert_eq!(alone.map(|(_, _, reasons)| reasons), Some(&candidate.reasons));
        }
        let others: usize = decision.others.values().sum();
        let crowd = if crowd { MAX_CANDIDATES } else { 0 };
        prop_assert_eq!(decision.candidates.len() + others, expected.len() + crowd);
    }

    /// However a directory came to be as it is, it is the one that is compiled from what there is now.
    #[test]
    fn updates_lead_to_what_compiling_gives(
        changes in prop::collection::vec((0..6_usize, any_service(), any::<bool>(), any_address()), 1..14),
        address in any_address(),
    ) {
        let mut now: BTreeMap<(bool, String), Value> = BTreeMap::new();
        let mut directory = Directory::new(&RULEBOOK);
        let key = |one: &Value| {
            (one["resourceType"] == "HealthcareService", format!("{}/{}", one["resourceType"], one["id"]))
        };
        let mut put = |directory: &Directory, resources: Vec<Value>| {
            now.extend(resources.iter().map(|one| (key(one), one.clone())));
            (next(directory, &resources), now.values().cloned().collect::<Vec<_>>())
        };
        let (first, _) = put(&directory, surroundings());
        directory = first;
        for (id, service, organization_active, place) in changes {
            let before = (directory.clone(), decide_for(&directory, Some(&address)));
            let mut resources = with_places(&service, id);
            if id == 0 {
                // Whoever is behind it and where they are changes, too.
                resources.insert(0, json!({ "resourceType": "Organization", "id": "o", "active": organization_active,
                    "identifier": [{ "system": "urn:own", "value": format!("{organization_active}") }] }));
                resources.insert(0, json!({ "resourceType": "Location", "id": "l1-0", "address": place }));
            }
            let (updated, resources) = put(&directory, resources);
            let compiled = compile(&resources);
            prop_assert_eq!(updated.resource_count(), compiled.resource_count());
            prop_assert_eq!(updated.index_size(), compiled.index_size(), "an index leads to what is not there any more");
            prop_assert!(updated.programs().eq(compiled.programs()));
            prop_assert_eq!(decide_for(&updated, Some(&address)), decide_for(&compiled, Some(&address)));
            prop_assert_eq!(decide_for(&before.0, Some(&address)), before.1, "the version before does not change");
            directory = updated;
        }
    }
}

// === what is made anew ===

#[test]
fn a_change_of_one_program_leaves_the_others_untouched() {
    for count in [500, 1_000, 2_000] {
        let before = compile(&spread_over_counties(count));
        assert_eq!(before.placed(), count);
        let mut full = program(1, "food-insecurity", "Fernhollow", "no-capacity", 18);
        full["coverageArea"] = json!([{ "reference": "Location/l1" }]);
        let after = next(&before, &[full]);
        assert_eq!(after.placed(), 1);
        let same = before.programs().zip(after.programs()).filter(|(then, now)| Arc::ptr_eq(then, now)).count();
        assert_eq!(same, count - 1);
        let dropped = |directory: &Directory| {
            decide_for(directory, None)
                .candidates
                .iter()
                .any(|one| *one.program.id == *"p1" && one.verdict == Fit::Dropped)
        };
        assert_eq!((dropped(&before), dropped(&after)), (false, true));
    }
}

#[test]
fn a_change_of_an_organization_or_a_place_touches_its_programs() {
    let mut resources = spread_over_counties(300);
    resources.insert(0, json!({ "resourceType": "Organization", "id": "two" }));
    resources.last_mut().unwrap()["providedBy"] = json!({ "reference": "Organization/two" });
    let before = compile(&resources);
    let closed = next(&before, &[json!({ "resourceType": "Organization", "id": "two", "active": false })]);
    assert_eq!(closed.placed(), 1);
    assert!(!closed.program("p299").unwrap().standing().active);
    let moved =
        json!({ "resourceType": "Location", "id": "l1", "address": { "state": "EX", "district": "Elsewhere" } });
    let moved = next(&before, &[moved]);
    assert_eq!(moved.placed(), 1);
    let kept = |directory: &Directory| {
        let decision = decide_for(directory, None);
        decision
            .candidates
            .iter()
            .filter(|one| one.verdict != Fit::Dropped)
            .map(|one| one.program.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!((kept(&before), kept(&moved)), (vec!["p0".to_owned(), "p1".to_owned()], vec!["p0".to_owned()]));
}
