//! Both doors agree: whoever raises an event, and whoever writes the Task as the event would leave it, make the same of a
//! referral, or are refused for the same reason. Asked of every state, every event and everybody who takes part.

use std::sync::LazyLock;

use handoff::error::Error;
use handoff::fhir::{Document, Preconditions, ResourceKey};
use handoff::referral::claim::Claim;
use handoff::referral::reason::{self, Reason};
use handoff::referral::state::{self, Actor, Event, Position, State, TABLE, TaskStatus, Transition};
use handoff::referral::{Party, task};
use handoff::security::Caller;
use regex::Regex;
use serde_json::{Value, json};

use crate::world::{World, agency, ehr, request, task as task_for};

const SENT: Position = Position { status: TaskStatus::Requested, state: State::Sent };

/// Why somebody raises an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Nothing,
    Words,
    Code(Reason),
}

impl Why {
    fn reason(self) -> Option<Reason> {
        if let Self::Code(reason) = self { Some(reason) } else { None }
    }

    fn of_event(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Words => json!({ "text": "as they say" }),
            Self::Code(reason) => json!({ "code": reason.code() }),
        }
    }

    fn of_task(self) -> Value {
        match self {
            // The profile of the guide wants it in words.
            Self::Code(reason) => {
                json!({ "coding": [{ "system": reason::SYSTEM, "code": reason.code() }], "text": reason.text() })
            }
            other => other.of_event(),
        }
    }
}

/// Every position that a referral can come to, once it is sent.
fn positions() -> Vec<Position> {
    let (mut found, mut next) = (vec![SENT], 0);
    while next < found.len() {
        let from = found[next];
        next += 1;
        for event in Event::ALL {
            for party in [Party::Owner, Party::Requester] {
                for reason in Reason::ALL.iter().copied().map(Some).chain([None]) {
                    let Ok(step) = state::step(from, *event, party, reason, true) else { continue };
                    if !found.contains(&step.to) {
                        found.push(step.to);
                    }
                }
            }
        }
    }
    found
}

/// The reasons that an event is raised for here: none, words, and each code that leads somewhere of its own.
fn reasons(event: Event) -> Vec<Why> {
    let rows = TABLE.iter().filter(|row| row.event == event);
    let mut found = vec![Why::Nothing, Why::Words];
    for (reason, ..) in rows.flat_map(|row| row.by_reason) {
        if !found.contains(&Why::Code(*reason)) {
            found.push(Why::Code(*reason));
        }
    }
    found
}

/// One of two gateways, with a referral that is put wherever it has to stand.
struct Twin {
    world: World,
    person: String,
    request: String,
    task: Option<(String, Position)>,
}

impl Twin {
    async fn new() -> Self {
        let world = World::new().await;
        let person = json!({ "resourceType": "Patient", "name": [{ "family": "Marlowe", "given": ["Ines"] }] });
        let (person, _) = world.create(&ehr(), &person).await;
        let (request, _) = world.create(&ehr(), &request(&person)).await;
        Self { world, person, request, task: None }
    }

    /// The address of a referral that stands there, and the version of its Task.
    async fn at(&mut self, position: Position) -> (String, u64) {
        let task = match &self.task {
            Some((task, stands)) if *stands == position => task.clone(),
            _ => {
                let new = task_for(&self.person, &self.request, TaskStatus::Requested);
                let (task, _) = self.world.create(&ehr(), &new).await;
                let (status, business) = (position.status.code(), business_status(position.state));
                self.world.put_raw(&task, json!({ "status": status, "businessStatus": business })).await;
                task
            }
        };
        self.task = Some((task.clone(), position));
        let version = self.world.stored(&task).await.version;
        (task, version)
    }

    /// What stands there then, without what differs from gateway to gateway.
    async fn outcome(&mut self, task: &str, version: u64, done: Result<(), Error>) -> Outcome {
        if let Err(error) = done {
            let issues = error.issues.iter().map(|issue| (issue.key.name().to_owned(), issue.text.clone())).collect();
            return Outcome::Refused(format!("{:?}", error.category), issues);
        }
        self.task = None;
        let stored = self.world.stored(task).await;
        let mut resource = stored.document.root().to_value();
        resource.as_object_mut().unwrap().shift_remove("meta");
        let id = ResourceKey::parse(task).unwrap().id;
        let record = self.world.exchange.record(&agency(), &id).await;
        let record = record.map_or_else(|error| json!(error.to_string()), |record| record.value().unwrap());
        Outcome::Done { task: anonymous(&resource), record: anonymous(&record), versions: stored.version - version }
    }
}

fn business_status(state: State) -> Value {
    json!({ "coding": [{ "system": state::SYSTEM, "code": state.code() }] })
}

/// A document without the ids that the gateway counted.
fn anonymous(value: &Value) -> Value {
    static IDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""n[0-9]+"|/n[0-9]+\b"#).unwrap());
    serde_json::from_str(&IDS.replace_all(&value.to_string(), |found: &regex::Captures<'_>| {
        if found[0].starts_with('/') { "/n" } else { "\"n\"" }.to_owned()
    }))
    .unwrap()
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Done { task: Value, record: Value, versions: u64 },
    Refused(String, Vec<(String, String)>),
}

/// Where the event leads, or would lead from where it is possible.
fn target(from: Position, event: Event, by: Party, why: Why) -> Position {
    if let Ok(step) = state::step(from, event, by, why.reason(), true) {
        return step.to;
    }
    let rows = || TABLE.iter().filter(|row| row.event == event);
    let fits = |row: &&Transition| {
        row.from.contains(&from.status) && (row.within.is_empty() || row.within.contains(&from.state))
    };
    let own = rows().find(|row| row.by.contains(&by.into()));
    let of_status = || rows().find(|row| row.from.contains(&from.status));
    let row = rows().find(fits).or_else(of_status).or(own).or_else(|| rows().next()).unwrap();
    let special = row.by_reason.iter().find(|(reason, ..)| Some(*reason) == why.reason());
    let status = special.and_then(|(_, _, status)| *status).or(row.status).unwrap_or(from.status);
    Position { status, state: special.map(|(_, state, _)| *state).or(row.state).unwrap_or(from.state) }
}

/// What was compared, and what differs.
#[derive(Default)]
struct Findings {
    done: usize,
    refused: usize,
    differ: Vec<String>,
}

impl Twin {
    async fn raise(&mut self, caller: &Caller, from: Position, event: Event, why: Why) -> Outcome {
        let (task, version) = self.at(from).await;
        let id = ResourceKey::parse(&task).unwrap().id;
        let mut message = json!({ "event": event.code() });
        if why != Why::Nothing {
            message["reason"] = why.of_event();
        }
        let message = Document::from_value(&message).unwrap();
        let done =
            self.world.exchange.raise_event(caller, &id, &message, Preconditions::default(), None).await.map(|_| ());
        self.outcome(&task, version, done).await
    }

    async fn write(&mut self, caller: &Caller, from: Position, to: Position, why: Why) -> Outcome {
        let (task, version) = self.at(from).await;
        let mut members = json!({ "status": to.status.code(), "businessStatus": business_status(to.state) });
        if why != Why::Nothing {
            members["statusReason"] = why.of_task();
        }
        let done = self.world.change(caller, &task, members).await.map(|_| ());
        self.outcome(&task, version, done).await
    }
}

/// Compares both doors for everything that the party may, and may not, do from these positions.
async fn compare(from: Vec<Position>, party: Party, caller: Caller) -> Findings {
    let (mut by_event, mut by_task) = (Twin::new().await, Twin::new().await);
    let mut findings = Findings::default();
    let is_of_party = |event: Event| TABLE.iter().any(|row| row.event == event && !row.by.contains(&Actor::Gateway));
    let events =
        Event::ALL.iter().copied().filter(|event| !matches!(event, Event::Send | Event::Note) && is_of_party(*event));
    let cases = from.into_iter().flat_map(|from| events.clone().map(move |event| (from, event)));
    for (from, event) in cases {
        let is_possible = state::step(from, event, party, None, true).is_ok();
        for why in reasons(event).into_iter().filter(|why| is_possible || *why == Why::Words) {
            let to = target(from, event, party, why);
            let state = Some(to.state).filter(|state| *state != from.state);
            let claim = Claim { status: to.status, state, reason: why.reason() };
            let meant = claim.event(from, &[party]).map(|meant| meant.event);
            let other = meant.filter(|meant| *meant != event);
            let leads = |other: Event| {
                let mut parties = [Party::Owner, Party::Requester].into_iter();
                parties.any(|by| state::step(from, other, by, why.reason(), true).is_ok_and(|step| step.to == to))
            };
            // A Task that says where it stood moves nothing; and where another event leads there, it is that one.
            if to == from || (!is_possible && other.is_some_and(leads)) {
                continue;
            }
            let raised = by_event.raise(&caller, from, event, why).await;
            let written = by_task.write(&caller, from, to, why).await;
            let same = match (&raised, &written) {
                // The same rule refuses it, though the Task names another event that leads there.
                (Outcome::Refused(one, first), Outcome::Refused(two, second)) if other.is_some() => {
                    one == two && first.iter().map(|it| &it.0).eq(second.iter().map(|it| &it.0))
                }
                (raised, written) => raised == written,
            };
            if !same {
                let (status, state) = (from.status.code(), from.state.code());
                let case = format!("{status} {state}: {} {} {why:?}", party.code(), event.code());
                findings.differ.push(format!(
                    "{case}\n  event: {}\n  task:  {}",
                    raised.text(&written),
                    written.text(&raised)
                ));
            }
            match raised {
                Outcome::Done { .. } => findings.done += 1,
                Outcome::Refused(..) => findings.refused += 1,
            }
        }
    }
    findings
}

impl Outcome {
    /// What is in it that is not in the other one.
    fn text(&self, other: &Self) -> String {
        match (self, other) {
            (
                Self::Done { task, record, versions },
                Self::Done { task: of_task, record: of_record, versions: of_versions },
            ) => {
                let differ = |one: &Value, two: &Value| {
                    let members = one.as_object().into_iter().flatten();
                    members
                        .filter(|(name, value)| two[name.as_str()] != **value)
                        .map(|(name, value)| format!("{name}: {value}"))
                        .collect::<Vec<_>>()
                };
                let versions = (versions != of_versions).then(|| format!("{versions} versions"));
                [differ(task, of_task), differ(record, of_record), versions.into_iter().collect()].concat().join("; ")
            }
            (Self::Done { .. }, _) => "done".to_owned(),
            (Self::Refused(category, issues), _) => format!("{category}: {issues:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_the_task_as_it_leaves_it_come_to_the_same() {
    let all = positions();
    assert!(all.len() > 30, "{}", all.len());
    let parts = all.chunks(all.len().div_ceil(2));
    let parts =
        parts.flat_map(|part| [(part.to_vec(), Party::Owner, agency()), (part.to_vec(), Party::Requester, ehr())]);
    let running: Vec<_> = parts.map(|(from, party, caller)| tokio::spawn(compare(from, party, caller))).collect();
    let mut found = Findings::default();
    for part in running {
        let Findings { done, refused, differ } = part.await.unwrap();
        found.done += done;
        found.refused += refused;
        found.differ.extend(differ);
    }
    assert!(found.differ.is_empty(), "{} differ\n{}", found.differ.len(), found.differ.join("\n"));
    assert!(found.done > 200 && found.refused > 500, "{} {}", found.done, found.refused);
}

/// A Task that is completed without an output gets the one that the event gives, and the reason is coded as its state is.
#[tokio::test]
async fn a_completion_by_the_task_says_what_was_done() {
    let mut twin = Twin::new().await;
    let (address, _) = twin.at(Position { status: TaskStatus::InProgress, state: State::InService }).await;
    let completed = json!({ "status": "completed", "businessStatus": business_status(State::NeedMet) });
    twin.world.change(&agency(), &address, completed).await.unwrap();
    let stored = twin.world.stored(&address).await;
    let task = stored.document.root();
    assert_eq!(task::position(task), Some(Position { status: TaskStatus::Completed, state: State::NeedMet }));
    let output = task.list("output").next().unwrap().to_value();
    assert_eq!(output["type"]["coding"][0]["code"], "resulting-activity");
    assert_eq!(output["valueCodeableConcept"]["coding"][0]["code"], "467771000124109");

    let (address, _) = twin.at(Position { status: TaskStatus::Accepted, state: State::Accepted }).await;
    let own = json!([{ "type": { "coding": [{ "system": task::SDOHCC_CODES, "code": "resulting-activity" }] },
        "valueCodeableConcept": { "text": "a box of food" } }]);
    twin.world.change(&agency(), &address, json!({ "status": "completed", "output": own })).await.unwrap();
    let stored = twin.world.stored(&address).await;
    assert_eq!(stored.document.root().get("output").unwrap().to_value(), own, "an output of its own is enough");
}

/// What a Task says of its state against what its status means is refused, and not passed over.
#[tokio::test]
async fn a_task_that_contradicts_itself_is_refused() {
    let mut twin = Twin::new().await;
    for (status, state) in
        [("accepted", State::InService), ("requested", State::Scheduled), ("rejected", State::Waitlisted)]
    {
        let (address, _) = twin.at(SENT).await;
        let members =
            json!({ "status": status, "businessStatus": business_status(state), "statusReason": { "text": "why" } });
        let error = twin.world.change(&agency(), &address, members).await.map(|_| ()).unwrap_err();
        assert_eq!(error.issues[0].key.name(), "illegal-move", "{status} {state:?}: {error}");
    }
}

/// An older reason speaks of an older status, and goes with it.
#[tokio::test]
async fn an_older_reason_goes_with_its_status() {
    let mut twin = Twin::new().await;
    let (address, _) = twin.at(Position { status: TaskStatus::Accepted, state: State::Accepted }).await;
    let held = json!({ "status": "on-hold", "statusReason": { "text": "papers are missing" } });
    twin.world.change(&agency(), &address, held).await.unwrap();
    let held = twin.world.stored(&address).await;
    assert_eq!(held.document.root().get("statusReason").unwrap().to_value()["text"], "papers are missing");
    twin.world.change(&agency(), &address, json!({ "status": "in-progress" })).await.unwrap();
    let resumed = twin.world.stored(&address).await;
    assert!(resumed.document.root().get("statusReason").is_none());
    let failed = json!({ "status": "failed", "businessStatus": business_status(State::UnableToContact) });
    twin.world.change(&agency(), &address, failed).await.unwrap();
    let failed = twin.world.stored(&address).await;
    let reason = task::status_reason(failed.document.root());
    assert_eq!(reason, Some(Reason::UnableToContact), "the state says why");
}
