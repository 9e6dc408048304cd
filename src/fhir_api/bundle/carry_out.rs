//! Carries a batch or a transaction out.

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::error::{Error, Result};
use crate::exchange::{EntryAnswer, Message, RepeatKey};
use crate::fhir::authored::bundle::BundleWriter;
use crate::fhir::{Document, Node};
use crate::security::Caller;
use crate::server::app_state::Base;
use crate::server::reply::Refusal;

use super::batch_frame::BatchFrame;
use super::limits;
use super::request::{Ask, BundleType, EntryReader, GetEntry, bundle_type, refusal_of_transaction};
use super::response;
use crate::fhir_api::rendered::Rendered;
use crate::fhir_api::service::FhirService;
use crate::fhir_api::{get, written};

/// A Bundle that is sent: who sends it, and how.
#[derive(Clone, Copy)]
pub(super) struct BundleRequest<'r> {
    pub(super) service: &'r FhirService,
    pub(super) caller: &'r Caller,
    pub(super) base: &'r Base,
    pub(super) headers: &'r HeaderMap,
}

impl BundleRequest<'_> {
    /// Carries the Bundle out and answers with the response Bundle as JSON.
    ///
    /// # Errors
    /// For a transaction every finding, with its position; nothing is stored then. A batch answers entry by entry.
    pub(super) async fn carry_out(&self, document: Document, key: Option<&str>) -> Result<String> {
        let form = bundle_type(document.root())?;
        limits::check(document.root(), form, self.service.exchange.limits())?;
        match form {
            BundleType::Batch => self.batch(&Arc::new(document), key).await,
            BundleType::Transaction => {
                let key = RepeatKey::of(self.caller, key, &["bundle", document.text()]);
                let planned = self.service.exchange.with_tasks(&document)?;
                self.transaction(&Arc::new(planned.unwrap_or(document)), key).await
            }
        }
    }

    async fn batch(&self, document: &Arc<Document>, key: Option<&str>) -> Result<String> {
        let frame = BatchFrame::check(&self.service.checker, document.root())?;
        let mut bundle = BundleWriter::batch_response()?;
        let limits = self.service.exchange.limits();
        let mut has_room = true;
        for (number, entry) in document.root().list("entry").enumerate() {
            let before = bundle.mark();
            if has_room {
                let key = key.and_then(|key| RepeatKey::of_entry(self.caller, key, number, entry));
                let answer = self.batch_entry(document, &frame, number, entry, key).await;
                self.add(&mut bundle, &answer)?;
                if bundle.len() <= limits.answer_bytes {
                    continue;
                }
                has_room = false;
                bundle.go_back(before);
                if let Ok(EntryAnswered { rendered, is_write: true }) = answer {
                    response::add(&mut bundle, &not_repeated(rendered))?;
                    continue;
                }
            }
            response::add_refusal(&mut bundle, &limits::no_room(limits).into(), &self.caller.request)?;
        }
        Ok(bundle.finish())
    }

    fn add(&self, bundle: &mut BundleWriter, answer: &Result<EntryAnswered, Refusal>) -> Result<()> {
        match answer {
            Ok(answered) => response::add(bundle, &answered.rendered),
            Err(refusal) => response::add_refusal(bundle, refusal, &self.caller.request),
        }
    }

    async fn batch_entry(
        &self,
        document: &Arc<Document>,
        frame: &BatchFrame,
        number: usize,
        entry: Node<'_>,
        key: Option<RepeatKey>,
    ) -> Result<EntryAnswered, Refusal> {
        let ask = self.reader(BundleType::Batch).read(entry)?;
        frame.entry(number)?;
        match ask {
            Ask::Write(entry) => {
                let written = self.service.exchange.batch_entry(self.caller, document, &entry, key).await?;
                Ok(EntryAnswered { rendered: written::render_entry(&written, self.headers), is_write: true })
            }
            Ask::Get(get) => {
                let rendered = get::carry_out(self.service, self.caller, self.base, &get.interaction).await?;
                Ok(EntryAnswered { rendered: get.answer(rendered)?, is_write: false })
            }
        }
    }

    async fn transaction(&self, document: &Arc<Document>, key: Option<RepeatKey>) -> Result<String> {
        let mut asks = Vec::new();
        for entry in document.root().list("entry") {
            let ask = self.reader(BundleType::Transaction).read(entry);
            asks.push(ask.map_err(|refusal| refusal_of_transaction(&refusal, entry))?);
        }
        let ready = self.answers_without_store(document, &asks).await?;
        let entries: Vec<_> = asks
            .iter()
            .map(|ask| match ask {
                Ask::Write(entry) => entry.clone(),
                Ask::Get(get) => get.entry(),
            })
            .collect();
        let message = Message { document, root: document.root(), entries: &entries };
        let answers = self.service.exchange.transaction(self.caller, message, key).await?;
        let mut bundle = BundleWriter::transaction_response()?;
        let most = self.service.exchange.limits().answer_bytes;
        for ((ask, ready), answer) in asks.iter().zip(ready).zip(answers) {
            let before = bundle.mark();
            let rendered = self.transaction_entry(ask, ready, answer).await?;
            response::add(&mut bundle, &rendered)?;
            // What its GETs find was bounded before it was committed.
            if bundle.len() > most && matches!(ask, Ask::Write(_)) {
                bundle.go_back(before);
                response::add(&mut bundle, &not_repeated(rendered))?;
            }
        }
        Ok(bundle.finish())
    }

    /// What is asked of the program and not of the store, answered before anything is written; and what would be refused
    /// afterwards is refused now.
    async fn answers_without_store(&self, document: &Document, asks: &[Ask<'_>]) -> Result<Vec<Option<Rendered>>> {
        let mut answers = Vec::with_capacity(asks.len());
        for (ask, entry) in asks.iter().zip(document.root().list("entry")) {
            let Ask::Get(GetEntry { interaction, .. }) = ask else {
                answers.push(None);
                continue;
            };
            let checked = interaction.check(self.service);
            let answer = match interaction.read() {
                Some(_) => checked.map(|()| None),
                None => interaction.render(self.service, &self.base.fhir(), None).await.map(Some),
            };
            answers.push(answer.map_err(|error| refusal_of_transaction(&error.into(), entry))?);
        }
        Ok(answers)
    }

    async fn transaction_entry(&self, ask: &Ask<'_>, ready: Option<Rendered>, answer: EntryAnswer) -> Result<Rendered> {
        match (ask, answer, ready) {
            (Ask::Write(_), EntryAnswer::Written(written), _) => Ok(written::render_entry(&written, self.headers)),
            (Ask::Get(get), EntryAnswer::Read(found), _) => {
                get.answer(get.interaction.render(self.service, &self.base.fhir(), Some(found)).await?)
            }
            (Ask::Get(get), EntryAnswer::Nothing, Some(rendered)) => get.answer(rendered),
            _ => Err(Error::fault("an entry is answered otherwise than it asks")),
        }
    }

    fn reader(&self, form: BundleType) -> EntryReader<'_> {
        EntryReader { service: self.service, role: self.caller.role, base: self.base, headers: self.headers, form }
    }
}

/// What an entry of a batch is answered.
struct EntryAnswered {
    rendered: Rendered,
    /// Was something stored, or found that was to be?
    is_write: bool,
}

/// The answer to a write without the resource, for which there is no room.
fn not_repeated(rendered: Rendered) -> Rendered {
    Rendered { body: None, issues: vec![limits::not_repeated()], ..rendered }
}
