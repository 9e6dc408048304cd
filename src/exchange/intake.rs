//! A message's way in. Read [`Exchange::accept_once`] aloud: it is what happens to everything that is sent.
//!
//! A referral is taken in when its Task is new and `requested`, or becomes so, whether it comes in a transaction, in a
//! batch or alone. All of a message is stored, or nothing of it.

use std::sync::Arc;

use crate::error::{Category, Error, Result};
use crate::fhir::edit::{Edits, quote};
use crate::fhir::issue::any_error;
use crate::fhir::{Document, Issue, Node};
use crate::referral::plan::{Idempotency, Plan, Write};
use crate::security::Caller;

use super::message::{Entry, Names};
use super::write_target::WriteTarget;
use super::{Exchange, Outcome, rights};

/// How often a message that lost a race against another one is taken in anew.
const ATTEMPTS: usize = 8;

/// What is taken in at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'m> {
    /// The text that the entries point into
    pub(super) document: &'m Arc<Document>,
    /// What is checked: the whole Bundle, or one resource
    pub(super) root: Node<'m>,
    /// What it asks for
    pub(super) entries: &'m [Entry<'m>],
}

/// A message that may be taken in.
pub(super) struct PreparedMessage {
    /// What will be committed
    plan: Plan,
    /// Where each entry's resource goes
    targets: Vec<WriteTarget>,
    /// What was found and does not stand in the way
    pub(super) findings: Vec<Issue>,
}

impl Exchange {
    /// Takes a message in; a race that another message won is run again with what is now stored, a refusal is
    /// remembered.
    ///
    /// # Errors
    /// Every finding, with its place; nothing is stored then.
    pub(super) async fn accept(
        &self,
        caller: &Caller,
        message: Message<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<Vec<Option<Outcome>>> {
        for _ in 1..ATTEMPTS {
            match self.accept_once(caller, message, idempotency.clone()).await {
                Err(error) if error.category == Category::Conflict => {
                    if self.is_answered(idempotency.as_ref()).await? {
                        return Err(error);
                    }
                }
                Err(error) => return Err(self.audit_refusal(caller, error).await),
                Ok(outcomes) => return Ok(outcomes),
            }
        }
        self.accept_once(caller, message, idempotency).await
    }

    /// Has another request with this key been answered meanwhile?
    async fn is_answered(&self, idempotency: Option<&Idempotency>) -> Result<bool> {
        let Some(asked) = idempotency else { return Ok(false) };
        Ok(self.store.idempotent(&asked.client, &asked.key).await?.is_some())
    }

    async fn accept_once(
        &self,
        caller: &Caller,
        message: Message<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<Vec<Option<Outcome>>> {
        let PreparedMessage { mut plan, targets, findings } = self.prepare(caller, message, idempotency).await?;
        if plan.writes.is_empty() {
            return Ok(outcomes(message, &targets, &[], &findings));
        }
        answer(&mut plan, &targets)?;
        let committed = self.store.commit(plan).await?;
        Ok(outcomes(message, &targets, &committed.writes, &findings))
    }

    /// Everything up to the commit.
    ///
    /// # Errors
    /// Every finding, if one of them stands in the way.
    pub(super) async fn prepare(
        &self,
        caller: &Caller,
        message: Message<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<PreparedMessage> {
        rights::may_send(caller, message.entries)?;
        let findings = self.validate(message.root, &[], true).await;
        let targets = self.targets(caller, message.entries).await?;
        let context = self.load_context(caller, message, &targets).await?;
        let findings = accepted([findings, context.dangling].concat())?;

        let at = self.clock.now();
        let names = names(message.entries, &targets);
        let mut plan = Plan { idempotency, ..Plan::default() };
        for (entry, target) in message.entries.iter().zip(&targets) {
            let (Some(node), Some(key), Some(version)) = (entry.resource, target.key(), target.version()) else {
                continue;
            };
            let disposition = self.decide_disposition(caller, &context.graph, target, at).await?;
            let mut edits = Edits::new(node);
            resolve_references(&mut edits, node, &names);
            disposition.apply_to_task(&mut edits, node, at);
            edits.stamp(&key.id, version, at);
            let document = Arc::new(Document::parse(edits.finish())?);
            let author = target.author(caller);
            plan.writes.push(Write { key: key.clone(), version, document, updated: at, author, public: false });
            plan.guards.extend(target.guard());
            disposition.add_to_plan(&mut plan, caller, &context.graph, key, at);
        }
        self.follow_up(caller, &mut plan, &context.graph, &targets, at).await?;
        Ok(PreparedMessage { plan, targets, findings })
    }
}

/// The findings, if none of them stands in the way.
fn accepted(findings: Vec<Issue>) -> Result<Vec<Issue>> {
    if any_error(&findings) { Err(Error::unprocessable(findings)) } else { Ok(findings) }
}

/// What became of each entry, with the findings about it.
fn outcomes(
    message: Message<'_>,
    targets: &[WriteTarget],
    writes: &[Write],
    findings: &[Issue],
) -> Vec<Option<Outcome>> {
    let about = |entry: &Entry<'_>| -> Vec<Issue> {
        let own = entry.resource.map(Node::path).unwrap_or_default();
        let inside = |issue: &&Issue| {
            issue.path.strip_prefix(&own).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        findings.iter().filter(inside).cloned().collect()
    };
    targets.iter().zip(message.entries).map(|(target, entry)| Outcome::of(target, writes, &about(entry))).collect()
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

/// Lets the references of a resource name what is stored (<https://hl7.org/fhir/R4/http.html#trules>). A `urn:uuid:` of
/// the message is replaced wherever it is the whole of a text.
fn resolve_references<'m>(edits: &mut Edits<'m>, resource: Node<'m>, names: &Names<'m>) {
    for node in resource.descendants() {
        let Some(text) = node.as_str() else { continue };
        if node.name() != "reference" && !text.starts_with("urn:uuid:") {
            continue;
        }
        if let Some(key) = names.get(&text) {
            edits.replace(node, quote(&key.to_string()));
        }
    }
}

/// The answer that a repetition under the same idempotency key gets.
fn answer(plan: &mut Plan, targets: &[WriteTarget]) -> Result<()> {
    if plan.idempotency.is_some() {
        let outcomes = targets.iter().map(|target| Outcome::of(target, &plan.writes, &[])).collect();
        let answer = super::bundle::response(outcomes)?;
        if let Some(idempotency) = &mut plan.idempotency {
            idempotency.answer = answer;
        }
    }
    Ok(())
}
