//! The clients, in memory: every request is authenticated without a look at a database.
//!
//! Built from rows that are passed in, and built anew when they change.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::caller::{Caller, Role};
use super::fingerprint::Fingerprint;
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
    /// The certificates that its token is bound to: it is accepted over connections alone that show one of them; none: over
    /// any
    pub certificates: Vec<Fingerprint>,
    /// When it was made
    pub created: Timestamp,
    /// Since when it is refused
    pub revoked: Option<Timestamp>,
}

impl Client {
    /// Refuses its token on a connection with this certificate.
    fn check_certificate(&self, shown: Option<Fingerprint>) -> Result<()> {
        if self.certificates.is_empty() || shown.is_some_and(|shown| self.certificates.contains(&shown)) {
            return Ok(());
        }
        let connection = if shown.is_some() { "shows another one" } else { "shows none" };
        Err(unauthenticated(&format!("the token is bound to a certificate, and the connection {connection}")))
    }
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
    /// No older than this one of the versions that whoever keeps them counts
    version: u64,
}

impl Clients {
    /// A directory of these; those that are revoked are left out.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        let valid = clients.into_iter().filter(|client| client.revoked.is_none());
        Self { by_id: valid.map(|client| (client.id.clone(), client)).collect(), version: 0 }
    }

    /// The same, as read when whoever keeps them had come to this version.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// The version that they are of, or older than them.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many are let in.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Is the client of this caller still let in, with the certificate that it showed?
    pub fn still_admits(&self, caller: &Caller) -> bool {
        let client = self.by_id.get(&caller.client);
        client.is_some_and(|client| client.check_certificate(caller.certificate).is_ok())
    }

    /// Is nobody let in?
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The client that this token belongs to, as the caller of a request over a connection with this certificate.
    ///
    /// # Errors
    /// `Unauthenticated`; the text does not tell what is wrong with the token. Whoever has the right one is told that it is
    /// bound to another certificate.
    pub fn authenticate(&self, bearer: &str, certificate: Option<Fingerprint>, request: String) -> Result<Caller> {
        let (id, secret) = token::parts(bearer).unwrap_or_default();
        let client = self.by_id.get(id);
        // A client that is not there costs the same comparison as a secret that is wrong.
        let right = token::same(client.map_or(&[0; 32], |client| &client.hash), &token::digest(secret));
        let Some(client) = client.filter(|_| right) else { return Err(unauthenticated("the token is not accepted")) };
        client.check_certificate(certificate)?;
        Ok(Caller {
            acts_for: client.acts_for.clone(),
            certificate,
            ..Caller::new(client.id.as_str(), client.role, client.organization.as_str(), request)
        })
    }
}

fn unauthenticated(message: &str) -> Error {
    Error::new(Category::Unauthenticated, Issue::error(Key::Unauthenticated, "", message))
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
            certificates: Vec::new(),
            created: Timestamp::UNIX_EPOCH,
            revoked: None,
        };
        (client, issued.text)
    }

    #[test]
    fn a_token_leads_to_its_caller() {
        let ((ehr, _), (agency, token)) = (client(Role::Ehr), client(Role::Agency));
        let id = agency.id.clone();
        let caller = Clients::new([ehr, agency]).authenticate(&token, None, "r-1".to_owned()).unwrap();
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
        assert!(clients.authenticate(&token, None, String::new()).is_ok());
        let refusals: Vec<Error> = [&revoked_token, &unknown_token, &mixed, "", "handoff__", &token[..token.len() - 1]]
            .map(|token| clients.authenticate(token, None, String::new()).unwrap_err())
            .to_vec();
        assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(refusals[0].category, Category::Unauthenticated);
    }

    #[test]
    fn a_bound_token_needs_its_certificate() {
        let (mut bound, token) = client(Role::Ehr);
        let [old, new, another] = ["old", "new", "another"].map(|text| Fingerprint::of(text.as_bytes()));
        bound.certificates = vec![old, new];
        let clients = Clients::new([bound.clone()]);
        let ask = |certificate| clients.authenticate(&token, certificate, String::new());
        let caller = ask(Some(old)).unwrap();
        assert!(ask(Some(new)).is_ok());
        assert!(ask(Some(another)).unwrap_err().issues[0].text.ends_with("shows another one"));
        assert!(ask(None).unwrap_err().issues[0].text.ends_with("shows none"));
        // Who has not the token learns nothing of certificates.
        let guessed = clients.authenticate(&token[..token.len() - 1], Some(another), String::new()).unwrap_err();
        assert_eq!(guessed.issues[0].text, "the token is not accepted");
        assert!(clients.still_admits(&caller));
        bound.certificates = vec![new];
        assert!(!Clients::new([bound]).still_admits(&caller));
    }

    #[test]
    fn debug_tells_no_digest() {
        let (client, token) = client(Role::Ehr);
        let message = format!("{:?} {client:?}", Clients::new([client.clone()]));
        assert!(message.contains(&client.id) && !message.contains("hash") && !message.contains(&token));
        assert!(!message.contains(&format!("{:?}", client.hash)));
    }
}
