//! Consent, as a table (`fixtures/cases/consent/`): each case patches the Consent of a demo referral (RFC 7396), or stands
//! several of them side by side, and says whether the referral may go to Three Counties Community Action.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::shared::merge;
use handoff::fhir::{Document, Identifier, Node};
use handoff::referral::{Graph, Referral, Resource};
use handoff::security::consent::Recipient;
use handoff::security::consent::{ConsentDecision, Policy, permits};
use jiff::Timestamp;
use serde_json::{Value, json};

const RECIPIENT: &str = "three-counties-action";

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The demo's referral with the case's Consents in the place of its own, and what else the case adds or changes.
fn message(mut bundle: Value, given: &Value) -> Value {
    let entries = bundle["entry"].as_array_mut().unwrap();
    let own = entries.iter().position(|entry| entry["resource"]["resourceType"] == "Consent").unwrap();
    let template = entries.remove(own);
    for (position, patch) in given["consents"].as_array().unwrap().iter().enumerate() {
        let mut consent = template.clone();
        merge(&mut consent["resource"], patch);
        if position > 0 {
            consent["fullUrl"] = json!(format!("urn:uuid:00000000-0000-4000-8000-{position:012}"));
        }
        entries.push(consent);
    }
    for (kind, patch) in given["change"].as_object().into_iter().flatten() {
        let mut of_kind = entries.iter_mut().filter(|entry| entry["resource"]["resourceType"] == kind.as_str());
        merge(&mut of_kind.next().unwrap()["resource"], patch);
    }
    entries.extend(given["add"].as_array().into_iter().flatten().cloned());
    bundle
}

fn ask(bundle: &Value, given: &Value) -> ConsentDecision {
    let document = Arc::new(Document::from_value(bundle).unwrap());
    let graph = Graph::from_bundle(&document).unwrap();
    let referral = Referral::read(&graph, graph.only_task().unwrap()).unwrap();
    let consents: Vec<Node<'_>> = referral.consents().into_iter().map(Resource::node).collect();
    let identifiers = [Identifier { system: "urn:handoff:demo:organization".to_owned(), value: RECIPIENT.to_owned() }];
    let recipient = Recipient { organization: RECIPIENT, identifiers: &identifiers };
    let policy = if given["policy"] == "required" { Policy::Required } else { Policy::Optional };
    let at: Timestamp = given["at"].as_str().unwrap_or("2025-11-01T12:00:00Z").parse().unwrap();
    permits(&referral, &consents, recipient, policy, at)
}

#[test]
fn every_case_is_answered_as_it_says() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let demo = read(&fixtures.join("demo/ehr/food-insecurity.json"));
    let mut files: Vec<PathBuf> =
        fs::read_dir(fixtures.join("cases/consent")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        for case in read(&file).as_array().unwrap() {
            let (given, expect) = (&case["given"], &case["expect"]);
            let verdict = ask(&message(demo.clone(), given), given);
            let holds = match &verdict {
                ConsentDecision::Permitted { why } => expect["permitted"] == *why,
                ConsentDecision::Refused { reason, path } => {
                    expect["refused"].as_str().is_some_and(|says| reason.contains(says))
                        && expect["path"]
                            .as_str()
                            .is_some_and(|end| path.ends_with(end) && path.is_empty() == end.is_empty())
                }
            };
            if !holds {
                wrong.push(format!("{}: {}\nexpected {expect}\nfound {verdict:?}", file.display(), case["says"]));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 50, "{count} cases");
}
