//! Health and metrics.

use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::json;

use crate::gateway::{Gateway, send};
use crate::referral::{FAMILY, sent};

#[tokio::test]
async fn tells_whether_it_is_alive_and_ready() {
    let gateway = Gateway::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = send(gateway.anonymous(Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
    }
}

#[tokio::test]
async fn is_not_ready_without_a_directory() {
    let gateway = Gateway::without_directory().await;
    assert_eq!(send(gateway.anonymous(Method::GET, "/healthz")).await.status, 200);
    let answer = send(gateway.anonymous(Method::GET, "/readyz")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(answer.text.contains("directory is empty; load organizations"), "what to do: {}", answer.text);
    assert_eq!(answer.rules(), ["directory-empty"], "told apart from a store that fails");
}

#[tokio::test]
async fn counts_what_it_does_and_names_nobody() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    gateway.agency.poll("").await;
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    gateway.ehr.get(&format!("/fhir/Patient?family={FAMILY}")).await.expect(200);
    gateway.ehr.get(&format!("/fhir/{FAMILY}")).await.expect(404);
    let answer = gateway.administrator.get("/metrics").await;
    for line in [
        "handoff_requests_total{method=\"POST\",route=\"/fhir\",status=\"200\"} 1",
        "handoff_requests_total{method=\"GET\",route=\"/fhir/{type}/{id}\",status=\"200\"} 1",
        "handoff_request_duration_seconds_count{method=\"GET\",route=\"/fhir/{type}\"} 2",
        "handoff_polls_total 1",
        "handoff_polls_held 0",
        "handoff_referrals{state=\"sent\"} 1",
        "handoff_referrals_unanswered{state=\"sent\",program=\"community-food\"} 1",
        "handoff_referrals_unanswered_age_seconds{state=\"sent\",program=\"community-food\"} 0",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is not in\n{}", answer.text);
    }
    let commits = answer.text.lines().find_map(|line| line.strip_prefix("handoff_commits_total ")).unwrap();
    assert!(commits.parse::<u64>().unwrap() >= 2, "{commits}");
    for secret in [FAMILY, task.as_str()] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
}

/// Prometheus asks for OpenMetrics; people at a terminal, and tools, for whatever there is.
#[tokio::test]
async fn metrics_are_written_as_they_are_asked_for() {
    let gateway = Gateway::start().await;
    let asked = async |accept: &str| {
        let request = reqwest::Client::new().get(format!("{}/metrics", gateway.operations));
        send(request.header("accept", accept)).await
    };
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, expected) in
        [("*/*", text), ("text/plain", text), (prometheus, openmetrics), ("application/openmetrics-text", openmetrics)]
    {
        let answer = asked(accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{accept}");
        assert_eq!(answer.text.ends_with("\n# EOF\n"), expected == openmetrics, "{}", answer.text);
        let kind = if expected == text { "handoff_polls_total counter" } else { "handoff_polls counter" };
        assert!(answer.text.contains(&format!("\n# TYPE {kind}\n")), "{}", answer.text);
    }
    assert_eq!(asked("image/png").await.status, 406);
}

/// Names and texts as the makers of Prometheus want them, by their own check.
#[tokio::test]
async fn metrics_are_named_as_prometheus_has_it() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    gateway.agency.poll("").await;
    let text = gateway.administrator.get("/metrics").await.text;
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut promtool) = promtool.spawn() else {
        assert!(std::env::var_os("HANDOFF_TEST_CLIENTS").is_none(), "promtool is required and not here");
        eprintln!("skipped: promtool (Debian's prometheus) is not here");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let found = promtool.wait_with_output().unwrap();
    assert!(found.status.success(), "{}\n{text}", String::from_utf8_lossy(&found.stderr));
}

/// What nobody without a token is told.
const INSIDE: [&str; 5] = ["version", "bytes", "commits", "clients", "store.db"];

#[tokio::test]
async fn figures_are_for_operators() {
    let gateway = Gateway::start().await;
    let nobody = send(gateway.anonymous(Method::GET, "/readyz")).await;
    assert_eq!((nobody.status, nobody.text.as_str()), (200, r#"{"status":"ready"}"#));
    assert_eq!(send(gateway.anonymous(Method::GET, "/metrics")).await.status, 401);
    for client in [&gateway.ehr, &gateway.agency, &gateway.engineer] {
        let refused = client.get("/metrics").await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert!(refused.text.contains("administrators and auditors"), "{}", refused.text);
        assert_eq!(client.get("/readyz").await.text, nobody.text);
    }
    for client in [&gateway.administrator, &gateway.auditor] {
        assert!(client.get("/metrics").await.expect(200).is_null());
        let ready = client.get("/readyz").await.expect(200);
        assert_eq!((&ready["status"], &ready["version"]), (&json!("ready"), &json!(env!("CARGO_PKG_VERSION"))));
    }
    // Whoever reaches the listener for operators needs no token, and finds nothing else there.
    let there = async |path: &str| send(reqwest::Client::new().get(format!("{}{path}", gateway.operations))).await;
    assert!(there("/readyz").await.expect(200)["commits"].as_u64().unwrap() > 0);
    assert!(there("/metrics").await.text.contains("handoff_commits_total"));
    assert_eq!(there("/healthz").await.status, 200);
    for path in ["/fhir/metadata", "/fhir/Task", "/agency/v1/referrals"] {
        assert_eq!(there(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn who_is_not_ready_says_what_is_missing_and_no_more() {
    let gateway = Gateway::without_directory().await;
    let there = send(reqwest::Client::new().get(format!("{}/readyz", gateway.operations))).await;
    let here = send(gateway.anonymous(Method::GET, "/readyz")).await;
    assert_eq!((there.status, here.status), (503, 503));
    for word in INSIDE {
        assert!(!here.text.contains(word), "{word} in {}", here.text);
    }
}

#[tokio::test]
async fn nobody_keeps_an_answer_or_guesses_what_it_is() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    for answer in [
        gateway.ehr.get(&format!("/fhir/Task/{task}")).await,
        gateway.ehr.get("/fhir/Task?status=requested").await,
        gateway.ehr.get("/fhir/Task/nobody").await,
        gateway.ehr.post("/fhir", &json!({})).await,
        gateway.agency.get("/agency/v1/referrals").await,
        gateway.agency.get("/agency/v1/referrals/nobody").await,
        gateway.agency.get("/agency/v1/schemas/community-action").await,
        gateway.administrator.get("/metrics").await,
        send(gateway.anonymous(Method::GET, "/fhir/metadata")).await,
        send(gateway.anonymous(Method::GET, "/healthz")).await,
        send(gateway.anonymous(Method::GET, "/nowhere")).await,
        send(gateway.anonymous(Method::DELETE, "/fhir/Task/1")).await,
        send(gateway.anonymous(Method::GET, "/fhir/Task")).await,
        send(reqwest::Client::new().get(format!("{}/metrics", gateway.operations))).await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.text);
    }
}
