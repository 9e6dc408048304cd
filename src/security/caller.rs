//! Who calls: the argument without which no handler reaches the store.

use std::fmt;

use crate::referral::Scope;

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A system that sends referrals and asks what became of them
    Ehr,
    /// A system of an organization that fulfils referrals
    Agency,
    /// A person who checks payloads; sees no referral
    Engineer,
}

impl Role {
    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ehr => "ehr",
            Self::Agency => "agency",
            Self::Engineer => "engineer",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ehr, Self::Agency, Self::Engineer].into_iter().find(|role| role.name() == name)
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
    /// The request, as in `X-Request-Id`
    pub request: String,
}

impl Caller {
    /// What it sees: what concerns its organization; an engineer's client sees no referral, whoever it works for.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::Ehr | Role::Agency => Scope::Organization(self.organization.clone()),
            Role::Engineer => Scope::Public,
        }
    }
}
