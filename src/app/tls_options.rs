//! TLS as it is set: the group `[tls]` of the settings file, flags and variables of the environment.
//!
//! `[tls] key = "key.pem"`, `--tls-key key.pem` and `HANDOFF_TLS_KEY` are the same.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Error, Result};

use super::tls_files::TlsFiles;

/// What is set of TLS; what is absent is left to the next source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "TLS")]
pub struct TlsOptions {
    /// PEM file of the certificate that clients are shown, and of those between it and its authority; read anew when it
    /// changes [default: none, and plain HTTP is spoken]
    #[arg(long = "tls-certificate", env = "HANDOFF_TLS_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its key, unencrypted [default: none]
    #[arg(long = "tls-key", env = "HANDOFF_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// PEM file of the authorities that certificates of clients are from; a client that is bound to a certificate needs it
    /// [default: no client is asked for one]
    #[arg(long = "tls-client-ca", env = "HANDOFF_TLS_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
}

impl TlsOptions {
    /// These, and where they are silent, those of `other`.
    #[must_use]
    pub fn with_defaults_from(self, other: Self) -> Self {
        Self {
            certificate: self.certificate.or(other.certificate),
            key: self.key.or(other.key),
            client_ca: self.client_ca.or(other.client_ca),
        }
    }

    /// The files, if TLS is spoken.
    ///
    /// # Errors
    /// One of them without those that it needs.
    pub(super) fn into_files(self) -> Result<Option<TlsFiles>> {
        let lacks = |name: &str, text: &str| Err(Error::setting(name, format!("is set, and {text}")));
        match (self.certificate, self.key, self.client_ca) {
            (Some(certificate), Some(key), client_ca) => Ok(Some(TlsFiles { certificate, key, client_ca })),
            (None, None, None) => Ok(None),
            (Some(_), None, _) => lacks("certificate", "its key is not; name the file of the key with tls.key"),
            (None, Some(_), _) => {
                lacks("key", "its certificate is not; name the file of the certificate with tls.certificate")
            }
            (None, None, Some(_)) => {
                lacks("client-ca", "clients show certificates over TLS alone; set tls.certificate and tls.key")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_go_together() {
        let of = |set: [bool; 3]| {
            let file = |set: bool, name: &str| set.then(|| PathBuf::from(name));
            let options =
                TlsOptions { certificate: file(set[0], "c"), key: file(set[1], "k"), client_ca: file(set[2], "a") };
            options.into_files().map_err(|error| error.issues[0].path.clone())
        };
        assert_eq!(of([false; 3]), Ok(None));
        assert!(matches!(of([true, true, true]), Ok(Some(TlsFiles { client_ca: Some(_), .. }))));
        assert!(matches!(of([true, true, false]), Ok(Some(TlsFiles { client_ca: None, .. }))));
        for (set, path) in
            [([true, false, true], "certificate"), ([false, true, false], "key"), ([false, false, true], "client-ca")]
        {
            assert_eq!(of(set), Err(path.to_owned()));
        }
    }
}
