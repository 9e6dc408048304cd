//! The url of an entry's request: relative to the base, with or without a slash before it, or absolute under the base
//! (<https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.url>).

use crate::error::{Error, Result};
use crate::fhir::{Key, query_string};
use crate::server::app_state::Base;

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EntryAddress {
    /// From `/fhir` on
    pub(super) path: String,
    pub(super) query: Option<String>,
}

impl EntryAddress {
    /// Reads a url.
    ///
    /// # Errors
    /// For one that cannot be decoded, and for one of another server.
    pub(super) fn read(url: &str, base: &Base) -> Result<Self> {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query.to_owned())));
        query_string::check_path(path)?;
        query_string::parse(query.as_deref().unwrap_or_default())?;
        Ok(Self { path: format!("/fhir/{}", relative(path, &base.fhir())?), query })
    }

    /// The path without that of the base.
    pub(super) fn relative(&self) -> &str {
        self.path.strip_prefix("/fhir/").unwrap_or(&self.path)
    }
}

fn relative<'p>(path: &'p str, base: &str) -> Result<&'p str> {
    if let Some(rest) = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Ok(rest.trim_start_matches('/'));
    }
    if path.contains("://") {
        return Err(Error::incorrect(Key::Parameter, format!("the url is not under {base}, which is served here")));
    }
    Ok(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_leads_under_the_base() {
        let base = Base::of(Some("https://gateway.example".to_owned()));
        for (url, path, query) in [
            ("Task/1", "/fhir/Task/1", None),
            ("/Task/1", "/fhir/Task/1", None),
            ("Task?code=a%7Cb", "/fhir/Task", Some("code=a%7Cb")),
            ("https://gateway.example/fhir/Task?_id=1", "/fhir/Task", Some("_id=1")),
            ("https://gateway.example/fhir", "/fhir/", None),
            ("", "/fhir/", None),
        ] {
            let read = EntryAddress::read(url, &base).unwrap();
            assert_eq!((read.path.as_str(), read.query.as_deref()), (path, query), "{url}");
        }
        for url in ["https://other.example/fhir/Task/1", "https://gateway.example/fhirs/Task/1", "Task/%4", "Task?a=%"]
        {
            assert!(EntryAddress::read(url, &base).is_err(), "{url}");
        }
    }
}
