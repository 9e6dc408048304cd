//! Everything that the gateway logs while these tests run, at its most talkative, to see that it names nobody.

use std::io::Write;
use std::sync::{Mutex, Once};

use crate::gateway::Gateway;
use crate::referral::{FAMILY, GIVEN};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STARTED: Once = Once::new();

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Catches the log from now on.
pub fn capture() {
    STARTED.call_once(|| {
        tracing_subscriber::fmt().with_env_filter("handoff=trace").with_ansi(false).with_writer(|| Sink).init();
    });
}

/// What was caught so far.
pub fn captured() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn the_log_says_what_was_asked_and_of_nobody() {
    let gateway = Gateway::start().await;
    let task = crate::referral::sent(&gateway, 1).await;
    gateway.agency.get(&format!("/fhir/Task/{task}?_format=json")).await.expect(200);
    gateway.agency.get(&format!("/fhir/Patient?family={FAMILY}")).await;
    gateway.ehr.get(&format!("/fhir/Patient?famly={FAMILY}")).await.expect(400);
    gateway.ehr.get(&format!("/fhir/{FAMILY}/1")).await.expect(404);
    gateway.ehr.get(&format!("/{FAMILY}")).await.expect(404);
    let mut wrong = crate::referral::transaction(1);
    wrong["entry"][0]["resource"]["gender"] = serde_json::json!(FAMILY);
    gateway.ehr.post("/fhir", &wrong).await.expect(422);

    let log = captured();
    for message in ["method=\"GET\" route=\"/fhir/{type}/{id}\" status=200", "rule=\"binding\"", &gateway.agency.id] {
        assert!(log.contains(message), "{message} is not in the log:\n{log}");
    }
    for secret in [FAMILY, GIVEN, "1990-01-01"] {
        assert!(!log.contains(secret), "the log says {secret}");
    }
}
