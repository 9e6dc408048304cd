//! Messages of several entries (<https://hl7.org/fhir/R4/http.html#transaction>): a transaction is taken in whole, an
//! entry of a batch on its own. What they are answered is data; the edge writes it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Node};
use crate::referral::care_plan;
use crate::security::Caller;
use crate::store::ReadResult;

use super::idempotency::RepeatKey;
use super::message::{Entry, EntryRequest, Message, Names, references};
use super::outcome::Outcome;
use super::service::Exchange;

/// What one entry of a transaction is answered.
#[derive(Debug)]
pub enum EntryAnswer {
    /// It wrote, or found what its condition names
    Written(Outcome),
    /// It asked, and this is what it gets
    Read(ReadResult),
    /// It asked nothing of the exchange
    Nothing,
}

impl Exchange {
    /// The transaction as it is taken in, where that is another than the one sent: a plan that comes without Tasks brings
    /// one for each referral among its activities, behind what was sent.
    ///
    /// # Errors
    /// Should what is added not be read.
    pub fn with_tasks(&self, document: &Document) -> Result<Option<Document>> {
        let planned = care_plan::with_tasks(document.root(), self.now());
        Ok(planned.map(Document::parse).transpose()?)
    }

    /// Takes in a transaction. Its reads find what it wrote, in the same commit.
    ///
    /// # Errors
    /// Every finding, with its position; nothing is stored then.
    pub async fn transaction(
        &self,
        caller: &Caller,
        message: Message<'_>,
        key: Option<RepeatKey>,
    ) -> Result<Vec<EntryAnswer>> {
        let key = key.or_else(|| RepeatKey::of_condition(caller, message.document, message.entries));
        let (outcomes, reads) = self.accept(caller, message, key.as_ref()).await?;
        let mut reads = reads.map(Vec::into_iter);
        let mut bytes = 0_usize;
        let mut names = Names::default();
        for (entry, outcome) in message.entries.iter().zip(&outcomes) {
            if let Some(outcome) = outcome {
                names.learn(entry, &outcome.key);
            }
        }
        if reads.is_none() {
            self.resolve_in_reads(caller, message.entries, &mut names).await?;
        }
        let mut answers = Vec::with_capacity(message.entries.len());
        for (entry, outcome) in message.entries.iter().zip(outcomes) {
            answers.push(match (&entry.ask, outcome) {
                (EntryRequest::Read(read), _) => EntryAnswer::Read(match &mut reads {
                    Some(reads) => {
                        let found = reads.next().ok_or_else(|| Error::fault("a read of a commit has no answer"))?;
                        self.note_unreadable(caller, &found);
                        self.audit_trail().found(caller, read, &found)?;
                        found
                    }
                    // Nothing was written, now or by this repetition: what is asked is read as it stands.
                    None => {
                        let found = self.look_up(caller, &names.in_read(read)).await;
                        let found = found.map_err(|error| entry.refusal(error))?;
                        bytes = bytes.saturating_add(found.bytes());
                        if bytes > self.limits().answer_bytes {
                            return Err(entry.refusal(ReadResult::too_large(self.limits().answer_bytes)));
                        }
                        found
                    }
                }),
                (EntryRequest::Nothing, _) => EntryAnswer::Nothing,
                (_, Some(outcome)) => EntryAnswer::Written(outcome),
                (_, None) => return Err(Error::fault("an entry was taken in and has no outcome")),
            });
        }
        Ok(answers)
    }

    /// Takes in an entry of a batch that writes.
    ///
    /// # Errors
    /// Every finding, with its position; nothing is stored then.
    pub async fn batch_entry(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        entry: &Entry<'_>,
        key: Option<RepeatKey>,
    ) -> Result<Outcome> {
        let root = entry.resource.ok_or_else(|| Error::fault("a write without a resource"))?;
        refuse_references_to_others(document.root(), entry)?;
        let message = Message { document, root, entries: std::slice::from_ref(entry) };
        let (mut outcomes, _) = self.accept(caller, message, key.as_ref()).await?;
        outcomes.pop().flatten().ok_or_else(|| Error::fault("an entry was taken in and has no outcome"))
    }
}

/// The entries of a batch do not know each other: the `urn:uuid:` of another one stands for nothing that will be stored.
fn refuse_references_to_others(batch: Node<'_>, entry: &Entry<'_>) -> Result<()> {
    let references = entry.resource.into_iter().flat_map(references);
    let named: Vec<(Node<'_>, Cow<'_, str>)> =
        references.filter(|(_, text)| text.starts_with("urn:") && entry.full_url.as_ref() != Some(text)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let others: HashSet<Cow<'_, str>> = batch.list("entry").filter_map(|other| other.str("fullUrl")).collect();
    let Some((node, _)) = named.into_iter().find(|(_, text)| others.contains(text)) else { return Ok(()) };
    let text = "the reference names another entry of the batch, and entries of a batch do not know each other";
    let issue = Issue::error_at(Key::ReferenceDangling, node, text);
    Err(Error::unprocessable(vec![issue.hint("send them as a transaction, or create the other one first")]))
}
