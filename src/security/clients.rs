//! The clients, in memory: every request is authenticated without a look at a database.
//!
//! Built from rows that are passed in, and built anew when they change.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::caller::{Caller, Role};
use super::token;

/// A system or a person that has a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id
    pub id: String,
    /// What people call it
    pub name: String,
    /// What it is
    pub role: Role,
    /// Id of the Organization that it acts for
    pub organization: String,
    /// Ids of the Organizations that it may act for beside its own
    pub acts_for: Vec<String>,
    /// Digest of its token's secret
    pub hash: [u8; 32],
    /// When it was made
    pub created: Timestamp,
    /// Since when it is refused
    pub revoked: Option<Timestamp>,
}

impl fmt::Debug for Client {
    /// Who it is, never the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revoked = if self.revoked.is_some() { ", revoked" } else { "" };
        write!(f, "Client({} {} for Organization/{}{revoked})", self.id, self.role, self.organization)
    }
}

/// All clients that are let in.
#[derive(Debug, Default)]
pub struct Clients {
    by_id: HashMap<String, Client>,
}

impl Clients {
    /// A directory of these; those that are revoked are left out.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        let valid = clients.into_iter().filter(|client| client.revoked.is_none());
        Self { by_id: valid.map(|client| (client.id.clone(), client)).collect() }
    }

    /// How many are let in.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Is the client with this id let in?
    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Is nobody let in?
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The client that this token belongs to, as the caller of the request.
    ///
    /// # Errors
    /// `Unauthenticated`; the text does not tell what is wrong with the token.
    pub fn authenticate(&self, bearer: &str, request: String) -> Result<Caller> {
        let (id, secret) = token::parts(bearer).unwrap_or_default();
        let client = self.by_id.get(id);
        // A client that is not there costs the same comparison as a secret that is wrong.
        let right = token::same(client.map_or(&[0; 32], |client| &client.hash), &token::digest(secret));
        match client {
            Some(client) if right => Ok(Caller {
                acts_for: client.acts_for.clone(),
                ..Caller::new(client.id.as_str(), client.role, client.organization.as_str(), request)
            }),
            _ => {
                let message = "the token is not accepted";
                Err(Error::new(Category::Unauthenticated, Issue::error(Key::Unauthenticated, "", message)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(role: Role) -> (Client, String) {
        let issued = token::issue();
        let client = Client {
            id: issued.client,
            name: "Elm Street Clinic".to_owned(),
            role,
            organization: "elm-clinic".to_owned(),
            acts_for: vec!["oak-clinic".to_owned()],
            hash: issued.hash,
            created: Timestamp::UNIX_EPOCH,
            revoked: None,
        };
        (client, issued.text)
    }

    #[test]
    fn a_token_leads_to_its_caller() {
        let ((ehr, _), (agency, token)) = (client(Role::Ehr), client(Role::Agency));
        let id = agency.id.clone();
        let caller = Clients::new([ehr, agency]).authenticate(&token, "r-1".to_owned()).unwrap();
        assert_eq!((caller.client, caller.role, caller.request.as_str()), (id, Role::Agency, "r-1"));
        assert_eq!((caller.organization.as_str(), caller.acts_for), ("elm-clinic", vec!["oak-clinic".to_owned()]));
    }

    #[test]
    fn a_wrong_token_is_refused_without_saying_why() {
        let ((known, token), (mut revoked, revoked_token), (_, unknown_token)) =
            (client(Role::Ehr), client(Role::Ehr), client(Role::Ehr));
        revoked.revoked = Some(Timestamp::UNIX_EPOCH);
        let mixed = format!("handoff_{}_{}", known.id, "0".repeat(64));
        let clients = Clients::new([known, revoked]);
        assert_eq!(clients.len(), 1);
        assert!(clients.authenticate(&token, String::new()).is_ok());
        let refusals: Vec<Error> = [&revoked_token, &unknown_token, &mixed, "", "handoff__", &token[..token.len() - 1]]
            .map(|token| clients.authenticate(token, String::new()).unwrap_err())
            .to_vec();
        assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(refusals[0].category, Category::Unauthenticated);
    }

    #[test]
    fn debug_tells_no_digest() {
        let (client, token) = client(Role::Ehr);
        let message = format!("{:?} {client:?}", Clients::new([client.clone()]));
        assert!(message.contains(&client.id) && !message.contains("hash") && !message.contains(&token));
        assert!(!message.contains(&format!("{:?}", client.hash)));
    }
}
