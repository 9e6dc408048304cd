//! Whether consent permits that an organization sees a referral, asked of all Consents that are at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::{Node, ResourceKey};
use crate::referral::{Referral, Resource, Scope};
use crate::security::Recipient;
use crate::security::consent::{self, ConsentDecision, Policy};
use crate::store::Resources;
use crate::store::index::SearchParameters;
use crate::store::query::Query;

use super::directory::CurrentDirectory;

/// See the module head.
pub(super) struct ConsentCheck {
    pub(super) store: Arc<dyn Resources>,
    pub(super) parameters: Arc<SearchParameters>,
    pub(super) directory: Arc<CurrentDirectory>,
    /// Does a missing consent block?
    pub(super) policy: Policy,
}

impl ConsentCheck {
    /// Does consent permit that the organization `owner` sees this referral? Every Consent about the person counts,
    /// whoever asks.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn ask(&self, referral: &Referral<'_>, owner: &str, at: Timestamp) -> Result<ConsentDecision> {
        let consents = self.consents(referral).await?;
        let own: Vec<Node<'_>> = consents.iter().map(Resource::node).collect();
        let directory = self.directory.get().await?;
        let recipient = directory.organization(owner).map_or_else(|| Recipient::from(owner), Recipient::from);
        let decision = consent::permits(referral, &own, recipient, self.policy, at);
        let contained = referral.contained_consents();
        if contained.is_empty() || matches!(decision, ConsentDecision::Refused { .. }) {
            return Ok(decision);
        }
        // One that is contained in something can be found by nobody else, nor taken back: it is heard where it refuses, and
        // permits nothing.
        let all: Vec<Node<'_>> = own.iter().copied().chain(contained.into_iter().map(Resource::node)).collect();
        Ok(match consent::permits(referral, &all, recipient, self.policy, at) {
            ConsentDecision::Permitted { .. } => decision,
            refused @ ConsentDecision::Refused { .. } => refused,
        })
    }

    /// The consents that speak about those whom the referral is about: those at hand, and those that were stored before.
    async fn consents(&self, referral: &Referral<'_>) -> Result<Vec<Resource>> {
        let mut consents: Vec<Resource> = referral.consents().into_iter().cloned().collect();
        // The request may be about another record of the person than the Task.
        let subject = referral.graph.follow(referral.request.node(), "subject");
        let patients: BTreeSet<ResourceKey> = referral
            .patients()
            .into_iter()
            .chain(subject.filter(|subject| subject.kind() == "Patient"))
            .filter(|patient| patient.version > 0)
            .filter_map(Resource::key)
            .collect();
        for patient in patients {
            self.add_stored(&patient, &mut consents).await?;
        }
        Ok(consents)
    }

    /// Adds the stored Consents of a patient, unless they are at hand.
    async fn add_stored(&self, patient: &ResourceKey, consents: &mut Vec<Resource>) -> Result<()> {
        let mut parameters = vec![("patient".to_owned(), patient.to_string())];
        loop {
            let query = Query::parse(&self.parameters, "Consent", &parameters)
                .map_err(|issues| Error { category: Category::Incorrect, issues })?;
            let page = self.store.search(&Scope::Gateway, &query).await?;
            for stored in page.matches {
                let url = stored.key.to_string();
                if !consents.iter().any(|consent| consent.url == url) {
                    consents.push(Resource::new(url, stored.version, stored.document));
                }
            }
            let Some(cursor) = page.next else { return Ok(()) };
            parameters.truncate(1);
            parameters.push(("_cursor".to_owned(), cursor));
        }
    }
}
