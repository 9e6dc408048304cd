//! Client libraries that other people write, unchanged, against a running gateway: each script beside this file does what
//! a user of its library does. `tests/clients/install` fetches them; where that has not been done a test says so and
//! passes, unless HANDOFF_TEST_CLIENTS is `required`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
// Modules of one test share what they need by `pub`.
#![allow(unreachable_pub)]

#[allow(dead_code)] // what other tests do with a demo
#[path = "../gateway/demo.rs"]
mod demo;
mod installed;
mod script;

use installed::{folder, java, node, python};
use script::run;

#[tokio::test]
async fn fhirpy() {
    if let Some(mut command) = python("fhirpy_referral.py") {
        run(&mut command).await;
    }
}

#[tokio::test]
async fn fhirclient() {
    if let Some(mut command) = python("fhirclient_referral.py") {
        run(&mut command).await;
    }
}

#[tokio::test]
async fn fhir_kit_client() {
    if let Some(mut command) = node("fhir_kit_client_referral.mjs") {
        run(&mut command).await;
    }
}

#[tokio::test]
async fn hapi() {
    if let Some(mut command) = java("HapiReferral.java") {
        run(command.arg(folder().join("referral.json"))).await;
    }
}

#[tokio::test]
async fn openapi_python_client() {
    if let Some(mut command) = python("openapi_client.py") {
        run(&mut command).await;
    }
}

/// schemathesis asks every operation of the agency's API, with what its document allows and with what it does not.
#[tokio::test]
async fn schemathesis() {
    if let Some(mut command) = python("ask_everything.py") {
        run(&mut command).await;
    }
}
