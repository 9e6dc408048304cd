//! Whether consent permits that an organization sees a referral, by all Consents about the person: those that are at hand, and of
//! those that are stored the ones that decide it.
//!
//! Of a person's stored Consents these may decide (see `security::consent`): a refusal that no permit outdoes, the permit given last
//! and the one given last that names the recipient; where none permits, one that permits something else, and one that has lapsed.
//! All others say nothing that these do not say, and are not read.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::{Node, ResourceKey};
use crate::referral::consent_rule::{ConsentSays, RuleRecipient, rules_of};
use crate::referral::plan::RestsOn;
use crate::referral::{Referral, Resource};
use crate::security::Recipient;
use crate::security::consent::{self, ConsentDecision, ConsentVoice, Policy};
use crate::store::{ConsentQuery, GivenConsent, Resources, RuleRecipients};

use super::directory::CurrentDirectory;

/// How many Consents are read at a time. Mostly the first is enough.
const PAGE: usize = 8;

/// See the module head.
pub(super) struct ConsentCheck {
    pub(super) store: Arc<dyn Resources>,
    pub(super) directory: Arc<CurrentDirectory>,
    /// Does a missing consent block?
    pub(super) policy: Policy,
}

/// The answer.
#[derive(Debug)]
pub(super) enum ConsentAnswer {
    /// It may be seen; that rests on this
    Permitted(RestsOn),
    /// It may not, and why, for people
    Refused(String),
}

impl ConsentCheck {
    /// Does consent permit that the organization `owner` sees this referral? Every Consent about the person counts,
    /// whoever asks.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn ask(&self, referral: &Referral<'_>, owner: &str, at: Timestamp) -> Result<ConsentAnswer> {
        let directory = self.directory.get().await?;
        let recipient = directory.organization(owner).map_or_else(|| Recipient::from(owner), Recipient::from);
        let asked = Asked { store: &*self.store, referral, recipient, at, people: people(referral) };
        let Deciding { consents, rests_on } = asked.deciding().await?;
        let own: Vec<Node<'_>> = consents.iter().map(Resource::node).collect();
        let permits = |consents: &[Node<'_>]| consent::permits(referral, consents, recipient, self.policy, at);
        let decision = permits(&own);
        let contained = referral.contained_consents();
        let decision = match decision {
            // One that is contained in something can be found by nobody else, nor taken back: it is heard where it refuses, and
            // permits nothing.
            ConsentDecision::Permitted { .. } if !contained.is_empty() => {
                permits(&own.iter().copied().chain(contained.iter().map(|one| one.node())).collect::<Vec<_>>())
            }
            decision => decision,
        };
        Ok(match decision {
            ConsentDecision::Refused { reason, .. } => ConsentAnswer::Refused(reason),
            ConsentDecision::Permitted { .. } if contained.is_empty() => ConsentAnswer::Permitted(rests_on),
            ConsentDecision::Permitted { .. } => ConsentAnswer::Permitted(RestsOn::Asked),
        })
    }
}

/// The stored Patients whom a referral is about. The request may be about another record of the person than the Task.
fn people(referral: &Referral<'_>) -> BTreeSet<ResourceKey> {
    let subject = referral.graph.follow(referral.request.node(), "subject");
    let patients = referral.patients().into_iter().chain(subject.filter(|subject| subject.kind() == "Patient"));
    patients.filter(|patient| patient.version > 0).filter_map(Resource::key).collect()
}

/// What is asked.
struct Asked<'a> {
    store: &'a dyn Resources,
    referral: &'a Referral<'a>,
    recipient: Recipient<'a>,
    at: Timestamp,
    people: BTreeSet<ResourceKey>,
}

/// The Consents that decide it, and on what it rests if it is permitted.
struct Deciding {
    consents: Vec<Resource>,
    rests_on: RestsOn,
}

/// The permits given last: when, and which.
#[derive(Default)]
struct Newest {
    any: Option<Timestamp>,
    naming: Option<Timestamp>,
    /// The one that was found first
    consent: Option<ResourceKey>,
}

impl Newest {
    fn add(&mut self, consent: Option<ResourceKey>, names_recipient: bool, given: Timestamp) {
        self.any = self.any.max(Some(given));
        if names_recipient {
            self.naming = self.naming.max(Some(given));
        }
        self.consent = self.consent.take().or(consent);
    }
}

impl Asked<'_> {
    async fn deciding(&self) -> Result<Deciding> {
        let mut found = Found { at_hand: self.referral.consents().into_iter().cloned().collect(), stored: Vec::new() };
        let mut newest = Newest::default();
        let mut may_refuse = false;
        for consent in &found.at_hand {
            may_refuse |= rules_of(consent.node()).iter().any(|rule| rule.says == ConsentSays::Refuses);
            if let ConsentVoice::Permits { names_recipient, given } = self.voice(consent) {
                // By one whose person cannot be told by its reference nobody is found when it changes.
                newest.add(consent.key().filter(|_| self.is_of_person(consent)), names_recipient, given);
            }
        }
        let refused = ConsentQuery { limit: 1, ..self.query(ConsentSays::Refuses, RuleRecipients::All) };
        for person in &self.people {
            may_refuse |= !self.store.consents(person, &refused).await?.is_empty();
        }
        // With nothing that refuses one permit is enough, whenever it was given.
        if may_refuse || newest.any.is_none() {
            self.add_permits(&mut found, &mut newest, may_refuse).await?;
        }
        if may_refuse {
            self.add_refusals(&mut found, &newest).await?;
        }
        if newest.any.is_none() {
            self.add_other_permits(&mut found).await?;
        }
        let rests_on = match newest.consent {
            Some(consent) if !may_refuse => RestsOn::Consent(consent),
            _ => RestsOn::Asked,
        };
        Ok(Deciding { consents: [found.at_hand, found.stored].concat(), rests_on })
    }

    /// The permits given last, for whoever they are that the recipient may be; only the first of all, where nothing refuses.
    async fn add_permits(&self, found: &mut Found, newest: &mut Newest, may_refuse: bool) -> Result<()> {
        for person in &self.people {
            for recipients in self.recipients() {
                let names = recipients != RuleRecipients::Only(RuleRecipient::Anyone);
                let query = self.query(ConsentSays::Permits, recipients);
                let (mut any, mut naming) = (false, !names);
                self.each(found, person, query, |consent| {
                    let ConsentVoice::Permits { names_recipient, given } = self.voice(consent) else {
                        return Next::Skip;
                    };
                    let is_wanted = !any || (names_recipient && !naming);
                    if is_wanted {
                        newest.add(consent.key(), names_recipient, given);
                    }
                    (any, naming) = (true, naming || names_recipient);
                    Next::taken(is_wanted, !may_refuse || naming)
                })
                .await?;
                if !may_refuse && newest.any.is_some() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The refusals that no permit outdoes by what it is: those as new as the permit given last, or as the one that names the
    /// recipient, where they may name it, too.
    async fn add_refusals(&self, found: &mut Found, newest: &Newest) -> Result<()> {
        for person in &self.people {
            for (recipient, given_from) in
                [(RuleRecipient::Anyone, newest.any), (RuleRecipient::Unknown, newest.naming)]
            {
                let query = self.query(ConsentSays::Refuses, RuleRecipients::Only(recipient));
                let query = ConsentQuery { given_from, ..query };
                self.each(found, person, query, |_| Next::Take).await?;
            }
        }
        Ok(())
    }

    /// Where none permits: one that permits something else or to others, and one that permitted it.
    async fn add_other_permits(&self, found: &mut Found) -> Result<()> {
        let ids = self.organizations();
        for person in &self.people {
            let others = self.query(ConsentSays::Permits, RuleRecipients::OrganizationsBut(ids.clone()));
            let mut queries = vec![others];
            for recipients in self.recipients() {
                queries.push(self.query(ConsentSays::Permits, recipients.clone()));
                let over = ConsentQuery {
                    in_force_at: None,
                    over_at: Some(self.at),
                    ..self.query(ConsentSays::Permits, recipients.clone())
                };
                queries.push(over);
                queries.push(self.query(ConsentSays::Lapsed, recipients));
            }
            for query in queries {
                self.each(found, person, query, |consent| match self.voice(consent) {
                    ConsentVoice::Silent => Next::Skip,
                    _ => Next::TakeLast,
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Goes through stored Consents, but for those that are at hand, for as long as `judge` says.
    async fn each(
        &self,
        found: &mut Found,
        person: &ResourceKey,
        mut query: ConsentQuery,
        mut judge: impl FnMut(&Resource) -> Next + Send,
    ) -> Result<()> {
        loop {
            let page = self.store.consents(person, &query).await?;
            let is_last = page.len() < query.limit;
            query.after = page.last().map(|last| last.position);
            for GivenConsent { stored, .. } in page {
                let url = stored.key.to_string();
                if found.at_hand.iter().any(|consent| consent.url == url) {
                    continue;
                }
                let consent = Resource::new(url, stored.version, stored.document);
                let next = judge(&consent);
                if matches!(next, Next::Take | Next::TakeLast)
                    && !found.stored.iter().any(|known| known.url == consent.url)
                {
                    found.stored.push(consent);
                }
                if matches!(next, Next::TakeLast | Next::Stop) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn voice(&self, consent: &Resource) -> ConsentVoice {
        consent::voice(self.referral, consent.node(), self.recipient, self.at)
    }

    fn query(&self, says: ConsentSays, recipients: RuleRecipients) -> ConsentQuery {
        ConsentQuery {
            says,
            recipients,
            in_force_at: Some(self.at),
            over_at: None,
            given_from: None,
            after: None,
            limit: PAGE,
        }
    }

    /// Is it about one of the people, by its reference?
    fn is_of_person(&self, consent: &Resource) -> bool {
        let patient = self.referral.graph.follow(consent.node(), "patient").and_then(Resource::key);
        patient.is_some_and(|patient| self.people.contains(&patient))
    }

    /// As what a Consent may name the recipient: an identifier may be written like an address.
    fn organizations(&self) -> Vec<String> {
        let by_identifier =
            self.recipient.identifiers.iter().filter_map(|identifier| ResourceKey::parse(&identifier.value));
        let by_identifier = by_identifier.filter(|key| key.kind == "Organization").map(|key| key.id);
        std::iter::once(self.recipient.organization.to_owned()).chain(by_identifier).collect()
    }

    /// What Consents are for whom the recipient may be.
    fn recipients(&self) -> Vec<RuleRecipients> {
        let organizations = self.organizations().into_iter().map(RuleRecipient::Organization);
        let all = organizations.chain([RuleRecipient::Anyone, RuleRecipient::Unknown]);
        all.map(RuleRecipients::Only).collect()
    }
}

/// The Consents that were found.
struct Found {
    at_hand: Vec<Resource>,
    stored: Vec<Resource>,
}

/// What becomes of a Consent that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It decides nothing
    Skip,
    /// It may decide
    Take,
    /// It may, and those behind it do not
    TakeLast,
    /// It does not, nor do those behind it
    Stop,
}

impl Next {
    fn taken(is_taken: bool, is_last: bool) -> Self {
        match (is_taken, is_last) {
            (true, true) => Self::TakeLast,
            (true, false) => Self::Take,
            (false, true) => Self::Stop,
            (false, false) => Self::Skip,
        }
    }
}
