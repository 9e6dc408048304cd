//! Fetches packages from a registry that speaks as those of FHIR do: `GET [base]/NAME/VERSION` is the `.tgz`, `GET
//! [base]/NAME` says which versions there are (<https://confluence.hl7.org/display/FHIRI/NPM+Package+Specification>).
//!
//! Nothing is fetched unless a registry is configured and a package is asked for by name.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use crate::definitions::resolve;
use crate::error::{Error, Result};
use crate::fhir::{Document, Limits, Node};

/// The most bytes that a package may have; the largest published ones have a tenth of that.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// What the list of versions may have.
const MAX_LISTING: Limits = Limits { bytes: 32 * 1024 * 1024, depth: 50 };

/// A package by name: `hl7.fhir.us.core#7.0.0`. A version may be the beginning of one (`7.0.x`), or `latest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageRequest {
    /// Package name
    pub name: String,
    /// Package version
    pub version: String,
}

/// A registry. See the module head.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    base: Url,
}

impl PackageRequest {
    /// Reads `NAME#VERSION` (or `NAME@VERSION`, as others write it).
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = text.split_once('#').or_else(|| text.split_once('@'))?;
        let usable = |text: &str| {
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
            !text.is_empty() && text.len() < 200 && !text.starts_with('.') && text.bytes().all(is_good)
        };
        (usable(name) && usable(version)).then(|| Self { name: name.to_owned(), version: version.to_owned() })
    }
}

impl std::fmt::Display for PackageRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.name, self.version)
    }
}

impl Registry {
    /// # Errors
    /// A URL that is none.
    pub fn new(base: &str) -> Result<Self> {
        let base = Url::parse(&format!("{}/", base.trim_end_matches('/'))).ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https")).ok_or_else(|| {
            let text = "expected the URL of a package registry, as https://packages.example";
            Error::setting("package-registry", text)
        })?;
        // One provider for the process; whoever came first has set the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::limited(5))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("handoff/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::fault(format!("cannot speak to a package registry: {error}")))?;
        Ok(Self { client, base })
    }

    /// Fetches a package; `progress` is told how many bytes have come.
    ///
    /// # Errors
    /// If the registry has not got it, cannot be reached, or sends what is no package.
    pub async fn fetch(&self, wanted: &PackageRequest, progress: &mut dyn FnMut(usize)) -> Result<Vec<u8>> {
        let version = self.version(wanted).await?;
        let response = self.get(wanted, &format!("{}/{version}", wanted.name)).await?;
        let bytes = self.body(wanted, response, MAX_BYTES, progress).await?;
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(self.failed(wanted, "what it sent is no .tgz"));
        }
        Ok(bytes)
    }

    /// The version in full.
    async fn version(&self, wanted: &PackageRequest) -> Result<String> {
        let PackageRequest { name, version } = wanted;
        let is_part = version == "latest" || version.strip_suffix(".x").is_some() || version.matches('.').count() < 2;
        if !is_part {
            return Ok(version.clone());
        }
        let response = self.get(wanted, name).await?;
        let bytes = self.body(wanted, response, MAX_LISTING.bytes, &mut |_| {}).await?;
        let listed = Document::parse_bytes(&bytes, MAX_LISTING);
        let listed = listed.map_err(|_| self.failed(wanted, "it does not say which versions there are"))?;
        let root = listed.root();
        if version == "latest"
            && let Some(latest) = root.get("dist-tags").and_then(|tags| tags.str("latest"))
        {
            return Ok(latest.into_owned());
        }
        let all = root.get("versions").into_iter().flat_map(|versions| versions.members().map(Node::name));
        let fitting = all.filter(|one| version == "latest" || resolve::version_matches(one, version));
        let newest = fitting.max_by(|left, right| resolve::compare_versions(left, right));
        newest.map(str::to_owned).ok_or_else(|| self.failed(wanted, "it has no version that fits"))
    }

    async fn get(&self, wanted: &PackageRequest, path: &str) -> Result<Response> {
        let url = self.base.join(path).map_err(|_| self.failed(wanted, "its name makes no URL"))?;
        let response = self.client.get(url).send().await.map_err(|error| self.failed(wanted, broken(&error)))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(self.failed(wanted, "it has not got that")),
            status => Err(self.failed(wanted, format!("it answered {status}"))),
        }
    }

    async fn body(
        &self,
        wanted: &PackageRequest,
        mut response: Response,
        most: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(wanted, broken(&error)))? {
            if bytes.len() + chunk.len() > most {
                return Err(self.failed(wanted, format!("it sent more than {most} bytes")));
            }
            bytes.extend_from_slice(&chunk);
            progress(bytes.len());
        }
        Ok(bytes)
    }

    fn failed(&self, wanted: &PackageRequest, why: impl std::fmt::Display) -> Error {
        Error::unreachable(format!("cannot fetch {wanted} from {}: {why}", self.base.as_str().trim_end_matches('/')))
    }
}

fn broken(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else if error.is_redirect() {
        "it sends us in circles"
    } else {
        "the connection broke"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_of_packages() {
        let wanted = |text: &str| PackageRequest::parse(text).map(|wanted| wanted.to_string());
        assert_eq!(wanted("hl7.fhir.us.core#7.0.0").as_deref(), Some("hl7.fhir.us.core#7.0.0"));
        assert_eq!(wanted("hl7.fhir.us.core@7.0.x").as_deref(), Some("hl7.fhir.us.core#7.0.x"));
        for wrong in ["core", "#1", "core#", "../core#1", "a/b#1", "core#1/2", "core#..", ".core#1"] {
            assert_eq!(wanted(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_registry_has_a_url() {
        assert!(Registry::new("https://packages.example").is_ok());
        for wrong in ["packages.example", "file:///tmp", ""] {
            assert!(Registry::new(wrong).is_err(), "{wrong}");
        }
    }
}
