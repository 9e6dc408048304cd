//! The URL of a database: `postgres://user:password@host/database`, as libpq writes it
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>), with how the connection is protected.
//!
//! `sslmode` is `disable`, `require` (encrypted, whoever answers) or `verify-full` (encrypted, and the server shows a
//! certificate for its name by an authority of the file `sslrootcert`). Where it is not said it is `verify-full`, but for a
//! socket of this machine: what is kept is about people. The modes of libpq that may go on without encryption are refused.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use form_urlencoded::Serializer;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::limits::DatabaseLimits;
use crate::error::{Error, Result};
use crate::fhir::Key;

/// After how long without an answer a connection is asked whether it is still there, and how often.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay unconfirmed before the connection counts as lost.
const UNCONFIRMED_TIMEOUT: Duration = Duration::from_secs(20);

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all
    Disable,
    /// Encrypted; whoever answers
    Require,
    /// Encrypted, and the server's certificate is by an authority of this file, for the name that was asked for
    VerifyFull {
        /// PEM
        authorities: PathBuf,
    },
}

/// See the module head.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
}

impl DatabaseUrl {
    /// Is this the URL of a PostgreSQL database?
    pub fn is_one(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    /// Reads a URL. What is said of one that is wrong names parts of it, never its password.
    ///
    /// # Errors
    /// Where it cannot be understood, or asks for a connection that may or may not be encrypted.
    pub fn parse(url: &str) -> Result<Self> {
        if !Self::is_one(url) {
            return Err(wrong("it does not begin with postgres://"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities) = (None, None);
        let mut rest = Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => authorities = Some(PathBuf::from(&*value)),
                _ => {
                    rest.append_pair(&name, &value);
                }
            }
        }
        // libpq reads %20, not +.
        let rest = rest.finish().replace('+', "%20");
        let mut config = Config::from_str(&format!("{base}?{rest}")).map_err(|error| wrong(&words(&error)))?;
        let is_local = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host; a socket is named as ?host=/var/run/postgresql"));
        }
        let tls = match (mode.as_deref(), authorities) {
            (None, None) if is_local => TlsMode::Disable,
            (Some("disable"), None) => TlsMode::Disable,
            (Some("require"), None) => TlsMode::Require,
            (None | Some("verify-full"), Some(authorities)) => TlsMode::VerifyFull { authorities },
            (None | Some("verify-full"), None) => {
                return Err(wrong(
                    "it says no file of authorities (sslrootcert=FILE) by which the server is known; sslmode=require \
                     encrypts without knowing it, sslmode=disable does not encrypt",
                ));
            }
            (Some("disable" | "require"), Some(_)) => {
                return Err(wrong("sslrootcert belongs to sslmode=verify-full"));
            }
            (Some(other), _) => {
                return Err(wrong(&format!("sslmode is {other:?}; it is disable, require or verify-full")));
            }
        };
        config.ssl_mode(if tls == TlsMode::Disable { SslMode::Disable } else { SslMode::Require });
        if config.get_application_name().is_none() {
            config.application_name("handoff");
        }
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(KEEPALIVE_RETRIES);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNCONFIRMED_TIMEOUT);
        }
        Ok(Self { config, tls })
    }

    /// The settings of a session on top of those that the URL has.
    pub(super) fn with_options(&self, options: &str, limits: &DatabaseLimits) -> Config {
        let mut config = self.config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(limits.connect);
        }
        let all = match self.config.get_options() {
            Some(given) => format!("{options} {given}"),
            None => options.to_owned(),
        };
        config.options(all);
        config
    }
}

impl fmt::Display for DatabaseUrl {
    /// Where it is, without who connects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "postgres://{}/{database}", hosts.join(","))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

fn wrong(why: &str) -> Error {
    Error::usage(Key::Parameter, format!("the URL of the store cannot be understood: {why}"))
}

/// What an error says with its causes.
fn words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", words(source)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_it_is_protected() {
        let tls = |url: &str| DatabaseUrl::parse(url).map(|url| url.tls).map_err(|error| error.to_string());
        assert_eq!(tls("postgres:///handoff?host=/run/postgresql"), Ok(TlsMode::Disable));
        assert_eq!(tls("postgres://u:p@db/handoff?sslmode=disable"), Ok(TlsMode::Disable));
        assert_eq!(tls("postgresql://db/handoff?sslmode=require&connect_timeout=3"), Ok(TlsMode::Require));
        let full = TlsMode::VerifyFull { authorities: "/etc/ca 1.pem".into() };
        assert_eq!(tls("postgres://a,b/handoff?sslrootcert=/etc/ca%201.pem"), Ok(full.clone()));
        assert_eq!(tls("postgres://db/handoff?sslmode=verify-full&sslrootcert=/etc/ca%201.pem"), Ok(full));
        for (url, why) in [
            ("postgres://u:secret@db/handoff", "sslrootcert=FILE"),
            ("postgres://u:secret@db/handoff?sslmode=prefer", "disable, require or verify-full"),
            ("postgres://u:secret@db/handoff?sslmode=require&sslrootcert=x", "belongs to"),
            ("postgres://u:secret@db/handoff?sslmode=disable&colour=red", "colour"),
            ("postgres://u:secret@db:x/handoff?sslmode=disable", "port"),
            ("postgres:///handoff?sslmode=disable", "no host"),
            ("mysql://db/handoff", "postgres://"),
        ] {
            let error = tls(url).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn who_connects_is_not_shown() {
        let url = DatabaseUrl::parse("postgres://u:secret@a,b/handoff?sslmode=disable").unwrap();
        assert_eq!(
            (url.to_string().as_str(), format!("{url:?}").contains("secret")),
            ("postgres://a,b/handoff", false)
        );
    }
}
