//! The certificate that a client's token is bound to (<https://www.rfc-editor.org/rfc/rfc8705#section-3>): the SHA-256
//! digest of the certificate itself. Not its subject: a name is given by an authority, and may be given twice; the digest is
//! of this one certificate and says nothing about anybody.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};

/// See the module head.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of this certificate, in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Hexadecimal digits, with or without colons between the bytes, as tools print them.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|character| *character != ':').collect();
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| "expected the 64 hexadecimal digits of a SHA-256 fingerprint".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_and_other_tools_write_it() {
        let fingerprint = Fingerprint::of(b"a certificate");
        let plain = fingerprint.to_string();
        let colons: Vec<String> =
            plain.to_uppercase().as_bytes().chunks(2).map(|byte| String::from_utf8_lossy(byte).into()).collect();
        assert_eq!((plain.parse(), colons.join(":").parse()), (Ok(fingerprint), Ok(fingerprint)));
        for text in ["", "abc", &plain[2..], &format!("{plain}00"), &format!("g{}", &plain[1..])] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
        assert_ne!(fingerprint, Fingerprint::of(b"another certificate"));
    }
}
