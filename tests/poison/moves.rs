//! What happens to referrals: events, records and sheets of agencies, new versions of EHRs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::{Answer, Ask, Client, Gateway, journeys, json as read};
use crate::odd;
use crate::random::Random;

/// Every event, as short as it can be said.
const CODES: &[&str] = &[
    "receive",
    "review",
    "accept",
    "accept",
    "accept",
    "waitlist",
    "schedule",
    "no-show",
    "enroll",
    "start",
    "service",
    "hold",
    "resume",
    "complete",
    "cancel",
    "note",
    "decline",
    "fail",
    "reschedule",
];

/// What the moves of the journeys are.
pub(crate) struct Moves {
    events: Vec<Value>,
    /// Patches of records, by program type
    patches: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
struct Journey {
    journey: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    event: Option<Value>,
    put: Option<String>,
}

impl Moves {
    pub(crate) fn load() -> Self {
        let mut moves = Self { events: Vec::new(), patches: BTreeMap::new() };
        for folder in journeys() {
            let text = std::fs::read_to_string(folder.join("journey.yaml")).unwrap();
            let journey: Journey = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
            let patches = moves.patches.entry(journey.journey).or_default();
            for step in journey.steps {
                moves.events.extend(step.event);
                patches.extend(step.put.map(|file| read(&folder.join(file))));
            }
        }
        moves
    }

    pub(crate) fn event(&self, random: &mut Random, task: &str) -> Ask {
        let mut event = match random.below(3) {
            0 => random.pick(&self.events).clone(),
            1 => json!({ "event": *random.pick(CODES), "note": odd::text(random) }),
            _ => json!({ "event": *random.pick(CODES), "reason": { "code": "other", "text": odd::text(random) } }),
        };
        if random.one_in(3) {
            odd::mutate(random, &mut event);
        }
        let text = event.to_string();
        let text = if random.one_in(25) { odd::mutate_text(random, &text) } else { text };
        let ask = Ask::post(format!("/agency/v1/referrals/{task}/events"), text);
        if random.one_in(4) { ask.header("idempotency-key", format!("key-{}", random.below(5))) } else { ask }
    }

    /// The record as it was read, changed.
    pub(crate) fn record(&self, random: &mut Random, task: &str, seen: &Answer) -> Ask {
        let mut record = seen.json();
        let kind = record["type"].as_str().unwrap_or_default().to_owned();
        match self.patches.get(&kind).filter(|patches| !patches.is_empty() && random.one_in(2)) {
            Some(patches) => patch(&mut record, random.pick(patches)),
            None => own_words(random, &mut record),
        }
        for _ in 0..random.below(3) {
            odd::mutate(random, &mut record);
        }
        let text = record.to_string();
        let text = if random.one_in(25) { odd::mutate_text(random, &text) } else { text };
        let ask = Ask::put(format!("/agency/v1/referrals/{task}"), text);
        match seen.header("etag") {
            Some(etag) if random.one_in(2) => ask.header("if-match", etag),
            _ => ask,
        }
    }

    /// A sheet as it was read, with other cells.
    pub(crate) fn sheet(random: &mut Random, kind: &str, seen: &str) -> Ask {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(seen.as_bytes());
        let mut rows: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        for _ in 0..random.below(4) {
            let at = random.below(rows.len());
            let row = &mut rows[at];
            let column = random.below(row.len());
            row[column] = odd::text(random);
        }
        let event = rows.first().and_then(|header| header.iter().position(|name| name == "event"));
        if let (Some(column), true) = (event, rows.len() > 1 && random.one_in(2)) {
            rows[1][column] = String::from(*random.pick(CODES));
        }
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        Ask::post(format!("/agency/v1/sheets/{kind}"), text)
    }
}

/// Names that no record's type has a word for.
const OWN_NAMES: &[&str] = &["ours", "x-ray", "$ref", "\u{202e}x", "a.b[0]", "__proto__", "id "];
/// Objects of a record that they stand in.
const PLACES: &[&str] = &["typeData", "extras", "enrollment", "participant", "referral", "plan"];

/// What the record's type has no word for stays beside the referral.
fn own_words(random: &mut Random, record: &mut Value) {
    let name = *random.pick(OWN_NAMES);
    let value = match random.below(5) {
        0 => odd::number(random),
        1 => json!({ "deep": odd::nested_extension(*random.pick(&[1, 30, 44, 46])) }),
        2 => json!({ "$serde_json::private::Number": *random.pick(&["12", "poison"]) }),
        3 => json!([null, {}, [], "", false]),
        _ => json!(odd::text(random)),
    };
    let place = *random.pick(PLACES);
    if !record[place].is_object() {
        record[place] = json!({});
    }
    record[place][name] = value;
}

/// The first of the agency's own words in a record that was put which is not in the answer as it was put.
pub(crate) fn lost_word(put: &Value, answer: &Value) -> Option<String> {
    let words = PLACES.iter().flat_map(|place| OWN_NAMES.iter().map(move |name| (place, name)));
    let mut lost = words.filter(|(place, name)| put[**place].get(**name) != answer[**place].get(**name));
    lost.next().map(|(place, name)| format!("{place}.{name}"))
}

/// Lays a patch over a value (RFC 7396); `name+` adds to a list.
fn patch(value: &mut Value, laid: &Value) {
    let Some(members) = laid.as_object() else {
        *value = laid.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    for (name, inner) in members {
        if let Some(list) = name.strip_suffix('+') {
            if !value[list].is_array() {
                value[list] = json!([]);
            }
            value[list].as_array_mut().unwrap().extend(inner.as_array().unwrap().iter().cloned());
        } else if inner.is_null() {
            value.as_object_mut().unwrap().shift_remove(name);
        } else {
            patch(&mut value[name.as_str()], inner);
        }
    }
}

/// A new version of a resource that the client reads.
pub(crate) async fn update(gateway: &Gateway, random: &mut Random, client: &Client, address: &str) -> Option<Ask> {
    let seen = gateway.ask(client, &Ask::get(format!("/fhir/{address}"))).await;
    if seen.status != 200 {
        return None;
    }
    let mut resource = seen.json();
    match random.below(4) {
        0 if resource["resourceType"] == "Task" => {
            let status =
                *random.pick(&["received", "accepted", "rejected", "in-progress", "completed", "cancelled", "on-hold"]);
            resource["status"] = json!(status);
        }
        1 if resource["resourceType"] == "Consent" => {
            resource["status"] = json!(*random.pick(&["inactive", "active", "rejected"]));
        }
        2 if resource["resourceType"] == "ServiceRequest" => {
            resource["status"] = json!(*random.pick(&["revoked", "on-hold", "active", "completed"]));
        }
        _ => odd::mutate(random, &mut resource),
    }
    let ask = Ask::put(format!("/fhir/{address}"), resource.to_string());
    Some(match seen.header("etag") {
        Some(etag) if !random.one_in(4) => ask.header("if-match", etag),
        _ => ask,
    })
}
