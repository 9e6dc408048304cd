//! How the gateway is set up: a flag, else an environment variable (`HANDOFF_...`), else `handoff.toml`, else a default.
//!
//! All of them have one name: `--grace-seconds`, `HANDOFF_GRACE_SECONDS` and `grace-seconds = 10` are the same. The limits,
//! PostgreSQL and TLS are groups of their own: see `limit_options`, `postgres_options` and `tls_options`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::limit_options::LimitOptions;
use super::listen_address::ListenAddress;
use super::packages::{DEFAULT_PACKAGES, Packages};
use super::postgres_options::PostgresOptions;
use super::program_type_folders::ProgramTypeFolders;
use super::tls_files::TlsFiles;
use super::tls_options::TlsOptions;
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::limits::{Limits, MEGABYTE};
use crate::security::Policy;
use crate::server::TrustedProxies;
use crate::store::StorePlace;
use crate::store::index::SearchParameters;
use crate::store::postgres::DatabaseLimits;
use crate::terminology;

use super::required_profiles::RequiredProfiles;

/// The environment variable that holds what the terminology server is shown.
const TOKEN: &str = "HANDOFF_TERMINOLOGY_TOKEN";

/// What may be set; everything that is absent is left to the next source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Address or name of a host, and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "HANDOFF_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<ListenAddress>,
    /// The same for operators alone, who need no token there for /metrics and /readyz, in plain HTTP [default: none]
    #[arg(long, env = "HANDOFF_OPERATIONS_LISTEN", value_name = "HOST:PORT")]
    pub operations_listen: Option<ListenAddress>,
    /// Proxies that are believed in what they say of their clients (Forwarded, X-Forwarded-For, -Proto, -Host): IP addresses
    /// and networks, as 10.0.0.5,10.1.0.0/16 [default: none]
    #[arg(long, env = "HANDOFF_FORWARDED", value_name = "ADDR,...")]
    pub forwarded: Option<TrustedProxies>,
    /// Where clients reach the gateway, as https://gateway.example [default: the address listened on]
    #[arg(long, env = "HANDOFF_BASE", value_name = "URL")]
    pub base: Option<String>,
    /// Where everything is kept: sqlite:PATH, or postgres://USER@HOST/DATABASE with sslrootcert=FILE of who vouches for the
    /// server, sslmode=require or sslmode=disable [default: sqlite:handoff.db]
    #[arg(long, env = "HANDOFF_STORE", hide_env_values = true, value_name = "URL")]
    pub store: Option<String>,
    /// Largest size of the database, in megabytes; a full one takes no writes, and is read on [default: what the disk holds]
    #[arg(long, env = "HANDOFF_STORE_LIMIT_MB", value_name = "NUMBER")]
    pub store_limit_mb: Option<u32>,
    /// Whether a referral needs a Consent, or only must not be denied by one [default: optional]
    #[arg(long, env = "HANDOFF_CONSENT", value_enum)]
    pub consent: Option<ConsentRule>,
    /// How the log is written [default: text]
    #[arg(long, env = "HANDOFF_LOG", value_enum)]
    pub log: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, or directives by module (warn,handoff::http=info) [default: info]
    #[arg(long, env = "HANDOFF_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// `body-mb` of the limits, under the name that it had in the file before there was a group of them
    #[arg(skip)]
    pub body_limit_mb: Option<u32>,
    /// `depth` of the limits, likewise
    #[arg(skip)]
    pub depth_limit: Option<u32>,
    /// OpenTelemetry collector that traces of requests are sent to by OTLP over HTTP, as http://localhost:4318; for builds with
    /// the feature opentelemetry [default: none]
    #[arg(long, env = "HANDOFF_TRACES", value_name = "URL")]
    pub traces: Option<String>,
    /// How long requests may take to end once the server stops, in seconds [default: 10]
    #[arg(long, env = "HANDOFF_GRACE_SECONDS", value_name = "NUMBER")]
    pub grace_seconds: Option<u16>,
    /// How long an agency sees what changes of a referral that it completed, in days [default: 90]
    #[arg(long, env = "HANDOFF_COMPLETED_DAYS", value_name = "NUMBER")]
    pub completed_days: Option<u16>,
    /// How many days rows of the audit log are kept; older ones are removed once a day [default: for ever]
    #[arg(long, env = "HANDOFF_AUDIT_DAYS", value_name = "NUMBER")]
    pub audit_days: Option<u16>,
    /// How many days an Idempotency-Key, or the message that a conditional Task was sent with, is known: sent again later it is
    /// another request [default: 90]
    #[arg(long, env = "HANDOFF_IDEMPOTENCY_DAYS", value_name = "NUMBER")]
    pub idempotency_days: Option<u16>,
    /// How many days a version is kept after it was replaced; the newest one, what was shown last to an organization whose part
    /// has ended, and the Tasks of referrals are kept [default: for ever]
    #[arg(long, env = "HANDOFF_VERSION_DAYS", value_name = "NUMBER")]
    pub version_days: Option<u16>,
    /// Profiles that a resource has to meet which is sent, as Task=URL,URL;ServiceRequest=URL; none for Task= [default:
    /// the gateway's own for Task and ServiceRequest]
    #[arg(long, env = "HANDOFF_PROFILES", value_name = "TYPE=URL,...")]
    pub profiles: Option<RequiredProfiles>,
    /// FHIR server that is asked about codes which the value sets at hand cannot judge; its token, if it wants one, stands
    /// in HANDOFF_TERMINOLOGY_TOKEN [default: nobody is asked]
    #[arg(long, env = "HANDOFF_TERMINOLOGY", value_name = "URL")]
    pub terminology: Option<String>,
    /// How long a message may wait for that server, in milliseconds [default: 2000]
    #[arg(long, env = "HANDOFF_TERMINOLOGY_MS", value_name = "NUMBER")]
    pub terminology_ms: Option<u16>,
    /// Folder of the packages that were added with handoff package add [default: packages]
    #[arg(long, env = "HANDOFF_PACKAGES", value_name = "DIR")]
    pub packages: Option<PathBuf>,
    /// Folder of program types that are laid over those that come with the program: DIR/TYPE/program.yaml, ...; and of
    /// DIR/crosswalks [default: none]
    #[arg(long, env = "HANDOFF_PROGRAMS", value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Where handoff package add fetches packages from
    #[arg(skip)]
    pub package_registry: Option<String>,
    /// What TLS is spoken with
    #[command(flatten)]
    #[serde(default)]
    pub tls: TlsOptions,
    /// How much is taken, held and done for anybody
    #[command(flatten)]
    #[serde(default)]
    pub limits: LimitOptions,
    /// How PostgreSQL is used
    #[command(flatten)]
    #[serde(default)]
    pub postgres: PostgresOptions,
}

/// Does a referral need a Consent?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentRule {
    /// One that denies blocks; an absent one does not
    Optional,
    /// An absent one blocks as well
    Required,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Everything decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where clients are listened to
    pub listen: ListenAddress,
    /// Where operators are, if they have a place of their own
    pub operations_listen: Option<ListenAddress>,
    /// The proxies that are believed
    pub forwarded: TrustedProxies,
    /// The files that TLS is spoken with to clients; none: plain HTTP is
    pub tls: Option<TlsFiles>,
    /// The public address, without a slash at its end
    pub base: Option<String>,
    /// Where everything is kept
    pub store: StorePlace,
    /// How many bytes the SQLite file may have; none: what the disk holds
    pub store_limit: Option<u64>,
    /// Does a missing consent block?
    pub consent: Policy,
    /// How the log is written
    pub log: LogFormat,
    /// What is logged
    pub log_level: String,
    /// The collector that traces are sent to
    pub traces: Option<String>,
    /// How much is taken, held and done for anybody
    pub limits: Limits,
    /// How much of a database of PostgreSQL is taken, if the store is in one
    pub postgres: DatabaseLimits,
    /// How long requests may take to end once the server stops
    pub grace: Duration,
    /// How long an agency sees what changes of a referral that it completed
    pub completed: SignedDuration,
    /// How many days rows of the audit log are kept; none: for ever
    pub audit_days: Option<u16>,
    /// How many days idempotency keys are kept
    pub idempotency_days: u16,
    /// How many days versions are kept after they were replaced; none: for ever
    pub version_days: Option<u16>,
    /// The profiles that are demanded of what is sent
    pub profiles: RequiredProfiles,
    /// Who is asked about codes
    pub terminology: Option<terminology::Settings>,
    /// The packages that were added
    pub packages: Packages,
    /// The program types
    pub programs: ProgramTypeFolders,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)).into(),
            operations_listen: None,
            forwarded: TrustedProxies::default(),
            tls: None,
            base: None,
            store: StorePlace::Sqlite(PathBuf::from("handoff.db")),
            store_limit: None,
            consent: Policy::Optional,
            log: LogFormat::Text,
            log_level: "info".to_owned(),
            traces: None,
            limits: Limits::default(),
            postgres: DatabaseLimits::default(),
            grace: Duration::from_secs(10),
            audit_days: None,
            idempotency_days: 90,
            version_days: None,
            completed: days(90),
            profiles: RequiredProfiles::defaults(),
            terminology: None,
            packages: Packages::at(DEFAULT_PACKAGES),
            programs: ProgramTypeFolders::default(),
        }
    }
}

impl Settings {
    /// Where no base is set, the gateway is reached where it listens, if that is an address or a name of its own. Of gateways that
    /// share a database none is: they are reached under one URL, which only an operator knows.
    #[must_use]
    pub fn with_default_base(self, listened: &ListenAddress) -> Self {
        let scheme = self.scheme();
        let is_known = listened.is_specified() && matches!(self.store, StorePlace::Sqlite(_));
        let base = self.base.or_else(|| is_known.then(|| format!("{scheme}://{listened}")));
        Self { base, ..self }
    }

    /// Is it said under which URL gateways are reached that share a database? What is stored is found by it, so it is the same of
    /// all of them.
    ///
    /// # Errors
    /// If it is not.
    pub fn require_shared_base(&self) -> Result<()> {
        match self.store {
            StorePlace::Postgres(_) if self.base.is_none() => Err(Error::setting(
                "base",
                "gateways that share a database are reached under one URL; name it, the same for all of them",
            )),
            _ => Ok(()),
        }
    }

    /// What clients speak.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// What resources are found by: the parameters that come with the program, over its definitions and those of the packages
    /// that were added.
    ///
    /// # Errors
    /// If a package cannot be opened.
    pub fn search_parameters(&self) -> Result<Arc<SearchParameters>> {
        let definitions = self.packages.load(&Definitions::shipped()?)?;
        self.search_parameters_of(&definitions)
    }

    /// The same, over definitions that are loaded.
    pub(super) fn search_parameters_of(&self, definitions: &Definitions) -> Result<Arc<SearchParameters>> {
        let parameters = SearchParameters::shipped(definitions)?;
        Ok(Arc::new(match self.fhir_base() {
            Some(base) => parameters.with_base(base),
            None => parameters,
        }))
    }

    /// What absolute references to the gateway begin with.
    pub fn fhir_base(&self) -> Option<String> {
        self.base.as_ref().map(|base| format!("{base}/fhir"))
    }
}

impl Options {
    /// These, and where they are silent, those of `other`.
    #[must_use]
    pub fn with_defaults_from(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            operations_listen: self.operations_listen.or(other.operations_listen),
            forwarded: self.forwarded.or(other.forwarded),
            tls: self.tls.with_defaults_from(other.tls),
            base: self.base.or(other.base),
            store: self.store.or(other.store),
            store_limit_mb: self.store_limit_mb.or(other.store_limit_mb),
            consent: self.consent.or(other.consent),
            log: self.log.or(other.log),
            log_level: self.log_level.or(other.log_level),
            traces: self.traces.or(other.traces),
            body_limit_mb: self.body_limit_mb.or(other.body_limit_mb),
            depth_limit: self.depth_limit.or(other.depth_limit),
            grace_seconds: self.grace_seconds.or(other.grace_seconds),
            audit_days: self.audit_days.or(other.audit_days),
            idempotency_days: self.idempotency_days.or(other.idempotency_days),
            version_days: self.version_days.or(other.version_days),
            completed_days: self.completed_days.or(other.completed_days),
            profiles: match (self.profiles, other.profiles) {
                (Some(near), Some(far)) => Some(near.with_defaults_from(far)),
                (near, far) => near.or(far),
            },
            terminology: self.terminology.or(other.terminology),
            terminology_ms: self.terminology_ms.or(other.terminology_ms),
            packages: self.packages.or(other.packages),
            programs: self.programs.or(other.programs),
            package_registry: self.package_registry.or(other.package_registry),
            limits: self.limits.with_defaults_from(other.limits),
            postgres: self.postgres.with_defaults_from(other.postgres),
        }
    }

    /// Decides what was left open.
    ///
    /// # Errors
    /// A value that cannot be used.
    pub fn into_settings(self) -> Result<Settings> {
        let defaults = Settings::default();
        let older_limits =
            LimitOptions { body_mb: self.body_limit_mb, depth: self.depth_limit, ..LimitOptions::default() };
        if let Some(registry) = &self.package_registry {
            web_address("package-registry", registry)?;
        }
        Ok(Settings {
            listen: self.listen.unwrap_or(defaults.listen),
            operations_listen: self.operations_listen,
            forwarded: self.forwarded.unwrap_or_default(),
            tls: self.tls.into_files()?,
            base: self.base.map(|base| web_address("base", &base)).transpose()?,
            store: store_place(self.store.as_deref(), self.store_limit_mb.is_some(), defaults.store)?,
            store_limit: self.store_limit_mb.map(|number| u64::from(number) * MEGABYTE as u64),
            consent: match self.consent {
                None | Some(ConsentRule::Optional) => Policy::Optional,
                Some(ConsentRule::Required) => Policy::Required,
            },
            log: self.log.unwrap_or(defaults.log),
            log_level: self.log_level.map_or(Ok(defaults.log_level), log_level)?,
            traces: self.traces.map(|url| collector(&url)).transpose()?,
            limits: self.limits.with_defaults_from(older_limits).into_limits()?,
            postgres: self.postgres.into_limits()?,
            audit_days: self.audit_days,
            idempotency_days: self.idempotency_days.map_or(defaults.idempotency_days, |number| number.max(1)),
            version_days: self.version_days,
            grace: self.grace_seconds.map_or(defaults.grace, |number| Duration::from_secs(number.into())),
            completed: self.completed_days.map_or(defaults.completed, |number| days(number.into())),
            profiles: self.profiles.map_or_else(RequiredProfiles::defaults, |named| {
                named.with_defaults_from(RequiredProfiles::defaults())
            }),
            packages: self.packages.map_or(defaults.packages, Packages::named),
            programs: ProgramTypeFolders::at(self.programs),
            terminology: match self.terminology {
                Some(url) => Some(terminology_server(web_address("terminology", &url)?, self.terminology_ms)),
                None => None,
            },
        })
    }
}

/// The terminology server at this URL. Its token stands in the environment alone: a flag is seen by everybody on the
/// machine, and a file is copied.
pub fn terminology_server(url: String, milliseconds: Option<u16>) -> terminology::Settings {
    let defaults = terminology::Settings::of(url);
    terminology::Settings {
        token: std::env::var(TOKEN).ok().filter(|token| !token.is_empty()).map(terminology::Token::new),
        timeout: milliseconds.map_or(defaults.timeout, |number| Duration::from_millis(number.into())),
        ..defaults
    }
}

/// Where something is on the web, without a slash at its end.
fn web_address(name: &str, url: &str) -> Result<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' '])) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(Error::setting(name, "expected a URL as https://gateway.example"))
}

/// Where traces are sent to, by a build that can.
fn collector(url: &str) -> Result<String> {
    if cfg!(feature = "opentelemetry") {
        return web_address("traces", url);
    }
    Err(Error::setting(
        "traces",
        "this build sends no traces; make one with cargo build --release --features opentelemetry",
    ))
}

/// What is logged. A word that is no level would be taken for the name of a module, and nothing else be logged.
fn log_level(directives: String) -> Result<String> {
    let mut words = directives.split(',').map(str::trim);
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    match words.find(|word| !word.contains(['=', '[']) && !word.starts_with("handoff::") && !is_level(word)) {
        Some(word) => Err(Error::setting(
            "log-level",
            format!("there is no level {word}; expected error, warn, info, debug or trace, or MODULE=LEVEL,..."),
        )),
        None => match EnvFilter::try_new(&directives) {
            Ok(_) => Ok(directives),
            Err(error) => Err(Error::setting("log-level", error.to_string())),
        },
    }
}

/// Where everything is kept. A database has no largest size that a gateway could set.
fn store_place(named: Option<&str>, is_limited: bool, default: StorePlace) -> Result<StorePlace> {
    let place = match named {
        Some(named) => StorePlace::parse(named)
            .map_err(|error| Error::setting("store", error.issues.first().map_or("", |issue| issue.text.as_str())))?,
        None => default,
    };
    if is_limited && matches!(place, StorePlace::Postgres(_)) {
        return Err(Error::setting(
            "store-limit-mb",
            "it limits the file of a SQLite store; PostgreSQL is limited by its disk",
        ));
    }
    Ok(place)
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fhir::{Key, SourcePosition};

    #[test]
    fn the_nearer_source_wins() {
        let file = Options::read("listen = \"0.0.0.0:80\"\nconsent = \"required\"\nlog = \"json\"", "f").unwrap();
        let flags = Options { listen: "127.0.0.1:9".parse().ok(), ..Options::default() };
        let settings = flags.with_defaults_from(file).into_settings().unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:9");
        assert_eq!((settings.consent, settings.log), (Policy::Required, LogFormat::Json));
        assert_eq!(settings.grace, Settings::default().grace);

        let text = "body-limit-mb = 3\ndepth-limit = 7\n[limits]\nbody-mb = 4\ncount = 5";
        let limits = Options::read(text, "f").unwrap().into_settings().unwrap().limits;
        let found = (limits.document.bytes, limits.document.depth, limits.content.count);
        assert_eq!(found, (4 * 1024 * 1024, 7, 5));
        assert_eq!(Options::default().into_settings().unwrap(), Settings::default());

        let text = "terminology = \"https://t.example\"\n[profiles]\nTask = [\"urn:a\"]\nPatient = [\"urn:b\"]";
        let flags = Options { profiles: "Task=".parse().ok(), terminology_ms: Some(5), ..Options::default() };
        let settings = flags.with_defaults_from(Options::read(text, "f").unwrap()).into_settings().unwrap();
        let wanted =
            "Task=;Patient=urn:b".parse::<RequiredProfiles>().unwrap().with_defaults_from(RequiredProfiles::defaults());
        assert_eq!(settings.profiles, wanted);
        let asked = settings.terminology.unwrap();
        assert_eq!((asked.url.as_str(), asked.timeout), ("https://t.example", Duration::from_millis(5)));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, line, column) in [
            ("[limits]\nbundel = 1", 2, 1),
            ("log = \"text\"\nlisen = \"x\"", 2, 1),
            ("\n  consent = \"maybe\"", 2, 13),
            ("listen = ", 1, 10),
        ] {
            let error = Options::read(text, "handoff.toml").unwrap_err();
            let issue = &error.issues[0];
            assert_eq!(
                (issue.key, issue.position),
                (Key::SettingInvalid, Some(SourcePosition { line, column })),
                "{text} {error}"
            );
        }
        for (base, store) in [
            (Some("gateway"), None),
            (None, Some("mysql:x")),
            (None, Some("postgres://db/handoff")),
            (None, Some("sqlite:")),
        ] {
            let options =
                Options { base: base.map(str::to_owned), store: store.map(str::to_owned), ..Options::default() };
            assert!(options.into_settings().is_err());
        }
    }

    #[test]
    fn the_address_that_is_listened_on_is_the_base() {
        let base = |text: &str| {
            let settings = Options::read(text, "f").unwrap().into_settings().unwrap();
            let listened = settings.listen.at_port(81);
            settings.with_default_base(&listened).base
        };
        let tls = "\n[tls]\ncertificate = \"c\"\nkey = \"k\"";
        for (text, expected) in [
            ("listen = \"127.0.0.1:0\"".to_owned(), Some("http://127.0.0.1:81")),
            ("listen = \"0.0.0.0:80\"".to_owned(), None),
            ("listen = \"127.0.0.1:0\"\nstore = \"postgres://a@b/c?sslmode=disable\"".to_owned(), None),
            (format!("listen = \"gateway.example:0\"{tls}"), Some("https://gateway.example:81")),
            (format!("listen = \"[::1]:80\"\nbase = \"http://g.example/\"{tls}"), Some("http://g.example")),
        ] {
            assert_eq!(base(&text).as_deref(), expected, "{text}");
        }
        let shared = |base: &str| {
            let text = format!("store = \"postgres://a@b/c?sslmode=disable\"{base}");
            Options::read(&text, "f").unwrap().into_settings().unwrap().require_shared_base().is_ok()
        };
        assert!(!shared("") && shared("\nbase = \"http://g.example/\""));
    }

    #[test]
    fn a_file_that_is_named_has_to_be_there() {
        assert!(Options::load(Some(Path::new("/nowhere/handoff.toml"))).is_err());
    }
}
