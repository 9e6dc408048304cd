//! What TLS is spoken with: the certificate that clients are shown, its key, and the authorities whose certificates clients
//! may show. Read from PEM (<https://www.rfc-editor.org/rfc/rfc7468>); what cannot be used is refused by the name of its
//! file, before anybody is served with it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    NoServerSessionStorage, ParsedCertificate, ServerConfig, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::validity::Validity;

/// The name of HTTP/2 (<https://www.rfc-editor.org/rfc/rfc7301>).
pub(super) const HTTP2: &[u8] = b"h2";
/// The name of HTTP/1.1.
const HTTP1: &[u8] = b"http/1.1";
/// How many clients are known again when they come back, so that their handshake is a short one.
const MAX_SESSIONS: usize = 1000;

/// A PEM file.
#[derive(Clone, PartialEq, Eq)]
pub struct PemFile {
    /// What it is called
    pub name: String,
    /// What it holds
    pub text: Vec<u8>,
}

impl fmt::Debug for PemFile {
    /// Its name; what it holds may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PemFile({})", self.name)
    }
}

/// The files that TLS is spoken with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// The certificate, and those between it and its authority
    pub certificate: PemFile,
    /// Its key
    pub key: PemFile,
    /// The authorities of certificates of clients; none: no client is asked for one
    pub client_ca: Option<PemFile>,
}

/// See the module head.
#[derive(Debug)]
pub struct TlsConfig {
    pub(super) server: Arc<ServerConfig>,
    /// The same for a client that is told something and served nothing: over HTTP/1.1
    pub(super) http1: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
    validity: Validity,
    /// The name of the certificate's file
    file: String,
}

impl TlsConfig {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that is not PEM or holds something else than it should; a key that is not the certificate's.
    pub fn read(files: &PemFiles) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&files.certificate)?;
        let certified = CertifiedKey::new(chain, key(&files.key, &provider)?);
        let first = |error: rustls::Error| unusable(&files.certificate, &format!("its first certificate: {error}"));
        match certified.keys_match() {
            // Not every kind of key tells its public half; then the first handshake tells.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let certificate = &files.certificate.name;
                let text = format!("it is not the key of the first certificate in {certificate}");
                return Err(unusable(&files.key, &text));
            }
            Err(error) => return Err(first(error)),
        }
        let certificate = certified.end_entity_cert().map_err(first)?.clone().into_owned();
        let validity = Validity::of(&certificate, &provider).map_err(first)?;
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(Error::fault)?;
        let asks = files.client_ca.as_ref();
        let builder = match asks {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider)
                    // Whether a client needs one says the client: see `security::clients`.
                    .allow_unauthenticated()
                    .build();
                builder.with_client_cert_verifier(verifier.map_err(|error| unusable(file, &error.to_string()))?)
            }
        };
        let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        server.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        if asks.is_some() {
            // A certificate is shown, and looked at, each time: one that has expired meanwhile is not remembered.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        } else {
            server.session_storage = ServerSessionMemoryCache::new(MAX_SESSIONS);
        }
        let mut http1 = server.clone();
        http1.alpn_protocols = vec![HTTP1.to_vec()];
        let (server, http1) = (Arc::new(server), Arc::new(http1));
        Ok(Self { server, http1, certificate, validity, file: files.certificate.name.clone() })
    }

    /// When the certificate ends.
    pub fn expires(&self) -> Timestamp {
        self.validity.to
    }

    /// What makes clients refuse the certificate although it can be used: its time, and the host of the address that
    /// clients are told.
    pub fn remarks(&self, now: Timestamp, base: Option<&str>) -> Vec<String> {
        let file = &self.file;
        let mut remarks = Vec::new();
        if now < self.validity.from {
            remarks.push(format!("the certificate in {file} is valid from {}: clients refuse it", self.validity.from));
        }
        if now > self.validity.to {
            remarks.push(format!("the certificate in {file} expired at {}: clients refuse it", self.validity.to));
        }
        if let Some(host) = base.and_then(host)
            && !self.is_for(host)
        {
            remarks.push(format!("the certificate in {file} is not for {host}, under which clients reach the gateway"));
        }
        remarks
    }

    /// Is the certificate for this host?
    fn is_for(&self, host: &str) -> bool {
        let name = ServerName::try_from(host);
        let certificate = ParsedCertificate::try_from(&self.certificate);
        matches!((certificate, name), (Ok(certificate), Ok(name)) if verify_server_name(&certificate, &name).is_ok())
    }
}

/// The host of an address on the web, without its port.
fn host(base: &str) -> Option<&str> {
    let (_, rest) = base.split_once("://")?;
    let authority = rest.split('/').next()?;
    if let Some(literal) = authority.strip_prefix('[') {
        return literal.split(']').next();
    }
    authority.split(':').next()
}

// === PEM ===

/// The first certificate of a file, in DER.
///
/// # Errors
/// A file that holds none, or something that is no certificate.
pub fn first_certificate(file: &PemFile) -> Result<Vec<u8>> {
    let certificates = certificates(file)?;
    let Some(first) = certificates.first() else { return Err(unusable(file, "it holds no certificate")) };
    ParsedCertificate::try_from(first).map_err(|error| unusable(file, &format!("its first certificate: {error}")))?;
    Ok(first.to_vec())
}

/// All certificates of a file, which has one at least.
fn certificates(file: &PemFile) -> Result<Vec<CertificateDer<'static>>> {
    let read: std::result::Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&file.text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(PemError::NoItemsFound) => {
            Err(unusable(file, "it holds no certificate in PEM; expected -----BEGIN CERTIFICATE-----"))
        }
        Err(error) => Err(unusable(file, &format!("it is no PEM: {}", pem_error(&error)))),
    }
}

fn key(file: &PemFile, provider: &CryptoProvider) -> Result<Arc<dyn rustls::sign::SigningKey>> {
    let is_encrypted = ["ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| file.text.windows(mark.len()).any(|window| window == mark.as_bytes()));
    if is_encrypted {
        return Err(unusable(
            file,
            "the key is encrypted, and nobody is asked for its password; decrypt it: openssl pkey",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&file.text).map_err(|error| match error {
        PemError::NoItemsFound => unusable(file, "it holds no key in PEM; expected -----BEGIN PRIVATE KEY-----"),
        error => unusable(file, &format!("it is no PEM: {}", pem_error(&error))),
    })?;
    provider.key_provider.load_private_key(key).map_err(|_| {
        unusable(
            file,
            "the key is of no kind that is read; expected RSA of 2048 to 8192 bits, ECDSA P-256 or P-384, or Ed25519",
        )
    })
}

fn authorities(file: &PemFile) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for (position, certificate) in certificates(file)?.into_iter().enumerate() {
        let refused = |error| unusable(file, &format!("certificate {}: {error}", position + 1));
        roots.add(certificate).map_err(refused)?;
    }
    Ok(roots)
}

/// Without what the file holds: it may be a key.
fn pem_error(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "a section has no end (-----END ...-----)",
        PemError::IllegalSectionStart { .. } => "a section does not begin as it should (-----BEGIN ...-----)",
        PemError::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    }
}

fn unusable(file: &PemFile, why: &str) -> Error {
    Error::new(Category::Incorrect, Issue::error(Key::SettingInvalid, file.name.as_str(), why))
}
