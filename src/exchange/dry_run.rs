//! What would become of a resource if it were sent now: everything is done as if it were, but for the commit.
//!
//! Nothing is stored, nothing is owed to anybody and no refusal is remembered. Another request may come between the
//! dry run and the sending, so what is said here is no promise.

use std::sync::Arc;

use crate::error::{Category, Result};
use crate::fhir::{Document, Issue, Node, ResourceKey};
use crate::security::Caller;

use super::Exchange;
use super::intake::Message;
use super::message::{Entry, EntryRequest};

impl Exchange {
    /// What stands in the way of creating this resource, which is part of the document, and what is said besides.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub async fn try_create(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        resource: Node<'_>,
        if_none_exist: Option<&str>,
    ) -> Result<Vec<Issue>> {
        let ask = EntryRequest::Create { if_none_exist: if_none_exist.map(str::to_owned) };
        self.dry_run(caller, document, resource, ask).await
    }

    /// As [`Exchange::try_create`], of a new version of a stored resource. Whoever names no version in `if_match` means
    /// the one that the resource itself names, or else the newest.
    ///
    /// # Errors
    /// If the stored resource is not there, or not for this caller.
    pub async fn try_update(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        document: &Arc<Document>,
        resource: Node<'_>,
        if_match: Option<u64>,
    ) -> Result<Vec<Issue>> {
        let newest = self.read(caller, key, None).await?.version;
        let own = resource.get("meta").and_then(|meta| meta.str("versionId")?.parse().ok());
        let ask = EntryRequest::Update { key: key.clone(), if_match: if_match.or(own).or(Some(newest)) };
        self.dry_run(caller, document, resource, ask).await
    }

    async fn dry_run(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        resource: Node<'_>,
        ask: EntryRequest,
    ) -> Result<Vec<Issue>> {
        let entry = Entry { ask, full_url: None, resource: Some(resource), request: None };
        let message = Message { document, root: resource, entries: std::slice::from_ref(&entry) };
        match self.prepare(caller, message, None).await {
            Ok(prepared) => Ok(prepared.findings),
            Err(error) if matches!(error.category, Category::Fault | Category::Busy) => Err(error),
            Err(error) => Ok(error.issues),
        }
    }
}
