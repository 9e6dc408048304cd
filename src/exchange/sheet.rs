//! A sheet that comes back: each referral's rows over its record as the caller sees it, and what happened to it, as if
//! the record had been put and the event raised. All of it is one commit: if one row is refused, nothing is done.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::referral::Graph;
use crate::referral::plan::Plan;
use crate::referral::state::{Event, TABLE};
use crate::security::Caller;
use crate::sheet::{Fault, Finding, FindingOutcome, Options, ReferralReading, ReferralRows, RowMatch, SheetReader};
use crate::store::index::SearchParameters;
use crate::store::query::Query;
use crate::store::{Page, Resources};

use super::audit::audit;
use super::consequences::Consequence;
use super::context::ReferralContext;
use super::draft::Draft;
use super::event_message::EventMessage;
use super::raise_event::Events;
use super::referrals::{context_of, plan_of_draft};
use super::step::{Built, Change};
use super::timeline::through;
use super::write_record::RecordWriter;

/// So many persons of one name, and referrals of one person, are looked at for a row that names no referral.
const NAMESAKES: usize = 50;

/// So many persons and referrals are looked at for the rows of one sheet; a row for which none is left is refused.
const MAX_LOOKED_AT: usize = 5000;

/// A sheet that is sent.
#[derive(Debug, Clone, Copy)]
pub struct SentSheet<'a> {
    /// The program type that it is of
    pub kind: &'a str,
    /// The file
    pub bytes: &'a [u8],
    /// What it does not say itself
    pub options: &'a Options,
    /// Only say what would become of it
    pub check: bool,
    /// The client's own key for the request
    pub idempotency_key: Option<&'a str>,
}

/// What became of a sheet.
#[derive(Debug, Clone)]
pub struct SheetReport {
    /// Was any row refused? Then nothing was done
    pub refused: bool,
    /// The faults that refused it, each once, for the log
    pub refused_by: String,
    /// The report, for people and programs
    pub value: Value,
}

impl SheetReport {
    /// The Tasks of the referrals that rows were found to be about.
    pub(super) fn tasks(&self) -> Vec<ResourceKey> {
        let referrals = self.value["referrals"].as_array().into_iter().flatten();
        referrals.filter_map(|referral| Some(ResourceKey::new("Task", referral["id"].as_str()?))).collect()
    }
}

/// A sheet while its plan is made.
struct SheetIntake {
    plan: Plan,
    /// What the referrals hold around what is written
    context: Graph,
    findings: Vec<Finding>,
    referrals: Vec<Value>,
    /// The first row that writes each resource
    written: HashMap<ResourceKey, u64>,
    at: Timestamp,
}

/// What takes sheets in.
pub(super) struct Sheets {
    pub(super) store: Arc<dyn Resources>,
    pub(super) parameters: Arc<SearchParameters>,
    pub(super) events: Arc<Events>,
    pub(super) records: Arc<RecordWriter>,
}

/// A sheet whose rows know their referrals.
pub(super) struct TakenSheet<'a> {
    pub(super) sheets: &'a Sheets,
    pub(super) caller: &'a Caller,
    pub(super) reading: &'a SheetReader<'a>,
    pub(super) kind: &'a str,
    /// Only say what would become of it
    pub(super) check: bool,
}

impl Change for TakenSheet<'_> {
    type Outcome = SheetReport;

    async fn build(&self, at: Timestamp) -> Result<Built<SheetReport>> {
        let mut intake = SheetIntake {
            plan: Plan::default(),
            context: Graph::default(),
            findings: self.reading.findings.clone(),
            referrals: Vec::new(),
            written: HashMap::new(),
            at,
        };
        for group in self.reading.groups() {
            let before = intake.findings.len();
            let changed = match self.take_group(group, &mut intake).await {
                Ok(changed) => changed,
                Err(error) if matches!(error.category, Category::Fault | Category::Busy) => return Err(error),
                Err(error) => {
                    // Issues show names of the standard and of members, never what a person is called.
                    let text: Vec<String> = error.issues.iter().map(ToString::to_string).collect();
                    let finding =
                        Finding::of_referral(group.row, Fault::Referral, FindingOutcome::Refused, text.join("; "));
                    intake.findings.push(finding);
                    false
                }
            };
            let refused = intake.findings[before..].iter().any(|finding| finding.outcome == FindingOutcome::Refused);
            let done = match (refused, changed) {
                (true, _) => "refused",
                (false, true) => "changed",
                (false, false) => "unchanged",
            };
            let rows = self.reading.row_numbers(group);
            intake.referrals.push(json!({ "id": group.id, "rows": rows, "done": done }));
        }
        let refused = intake.findings.iter().any(|finding| finding.outcome == FindingOutcome::Refused);
        let commits = !intake.plan.is_empty() && !refused && !self.check;
        // Whoever reads the first of them reads the worst; they stay in the order of the rows otherwise.
        intake.findings.sort_by_key(|finding| Reverse(finding.outcome));
        let refused_by = intake.faults_that_refused();
        let outcome = SheetReport { refused, refused_by, value: intake.report(self.reading.len(), commits) };
        let plan = if commits { intake.plan } else { Plan::default() };
        let refused = (refused && !self.check).then(|| "sheet".to_owned());
        Ok(Built { plan, context: intake.context, outcome, refused })
    }

    fn tell(&self, report: &mut SheetReport, consequences: Vec<Consequence>) {
        let told: Vec<Value> = consequences.into_iter().map(|one| one.issue.text.into()).collect();
        if !told.is_empty() {
            report.value["consequences"] = told.into();
        }
    }

    fn remember(&self, _: &Plan, report: &SheetReport) -> String {
        report.value.to_string()
    }
}

impl Sheets {
    /// Finds the referrals of rows that name none: by the person, the service and the date, among those that the caller
    /// sees, where just one is like the row. Persons of one name are looked for once.
    pub(super) async fn name_rows(&self, caller: &Caller, kind: &str, reading: &mut SheetReader<'_>) -> Result<()> {
        let mut known: HashMap<[String; 2], Option<Vec<(String, Value)>>> = HashMap::new();
        let mut looked_at = 0;
        let mut found = Vec::new();
        for row in reading.unidentified_rows() {
            let Some(names) = reading.searchable_name(row).map(|names| names.map(str::to_owned)) else { continue };
            if !known.contains_key(&names) {
                let referrals = if looked_at < MAX_LOOKED_AT { self.referrals_of(caller, &names).await? } else { None };
                looked_at += referrals.as_ref().map_or(1, |referrals| referrals.len() + 1);
                known.insert(names.clone(), referrals);
            }
            let Some(Some(referrals)) = known.get(&names) else {
                found.push((row, RowMatch::Ambiguous));
                continue;
            };
            let is_like = |record: &Value| {
                record.get("type").and_then(Value::as_str) == Some(kind) && reading.matches_record(row, record)
            };
            let mut alike = referrals.iter().filter(|(_, record)| is_like(record)).map(|(id, _)| id);
            match (alike.next(), alike.next()) {
                (None, _) => {}
                (Some(id), None) => found.push((row, RowMatch::Only(id.clone()))),
                (Some(_), Some(_)) => found.push((row, RowMatch::Ambiguous)),
            }
        }
        reading.assign_referrals(found);
        Ok(())
    }

    /// The referrals that the caller sees of persons who are called so, with the ids of their Tasks; none where they are
    /// too many to look at all of them.
    async fn referrals_of(&self, caller: &Caller, [first, last]: &[String; 2]) -> Result<Option<Vec<(String, Value)>>> {
        let parameter = |name: &str, value: String| (name.to_owned(), value);
        let most = || parameter("_count", NAMESAKES.to_string());
        // In the words of a search, these signs separate values.
        let plain = |name: &str| name.replace(['\\', ',', '$', '|'], " ");
        let asked = [parameter("given", plain(first)), parameter("family", plain(last)), most()];
        let mut referrals = Vec::new();
        let persons = self.search(caller, "Patient", &asked).await?;
        let mut more = persons.next.is_some();
        for person in persons.matches {
            let asked = [parameter("patient", person.key.to_string()), most()];
            let tasks = self.search(caller, "Task", &asked).await?;
            more |= tasks.next.is_some();
            for task in tasks.matches {
                // What is no referral of the caller's is not looked at.
                let Some(stored) = self.store.referral(&caller.scope(), &task.key, true).await? else { continue };
                match self.records.referrals.view(&stored, &task.key) {
                    Ok(record) => referrals.push((task.key.id.clone(), record.value()?)),
                    // One that has no record stood on no sheet; the rows of others are not refused for it.
                    Err(error) => {
                        let rules = Plan::names_of(&error.issues);
                        tracing::error!(request.id = caller.request, task = %task.key, rules, "a record cannot be made");
                    }
                }
            }
        }
        Ok((!more).then_some(referrals))
    }

    async fn search(&self, caller: &Caller, kind: &str, parameters: &[(String, String)]) -> Result<Page> {
        let query = Query::parse(&self.parameters, kind, parameters)
            .map_err(|issues| Error { category: Category::Incorrect, issues })?;
        self.store.search(&caller.scope(), &query).await
    }
}

impl TakenSheet<'_> {
    /// Adds what the rows of one referral change to the plan. Says whether they change anything.
    async fn take_group(&self, group: &ReferralRows, intake: &mut SheetIntake) -> Result<bool> {
        let Self { sheets, caller, reading, .. } = self;
        let referrals = &sheets.records.referrals;
        let key = ResourceKey::parse(&format!("Task/{}", group.id)).ok_or_else(|| Error::not_found("the referral"))?;
        let stored = referrals.open_referral(caller, &key, true).await?;
        let base = referrals.view(&stored, &key)?.value()?;
        if base.get("type").and_then(Value::as_str) != Some(self.kind) {
            let text = "the referral is of another program type than the sheet";
            intake.findings.push(Finding::of_referral(group.row, Fault::Referral, FindingOutcome::Refused, text));
            return Ok(false);
        }
        let from = match reading.version(group) {
            Ok(Some(version)) if version > stored.seq => {
                let text = "the version is none that the referral has had";
                intake.findings.push(Finding::of_referral(group.row, Fault::Stale, FindingOutcome::Refused, text));
                return Ok(false);
            }
            Ok(Some(version)) if version < stored.seq => {
                Some(referrals.view_as_of(caller, &key, version, stored.seq).await?)
            }
            Ok(_) => None,
            Err(finding) => {
                intake.findings.push(finding);
                return Ok(false);
            }
        };
        let ReferralReading { record, event, findings } = reading.record(group, Some(&base), from.as_ref());
        intake.findings.extend(findings);
        let Some(record) = record else { return Ok(false) };
        let context = context_of(caller, &stored, &key)?;
        let event = event.map(|event| event_of_group(&event, group.row, &context, &base, &mut intake.findings));
        let mut event = event.transpose()?.flatten();
        if record == base && event.is_none() {
            return Ok(false);
        }
        let mut draft = Draft::new(stored.graph, key.clone(), stored.extras);
        let mut details = Vec::new();
        if record != base {
            let put = sheets.records.take(caller, &context, &mut draft, &record)?;
            if !put.is_empty() {
                details.push(("recorded", put.fidelity.to_string()));
            }
        }
        if let Some(message) = &mut event {
            let result = sheets.events.apply(caller, &context, &mut draft, message, intake.at)?;
            if result.changed {
                details.push(("moved", result.detail));
            }
        }
        if details.is_empty() {
            return Ok(false);
        }
        let (mut plan, graph) = plan_of_draft(caller, &context, draft, intake.at)?;
        let entries = details
            .into_iter()
            .map(|(action, detail)| audit(caller, action, Some(&key), through("sheet", &detail), intake.at));
        plan.audit.extend(entries.collect::<Vec<_>>());
        intake.add_plan(plan, &graph, group.row);
        Ok(true)
    }
}

/// The message of an event, unless it has happened before: sheets come back with what they said last time.
fn event_of_group(
    event: &Value,
    row: u64,
    context: &ReferralContext,
    base: &Value,
    findings: &mut Vec<Finding>,
) -> Result<Option<EventMessage>> {
    let document = Document::parse(event.to_string())?;
    let message = EventMessage::read(document.root())?;
    let mut already = |text: &'static str| {
        findings.push(Finding::of_referral(row, Fault::Already, FindingOutcome::LeftOut, text));
        Ok(None)
    };
    if message.event == Event::Note {
        let texts = base.pointer("/referral/notes").and_then(Value::as_array).into_iter().flatten();
        let same = |note: &Value| note.get("text").and_then(Value::as_str) == message.note.as_deref();
        return if texts.into_iter().any(same) { already("the remark was made before") } else { Ok(Some(message)) };
    }
    let position = context.position;
    let led_here = TABLE.iter().filter(|line| line.event == message.event).any(|line| {
        line.state == Some(position.state)
            || line.by_reason.iter().any(|(_, state, _)| *state == position.state)
            || (position.status.is_terminal() && line.status == Some(position.status))
    });
    if led_here {
        return already("the referral stands where the event leads");
    }
    // What was so once and is so no more is a stale row, where it cannot follow anew.
    let history = base.pointer("/referral/history").and_then(Value::as_array).into_iter().flatten();
    let mut states = history.filter_map(|step| step.get("state").and_then(Value::as_str));
    let passed = states.any(|state| {
        TABLE
            .iter()
            .filter(|line| line.event == message.event)
            .any(|line| line.state.is_some_and(|to| to.code() == state))
    });
    if passed && context.step(message.event, &message.status_reason).is_err() {
        return already("the event has happened, and the referral has moved on since");
    }
    Ok(Some(message))
}

impl SheetIntake {
    /// Joins the plan of one referral. Two that write the same resource cannot be one commit.
    fn add_plan(&mut self, plan: Plan, graph: &Graph, row: u64) {
        for write in &plan.writes {
            let first = *self.written.entry(write.key.clone()).or_insert(row);
            if first != row {
                let text = format!("row {first} changes the same {} as this row", write.key.kind);
                self.findings.push(Finding::of_referral(row, Fault::Referral, FindingOutcome::Refused, text));
                return;
            }
        }
        self.plan.join(plan);
        for resource in graph.resources() {
            self.context.insert(resource.clone());
        }
    }

    fn faults_that_refused(&self) -> String {
        let mut faults: Vec<&str> = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.outcome == FindingOutcome::Refused) {
            if !faults.contains(&finding.fault.code()) {
                faults.push(finding.fault.code());
            }
        }
        faults.join(" ")
    }

    fn report(&self, rows: usize, committed: bool) -> Value {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for referral in &self.referrals {
            *counts.entry(referral.get("done").and_then(Value::as_str).unwrap_or_default()).or_default() += 1;
        }
        json!({
            "rows": rows,
            "committed": committed,
            "counts": counts,
            "referrals": self.referrals,
            "findings": self.findings.iter().map(Finding::to_value).collect::<Vec<_>>(),
        })
    }
}
