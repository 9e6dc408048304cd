//! A journey through the running gateway: the EHR sends, the agency polls and answers, the EHR reads what became of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use handoff::security::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::case::{self, Journey, JourneyStep};
use crate::expected;
use crate::gateway::{BASE, Client, Gateway, instant};
use crate::names::Names;

/// A journey under way.
struct Walk<'j> {
    journey: &'j Journey,
    gateway: Gateway,
    ehr: Client,
    agency: Client,
    names: Names,
    /// The id of the Task
    task: String,
    /// The record as it stands
    record: Value,
    /// Its version
    etag: String,
    /// Where the agency's next poll goes on
    cursor: String,
    /// The versions of the referral's resources that were looked at
    seen: BTreeMap<String, u64>,
}

/// Walks the journey; every record on the way and the end are compared with the case.
pub(crate) async fn walk(journey: &Journey) {
    let mut walk = Walk::begin(journey).await;
    walk.arrive("the referral is sent", "00-sent.json").await;
    for step in &journey.steps {
        walk.take(step).await;
        walk.arrive(&step.record, &step.record).await;
    }
    let end = walk.end().await;
    expected::check(&journey.path("end.json"), &walk.names.name(&end));
}

/// A referral before and after a step, as record and as sheet.
pub(crate) struct Seen {
    pub(crate) record_before: Value,
    pub(crate) record_after: Value,
    pub(crate) sheet_before: String,
    pub(crate) sheet_after: String,
}

/// Walks as far as the step that leads to this record.
pub(crate) async fn observe_parties(journey: &Journey, until: &str) -> Seen {
    let mut walk = Walk::begin(journey).await;
    walk.arrive("the referral is sent", "00-sent.json").await;
    for step in &journey.steps {
        let (record_before, sheet_before) = (walk.names.name(&walk.record), walk.sheet().await);
        walk.take(step).await;
        walk.arrive(&step.record, &step.record).await;
        if step.record == until {
            let (record_after, sheet_after) = (walk.names.name(&walk.record), walk.sheet().await);
            return Seen { record_before, record_after, sheet_before, sheet_after };
        }
    }
    panic!("no step of the journey leads to {until}");
}

impl<'j> Walk<'j> {
    /// The EHR sends, and the agency's next poll brings the record.
    async fn begin(journey: &'j Journey) -> Self {
        let gateway = Gateway::start(&journey.begins, &journey.directory(), None).await;
        let ehr = gateway.client(Role::Ehr, &journey.ehr).await;
        let agency = gateway.client(Role::Agency, &journey.agency).await;
        let (before, cursor) = agency.poll(None).await;
        assert!(before.is_empty(), "nothing was sent, and the agency was told of {before:?}");
        let answer = ehr.post("/fhir", &journey.json("ehr.json")).await.expect(200, "ehr.json was refused");
        let task = first_task(&answer);
        let (record, etag) = (Value::Null, String::new());
        let (names, seen) = (Names::default(), BTreeMap::new());
        Self { journey, gateway, ehr, agency, names, task, record, etag, cursor, seen }
    }

    fn own(&self) -> String {
        format!("/agency/v1/referrals/{}", self.task)
    }

    /// The referral as a sheet.
    async fn sheet(&self) -> String {
        let answer = self.agency.get_as(&self.own(), "text/csv").await;
        assert_eq!(answer.status, 200, "{}: the sheet: {}", self.journey.kind, answer.text);
        let Value::String(sheet) = self.names.name(&Value::String(answer.text)) else { return String::new() };
        sheet
    }

    // --- a step

    async fn take(&mut self, step: &JourneyStep) {
        let next = self.gateway.now() + SignedDuration::from_hours(24);
        self.gateway.set_time(step.on.as_deref().map_or(next, instant));
        let doing = format!("{}, towards {}", self.journey.kind, step.record);
        match (&step.event, &step.put, &step.change) {
            (Some(event), None, None) => {
                let path = format!("{}/events", self.own());
                self.agency.post(&path, &self.names.unname(event)).await.expect(200, &doing);
            }
            (None, Some(file), None) => {
                let mut record = self.record.clone();
                case::patch(&mut record, &self.names.unname(&self.journey.json(file)));
                let answer = self.agency.put(&self.own(), &record.to_string(), Some(&self.etag)).await;
                answer.expect(200, &doing);
            }
            (None, None, Some(changes)) => {
                for (reference, patch) in changes {
                    self.change(reference, patch, &doing).await;
                }
            }
            _ => panic!("{doing}: a step has one of event, put and change"),
        }
    }

    /// The EHR reads a resource of its own and writes it back changed.
    async fn change(&self, reference: &str, patch: &Value, doing: &str) {
        let Value::String(reference) = self.names.unname(&Value::String(reference.to_owned())) else { return };
        let path = format!("/fhir/{reference}");
        let stored = self.ehr.get(&path).await;
        let mut resource = stored.expect(200, doing);
        case::patch(&mut resource, &self.names.unname(patch));
        let answer = self.ehr.put(&path, &resource.to_string(), Some(&stored.etag)).await;
        answer.expect(200, doing);
    }

    // --- what stands then

    /// What the agency is told is the record, which keeps its schema and can be put back as it is; what stands in FHIR is
    /// valid.
    async fn arrive(&mut self, doing: &str, file: &str) {
        let doing = format!("{}, {doing}", self.journey.kind);
        let answer = self.agency.get(&self.own()).await;
        self.record = answer.expect(200, &doing);
        self.etag.clone_from(&answer.etag);
        let (told, cursor) = self.agency.poll(Some(&self.cursor)).await;
        let told: Vec<&Value> = told.iter().filter(|record| record["id"] == self.task).collect();
        assert_eq!(told, [&self.record], "{doing}: what the poll brings is the record");
        self.cursor = cursor;
        self.check_fhir(&doing).await;

        assert_eq!(self.record["type"], self.journey.kind, "{doing}: another type of program than the folder's");
        let wrong = self.gateway.programs().get(&self.journey.kind).check(&self.record);
        assert!(wrong.is_empty(), "{doing}: the record breaks its schema: {wrong:#?}");
        let again = self.agency.put(&self.own(), &answer.text, Some(&self.etag)).await;
        again.expect(200, &format!("{doing}: the record put back as it is"));
        assert_eq!((&again.text, &again.etag), (&answer.text, &answer.etag), "{doing}: nothing changed");

        self.names.learn_items(&self.record, "");
        expected::check(&self.journey.path(file), &self.names.name(&self.record));
    }

    /// Every resource of the referral that is new since the last step is valid; it gets a name.
    async fn check_fhir(&mut self, doing: &str) {
        let graph = self.gateway.graph(&self.task).await;
        let keys = graph.resources().iter().filter_map(handoff::referral::Resource::key);
        self.names.learn_resources(keys.collect());
        for resource in graph.resources() {
            if self.seen.insert(resource.url.clone(), resource.version) == Some(resource.version) {
                continue;
            }
            let wrong = self.gateway.errors(resource.node()).await;
            assert!(
                wrong.is_empty(),
                "{doing}: {} is not valid: {wrong:#?}\n{}",
                resource.url,
                expected::pretty(&resource.node().to_value())
            );
        }
    }

    // --- the end

    /// The EHR's Task with everything that it leads to, read one by one, as a Bundle.
    async fn end(&self) -> Value {
        let first = format!("Task/{}", self.task);
        let mut known = BTreeSet::from([first.clone()]);
        let mut waiting = VecDeque::from([first]);
        let mut entries = Vec::new();
        while let Some(reference) = waiting.pop_front() {
            let doing = format!("{}: the EHR reads {reference}", self.journey.kind);
            let resource = self.ehr.get(&format!("/fhir/{reference}")).await.expect(200, &doing);
            // What the directory holds leads to other people's matters.
            if self.seen.contains_key(&reference) && !is_of_directory(&reference) {
                let mut found = Vec::new();
                references(&resource, &mut found);
                waiting.extend(found.into_iter().filter(|reference| known.insert(reference.clone())));
            }
            entries.push(json!({ "fullUrl": format!("{BASE}/fhir/{reference}"), "resource": resource }));
        }
        json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
    }
}

/// The id of the first Task that a transaction made.
fn first_task(response: &Value) -> String {
    let entries = response["entry"].as_array().unwrap().iter();
    let mut locations = entries.filter_map(|entry| entry["response"]["location"].as_str());
    let id = locations.find_map(|location| location.split_once("Task/")?.1.split('/').next());
    id.expect("ehr.json holds a Task").to_owned()
}

/// Ids of the directory are words, not given by the gateway.
fn is_of_directory(reference: &str) -> bool {
    reference.split_once('/').is_none_or(|(_, id)| !id.starts_with("id-"))
}

/// The references to resources of the gateway, in order; other referrals are other matters.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("reference").and_then(Value::as_str)
                && let Some((kind, id)) = reference.split_once('/')
                && kind.starts_with(|letter: char| letter.is_ascii_uppercase())
                && kind != "Task"
                && !id.contains('/')
            {
                found.push(reference.to_owned());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
