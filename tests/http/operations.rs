//! Health and metrics.

use reqwest::Method;

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
    assert!(answer.text.contains("directory"), "{}", answer.text);
}

#[tokio::test]
async fn counts_what_it_does_and_names_nobody() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    gateway.agency.poll("").await;
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    gateway.ehr.get(&format!("/fhir/Patient?family={FAMILY}")).await.expect(200);
    gateway.ehr.get(&format!("/fhir/{FAMILY}")).await.expect(404);
    let answer = send(gateway.anonymous(Method::GET, "/metrics")).await;
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, openmetrics));
    assert!(answer.text.ends_with("\n# EOF\n"), "{}", answer.text);
    for line in [
        "handoff_requests_total{method=\"POST\",route=\"/fhir\",status=\"200\"} 1",
        "handoff_requests_total{method=\"GET\",route=\"/fhir/{type}/{id}\",status=\"200\"} 1",
        "handoff_request_duration_seconds_count{method=\"GET\",route=\"/fhir/{type}\"} 2",
        "handoff_polls_total 1",
        "handoff_polls_held 0",
        "handoff_referrals{state=\"sent\"} 1",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is not in\n{}", answer.text);
    }
    let commits = answer.text.lines().find_map(|line| line.strip_prefix("handoff_commits_total ")).unwrap();
    assert!(commits.parse::<u64>().unwrap() >= 2, "{commits}");
    for secret in [FAMILY, task.as_str()] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
}
