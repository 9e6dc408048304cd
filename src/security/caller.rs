//! Who calls: the argument without which no handler reaches the store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::referral::Scope;

use super::fingerprint::Fingerprint;

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A system that sends referrals and asks what became of them
    Ehr,
    /// A system of an organization that fulfils referrals
    Agency,
    /// A person who checks payloads; sees no referral
    Engineer,
    /// A person who reads the audit log; sees no referral
    Auditor,
    /// A person who runs the gateway: figures, clients, operations; sees no referral
    Administrator,
}

impl Role {
    /// All roles, in the order in which people are told of them.
    pub const ALL: [Self; 5] = [Self::Ehr, Self::Agency, Self::Engineer, Self::Auditor, Self::Administrator];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ehr => "ehr",
            Self::Agency => "agency",
            Self::Engineer => "engineer",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client that proved who it is, with the request that it makes. Only `security` makes one from a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Id of the client
    pub client: String,
    /// What it is
    pub role: Role,
    /// Id of the Organization that it acts for
    pub organization: String,
    /// Ids of the Organizations that it may act for beside its own
    pub acts_for: Vec<String>,
    /// The request, as in `X-Request-Id`
    pub request: String,
    /// What the client itself calls the request, as in `X-Correlation-Id`
    pub correlation: Option<String>,
    /// The certificate that its connection showed
    pub certificate: Option<Fingerprint>,
    /// Whether it is remembered that the request was refused
    pub refusal: RefusalMark,
}

/// Whether it is remembered that a request was refused: whoever refuses it remembers it, and then nobody does again.
#[derive(Debug, Clone, Default)]
pub struct RefusalMark(Arc<AtomicBool>);

impl RefusalMark {
    /// The refusal is remembered now.
    pub fn remember(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Is it remembered?
    pub fn is_remembered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Caller {
    /// A client of this organization, which acts for no other one.
    pub fn new(
        client: impl Into<String>,
        role: Role,
        organization: impl Into<String>,
        request: impl Into<String>,
    ) -> Self {
        Self {
            client: client.into(),
            role,
            organization: organization.into(),
            acts_for: Vec::new(),
            request: request.into(),
            correlation: None,
            certificate: None,
            refusal: RefusalMark::default(),
        }
    }

    /// Does it speak for this organization (its id)?
    pub fn speaks_for(&self, organization: &str) -> bool {
        self.organization == organization || self.acts_for.iter().any(|other| other == organization)
    }

    /// What it sees: what concerns its organization; the clients of those who check, audit or administer see no
    /// referral, whoever they work for.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::Ehr | Role::Agency => Scope::Organization(self.organization.clone()),
            Role::Engineer | Role::Auditor | Role::Administrator => Scope::Public,
        }
    }
}
