//! From when to when a certificate is valid (<https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5>).
//!
//! The library that checks certificates tells it where a certificate is out of its time; so it is asked at the beginning and
//! at the end of all times.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

/// See the module head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Validity {
    /// That of this certificate.
    pub(super) fn of(certificate: &CertificateDer<'static>, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        let nobody = ServerName::try_from("nobody.invalid").map_err(|error| Error::General(error.to_string()))?;
        // The time is looked at before anything else of a certificate.
        let refused_at = |time: UnixTime| verifier.verify_server_cert(certificate, &[], &nobody, &[], time).err();
        let from = match refused_at(UnixTime::since_unix_epoch(Duration::ZERO)) {
            Some(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => not_before,
            _ => UnixTime::since_unix_epoch(Duration::ZERO),
        };
        match refused_at(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX))) {
            Some(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                Ok(Self { from: timestamp(from), to: timestamp(not_after) })
            }
            Some(error) => Err(error),
            None => Err(Error::General("the certificate never ends".to_owned())),
        }
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
