//! Our own definitions on the FHIR edge, what the door demands, and codes that a terminology server judges.

use std::fs::File;
use std::path::Path;

use handoff::app::{Packages, RequiredProfiles};
use handoff::definitions::{Definitions, Package, pack};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::Gateway;
use crate::referral;

fn ids(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry["resource"]["id"].as_str()).collect()
}

#[tokio::test]
async fn everybody_reads_our_definitions() {
    let gateway = Gateway::start().await;
    for client in [&gateway.ehr, &gateway.agency, &gateway.engineer] {
        let answer = client.get("/fhir/StructureDefinition/referral-task").await;
        assert_eq!(answer.header("content-type"), "application/fhir+json");
        let tag = answer.header("etag").to_owned();
        let structure = answer.expect(200);
        assert_eq!(structure["url"], "urn:handoff:fhir:StructureDefinition:referral-task");
        let request = client.request(reqwest::Method::GET, "/fhir/StructureDefinition/referral-task");
        assert_eq!(request.header("if-none-match", tag).send().await.unwrap().status(), 304);
    }
    gateway.ehr.get("/fhir/ValueSet/need-category").await.expect(200);
    gateway.ehr.get("/fhir/CodeSystem/referral-state").await.expect(200);
    let outcome = gateway.ehr.get("/fhir/CodeSystem/need-category").await.expect(404);
    assert_eq!(outcome["issue"][0]["code"], "not-found");
    let nobody = reqwest::get(format!("{}/fhir/CodeSystem/referral-state", gateway.base)).await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn they_are_found_by_url() {
    let gateway = Gateway::start().await;
    let found = async |query: &str| gateway.ehr.get(&format!("/fhir/{query}")).await.expect(200);
    let url = "StructureDefinition?url=urn:handoff:fhir:StructureDefinition:referral-task";
    let bundle = found(url).await;
    assert_eq!((bundle["type"].as_str(), bundle["total"].as_u64()), (Some("searchset"), Some(1)));
    assert_eq!(ids(&bundle), ["referral-task"]);
    let entry = &bundle["entry"][0];
    assert_eq!(entry["fullUrl"], format!("{}/fhir/StructureDefinition/referral-task", gateway.base));
    assert_eq!(entry["search"]["mode"], "match");
    assert_eq!(ids(&found(&format!("{url}%7C1.0.0")).await), ["referral-task"]);
    assert_eq!(ids(&found(&format!("{url}%7C9")).await), [""; 0]);
    assert_eq!(
        ids(&found("StructureDefinition?type=Task&_elements=url").await),
        ["patient-task", "referral-task", "task"]
    );
    assert_eq!(ids(&found("CodeSystem?_id=program-type,referral-state").await), ["program-type", "referral-state"]);
    assert_eq!(ids(&found("ValueSet?title:contains=PATIENT&status=active").await).len(), 3);
    assert_eq!(ids(&found("ValueSet?name=need").await), [""; 0], "names begin otherwise");

    // Page by page, each once.
    let mut seen = Vec::new();
    let mut next = format!("{}/fhir/ValueSet?_count=4", gateway.base);
    loop {
        let page = gateway.ehr.get(next.strip_prefix(&gateway.base).unwrap()).await.expect(200);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
        let Some(link) = link else { break };
        next = link["url"].as_str().unwrap().to_owned();
    }
    assert_eq!(Some(seen.len() as u64), found("ValueSet").await["total"].as_u64());
    seen.dedup();
    assert!(seen.len() > 8);

    let form = gateway.ehr.request(reqwest::Method::POST, "/fhir/ValueSet/_search");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("_id=need-category");
    let bundle: Value = form.send().await.unwrap().json().await.unwrap();
    assert_eq!(ids(&bundle), ["need-category"]);
}

#[tokio::test]
async fn a_search_that_is_not_served_is_refused_or_left_out() {
    let gateway = Gateway::start().await;
    for query in ["publisher=Handoff", "type=Task", "_count=x", "url=", "name:below=x", "status:exact=x"] {
        let outcome = gateway.ehr.get(&format!("/fhir/ValueSet?{query}")).await.expect(400);
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{query}");
    }
    let request = gateway.ehr.request(reqwest::Method::GET, "/fhir/ValueSet?publisher=x&_id=need-category");
    let answer: Value = request.header("prefer", "handling=lenient").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["entry"].as_array().unwrap().len(), 2);
    assert_eq!(answer["entry"][1]["search"]["mode"], "outcome");
    assert!(!answer["link"][0]["url"].as_str().unwrap().contains("publisher"));
}

#[tokio::test]
async fn nobody_writes_definitions() {
    let gateway = Gateway::start().await;
    let set = json!({ "resourceType": "ValueSet", "status": "draft" });
    gateway.ehr.post("/fhir/ValueSet", &set).await.expect(405);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000009", "resource": set, "request": { "method": "POST", "url": "ValueSet" } }
    ] });
    let outcome = gateway.ehr.post("/fhir", &bundle).await.expect(422);
    assert_eq!(outcome["issue"][0]["code"], "not-supported");
}

#[tokio::test]
async fn the_statement_names_the_profiles() {
    let gateway = Gateway::start().await;
    let statement = gateway.ehr.get("/fhir/metadata").await.expect(200);
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let of = |kind: &str| resources.iter().find(|resource| resource["type"] == kind).unwrap();
    let task = of("Task")["supportedProfile"].as_array().unwrap();
    assert_eq!(task.len(), 3);
    for profile in task {
        let url = profile.as_str().unwrap();
        let bundle = gateway.ehr.get(&format!("/fhir/StructureDefinition?url={url}")).await.expect(200);
        assert_eq!(bundle["total"], 1, "{url}");
    }
    assert!(of("Patient").get("supportedProfile").is_none());
}

// === what the door demands ===

/// A referral whose request does not say what is asked for.
fn without_code() -> Value {
    let mut transaction = referral::transaction(1);
    transaction["entry"][1]["resource"].as_object_mut().unwrap().remove("code");
    transaction
}

#[tokio::test]
async fn the_door_demands_our_profiles() {
    let gateway = Gateway::start().await;
    gateway.ehr.post("/fhir", &referral::transaction(1)).await.expect(200);
    let outcome = gateway.ehr.post("/fhir", &without_code()).await.expect(422);
    let errors: Vec<&Value> =
        outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{outcome:#}");
    assert_eq!(errors[0]["expression"][0], "Bundle.entry[1].resource.code");

    let request = &without_code()["entry"][1]["resource"];
    let errors = async |query: &str| {
        let outcome = gateway.ehr.post(&format!("/fhir/$validate{query}"), request).await.expect(200);
        outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error").count()
    };
    assert_eq!((errors("").await, errors("?mode=create").await), (0, 1), "whoever is going to send it learns of it");
}

#[tokio::test]
async fn the_operator_chooses_what_the_door_demands() {
    let relaxed =
        Gateway::with(|settings| settings.profiles = "ServiceRequest=".parse::<RequiredProfiles>().unwrap()).await;
    relaxed.ehr.post("/fhir", &without_code()).await.expect(200);
    let strict = "Task=urn:handoff:fhir:StructureDefinition:referral-task";
    let strict = Gateway::with(|settings| settings.profiles = strict.parse::<RequiredProfiles>().unwrap()).await;
    let outcome = strict.ehr.post("/fhir/Task", &referral::draft(1)).await.expect(422);
    assert!(
        outcome["issue"].as_array().unwrap().iter().any(|issue| issue["expression"][0] == "Task.focus"),
        "{outcome:#}"
    );
}

// === packages, and codes that a terminology server judges ===

const PACKAGES: &[&str] =
    &["../shared/packages/hl7.fhir.us.core-7.0.0.tgz", "../shared/packages/hl7.fhir.us.sdoh-clinicalcare-3.0.0.tgz"];

/// A packages folder with the guide, if it is here.
fn packages() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let mut definitions = Definitions::shipped().unwrap();
    for path in PACKAGES.iter().map(Path::new) {
        if !path.is_file() {
            println!("skipped: {} is not here", path.display());
            return None;
        }
        let package = Package::from_tgz(File::open(path).unwrap()).unwrap();
        let pack = pack::write(&package, Some(&definitions)).unwrap();
        Packages::at(folder.path()).save_package(&package, &pack).unwrap();
        definitions = definitions.with(package);
    }
    Some(folder)
}

/// A referral whose request claims the guide's profile.
fn claiming() -> Value {
    let mut transaction = referral::transaction(1);
    let profile = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ServiceRequest";
    transaction["entry"][0]["resource"]["gender"] = json!("unknown");
    transaction["entry"][1]["resource"]["meta"] = json!({ "profile": [profile] });
    transaction
}

fn errors(outcome: &Value) -> Vec<&str> {
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let errors = issues.iter().filter(|issue| issue["severity"] == "error");
    errors.filter_map(|issue| issue["expression"][0].as_str()).collect()
}

/// A terminology server that answers everything in one way.
async fn terminology(result: bool) -> handoff::terminology::Settings {
    let answer = json!({ "resourceType": "Parameters", "parameter": [{ "name": "result", "valueBoolean": result }] });
    let router = axum::Router::new().fallback(async move || answer.to_string());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = handoff::terminology::Settings::of(format!("http://{}", listener.local_addr().unwrap()));
    settings.timeout = std::time::Duration::from_mins(1);
    tokio::spawn(async move { axum::serve(listener, router).await });
    settings
}

#[tokio::test]
async fn packages_are_checked_with_and_may_be_demanded() {
    let Some(folder) = packages() else { return };
    let demand = "Task=http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement";
    let gateway = Gateway::with(|settings| {
        settings.packages = Packages::at(folder.path());
        settings.profiles = demand.parse().unwrap();
    })
    .await;
    gateway.ehr.post("/fhir", &claiming()).await.expect(200);
    let outcome = gateway.ehr.post("/fhir/Task", &referral::draft(1)).await.expect(422);
    assert!(errors(&outcome).contains(&"Task.focus"), "{outcome:#}");
}

#[tokio::test]
async fn a_terminology_server_has_the_last_word() {
    let Some(folder) = packages() else { return };
    for (result, status) in [(true, 200), (false, 422)] {
        let server = terminology(result).await;
        let gateway = Gateway::with(|settings| {
            settings.packages = Packages::at(folder.path());
            settings.terminology = Some(server);
        })
        .await;
        let outcome = gateway.ehr.post("/fhir", &claiming()).await.expect(status);
        if !result {
            assert!(errors(&outcome).iter().all(|path| path.contains("resource.code")), "{outcome:#}");
        }
    }
}
