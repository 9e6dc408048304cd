//! A message's way in. Read [`SentMessage::build`] aloud: it is what happens to everything that is sent.
//!
//! A referral is taken in when its Task is new and `requested`, or becomes so, whether it comes in a transaction, in a
//! batch or alone. All of a message is stored, or nothing of it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::fhir::edit::{Edits, quote};
use crate::fhir::issue::any_error;
use crate::fhir::{Document, Issue, Key, Locator, Node, ResourceKey};
use crate::limits::ContentLimits;
use crate::referral::kept_types::{REFERENCE_DATA, REFERENCE_DATA_STAYS};
use crate::referral::modifiers;
use crate::referral::plan::{Plan, PlannedRead, Write};
use crate::security::Caller;
use crate::store::Resources;

use super::check::ResourceCheck;
use super::conditional_reference::ConditionalReferences;
use super::consequences::Consequence;
use super::disposition::Router;
use super::entry_error::{about_entry, without_positions};
use super::load_context::{ContextSource, load_context};
use super::message::{Entry, EntryRequest, Message, Names};
use super::narrative_links::with_links;
use super::outcome::{self, Outcome};
use super::raise_event::Events;
use super::rights;
use super::size;
use super::step::{Built, Change};
use super::write_target::{Targets, WriteTarget};
use super::written_move::WrittenMove;

/// What takes messages in.
pub(super) struct Intake {
    pub(super) store: Arc<dyn Resources>,
    pub(super) check: Arc<ResourceCheck>,
    pub(super) targets: Targets,
    pub(super) router: Router,
    pub(super) events: Arc<Events>,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub(super) base: Option<String>,
    pub(super) limits: ContentLimits,
}

impl Intake {
    fn source(&self) -> ContextSource<'_> {
        ContextSource { store: &*self.store, base: self.base.as_deref(), limits: &self.limits }
    }
}

/// A message that somebody sends.
pub(super) struct SentMessage<'m> {
    pub(super) intake: &'m Intake,
    pub(super) caller: &'m Caller,
    pub(super) message: Message<'m>,
}

/// Where each entry's resource goes, and what was found that does not stand in the way.
pub(super) struct Accepted {
    targets: Vec<WriteTarget>,
    pub(super) findings: Vec<Issue>,
}

impl Change for SentMessage<'_> {
    type Outcome = Accepted;

    async fn build(&self, at: Timestamp) -> Result<Built<Accepted>> {
        let Self { intake, caller, message } = self;
        rights::may_send(caller, message.entries)?;
        let mut findings = intake.check.issues(message.root, &[], true).await;
        if let [entry] = message.entries
            && message.root != message.document.root()
        {
            // The check's paths begin with what it was given: here with an entry of a batch.
            findings = entry.found_inside(findings);
        }
        findings.extend(modifiers::not_understood(message.root));
        let targets = intake.targets.find(caller, message.entries).await?;
        let mut names = names(message.entries, &targets);
        let (entries, places) = (message.entries, &*targets);
        ConditionalReferences { targets: &intake.targets, caller, entries, places }.resolve(&mut names).await?;
        let context = load_context(intake.source(), caller, *message, &targets, &names).await?;
        let mut findings = accepted([findings, context.dangling].concat())?;

        let written: Vec<&ResourceKey> =
            targets.iter().filter(|target| target.version().is_some()).filter_map(WriteTarget::key).collect();
        let reads = planned_reads(caller, message.entries, &names);
        let mut plan = Plan { reads, read_bytes: Some(intake.limits.answer_bytes), ..Plan::default() };
        for (entry, target) in message.entries.iter().zip(&targets) {
            let (Some(node), Some(key), Some(version)) = (entry.resource, target.key(), target.version()) else {
                continue;
            };
            if REFERENCE_DATA.contains(&key.kind.as_str()) && version == 1 {
                let text = format!("this {} is {REFERENCE_DATA_STAYS}", key.kind);
                findings.push(Issue::information(Key::OwnReferenceData, node.path(), text).at(node.position()));
            }
            let decided = intake.router.decide(caller, &context.graph, target, at).await;
            let disposition = decided.map_err(|error| entry.about(error))?;
            findings.extend_from_slice(disposition.remarks());
            let mut edits = Edits::new(node);
            resolve_references(&mut edits, node, &names);
            disposition.apply_to_task(&mut edits, node, at);
            target.sign_notes(&mut edits, node, caller);
            if let (Some(change), WriteTarget::Next(stored)) = (disposition.change(), target) {
                let completed = target.completed(Document::parse(edits.finish())?);
                let completed = completed.map_err(|error| entry.about(without_positions(error)))?;
                check_size(entry, key, &completed, version, &intake.limits)?;
                let (events, message) = (&*intake.events, &context.graph);
                let moved = WrittenMove { events, caller, change, stored, message, written: &written };
                let told = moved.add_to_plan(&mut plan, completed.text(), at).map_err(|error| entry.about(error))?;
                findings.extend(told.into_iter().map(|issue| Issue { path: node.path(), ..issue }));
                disposition.add_to_plan(&mut plan, caller, &context.graph, key, at);
                continue;
            }
            edits.stamp(&key.id, version, at);
            let completed = target.completed(Document::parse(edits.finish())?);
            let document = Arc::new(completed.map_err(|error| entry.about(without_positions(error)))?);
            check_size(entry, key, &document, version, &intake.limits)?;
            let author = target.author(caller);
            let replaces = target.replaces();
            plan.writes.push(Write {
                key: key.clone(),
                version,
                document,
                updated: at,
                author,
                public: false,
                replaces,
            });
            plan.guards.extend(target.guard());
            disposition.add_to_plan(&mut plan, caller, &context.graph, key, at);
        }
        Ok(Built { plan, context: context.graph, outcome: Accepted { targets, findings }, refused: None })
    }

    fn tell(&self, accepted: &mut Accepted, consequences: Vec<Consequence>) {
        if consequences.is_empty() {
            return;
        }
        let mut places: HashMap<&ResourceKey, Node<'_>> = HashMap::new();
        for (target, entry) in accepted.targets.iter().zip(self.message.entries) {
            if let (Some(key), Some(resource)) = (target.key(), entry.resource) {
                places.entry(key).or_insert(resource);
            }
        }
        let told = consequences.into_iter().map(|Consequence { cause, issue }| {
            let path = places.get(&cause).map(|place| place.path()).unwrap_or_default();
            Issue { path, ..issue }
        });
        accepted.findings.extend(told.collect::<Vec<_>>());
    }

    fn locate(&self, accepted: &Accepted, error: Error) -> Error {
        about_entry(self.message.entries, &accepted.targets, error)
    }

    fn remember(&self, plan: &Plan, accepted: &Accepted) -> String {
        outcome::to_text(&accepted.outcomes(self.message, &plan.writes))
    }
}

impl Accepted {
    /// What became of each entry, with the findings about it.
    pub(super) fn outcomes(&self, message: Message<'_>, writes: &[Write]) -> Vec<Option<Outcome>> {
        let mut findings = self.findings_by_entry(message);
        // Of several versions of a resource the last one counts.
        let writes: HashMap<&ResourceKey, &Write> = writes.iter().map(|write| (&write.key, write)).collect();
        let outcome = |(position, target): (usize, &WriteTarget)| {
            let write = target.key().and_then(|key| writes.get(key).copied());
            Outcome::of(target, write, findings.remove(&position).unwrap_or_default())
        };
        self.targets.iter().enumerate().map(outcome).collect()
    }

    /// The findings about the resource of each entry, by the entry's position.
    fn findings_by_entry(&self, message: Message<'_>) -> HashMap<usize, Vec<Issue>> {
        let mut by_entry: HashMap<usize, Vec<Issue>> = HashMap::new();
        if self.findings.is_empty() {
            return by_entry;
        }
        let mut locator = Locator::new(message.document.root());
        let mut positions: HashMap<String, usize> = HashMap::new();
        for (position, entry) in message.entries.iter().enumerate() {
            if let Some(resource) = entry.resource {
                positions.insert(locator.path(resource).to_owned(), position);
            }
        }
        for issue in &self.findings {
            let steps = issue.path.rmatch_indices(['.', '[']).map(|(at, _)| &issue.path[..at]);
            let position = std::iter::once(&*issue.path).chain(steps).find_map(|path| positions.get(path));
            if let Some(position) = position {
                by_entry.entry(*position).or_default().push(issue.clone());
            }
        }
        by_entry
    }
}

/// A Task has room for so much.
fn check_size(
    entry: &Entry<'_>,
    key: &ResourceKey,
    written: &Document,
    version: u64,
    limits: &ContentLimits,
) -> Result<()> {
    if key.kind != "Task" {
        return Ok(());
    }
    size::check_task(written.text().len(), version == 1, limits).map_err(|error| entry.about(error))
}

/// What is read once all is written.
fn planned_reads(caller: &Caller, entries: &[Entry<'_>], names: &Names<'_>) -> Vec<PlannedRead> {
    let read = |entry: &Entry<'_>| match &entry.ask {
        EntryRequest::Read(read) => {
            Some(PlannedRead { scope: caller.scope(), read: names.in_read(read), path: entry.path() })
        }
        _ => None,
    };
    entries.iter().filter_map(read).collect()
}

/// The findings, if none of them stands in the way.
fn accepted(findings: Vec<Issue>) -> Result<Vec<Issue>> {
    if any_error(&findings) { Err(Error::unprocessable(findings)) } else { Ok(findings) }
}

/// What the message's references call each of its resources.
fn names<'m>(entries: &[Entry<'m>], targets: &[WriteTarget]) -> Names<'m> {
    let mut names = Names::default();
    for (entry, target) in entries.iter().zip(targets) {
        if let Some(key) = target.key() {
            names.learn(entry, key);
        }
    }
    names
}

/// Elements that are no URI, whatever stands in them: an identifier may well be the `urn:uuid:` of its entry, and stays it.
const PLAIN_TEXTS: &[&str] = &["value", "valueString", "valueMarkdown", "text", "display", "title", "description"];

/// Lets the references of a resource name what is stored (<https://hl7.org/fhir/R4/http.html#trules>). A `urn:uuid:` of
/// the message is replaced wherever it is the whole of a URI, and in the links of narrative.
fn resolve_references<'m>(edits: &mut Edits<'m>, resource: Node<'m>, names: &Names<'m>) {
    for node in resource.descendants() {
        let Some(text) = node.as_str() else { continue };
        if node.name() == "div" {
            let stored = |name: &str| names.get(name).map(ToString::to_string);
            if let Some(linked) = with_links(&text, stored) {
                edits.replace(node, quote(&linked));
            }
            continue;
        }
        if node.name() != "reference" && (!text.starts_with("urn:uuid:") || PLAIN_TEXTS.contains(&node.name())) {
            continue;
        }
        if let Some(key) = names.get(&text) {
            edits.replace(node, quote(&key.to_string()));
        }
    }
}
