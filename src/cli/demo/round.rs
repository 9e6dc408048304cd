//! One referral, step by step, in plain words. Every step is a request as the EHR's and the agency's systems would send
//! it, through the same router that the socket is served with.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::world::{self, Client};
use crate::app::WallClock;
use crate::cli::streams::unwritable;
use crate::error::{Error, Result};
use crate::exchange::Clock;
use crate::fhir::Document;
use crate::referral::{Graph, Referral};
use crate::routing::{self, Directory, Rulebook};

/// The referral that goes round.
const REFERRAL: &str = include_str!("../../../fixtures/demo/ehr/food-insecurity.json");
/// Who sends it.
const SENDER: &str = "fernhollow-ehr";
/// What is shown of the record, as JSON pointers.
const SHOWN: &[&str] = &[
    "/type",
    "/referral/state",
    "/referral/reason/needCategory",
    "/referral/requestedServices",
    "/referral/from/organization/name",
    "/participant/names",
    "/participant/dob/value",
    "/participant/phones",
    "/program/name",
    "/consent/status",
];
/// Largest answer that is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Tells and does.
pub(super) struct DemoRound<'w> {
    pub(super) router: Router,
    pub(super) clients: &'w [Client],
    /// Everything that is sent and answered is told, not only what it comes to
    pub(super) verbose: bool,
    pub(super) out: &'w mut dyn Write,
}

impl DemoRound<'_> {
    /// One referral goes all the way round.
    pub(super) async fn run(&mut self) -> Result<()> {
        let sender = self.token(SENDER)?;
        self.heading(&format!("1. {SENDER} sends a referral: a person needs food; nobody is named to help"))?;
        let sent = parse(REFERRAL)?;
        let kinds: Vec<&str> =
            list(&sent["entry"]).iter().map(|entry| text(&entry["resource"]["resourceType"])).collect();
        self.line("POST /fhir   a transaction of what the EHR knows:")?;
        self.line(&format!("  {}", kinds.join(", ")))?;
        let response = self.send(Method::POST, "/fhir", &sender, Some(&sent)).await?;
        self.findings(&response)?;
        let Some(task) = list(&response["entry"]).iter().find_map(|entry| task_id(&entry["response"]["location"]))
        else {
            return Err(Error::fault("the demo's referral was answered without a Task"));
        };
        if list(&response["entry"])
            .iter()
            .any(|entry| task_id(&entry["response"]["location"]).is_some() && entry["response"]["status"] == "200 OK")
        {
            self.line(&format!(
                "This referral is stored here already (Task/{task}): it went round when the demo ran before."
            ))?;
            return self.read_back(&sender, &task, "2").await;
        }
        self.show_routing(&sender, &task).await?;
        let agency = self.owner(&sender, &task).await?;
        self.show_service(&agency, &task).await?;
        self.read_back(&sender, &task, "7").await
    }

    /// Who got it, with the reasons for every candidate.
    async fn show_routing(&mut self, sender: &str, task: &str) -> Result<()> {
        self.heading("2. Handoff decides who gets it, with its reasons for every program that was looked at")?;
        let decision = route_of(REFERRAL)?;
        for line in decision.lines() {
            self.line(line)?;
        }
        let stored = self.send(Method::GET, &format!("/fhir/Task/{task}"), sender, None).await?;
        let owner = stored["owner"]["reference"].as_str().unwrap_or("nobody").to_owned();
        self.line(&format!("Task/{task} is now owned by {owner}"))
    }

    /// The agency's side: poll, record, accept, serve, complete.
    async fn show_service(&mut self, agency: &Client, task: &str) -> Result<()> {
        let token = agency.token.clone();
        self.heading(&format!(
            "3. {} polls for what is new, and gets it in the words of its own program",
            agency.name
        ))?;
        self.line("GET /agency/v1/referrals")?;
        let polled = self.send(Method::GET, "/agency/v1/referrals", &token, None).await?;
        let records = list(&polled["records"]);
        self.line(&format!("{} record(s), cursor {}", records.len(), polled["cursor"]))?;
        let record = self.send(Method::GET, &format!("/agency/v1/referrals/{task}"), &token, None).await?;
        self.show_record(&record)?;

        let events = format!("/agency/v1/referrals/{task}/events");
        self.heading("4. The agency accepts")?;
        self.event(&events, &token, json!({ "event": "accept", "note": "we call the person tomorrow" })).await?;

        self.heading("5. It reports a service")?;
        let service = json!({ "event": "service", "service": {
            "at": "2026-11-20T10:00:00Z", "minutes": 30, "mode": "in-person", "attended": "yes",
            "notes": "applied for the pantry program together"
        }});
        self.event(&events, &token, service).await?;

        self.heading("6. It completes the referral: the need is met")?;
        let complete = json!({ "event": "complete", "outcome": { "status": "achieved" } });
        self.event(&events, &token, complete).await
    }

    /// The record whole, or some of what a case worker looks at first.
    fn show_record(&mut self, record: &Value) -> Result<()> {
        if self.verbose {
            return format!("{record:#}").lines().try_for_each(|line| self.line(line));
        }
        for place in SHOWN {
            if let Some(value) = record.pointer(place) {
                let name = place.trim_start_matches('/').replace('/', ".");
                self.line(&format!("  {name}: {}", brief(value)))?;
            }
        }
        Ok(())
    }

    async fn event(&mut self, path: &str, token: &str, event: Value) -> Result<()> {
        self.line(&format!("POST {path}"))?;
        self.line(&format!("  {event}"))?;
        let record = self.send(Method::POST, path, token, Some(&event)).await?;
        let referral = &record["referral"];
        self.line(&format!(
            "The referral is now {} (Task.status {})",
            text(&referral["state"]),
            text(&referral["status"])
        ))
    }

    /// What the EHR reads at the end.
    async fn read_back(&mut self, sender: &str, task: &str, number: &str) -> Result<()> {
        self.heading(&format!("{number}. The EHR asks what became of it"))?;
        self.line(&format!("GET /fhir/Task/{task}"))?;
        let stored = self.send(Method::GET, &format!("/fhir/Task/{task}"), sender, None).await?;
        self.members(&stored, &["status", "businessStatus", "owner", "output"])?;
        let outputs = list(&stored["output"]);
        let procedure = outputs.iter().find_map(|output| output["valueReference"]["reference"].as_str());
        let (Some("completed"), Some(procedure)) = (stored["status"].as_str(), procedure) else {
            return Err(Error::fault("the demo's referral did not come back completed with an output"));
        };
        let path = format!("/fhir/{procedure}");
        self.line(&format!("GET {path}"))?;
        let procedure = self.send(Method::GET, &path, sender, None).await?;
        self.members(&procedure, &["status", "code", "performedDateTime", "basedOn"])?;
        self.heading("The loop is closed.")
    }

    fn members(&mut self, resource: &Value, names: &[&str]) -> Result<()> {
        for name in names {
            let value = &resource[*name];
            if !value.is_null() {
                let shown = if self.verbose { value.to_string() } else { brief(value) };
                self.line(&format!("  {name}: {shown}"))?;
            }
        }
        Ok(())
    }

    /// What was found and stored, as the answer to the transaction says it.
    fn findings(&mut self, response: &Value) -> Result<()> {
        let entries = list(&response["entry"]);
        let issues: Vec<&Value> =
            entries.iter().flat_map(|entry| list(&entry["response"]["outcome"]["issue"])).collect();
        let stored = entries.iter().filter(|entry| entry["response"]["status"] == "201 Created").count();
        self.line(&format!("Checked against FHIR R4: no error; stored {stored} new resource(s), all or none"))?;
        if self.verbose {
            for issue in issues {
                let said = text(&issue["diagnostics"]).replace('\n', "\n   ");
                self.line(&format!("  {}: {said}", text(&issue["severity"])))?;
            }
        }
        Ok(())
    }

    /// The client of the organization that owns the Task.
    async fn owner(&mut self, sender: &str, task: &str) -> Result<Client> {
        let stored = self.send(Method::GET, &format!("/fhir/Task/{task}"), sender, None).await?;
        let owner = stored["owner"]["reference"].as_str().unwrap_or_default();
        let found = self.clients.iter().find(|client| client.role == "agency" && client.organization == owner);
        found.cloned().ok_or_else(|| Error::fault(format!("the demo has no client for {owner}")))
    }

    fn token(&self, name: &str) -> Result<String> {
        let found = self.clients.iter().find(|client| client.name == name);
        found.map(|client| client.token.clone()).ok_or_else(|| Error::fault(format!("the demo has no client {name}")))
    }

    /// Sends a request through the router and reads the answer.
    async fn send(&mut self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Result<Value> {
        let media = if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, media)
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .map_err(Error::fault)?;
        let answer = self.router.clone().oneshot(request).await.map_err(Error::fault)?;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), MAX_BYTES).await.map_err(Error::fault)?;
        let text = String::from_utf8_lossy(&bytes);
        if !status.is_success() {
            return Err(Error::fault(format!("{path} answered {status}: {text}")));
        }
        parse(&text)
    }

    fn heading(&mut self, heading: &str) -> Result<()> {
        writeln!(self.out, "\n{heading}").map_err(unwritable)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "   {line}").map_err(unwritable)
    }
}

/// The decision about the referral in a bundle, told in words, by the demo's directory.
fn route_of(bundle: &str) -> Result<String> {
    let bundle = Arc::new(Document::parse(bundle)?);
    let graph = Graph::from_bundle(&bundle)?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    let directory = Directory::from_bundle(&Document::parse(world::DIRECTORY)?, &Rulebook::shipped()?)?;
    Ok(routing::decide(&directory, &referral, WallClock.now())?.to_string())
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(Error::fault)
}

/// A value as a line of text: of a concept its words or code, of a reference where it leads, of several things all of them.
fn brief(value: &Value) -> String {
    let all = |values: &mut dyn Iterator<Item = &Value>| values.map(brief).collect::<Vec<_>>().join(", ");
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => all(&mut values.iter()),
        Value::Object(members) => {
            let whole = ["display", "code", "reference", "coding", "valueReference", "value"];
            match whole.iter().find_map(|name| members.get(*name)) {
                Some(value) => brief(value),
                // As what a name or number is used tells nothing of it.
                None => members
                    .iter()
                    .filter(|(name, _)| *name != "use")
                    .map(|(_, value)| brief(value))
                    .collect::<Vec<_>>()
                    .join(" "),
            }
        }
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// The id in `Task/ID/_history/1`.
fn task_id(location: &Value) -> Option<String> {
    let rest = location.as_str()?.split("Task/").nth(1)?;
    Some(rest.split('/').next()?.to_owned())
}
