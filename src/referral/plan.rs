//! What one step will commit, as data. A plan is built by pure functions and handed to `store.commit` once: either all
//! of it happens, in one transaction, or nothing does.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::fhir::{Document, Issue, ResourceKey};

use super::party::{PartEnd, Party};
use super::read::Read;
use super::scope::Scope;
use super::withheld::HiddenElement;

/// One step's changes. Times and ids in it were passed in by whoever made it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// New resource versions, in the order in which they become visible
    pub writes: Vec<Write>,
    /// Who takes part in which referral and what they see through it; replaces what was shared through that Task before
    pub shares: Vec<Share>,
    /// On what it rests that referrals are disclosed, where that was found out
    pub permissions: Vec<Permission>,
    /// What records hold that FHIR has no place for
    pub extras: Vec<Extras>,
    /// What is new in which feed
    pub feed: Vec<FeedEntry>,
    /// Changes of the plan whose consequences for the referrals that share them follow later, in groups
    pub deferred: Vec<DeferredChange>,
    /// The group of such referrals that the plan deals with
    pub renewal: Option<RenewalStep>,
    /// What is remembered about the step itself
    pub audit: Vec<AuditEntry>,
    /// Conditions that have to hold when the plan is committed
    pub guards: Vec<Guard>,
    /// What is read after the writes, in the same commit; one that finds nothing refuses the plan
    pub reads: Vec<PlannedRead>,
    /// How many bytes of resources the reads may find in all; more refuses the plan
    pub read_bytes: Option<usize>,
    /// The key under which a repetition of this request finds the answer
    pub idempotency: Option<Idempotency>,
}

/// One new version of one resource.
#[derive(Debug, Clone)]
pub struct Write {
    /// Type and id
    pub key: ResourceKey,
    /// The version that this becomes; the version before it must be the newest one stored (0: there is none), or the
    /// commit is refused as a conflict
    pub version: u64,
    /// The whole resource, its `meta.versionId` and `meta.lastUpdated` (see [`crate::fhir::edit::change_instant`]) set
    pub document: Arc<Document>,
    /// `meta.lastUpdated`; the store raises it where that is not later than the newest it has
    pub updated: Timestamp,
    /// The organization whose client sent the resource: it keeps seeing what it sent. None: the gateway's own
    pub author: Option<String>,
    /// Whether every client may read it (the directory)
    pub public: bool,
    /// The version before it, where there is one: what is new in this one is told by it
    pub replaces: Option<Arc<Document>>,
}

/// Who takes part in the referral of `task`, and what they see through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The referral's Task
    pub task: ResourceKey,
    /// What was shared with whom when the plan was built; nothing for a new Task. If that is not what is stored, the
    /// commit is refused as a conflict: another step has changed it
    pub before: Sharing,
    /// What is shared with whom from now on, and no longer if not named here
    pub after: Sharing,
    /// How the parts end that `before` has and `after` has not
    pub end: PartEnd,
    /// What of it is withheld from whom, from now on
    pub withheld: Vec<WithheldFrom>,
}

/// A change of a resource that very many referrals share. It is stored with the plan, and what it means for each of them is
/// kept as work that is done in groups. Until all are decided, whoever sees the resource through a referral is shown it as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredChange {
    /// What the plan writes
    pub resource: ResourceKey,
    /// What it led to before and does not any more: it is not seen through any of the referrals until that one is decided
    pub withdrawn: Vec<ResourceKey>,
    /// Id of the client that made the change
    pub client: String,
    /// The request, as in `X-Request-Id`
    pub request: String,
}

/// A group of the referrals that share a resource which was changed, and what is done with them.
#[derive(Debug, Clone)]
pub struct RenewalStep {
    /// The commit that changed the resource. If the work that it left is not at [`RenewalStep::after`], the commit is refused as a
    /// conflict
    pub seq: u64,
    /// What is done
    pub phase: RenewalPhase,
    /// What was changed
    pub change: Write,
    /// The referrals' Tasks
    pub tasks: Vec<ResourceKey>,
    /// Where the group before ended, by the store's own count
    pub after: u64,
    /// Where this one ends
    pub end: u64,
    /// Is it the last group of the phase?
    pub is_last: bool,
}

/// What is done with the referrals that share a resource which was changed: first all are decided, then the resource is shown as
/// it is, and all are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalPhase {
    /// It is decided what each discloses with the change, and to whom
    Decide,
    /// Whoever reads it is told that it has changed
    Tell,
}

/// On what it rests that the referral of `task` is disclosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The referral's Task
    pub task: ResourceKey,
    /// On what
    pub rests_on: RestsOn,
}

/// On what it rests that a referral is disclosed: which changes of somebody's Consents may end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestsOn {
    /// On this Consent, and no other says anything against it: a change of it, or one that refuses
    Consent(ResourceKey),
    /// On several, on none, or that is not known: every change
    Asked,
    /// It is disclosed to nobody but who sent it: none
    Nobody,
}

/// An element that an organization is not shown of a resource that it sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WithheldFrom {
    /// Id of the Organization
    pub organization: String,
    /// The resource
    pub resource: ResourceKey,
    /// What of it
    pub hidden: HiddenElement,
}

/// Who takes part in a referral, and what they see through it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Who takes part, in any order
    pub parties: Vec<SharedWith>,
    /// Everything that the referral discloses (the Task itself among it), in any order
    pub resources: Vec<GivenResource>,
}

/// Something that is shared, and who gave it. Whoever gives it may share it when it is given; what others can see, or
/// write later, adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GivenResource {
    /// Type and id
    pub resource: ResourceKey,
    /// Id of the Organization that gave it
    pub giver: String,
}

impl GivenResource {
    /// The resource, given by this Organization.
    pub fn new(resource: ResourceKey, giver: impl Into<String>) -> Self {
        Self { resource, giver: giver.into() }
    }
}

/// One part that an organization takes; an organization may take several in one referral.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedWith {
    /// Id of the Organization
    pub organization: String,
    /// As what it takes part
    pub party: Party,
}

impl SharedWith {
    /// The organization as this party.
    pub fn new(organization: impl Into<String>, party: Party) -> Self {
        Self { organization: organization.into(), party }
    }
}

/// What the record of this Task holds beside the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Extras {
    /// The referral's Task
    pub task: ResourceKey,
    /// The members as a tree of the record's shape; null when nothing is left
    pub value: Value,
}

/// The referral of `task` has something new for `organization`, which polls for it. One organization is owed one
/// referral once, at its newest change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Id of the Organization
    pub organization: String,
    /// The referral's Task
    pub task: ResourceKey,
}

/// A condition on the stored state, checked inside the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// Conditional create: no resource of `kind` that `organization` sees matches the search `parameters`
    NoneMatch {
        /// The resource type
        kind: String,
        /// Name and value of each search parameter
        parameters: Vec<(String, String)>,
        /// Id of the Organization on whose behalf the search runs
        organization: String,
    },
    /// The newest version of a resource that the plan read and does not write is still this one
    Unchanged {
        /// Type and id
        key: ResourceKey,
        /// The version that was read
        version: u64,
    },
}

/// Something that is read inside the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRead {
    /// With whose eyes
    pub scope: Scope,
    /// What
    pub read: Read,
    /// The path of the entry that asks, for what is said where nothing is found
    pub path: String,
}

/// A client's own key for a request, so that a repetition changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The client that used the key; keys of different clients never meet
    pub client: String,
    /// The key as sent
    pub key: String,
    /// Digest of the request; another request under the same key is refused
    pub digest: String,
    /// The answer's body, given again to the repetition
    pub answer: String,
}

/// What is remembered: who did what to which referral or saw what of it, and what was refused. Never a name, a text or a
/// value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When
    pub at: Timestamp,
    /// What was done: `stored`, `delivered`, `moved`, `read`, `disclosed`, ...
    pub action: Cow<'static, str>,
    /// What became of it
    pub outcome: AuditOutcome,
    /// Id of the client that asked; empty where none is known
    pub client: String,
    /// Id of the Organization that the client acts for
    pub organization: String,
    /// The request, as in `X-Request-Id`
    pub request: String,
    /// What the client itself calls the request
    pub correlation: Option<String>,
    /// The resource that it is about
    pub subject: Option<ResourceKey>,
    /// Further resources that it is about: what a search gave, to whom something was disclosed
    pub entities: Vec<ResourceKey>,
    /// Codes and rule names that say more (never a person's data)
    pub detail: String,
}

/// What became of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditOutcome {
    /// It was done
    #[default]
    Done,
    /// It was not allowed, or was against the rules
    Refused,
    /// What stands in the row is none of these
    Unknown,
}

impl AuditOutcome {
    /// The code that is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome with this code.
    pub fn from_code(code: &str) -> Self {
        [Self::Done, Self::Refused].into_iter().find(|outcome| outcome.code() == code).unwrap_or(Self::Unknown)
    }
}

impl AuditEntry {
    /// An entry that is no caller's: of the gateway itself, or of whoever administers it.
    pub fn of_nobody(action: &'static str, outcome: AuditOutcome, detail: String, at: Timestamp) -> Self {
        Self {
            at,
            action: action.into(),
            outcome,
            client: String::new(),
            organization: String::new(),
            request: String::new(),
            correlation: None,
            subject: None,
            entities: Vec::new(),
            detail,
        }
    }
}

impl Plan {
    /// Is there nothing to commit?
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.extras.is_empty() && self.renewal.is_none()
    }

    /// Adds everything that another plan would commit, so that both happen or neither.
    pub fn join(&mut self, other: Self) {
        let Self {
            writes,
            shares,
            permissions,
            extras,
            feed,
            deferred,
            renewal,
            audit,
            guards,
            reads,
            read_bytes,
            idempotency,
        } = other;
        self.writes.extend(writes);
        self.shares.extend(shares);
        self.permissions.extend(permissions);
        self.extras.extend(extras);
        self.feed.extend(feed);
        self.deferred.extend(deferred);
        self.renewal = renewal.or(self.renewal.take());
        self.audit.extend(audit);
        self.guards.extend(guards);
        self.reads.extend(reads);
        self.read_bytes = self.read_bytes.or(read_bytes);
        self.idempotency = idempotency.or(self.idempotency.take());
    }

    /// The newest write of this resource in the plan.
    pub fn write_of(&self, key: &ResourceKey) -> Option<&Write> {
        self.writes.iter().rev().find(|write| write.key == *key)
    }

    /// Adds an audit entry's issue keys as its detail: names of rules only.
    pub fn names_of(issues: &[Issue]) -> String {
        let mut names: Vec<&str> =
            issues.iter().filter(|issue| issue.is_error()).map(|issue| issue.key.name()).collect();
        names.dedup();
        names.join(" ")
    }
}
