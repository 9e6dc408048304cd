//! Every Task and ServiceRequest among the examples of SDOH Clinical Care becomes a record that its schema accepts, in
//! every program type, and goes back to the same resources. The examples are the guide's and stand beside this checkout;
//! where they are absent, the test says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use handoff::fhir::Document;
use handoff::mapping::{Detail, ProgramType};
use handoff::referral::{Graph, Referral};
use serde_json::{Value, json};

use crate::expected::{differences, leaves, message};
use crate::journey::programs;

/// The examples by type and id, or nothing where they are not at hand.
fn examples() -> Option<BTreeMap<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/examples/sdohcc");
    let Ok(files) = folder.read_dir() else {
        println!("skipped: the guide's examples are not beside this checkout");
        return None;
    };
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "json"));
    let read = |path| -> Value { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    Some(paths.map(read).map(|resource| (name(&resource), resource)).collect())
}

fn name(resource: &Value) -> String {
    let word = |member: &str| resource[member].as_str().unwrap_or_default();
    format!("{}/{}", word("resourceType"), word("id"))
}

/// A Bundle of the examples in which this one is part of a referral, and the name of that referral's Task. What the
/// example lacks for one stands around it and says no more than it must: a Task without a ServiceRequest gets one, a
/// ServiceRequest gets a Task.
fn referral_of(example: &Value, examples: &BTreeMap<String, Value>) -> (Value, String) {
    let mut resources = examples.clone();
    resources.retain(|name, _| !name.starts_with("Bundle/"));
    let task = match example["resourceType"].as_str() {
        Some("Task") => {
            let mut task = example.clone();
            let focus = task["focus"]["reference"].as_str().unwrap_or("ServiceRequest/around").to_owned();
            task["focus"] = json!({ "reference": focus });
            resources.entry(focus.clone()).or_insert_with(|| {
                let id = focus.split_once('/').unwrap().1;
                json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order", "subject": task["for"] })
            });
            task
        }
        _ => json!({
            "resourceType": "Task",
            "id": "around",
            "status": "requested",
            "intent": "order",
            "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
            "focus": { "reference": name(example) },
            "for": example["subject"],
        }),
    };
    let url = name(&task);
    resources.insert(url.clone(), task);
    let entries: Vec<Value> = resources.into_values().map(|resource| json!({ "resource": resource })).collect();
    (json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }), url)
}

#[test]
fn every_example_is_a_record_and_goes_back() {
    let Some(examples) = examples() else { return };
    let wanted = |name: &&String| name.starts_with("Task/") || name.starts_with("ServiceRequest/");
    let names: Vec<&String> = examples.keys().filter(wanted).collect();
    assert!(names.len() >= 5, "the guide has more Tasks and ServiceRequests than {names:?}");
    for name in names {
        let (bundle, task) = referral_of(&examples[name], &examples);
        let graph = Graph::from_bundle(&Arc::new(Document::parse(bundle.to_string()).unwrap())).unwrap();
        for program in programs().iter() {
            goes_back(program, &graph, &task, &format!("{name} as {}", program.kind));
        }
    }
}

fn goes_back(program: &ProgramType, graph: &Graph, task: &str, doing: &str) {
    let referral =
        Referral::read(graph, graph.resolve(task).unwrap()).unwrap_or_else(|error| panic!("{doing}: {error}"));
    let record = program.map.get(&referral, &Value::Null).record().unwrap();
    let wrong = program.check(&record);
    assert!(wrong.is_empty(), "{doing}: {wrong:?}\n{record:#}");

    // Put back as it is, it is the same resources.
    let mut ids = || unreachable!("nothing is made");
    let put = program
        .map
        .put(&record, &referral, &Value::Null, Detail::Totals, &mut ids)
        .unwrap_or_else(|error| panic!("{doing}: {error}"));
    assert!(put.is_empty(), "{doing}: {put:#?}");

    // Made of the record alone, they are the same record.
    let mut count = 0;
    let mut ids = || {
        count += 1;
        format!("made-{count}")
    };
    let made = program
        .map
        .create(&record, Detail::Totals, &mut ids)
        .unwrap_or_else(|error| panic!("{doing}: {error}\n{record:#}"));
    let after = made.apply(&Graph::default()).unwrap();
    let again =
        program.map.get(&Referral::read(&after, after.only_task().unwrap()).unwrap(), &made.extras).record().unwrap();
    let lost: Vec<_> = leaves(differences(&record, &again))
        .into_iter()
        .filter(|it| it.first.is_some() && !follows_from_the_rest(program, &it.field()))
        .collect();
    assert!(lost.is_empty(), "{doing}: made of the record alone\n{}", message(&lost));
}

/// Is it computed, or the history, which begins anew?
fn follows_from_the_rest(program: &ProgramType, field: &str) -> bool {
    let computed = |why: &str| why.contains("computed");
    field.starts_with("referral.history")
        || program.map.fields().iter().any(|known| {
            known.read_only.is_some_and(computed)
                && known.record.iter().any(|place| place.trim_end_matches("[]") == field.trim_end_matches("[]"))
        })
}
