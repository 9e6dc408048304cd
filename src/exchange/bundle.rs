//! Messages of several entries (<https://hl7.org/fhir/R4/http.html#transaction>): a transaction is taken in whole, an
//! entry of a batch on its own. What they are answered is data; the edge writes it.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::Document;
use crate::referral::care_plan;
use crate::security::Caller;
use crate::store::ReadResult;

use super::idempotency::RepeatKey;
use super::message::{Entry, EntryRequest, Message};
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
        let mut answers = Vec::with_capacity(message.entries.len());
        for (entry, outcome) in message.entries.iter().zip(outcomes) {
            answers.push(match (&entry.ask, outcome) {
                (EntryRequest::Read(read), _) => EntryAnswer::Read(match &mut reads {
                    Some(reads) => {
                        let found = reads.next().ok_or_else(|| Error::fault("a read of a commit has no answer"))?;
                        self.audit_trail().found(caller, read, &found)?;
                        found
                    }
                    // Nothing was written, now or by this repetition: what is asked is read as it stands.
                    None => {
                        let found = self.look_up(caller, read).await.map_err(|error| entry.refusal(error))?;
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
    pub async fn batch_entry(&self, caller: &Caller, document: &Arc<Document>, entry: &Entry<'_>) -> Result<Outcome> {
        let root = entry.resource.ok_or_else(|| Error::fault("a write without a resource"))?;
        let message = Message { document, root, entries: std::slice::from_ref(entry) };
        let (mut outcomes, _) = self.accept(caller, message, None).await?;
        outcomes.pop().flatten().ok_or_else(|| Error::fault("an entry was taken in and has no outcome"))
    }
}
