//! A journey through `handoff translate` alone: no gateway, nothing stored.

use std::path::{Path, PathBuf};

use handoff::cli::hmis::HmisArgs;
use handoff::cli::translate::{Args, Format, Target, run};
use handoff::cli::{Exit, Streams};
use serde_json::Value;

use crate::case::Journey;
use crate::expected::{self, Difference, leaves, message};

/// What the command gives.
struct Detail {
    /// The record, or the Bundle
    result: Value,
    /// What became of the fields: place and fate
    fates: Vec<(String, String)>,
}

/// Every place at which two documents differ.
fn differences(first: &Value, second: &Value) -> Vec<Difference> {
    leaves(expected::differences(first, second))
}

/// Translates what the EHR sent, what it reads at the end, and the last record, forth and back.
pub(crate) fn translate(journey: &Journey) {
    let kind = &journey.kind;
    let sent = to_record(kind, &journey.json("ehr.json")).result;
    let first = journey.json("00-sent.json");
    let mut ids = Vec::new();
    collect_ids(&first, &mut ids);
    let is_id = |it: &Difference| it.second.as_ref().is_some_and(|value| ids.contains(&value));
    let differ = differences(&sent, &first).into_iter();
    let lost: Vec<Difference> = differ.filter(|it| !is_the_gateways(it) && !is_id(it)).collect();
    assert!(lost.is_empty(), "{kind}: ehr.json is another record than the gateway's first:\n{}", message(&lost));

    let last = without_history(journey.json(journey.last()));
    let end = journey.json("end.json");
    end_is_the_record(journey, &end, &last);
    record_stands_alone(kind, &last);
}

/// What the EHR reads is the record, but for what FHIR has no room for, and putting the record there changes nothing.
fn end_is_the_record(journey: &Journey, end: &Value, last: &Value) {
    let kind = &journey.kind;
    let seen = without_history(to_record(kind, end).result);
    let mut aside = Vec::new();
    let mut wrong = Vec::new();
    for difference in differences(last, &seen) {
        if difference.second.is_none() {
            aside.push(difference.field());
        } else {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{kind}: the last record and end.json say different things:\n{}", message(&wrong));
    aside.sort();
    aside.dedup();
    let mut expected = journey.aside.clone();
    expected.sort();
    assert_eq!(expected, aside, "{kind}: what FHIR has no room for stands under aside: in journey.yaml");

    let put = to_fhir(kind, last, Some(&journey.path("end.json")));
    // What FHIR has no room for stands in a resource of its own beside the others.
    let resources = |bundle: &Value| -> Vec<Value> {
        let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        resources.filter(|resource| resource["resourceType"] != "Basic").collect()
    };
    let changed = differences(&Value::Array(resources(end)), &Value::Array(resources(&put.result)));
    assert!(changed.is_empty(), "{kind}: putting the last record onto end.json changed it:\n{}", message(&changed));
}

/// FHIR made of the last record alone is that record again; what is not is said to be kept aside.
fn record_stands_alone(kind: &str, last: &Value) {
    let made = to_fhir(kind, last, None);
    let again = without_history(to_record(kind, &made.result).result);
    let kept = |place: &str| made.fates.iter().any(|(record, fate)| fate == "kept aside" && within(place, record));
    let is_computed = |place: &str| {
        let program = crate::journey::programs().get(kind);
        let fields = program.map.fields();
        let computed = |why: &str| why.contains("computed");
        let mut computed = fields.iter().filter(|field| field.read_only.is_some_and(computed));
        computed.any(|field| field.record.iter().any(|record| within(place, record)))
    };
    let lost: Vec<Difference> =
        differences(last, &again).into_iter().filter(|it| !kept(&it.place) && !is_computed(&it.field())).collect();
    assert!(lost.is_empty(), "{kind}: FHIR made of the last record says something else:\n{}", message(&lost));
}

/// Is a place this one, or in it?
fn within(place: &str, whole: &str) -> bool {
    place.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What the gateway says about a referral that it took in: ids, versions, where it stands and whose it is.
fn is_the_gateways(difference: &Difference) -> bool {
    let field = difference.field();
    let last = field.rsplit('.').next().unwrap_or_default();
    matches!(last, "id" | "reference" | "version")
        || ["referral.history", "referral.request", "referral.to", "referral.state", "referral.status"]
            .iter()
            .any(|place| within(&field, place))
        || field.starts_with("program.")
}

/// The ids in a record; what the EHR sends has none yet.
fn collect_ids<'v>(record: &'v Value, ids: &mut Vec<&'v Value>) {
    match record {
        Value::Object(members) => {
            ids.extend(members.get("id"));
            members.values().for_each(|value| collect_ids(value, ids));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => {}
    }
}

/// A Bundle has one version of each resource, so no history.
fn without_history(mut record: Value) -> Value {
    if let Some(referral) = record["referral"].as_object_mut() {
        referral.shift_remove("history");
    }
    record
}

fn to_record(kind: &str, bundle: &Value) -> Detail {
    translated(kind, Target::Record, bundle, None)
}

fn to_fhir(kind: &str, record: &Value, with: Option<&Path>) -> Detail {
    translated(kind, Target::Fhir, record, with)
}

/// `handoff translate --to ... --explain --format json -`
fn translated(kind: &str, to: Target, input: &Value, with: Option<&Path>) -> Detail {
    let args = Args {
        from: None,
        to,
        zone: None,
        dates: None,
        program: Some(kind.to_owned()),
        programs: None,
        with: with.map(Path::to_owned),
        explain: true,
        format: Format::Json,
        hmis: HmisArgs::default(),
        input: PathBuf::from("-"),
    };
    let text = input.to_string();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = text.as_bytes();
    let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err, colour: false, progress: false };
    let done = run(&args, &mut streams);
    assert!(matches!(done, Ok(Exit::Done)), "{kind}: handoff translate --to {to:?}: {done:?}\n{text}");
    let told: Value = serde_json::from_slice(&out).unwrap();
    let rows = told["fidelity"]["fields"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fates = rows.map(|row| (word(&row["record"]), word(&row["fate"]))).collect();
    Detail { result: told["result"].clone(), fates }
}
