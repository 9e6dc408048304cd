//! The files that TLS is spoken with: read at the start, and looked at again and again. When what they hold has changed, new
//! connections begin with it, and open ones go on. What cannot be used changes nothing, and operators are told.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exchange::Clock;
use crate::server::{PemFile, PemFiles, Tls, TlsConfig};

/// The largest file that is read.
const MAX_BYTES: u64 = 1024 * 1024;
/// How often the files are looked at. A change counts once it was seen twice: a certificate and its key are written one after
/// the other.
const LOOK: Duration = Duration::from_secs(2);

/// Where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority
    pub certificate: PathBuf,
    /// Its key
    pub key: PathBuf,
    /// The authorities of certificates of clients
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// What TLS is spoken with according to the files.
    ///
    /// # Errors
    /// A file that cannot be read or used.
    pub fn load(&self) -> Result<TlsConfig> {
        TlsConfig::read(&self.read()?)
    }

    fn read(&self) -> Result<PemFiles> {
        Ok(PemFiles {
            certificate: pem_file(&self.certificate)?,
            key: pem_file(&self.key)?,
            client_ca: self.client_ca.as_deref().map(pem_file).transpose()?,
        })
    }
}

/// A file in PEM, as it lies there.
///
/// # Errors
/// If it cannot be read.
pub fn pem_file(path: &Path) -> Result<PemFile> {
    let unreadable = |error: std::io::Error| Error::unreadable_file(path, &error);
    let mut text = Vec::new();
    std::fs::File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::unreadable_file(path, &"it is longer than a megabyte, so it is no certificate or key"));
    }
    Ok(PemFile { name: path.display().to_string(), text })
}

/// TLS, with the files that it follows.
#[derive(Debug, Clone)]
pub(super) struct FollowedTls {
    pub(super) tls: Tls,
    files: TlsFiles,
    /// What they held at the start
    read: PemFiles,
}

impl FollowedTls {
    /// Reads the files.
    ///
    /// # Errors
    /// One that cannot be read or used.
    pub(super) fn load(files: &TlsFiles) -> Result<Self> {
        let read = files.read()?;
        Ok(Self { tls: Tls::new(TlsConfig::read(&read)?), files: files.clone(), read })
    }

    /// Says what makes clients refuse the certificate.
    pub(super) fn warn(&self, clock: &dyn Clock, base: Option<&str>) {
        for remark in self.tls.config().remarks(clock.now(), base) {
            tracing::warn!("{remark}");
        }
    }

    /// Follows the files, for as long as it is polled.
    pub(super) async fn follow(self, clock: &dyn Clock, base: Option<&str>) {
        let mut hangups = Hangups::new();
        let mut used = Ok(self.read.clone());
        let mut before = used.clone();
        loop {
            let is_asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = hangups.next() => true,
            };
            let files = self.files.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || files.read()).await else { return };
            let is_settled = is_asked || found == before;
            before = found;
            if !is_settled || (before == used && !is_asked) {
                continue;
            }
            used.clone_from(&before);
            match used.as_ref().map_err(Clone::clone).and_then(TlsConfig::read) {
                Ok(config) => {
                    tracing::info!(expires = %config.expires(), "new connections begin with what the files of TLS hold now");
                    self.tls.replace(config);
                    self.warn(clock, base);
                }
                Err(error) => {
                    tracing::error!(%error, "the files of TLS have changed and cannot be used; what they held before is used on");
                    self.tls.keep(error);
                }
            }
        }
    }
}

/// SIGHUP: look at once.
struct Hangups(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Hangups {
    #[cfg(unix)]
    fn new() -> Self {
        // Without a way to hear the signal the files are looked at all the same.
        Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok())
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self()
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
