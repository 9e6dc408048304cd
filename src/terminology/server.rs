//! One request to the terminology server, `GET [base]/ValueSet/$validate-code`, and what its answer means
//! (<https://hl7.org/fhir/R4/valueset-operation-validate-code.html>).
//!
//! Servers say in several ways that they cannot tell: with an OperationOutcome, or with `result = false` and the name of
//! the code system or value set that they lack. None of these is a "no".

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use super::cache::{Answer, Question};
use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Limits, Node};

/// The answer to such a question is small.
const LIMITS: Limits = Limits { bytes: 256 * 1024, depth: 50 };

/// Longer codes are none that anybody defined.
const MAX_CODE_LENGTH: usize = 256;

/// Parameters by which servers name what they lack.
const MISSING_PARAMETERS: &[&str] = &["x-unknown-system", "x-caused-by-unknown-system", "x-unknown-valueset"];

/// Where the server is, and how it is spoken to.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    operation: Url,
}

/// No answer: the server is not there, is too slow, or has trouble of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable(pub(super) &'static str);

impl Server {
    /// # Errors
    /// A URL that is none, or a token that no header can hold.
    pub(super) fn new(url: &str, token: Option<&str>, timeout: Duration) -> Result<Self> {
        let operation = Url::parse(&format!("{}/ValueSet/$validate-code", url.trim_end_matches('/')));
        let operation = operation.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
        let operation = operation
            .ok_or_else(|| invalid_setting("expected the base of a FHIR server, as https://terminology.example/r4"))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json"));
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| invalid_setting("the token holds characters that no header can"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // One provider for the process; whoever came first has set the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .timeout(timeout)
            .user_agent(concat!("handoff/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::fault(format!("cannot speak to a terminology server: {error}")))?;
        Ok(Self { client, operation })
    }

    /// Asks.
    ///
    /// # Errors
    /// If no answer came.
    pub(super) async fn validate_code(&self, question: &Question) -> Result<Answer, Unavailable> {
        let Some(url) = self.url(question) else { return Ok(None) };
        let response = self.client.get(url).send().await.map_err(|error| unavailable(&error))?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || refuses_gateway(status) {
            return Err(Unavailable(if refuses_gateway(status) {
                "it refuses the gateway"
            } else {
                "it has trouble of its own"
            }));
        }
        let body = read_body(response).await?;
        if !status.is_success() {
            return Ok(None);
        }
        read_answer(&body)
    }

    /// The request; nothing for a code that is not worth asking about.
    fn url(&self, question: &Question) -> Option<Url> {
        if question.code.is_empty() || question.code.len() > MAX_CODE_LENGTH {
            return None;
        }
        let mut url = self.operation.clone();
        let mut query = url.query_pairs_mut();
        match question.value_set.split_once('|') {
            Some((set, version)) => query.append_pair("url", set).append_pair("valueSetVersion", version),
            None => query.append_pair("url", &question.value_set),
        };
        match &question.system {
            Some(system) => query.append_pair("system", system),
            // An element of type code leaves the system to the value set.
            None => query.append_pair("inferSystem", "true"),
        };
        query.append_pair("code", &question.code);
        drop(query);
        Some(url)
    }
}

/// The issue that the settings of the terminology server cannot be used.
fn invalid_setting(message: &str) -> Error {
    Error::new(Category::Incorrect, Issue::error(Key::SettingInvalid, "terminology", message))
}

/// Does it say that it is the gateway that may not ask?
fn refuses_gateway(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
}

fn unavailable(error: &reqwest::Error) -> Unavailable {
    Unavailable(if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke"
    })
}

/// The body, if it is no longer than such an answer can be.
async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, Unavailable> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unavailable(&error))? {
        if bytes.len() + chunk.len() > LIMITS.bytes {
            return Err(Unavailable("its answer is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What Parameters say.
fn read_answer(bytes: &[u8]) -> Result<Answer, Unavailable> {
    let document = Document::parse_bytes(bytes, LIMITS).map_err(|_| Unavailable("its answer is no FHIR resource"))?;
    let root = document.root();
    if !root.get("resourceType").is_some_and(|kind| kind.is_str("Parameters")) {
        return Err(Unavailable("its answer is no Parameters"));
    }
    let named = |name: &str| root.list("parameter").find(|part| part.get("name").is_some_and(|of| of.is_str(name)));
    let result = named("result").and_then(|part| part.get("valueBoolean")).and_then(Node::as_bool);
    match result {
        None => Err(Unavailable("its answer has no result")),
        Some(true) => Ok(Some(true)),
        Some(false) if MISSING_PARAMETERS.iter().any(|name| named(name).is_some()) => Ok(None),
        Some(false) if named("issues").is_some_and(says_not_found) => Ok(None),
        Some(false) => Ok(Some(false)),
    }
}

/// Does an OperationOutcome among the parameters say that something is not there to be looked at?
fn says_not_found(part: Node<'_>) -> bool {
    let issues = part.get("resource").into_iter().flat_map(|outcome| outcome.list("issue"));
    issues.into_iter().any(|issue| {
        issue
            .get("code")
            .is_some_and(|code| ["not-found", "not-supported", "too-costly"].iter().any(|one| code.is_str(one)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn reads_what_servers_say() {
        let parameters = |parts: Value| json!({ "resourceType": "Parameters", "parameter": parts }).to_string();
        let no = json!({ "name": "result", "valueBoolean": false });
        let issues = |code: &str| {
            let issue = json!({ "severity": "error", "code": code });
            let outcome = json!({ "resourceType": "OperationOutcome", "issue": [issue] });
            json!([no, { "name": "issues", "resource": outcome }])
        };
        for (text, expected) in [
            (parameters(json!([{ "name": "result", "valueBoolean": true }])), Ok(Some(true))),
            (parameters(json!([no])), Ok(Some(false))),
            (parameters(json!([no, { "name": "x-unknown-system", "valueCanonical": "urn:s" }])), Ok(None)),
            (parameters(issues("not-found")), Ok(None)),
            (parameters(issues("code-invalid")), Ok(Some(false))),
            (
                parameters(json!([{ "name": "result", "valueBoolean": "yes" }])),
                Err(Unavailable("its answer has no result")),
            ),
            ("{}".to_owned(), Err(Unavailable("its answer is no Parameters"))),
            ("<html>".to_owned(), Err(Unavailable("its answer is no FHIR resource"))),
        ] {
            assert_eq!(read_answer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn sends_set_system_and_code_alone() {
        let server = Server::new("https://terminology.example/r4/", Some("t"), Duration::from_secs(1)).unwrap();
        let question = |value_set: &str, system: Option<&str>, code: &str| {
            let question = Question { value_set: value_set.into(), system: system.map(Into::into), code: code.into() };
            server.url(&question).map(|url| url.to_string())
        };
        assert_eq!(
            question("http://a.example/vs|2.0", Some("http://s.example"), "a&b c").unwrap(),
            "https://terminology.example/r4/ValueSet/$validate-code?url=http%3A%2F%2Fa.example%2Fvs&valueSetVersion=2.0&system=http%3A%2F%2Fs.example&code=a%26b+c"
        );
        assert_eq!(
            question("urn:vs", None, "x").unwrap(),
            "https://terminology.example/r4/ValueSet/$validate-code?url=urn%3Avs&inferSystem=true&code=x"
        );
        assert_eq!(question("urn:vs", None, &"x".repeat(257)), None);
        for bad in ["terminology", "ftp://a.example", "https://a.example/r4?x=1", ""] {
            assert!(Server::new(bad, None, Duration::from_secs(1)).is_err(), "{bad}");
        }
        assert!(Server::new("http://a.example", Some("a\nb"), Duration::from_secs(1)).is_err());
    }
}
