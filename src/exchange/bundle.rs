//! A Bundle of requests and its answer (<https://hl7.org/fhir/R4/http.html#transaction>): a transaction is taken in
//! whole, a batch entry by entry.

use std::sync::Arc;

use crate::error::{Category, Error, Result};
use crate::fhir::Document;
use crate::fhir::authored::bundle::{self as authored, BundleWriter, Response, SearchMode};
use crate::referral::care_plan;
use crate::security::Caller;
use crate::store::Page;

use super::idempotency::RepeatKey;
use super::message::{BundleType, Entry, GetTarget, Message, read_bundle};
use super::outcome::Outcome;
use super::service::Exchange;

/// What one entry of a bundle is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// It wrote, or found what its condition names
    Done(Outcome),
    /// It asked, and this JSON is what it gets
    Got(String),
    /// It was refused (batches only)
    Refused(Error),
}

impl Exchange {
    /// Takes in a transaction or batch and answers with the response Bundle as JSON.
    ///
    /// # Errors
    /// For a transaction every finding, with its position; nothing is stored then. A batch answers entry by entry.
    pub async fn bundle(&self, caller: &Caller, document: Document, idempotency_key: Option<&str>) -> Result<String> {
        let document = Arc::new(document);
        let keyed = RepeatKey::of(caller, idempotency_key, &["bundle", document.text()]);
        let (form, entries) = read_bundle(&document)?;
        match form {
            BundleType::Batch => self.batch(caller, &document, &entries).await,
            // A plan that comes without Tasks brings one for each referral among its activities; the answer names them
            // behind what was sent.
            BundleType::Transaction => match care_plan::with_tasks(document.root(), self.now()) {
                None => self.transaction(caller, &document, &entries, keyed).await,
                Some(planned) => {
                    let planned = Arc::new(Document::parse(planned)?);
                    let (_, entries) = read_bundle(&planned)?;
                    self.transaction(caller, &planned, &entries, keyed).await
                }
            },
        }
    }

    async fn transaction(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        entries: &[Entry<'_>],
        keyed: Option<RepeatKey>,
    ) -> Result<String> {
        let gets: Vec<Option<GetTarget>> = entries.iter().map(Entry::get_target).collect::<Result<_>>()?;
        let key = keyed.or_else(|| RepeatKey::of_condition(caller, document, entries));
        let message = Message { document, root: document.root(), entries };
        let outcomes = self.accept(caller, message, key.as_ref()).await?;
        let mut answers = Vec::with_capacity(entries.len());
        for (get, outcome) in gets.iter().zip(outcomes) {
            answers.push(match get {
                Some(get) => Answer::Got(self.get(caller, get).await?),
                None => Answer::Done(outcome.ok_or_else(|| Error::fault("an entry was taken in and has no outcome"))?),
            });
        }
        write(BundleWriter::transaction_response()?, &answers)
    }

    async fn batch(&self, caller: &Caller, document: &Arc<Document>, entries: &[Entry<'_>]) -> Result<String> {
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            let one = std::slice::from_ref(entry);
            answers.push(match (entry.get_target(), entry.resource) {
                (Err(error), _) => Answer::Refused(error),
                (Ok(Some(get)), _) => match self.get(caller, &get).await {
                    Ok(json) => Answer::Got(json),
                    Err(error) => Answer::Refused(error),
                },
                (Ok(None), Some(root)) => {
                    match self.accept(caller, Message { document, root, entries: one }, None).await {
                        Ok(mut outcomes) => outcomes
                            .pop()
                            .flatten()
                            .map_or_else(|| Answer::Refused(Error::fault("no outcome")), Answer::Done),
                        Err(error) => Answer::Refused(error),
                    }
                }
                (Ok(None), None) => Answer::Refused(Error::fault("a write without a resource")),
            });
        }
        write(BundleWriter::batch_response()?, &answers)
    }

    /// The answer to a GET inside a bundle.
    async fn get(&self, caller: &Caller, target: &GetTarget) -> Result<String> {
        match target {
            GetTarget::Read(key) => Ok(self.read(caller, key, None).await?.document.text().to_owned()),
            GetTarget::Search { kind, parameters } => searchset(&self.search(caller, kind, parameters).await?),
        }
    }
}

fn write(mut bundle: BundleWriter, answers: &[Answer]) -> Result<String> {
    bundle.open_entries();
    for answer in answers {
        bundle.add(&entry(answer))?;
    }
    Ok(bundle.finish())
}

fn entry(answer: &Answer) -> authored::Entry<'_> {
    let resource = if let Answer::Got(json) = answer { Some(json.as_str()) } else { None };
    let response = match answer {
        Answer::Got(_) => Response { status: "200 OK", ..Response::default() },
        Answer::Refused(error) => {
            Response { status: status_line(error.category), outcome: Some(&error.issues), ..Response::default() }
        }
        Answer::Done(done) => Response {
            status: if done.created { "201 Created" } else { "200 OK" },
            location: Some(format!("{}/_history/{}", done.key, done.version)),
            version: Some((done.version, done.updated)),
            outcome: (!done.issues.is_empty()).then_some(&done.issues),
        },
    };
    authored::Entry { resource, response: Some(response), ..authored::Entry::default() }
}

fn searchset(page: &Page) -> Result<String> {
    let mut bundle = BundleWriter::searchset(page.total, &[])?;
    bundle.open_entries();
    for (found, mode) in [(&page.matches, SearchMode::Match), (&page.included, SearchMode::Include)] {
        for stored in found {
            let resource = Some(stored.document.text());
            bundle.add(&authored::Entry { resource, search: Some(mode), ..authored::Entry::default() })?;
        }
    }
    Ok(bundle.finish())
}

/// The HTTP status of a refused entry, as the standard wants it in `response.status`.
fn status_line(category: Category) -> &'static str {
    match category {
        Category::Incorrect => "400 Bad Request",
        Category::Unprocessable => "422 Unprocessable Entity",
        Category::Unauthenticated => "401 Unauthorized",
        Category::Forbidden => "403 Forbidden",
        Category::NotFound => "404 Not Found",
        Category::Unsupported => "405 Method Not Allowed",
        Category::NotAcceptable => "406 Not Acceptable",
        Category::MediaType => "415 Unsupported Media Type",
        Category::TooLarge => "413 Content Too Large",
        Category::Precondition => "412 Precondition Failed",
        Category::Conflict => "409 Conflict",
        Category::Busy => "503 Service Unavailable",
        Category::Fault => "500 Internal Server Error",
    }
}
