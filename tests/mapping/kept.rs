//! What stays and what goes, case by case, when a record is written to a referral that has something of everything.

use handoff::mapping::fidelity::ElementOutcome;
use handoff::mapping::{Detail, GraphUpdate, ProgramTypes, WithheldElement};
use handoff::referral::{Graph, Resource};
use handoff::shipped;
use serde_json::{Value, json};

use crate::world;

/// The referral, with these texts in the place of others.
fn referral(changes: &[(&str, &str)]) -> Graph {
    let text: Value = serde_json::from_str(&world::file("fixtures/cases/translate/full.json")).unwrap();
    let mut text = text.to_string();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replacen(from, to, 1);
    }
    world::graph(&text)
}

fn get(graph: &Graph, extras: &Value) -> Value {
    world::programs().get("generic").map.get(&world::referral(graph), extras).record().unwrap()
}

fn put(graph: &Graph, extras: &Value, record: &Value) -> GraphUpdate {
    let map = &world::programs().get("generic").map;
    let put = map.put(record, &world::referral(graph), extras, Detail::Totals, &mut world::ids());
    put.unwrap_or_else(|error| panic!("{error}\n{record:#}"))
}

fn resource(put: &GraphUpdate, url: &str) -> Value {
    let change = put.changes.iter().find(|change| change.url == url).unwrap_or_else(|| panic!("{url} does not change"));
    serde_json::from_str(&change.json).unwrap()
}

fn value(graph: &Graph, url: &str) -> Value {
    graph.resolve(url).map(Resource::node).unwrap().to_value()
}

#[test]
fn what_is_kept_beside_two_items_that_are_alike_stays_with_each() {
    let graph = referral(&[("555-0101", "555-0100"), ("\"use\":\"mobile\"", "\"use\":\"home\"")]);
    let mut record = get(&graph, &Value::Null);
    for (at, door) in ["front", "back"].into_iter().enumerate() {
        record["participant"]["phones"][at]["door"] = json!(door);
    }
    let put = put(&graph, &Value::Null, &record);
    let phones = &get(&graph, &put.extras)["participant"]["phones"];
    assert_eq!((&phones[0]["door"], &phones[1]["door"]), (&json!("front"), &json!("back")));
}

#[test]
fn what_is_kept_beside_an_item_waits_until_the_item_comes_back() {
    let graph = referral(&[]);
    let mut record = get(&graph, &Value::Null);
    record["participant"]["phones"][1]["door"] = json!("back");
    let kept = put(&graph, &Value::Null, &record).extras;
    let without = referral(&[("555-0101", "555-0109")]);
    let again = put(&without, &kept, &get(&without, &Value::Null));
    assert_eq!(get(&without, &again.extras)["participant"]["phones"][1]["door"], Value::Null);
    assert_eq!(get(&graph, &again.extras)["participant"]["phones"][1]["door"], "back");
}

#[test]
fn a_finer_word_is_kept_as_long_as_fhir_says_as_much() {
    let graph = referral(&[]);
    let mut record = get(&graph, &Value::Null);
    record["enrollment"]["status"] = json!("outreach");
    let put = put(&graph, &Value::Null, &record);
    let after = put.apply(&graph).unwrap();
    assert_eq!(value(&after, "EpisodeOfCare/ep-1")["status"], "planned");
    assert_eq!(get(&after, &put.extras)["enrollment"]["status"], "outreach");
    assert_eq!(get(&graph, &put.extras)["enrollment"]["status"], "enrolled", "somebody else has enrolled the person");
}

#[test]
fn a_record_that_is_silent_about_the_plan_of_the_ehr_leaves_it() {
    let graph = referral(&[("resource-pertainsToGoal", "resource-something")]);
    let mut record = get(&graph, &Value::Null);
    record.as_object_mut().unwrap().shift_remove("plan").unwrap();
    let put = put(&graph, &Value::Null, &record);
    assert!(put.changes.is_empty() && put.created.is_empty(), "{put:#?}");
}

#[test]
fn a_plan_that_becomes_the_programs_own_does_not_go_by_the_name_of_the_ehrs() {
    let named = r#""id":"cp-1","identifier":[{"system":"urn:example:plans","value":"P-1"}],"#;
    let graph = referral(&[(r#""id":"cp-1","#, named)]);
    let mut record = get(&graph, &Value::Null);
    record["plan"]["title"] = json!("A home by the summer");
    let put = put(&graph, &Value::Null, &record);
    let plan = put.created.iter().find(|created| created.kind == "CarePlan").unwrap();
    let plan: Value = serde_json::from_str(&plan.json).unwrap();
    assert_eq!((&plan["title"], plan.get("identifier")), (&json!("A home by the summer"), None));
    assert_eq!(plan["basedOn"], json!([{ "reference": "CarePlan/cp-1" }]));
}

#[test]
fn a_new_code_is_not_called_what_the_old_one_was() {
    let display = r#""code":"case-manager","display":"Case manager""#;
    let graph = referral(&[(r#""code":"case-manager""#, display)]);
    let mut record = get(&graph, &Value::Null);
    record["careTeam"][0]["role"] = json!("chw");
    let after = put(&graph, &Value::Null, &record);
    let team = resource(&after, "CareTeam/ct-1");
    let coding = &team["participant"][0]["role"][0]["coding"][0];
    assert_eq!((&coding["code"], coding.get("display")), (&json!("chw"), None));
}

#[test]
fn a_service_that_is_taken_out_is_referenced_no_longer() {
    let graph = referral(&[]);
    let mut record = get(&graph, &Value::Null);
    record["services"].as_array_mut().unwrap().retain(|service| service["id"] != "proc-1");
    let put = put(&graph, &Value::Null, &record);
    assert_eq!(resource(&put, "Procedure/proc-1")["status"], "entered-in-error");
    assert!(!resource(&put, "Task/task-1")["output"].to_string().contains("Procedure/proc-1"));
}

#[test]
fn what_others_left_out_is_not_filled_in_by_a_change_of_something_else() {
    let graph = referral(&[]);
    let mut record = get(&graph, &Value::Null);
    let services = record["services"].as_array_mut().unwrap();
    let service = services.iter_mut().find(|service| service["id"] == "proc-2").unwrap();
    service["notes"] = json!("went well");
    let mut expected = value(&graph, "Procedure/proc-2");
    expected["note"] = json!([{ "text": "went well" }]);
    assert_eq!(resource(&put(&graph, &Value::Null, &record), "Procedure/proc-2"), expected);
}

/// Who may not be called is not called because nobody could tell.
#[test]
fn what_a_rule_cannot_judge_is_left_out() {
    let (path, rule) =
        ("programs/generic/map.yaml", "orderDetail.coding.where(code = 'contacting-subject-prohibited')");
    let map = world::file(&format!("profiles/{path}"));
    assert_eq!(map.matches(rule).count(), 1);
    let map = map.replace(rule, "orderDetail.coding.single()");
    let files = shipped::files().iter().copied().chain([(path, map.as_bytes())]);
    let programs = ProgramTypes::load(world::definitions(), files).unwrap_or_else(|error| panic!("{error}"));
    let phones = |codings: &str| {
        let graph =
            referral(&[(r#""id":"sr-1","#, &format!(r#""id":"sr-1","orderDetail":[{{"coding":[{codings}]}}],"#))]);
        let record = programs.get("generic").map.get(&world::referral(&graph), &Value::Null).record().unwrap();
        record["participant"]["phones"].clone()
    };
    assert_eq!(phones(r#"{"code":"a"}"#), Value::Null, "the rule says so");
    assert_eq!(phones(r#"{"code":"a"},{"code":"b"}"#), Value::Null, "the rule cannot say");
    let record = programs.get("generic").map.get(&world::referral(&referral(&[])), &Value::Null).record().unwrap();
    assert_ne!(record["participant"]["phones"], Value::Null, "the rule says nothing");
}

/// The rules of a map name what they leave out twice, in the words of the record and of FHIR: both say the same.
#[test]
fn what_the_record_leaves_out_is_withheld_where_fhir_says_it() {
    let prohibited = json!([{ "coding": [{ "system": handoff::referral::task::SDOHCC_CODES, "code": "contacting-subject-prohibited" }] }]);
    for program in world::programs().iter() {
        let kind = &program.kind;
        let mut left_out = 0;
        for mut seed in world::seeds(kind) {
            for entry in seed["entry"].as_array_mut().unwrap() {
                if entry["resource"]["resourceType"] == "ServiceRequest" {
                    entry["resource"]["orderDetail"] = prohibited.clone();
                }
            }
            let graph = world::graph(&seed.to_string());
            let referral = world::referral(&graph);
            let withheld = program.map.withheld(&referral);
            for element in program.map.explain(&referral, &Value::Null).fidelity.elements {
                let ElementOutcome::Withheld(_, rule) = &element.outcome else { continue };
                left_out += 1;
                let path = &element.origin.path;
                let names = |it: &WithheldElement| {
                    *it.rule == **rule && path.starts_with(&format!("{}.{}", it.kind, it.member))
                };
                assert!(
                    withheld.iter().any(names),
                    "{kind}: {path} is withheld from the record under {rule}, and not in FHIR"
                );
            }
        }
        assert!(left_out > 0, "{kind}");
    }
}
