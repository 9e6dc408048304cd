//! What a store answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::unanswered::Unanswered;
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, ResourceKey};
use crate::referral::consent_rule::{ConsentSays, RuleRecipient};
use crate::referral::party::PartEnd;
use crate::referral::plan::{GivenResource, SharedWith, Sharing, Write};
use crate::referral::{Graph, Party, Withheld};

/// What a store answers, later.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A plan that was committed.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Its place in the order of all commits
    pub seq: u64,
    /// The writes as they were stored: `lastUpdated` is raised where it was not later than the newest
    pub writes: Vec<Write>,
    /// What the plan's reads found, in their order
    pub reads: Vec<ReadResult>,
}

/// One version of one resource, as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Type and id
    pub key: ResourceKey,
    /// The version
    pub version: u64,
    /// `meta.lastUpdated`
    pub updated: Timestamp,
    /// The commit that made this version
    pub seq: u64,
    /// Id of the Organization whose client sent the resource; none for the gateway's own
    pub author: Option<String>,
    /// Whether every client may read it
    pub public: bool,
    /// The commit since which whoever asked sees it no longer: this is the last that it was shown. None where it sees it
    pub until: Option<u64>,
    /// The resource as it was committed, without what is withheld from whoever asked
    pub document: Arc<Document>,
    /// What is withheld, and the resource with it; none where the document is all of it
    pub withheld: Option<Arc<Withheld>>,
}

impl Stored {
    /// The resource as it was committed, whoever asked.
    pub fn whole(&self) -> &Arc<Document> {
        self.withheld.as_ref().map_or(&self.document, |withheld| &withheld.whole)
    }
}

/// How far the directory was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectoryPosition {
    /// The newest commit that changed it
    pub seq: u64,
    /// How many Organizations, Locations and HealthcareServices it then had
    pub count: u64,
    /// `meta.lastUpdated` of the newest of them, in microseconds
    pub(super) updated: i64,
}

/// Something that is stored and cannot be given: what the store gives back of it is not what was put into it. It is told in
/// its place, so that it does not keep the others back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Type and id
    pub key: ResourceKey,
    /// The version
    pub version: u64,
    /// Behind how many of those that were found it stands
    pub place: usize,
    /// Whether every client may read it
    pub public: bool,
    /// What is wrong with it, for the log
    pub error: Error,
}

/// Versions of a resource.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    /// Those that can be given, newest first
    pub found: Vec<Stored>,
    /// Those that cannot, each with its place among them
    pub unreadable: Vec<Unreadable>,
    /// How many more were counted, and not read
    pub counted: usize,
}

impl Versions {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len() + self.unreadable.len() + self.counted
    }
}

/// One page of a search.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What matches, in the order asked for
    pub matches: Vec<Stored>,
    /// What matches and cannot be given, with its place among the matches, and what would come with them, behind all
    pub unreadable: Vec<Unreadable>,
    /// What `_include` and `_revinclude` add, each once, and none that is a match of this page
    pub included: Vec<Stored>,
    /// How many match in all, where it is known
    pub total: Option<u64>,
    /// The cursor of the next page; none on the last
    pub next: Option<String>,
}

/// Which of a person's Consents are asked for: those that may say something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentQuery {
    /// What they may say
    pub says: ConsentSays,
    /// To whom
    pub recipients: RuleRecipients,
    /// Only those that may be in force at this time
    pub in_force_at: Option<Timestamp>,
    /// Only those whose time is over at this time
    pub over_at: Option<Timestamp>,
    /// Only those that were given at this time or later
    pub given_from: Option<Timestamp>,
    /// Behind this one
    pub after: Option<ConsentPosition>,
    /// At most so many
    pub limit: usize,
}

/// To whom a Consent may say something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleRecipients {
    /// To anybody
    All,
    /// To these
    Only(RuleRecipient),
    /// To Organizations, and to others than these (their ids)
    OrganizationsBut(Vec<String>),
}

/// Where a Consent stands among those of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentPosition {
    pub(super) given: i64,
    pub(super) consent: i64,
}

/// A Consent that may say what was asked for.
#[derive(Debug, Clone)]
pub struct GivenConsent {
    /// Where it stands among those of the person
    pub position: ConsentPosition,
    /// The Consent
    pub stored: Stored,
}

/// What a read found.
#[derive(Debug, Clone)]
pub enum ReadResult {
    /// The resource
    Resource(Stored),
    /// Its versions, newest first
    Versions(Versions),
    /// What matches
    Page(Page),
}

impl ReadResult {
    /// How many bytes the resources have that were found.
    pub fn bytes(&self) -> usize {
        let of_all = |all: &[Stored]| all.iter().map(|stored| stored.document.text().len()).sum::<usize>();
        match self {
            Self::Resource(stored) => of_all(std::slice::from_ref(stored)),
            Self::Versions(versions) => of_all(&versions.found),
            Self::Page(page) => of_all(&page.matches) + of_all(&page.included),
        }
    }

    /// What of it cannot be given.
    pub fn unreadable(&self) -> &[Unreadable] {
        match self {
            Self::Resource(_) => &[],
            Self::Versions(versions) => &versions.unreadable,
            Self::Page(page) => &page.unreadable,
        }
    }

    /// Why several reads that are answered together are refused.
    pub fn too_large(most: usize) -> Error {
        let text = format!("what the GETs up to this one find has more than {most} bytes; no answer is larger");
        let issue = Issue::error(Key::TooLarge, "", text).hint("ask for fewer, or for less of each, or on its own");
        Error::unprocessable(vec![issue])
    }
}

/// A referral as it is stored.
#[derive(Debug, Clone)]
pub struct StoredReferral {
    /// The Task and what is shared through it, as far as the scope sees it; with the Task's history if asked for
    pub graph: Graph,
    /// What the record holds beside the graph; null if nothing
    pub extras: Value,
    /// Id of the Organization whose client sent the Task; none for the gateway's own
    pub author: Option<String>,
    /// Who takes part in it, and who no longer does: by organization, party and time
    pub parties: Vec<StoredParty>,
    /// Everything that it discloses now, seen by the scope or not
    pub resources: Vec<GivenResource>,
    /// The commit since which whoever asked takes part in it no longer: it is as it was shown last. None where it does
    pub until: Option<u64>,
    /// The newest commit that concerns it
    pub seq: u64,
}

/// One part that an organization takes or took in a referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredParty {
    /// Id of the Organization
    pub organization: String,
    /// As what it takes part
    pub party: Party,
    /// The commit since which it does
    pub since: u64,
    /// The commit since which it no longer does; a part that comes back is another one
    pub until: Option<u64>,
    /// How it ended
    pub end: Option<PartEnd>,
}

impl StoredReferral {
    /// What is shared with whom now.
    pub fn sharing(&self) -> Sharing {
        Sharing { parties: self.current(), resources: self.resources.clone() }
    }

    /// How the last part ended that this organization took in it; none where it takes part, or never did.
    pub fn end_of(&self, organization: &str) -> Option<PartEnd> {
        let own = || self.parties.iter().filter(|stored| stored.organization == organization);
        if own().any(|stored| stored.until.is_none()) {
            return None;
        }
        own().max_by_key(|stored| stored.until).and_then(|stored| stored.end)
    }

    /// Who takes part in it now.
    pub fn current(&self) -> Vec<SharedWith> {
        self.current_parties().map(|stored| SharedWith::new(stored.organization.as_str(), stored.party)).collect()
    }

    /// As what this organization takes part in it now.
    pub fn parties_of(&self, organization: &str) -> Vec<Party> {
        self.current_parties().filter(|stored| stored.organization == organization).map(|stored| stored.party).collect()
    }

    /// Does this organization take part in it as `party` now?
    pub fn is_party(&self, organization: &str, party: Party) -> bool {
        self.current_parties().any(|stored| stored.organization == organization && stored.party == party)
    }

    fn current_parties(&self) -> impl Iterator<Item = &StoredParty> {
        self.parties.iter().filter(|stored| stored.until.is_none())
    }
}

/// What is new for an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The Tasks, each with the sequence of its newest change, in the order of these
    pub items: Vec<(ResourceKey, u64)>,
    /// Where to go on: the sequence of the last item, or the one asked with if there is none
    pub newest: u64,
}

/// A client as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id
    pub id: String,
    /// What people call it
    pub name: String,
    /// The name of its role
    pub role: String,
    /// Id of the Organization that it acts for
    pub organization: String,
    /// Ids of the Organizations that it may act for beside its own
    pub acts_for: Vec<String>,
    /// Digest of its token's secret
    pub hash: [u8; 32],
    /// Fingerprints of the certificates that its token is bound to; none: to no certificate
    pub certificates: Vec<String>,
    /// When it was made
    pub created: Timestamp,
    /// Since when it is refused
    pub revoked: Option<Timestamp>,
}

impl fmt::Debug for ClientRow {
    /// Who it is, never the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientRow({} {} for Organization/{})", self.id, self.role, self.organization)
    }
}

/// Counts for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The newest sequence
    pub newest: u64,
    /// How many resources of each type are stored, by type name
    pub resources: Vec<(String, u64)>,
    /// Referrals that wait for an answer, by state and program
    pub unanswered: Vec<Unanswered>,
    /// Changes of resources that very many referrals share, which are still to be brought to all of them
    pub renewals: u64,
    /// Size of the database in bytes
    pub bytes: u64,
    /// How many bytes more it can take, by its disk and its largest size
    pub room: u64,
    /// Plans committed since this store was opened
    pub commits: u64,
    /// Transactions that they were committed in
    pub groups: u64,
    /// Plans refused as conflicts since this store was opened
    pub conflicts: u64,
}
