//! Records that two sides changed at once: what the one took out and the other changed, and whose word counts.

use serde_json::{Value, json};

use crate::world;

/// What comes of it, or the places that both sides changed.
fn merge(base: &Value, ours: &Value, theirs: &Value) -> Result<Value, Vec<String>> {
    let merged = world::programs().get("generic").map.merge(base, ours, theirs);
    merged.map_err(|error| error.issues.into_iter().map(|issue| issue.path).collect())
}

fn service(id: &str, notes: &str) -> Value {
    json!({ "id": id, "notes": notes })
}

#[test]
fn what_one_side_takes_out_of_a_list_is_gone_unless_the_other_changed_it() {
    let services = |items: &[Value]| json!({ "services": items });
    let (box_1, box_2, ride) = (service("1", "a box"), service("1", "two boxes"), service("2", "a ride"));
    let base = services(&[box_1.clone(), ride.clone()]);
    let without = services(std::slice::from_ref(&ride));
    let changed = services(&[box_2, ride]);
    let both = Err(vec!["services[0]".to_owned()]);
    assert_eq!(merge(&base, &without, &base), Ok(without.clone()), "nobody changed it");
    assert_eq!(merge(&base, &without, &changed), both, "taken out here, changed there");
    assert_eq!(merge(&base, &base, &without), Ok(without.clone()), "taken out there, unchanged here");
    // The item stands behind those that are left.
    assert_eq!(merge(&base, &changed, &without), Err(vec!["services[1]".to_owned()]), "changed here, taken out there");
    assert_eq!(merge(&base, &without, &without), Ok(without), "taken out by both");
}

#[test]
fn what_belongs_to_the_ehr_stays_as_the_ehr_has_it() {
    let conditions = |items: &[Value]| json!({ "referral": { "reason": { "conditions": items } } });
    let (old, new) = (json!({ "id": "1", "text": "hunger" }), json!({ "id": "1", "text": "food insecurity" }));
    let (base, none) = (conditions(std::slice::from_ref(&old)), json!({}));
    let changed = conditions(std::slice::from_ref(&new));
    assert_eq!(merge(&base, &conditions(&[]), &changed), Ok(changed.clone()), "it is not the agency's to take out");
    assert_eq!(merge(&base, &changed, &none), Ok(none), "nor to bring back");
    let due = |day: &str| json!({ "referral": { "dueBy": day } });
    let (first, ours, theirs) = (due("2026-12-01"), due("2026-12-02"), due("2026-12-03"));
    assert_eq!(merge(&first, &ours, &theirs), Ok(theirs), "nor to change while the EHR does");
}
