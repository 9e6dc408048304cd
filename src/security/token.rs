//! Tokens: `handoff_<client id>_<secret>`, sent as `Authorization: Bearer` (RFC 6750). The secret is kept as its
//! SHA-256 digest only; 256 random bits need no salt and no slow digest.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What every token begins with, so that one is recognized where it should not be.
const PREFIX: &str = "handoff_";

/// A new token. Its text is seen once, by who asked for it.
pub struct Issued {
    /// Id of the client
    pub client: String,
    /// The token
    pub text: String,
    /// Digest of its secret
    pub hash: [u8; 32],
}

impl fmt::Debug for Issued {
    /// The client; neither secret nor digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued(client {})", self.client)
    }
}

/// Makes a token for a new client.
pub fn issue() -> Issued {
    issue_for(Uuid::new_v4().simple().to_string()[..16].to_owned())
}

/// Makes a new token for a client that had another.
pub fn issue_for(client: String) -> Issued {
    let secret = HEXLOWER.encode(&secret());
    let hash = digest(&secret);
    Issued { text: format!("{PREFIX}{client}_{secret}"), client, hash }
}

/// 32 random bytes: three random UUIDs hold 366 random bits, and the digest leaves 256 of them.
fn secret() -> [u8; 32] {
    let mut all = Sha256::new();
    for _ in 0..3 {
        all.update(Uuid::new_v4().as_bytes());
    }
    all.finalize().into()
}

/// Client id and secret of a token, if it has the form of one.
pub(super) fn parts(token: &str) -> Option<(&str, &str)> {
    token.strip_prefix(PREFIX)?.split_once('_')
}

/// What is kept of a secret.
pub(super) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Are they the same? Takes as long whatever differs.
pub(super) fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_parts_and_is_never_the_same() {
        let (one, other) = (issue(), issue());
        let (client, secret) = parts(&one.text).unwrap();
        assert_eq!((client, secret.len()), (one.client.as_str(), 64));
        assert_eq!(digest(secret), one.hash);
        assert_ne!(one.text, other.text);
        assert_ne!(one.client, other.client);
    }

    #[test]
    fn what_has_not_the_form_has_no_parts() {
        for text in ["", "handoff_", "handoff_abc", "Handoff_a_b", "a_b"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn same_is_same() {
        let mut other = [7; 32];
        assert!(same(&[7; 32], &other));
        other[31] ^= 0x80;
        assert!(!same(&[7; 32], &other));
    }

    #[test]
    fn debug_tells_no_secret() {
        let issued = issue();
        let message = format!("{issued:?}");
        let (_, secret) = parts(&issued.text).unwrap();
        assert!(
            message.contains(&issued.client)
                && !message.contains(secret)
                && !message.contains(&HEXLOWER.encode(&issued.hash))
        );
    }
}
