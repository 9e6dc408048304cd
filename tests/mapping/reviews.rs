//! A review that is due is registered; one that was done is final.

use handoff::mapping::Detail;
use serde_json::{Value, json};

use crate::world;

#[test]
fn a_review_is_final_once_it_was_done() {
    let map = &world::programs().get("generic").map;
    let mut graph = world::graph(&world::file("fixtures/cases/programs/generic/ehr.json"));
    let mut id = Value::Null;
    for (message, status) in [
        (json!({ "kind": "plan", "due": "2026-12-01" }), "registered"),
        (json!({ "doneAt": "2026-11-30" }), "final"),
        (json!({ "notes": "Went well" }), "final"),
        (json!({ "doneAt": null }), "registered"),
    ] {
        let mut record = map.get(&world::referral(&graph), &Value::Null).record().unwrap();
        if record["reviews"].is_null() {
            record["reviews"] = json!([{}]);
        }
        for (name, value) in message.as_object().unwrap() {
            record["reviews"][0][name] = value.clone();
        }
        if record["reviews"][0]["doneAt"].is_null() {
            record["reviews"][0].as_object_mut().unwrap().shift_remove("doneAt");
        }
        let put = map.put(&record, &world::referral(&graph), &Value::Null, Detail::Totals, &mut world::ids());
        graph = put.unwrap_or_else(|error| panic!("{message}: {error}")).apply(&graph).unwrap();
        let mut observations = graph.of_kind("Observation").map(handoff::referral::Resource::node);
        let review =
            observations.find(|it| it.list("extension").next().is_some_and(|it| it.text().contains("review-due")));
        let review = review.unwrap_or_else(|| panic!("{message}: no review"));
        assert_eq!(review.str("status").as_deref(), Some(status), "{message}");
        let now = map.get(&world::referral(&graph), &Value::Null).record().unwrap()["reviews"][0]["id"].clone();
        assert!(id.is_null() || id == now, "it is the same review");
        id = now;
    }
}
