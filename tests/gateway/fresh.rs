//! What one gateway has changed decides at the other with its next request, also where nothing is heard of it: every notice is lost
//! here.

use handoff::security::token;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::{ClientRow, Credentials};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::closed_loop::task_of;
use crate::demo::Client;
use crate::postgres::server;
use crate::several::Gateways;
use crate::who_sees_what::{refusal, transaction};

/// How often each is tried: between two looks of a gateway that nobody asked for there is time enough for some.
const ROUNDS: usize = 8;

/// The programs of the demo that help with utilities, and whose they are.
const PROGRAMS: &[(&str, &str)] = &[
    ("Organization/three-counties-action", "community-utilities"),
    ("Organization/evergreen-elders", "evergreen-winter-fund"),
    ("Organization/wayside-care", "marsh-light-fund"),
];

/// Two gateways that never hear of each other.
async fn deaf_gateways() -> Option<Gateways> {
    let gateways = Gateways::start(2, server()?).await;
    // What the sessions that begin now call instead of PostgreSQL's own says nothing to anybody.
    gateways.database.sql(
        "CREATE SCHEMA lost;
         CREATE FUNCTION lost.pg_notify(text, text) RETURNS void LANGUAGE sql AS '';
         DO $$ BEGIN
             EXECUTE format('ALTER DATABASE %I SET search_path = lost, pg_catalog, public', current_database());
         END $$;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    Some(gateways)
}

async fn statuses(client: &[Client], path: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for at in client {
        statuses.push(at.get(path).await.status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_client_is_refused_by_every_gateway_with_its_next_request() {
    let Some(gateways) = deaf_gateways().await else { return };
    let agency = gateways.of_role("agency", 0);
    // Whoever administers the clients elsewhere.
    let url = DatabaseUrl::parse(&gateways.database.url()).unwrap();
    let parameters = std::sync::Arc::new(
        handoff::store::index::SearchParameters::shipped(&handoff::definitions::Definitions::r4().unwrap()).unwrap(),
    );
    let elsewhere = PostgresStore::open_for_clients(&url, &parameters).await.unwrap();
    for round in 0..ROUNDS {
        let issued = token::issue();
        let row = ClientRow {
            id: issued.client.clone(),
            name: format!("Desk {round}"),
            role: "agency".to_owned(),
            organization: agency[0].organization.trim_start_matches("Organization/").to_owned(),
            acts_for: Vec::new(),
            hash: issued.hash,
            certificates: Vec::new(),
            created: Timestamp::now(),
            revoked: None,
        };
        elsewhere.put_client(row).await.unwrap();
        let desk: Vec<Client> = agency.iter().map(|client| client.with_token(&issued.text)).collect();
        let path = "/agency/v1/programs";
        assert_eq!(statuses(&desk, path).await, [StatusCode::OK; 2], "a new client is let in");
        let held = {
            let request = desk[1].request(
                Method::GET,
                &format!("{}?since={}&wait=30", "/agency/v1/referrals", desk[1].poll_all(None).await.1),
            );
            tokio::spawn(async move { request.send().await.unwrap().status() })
        };
        elsewhere.revoke_client(&issued.client, Timestamp::now()).await.unwrap();
        assert_eq!(statuses(&desk, path).await, [StatusCode::UNAUTHORIZED; 2], "round {round}");
        assert_eq!(held.await.unwrap(), StatusCode::UNAUTHORIZED, "who waits is told, too");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_takes_on_counts_at_every_gateway_with_the_next_referral() {
    let Some(gateways) = deaf_gateways().await else { return };
    let ehr = gateways.of_role("ehr", 0);
    let owner = async |at: usize, number: usize| -> String {
        let mut sent = transaction(None, number);
        sent["entry"][1]["resource"]["category"][0]["coding"][0]["code"] = json!("utility-insecurity");
        let task = task_of(&ehr[at].post("/fhir", &sent).await.expect(200));
        let task = ehr[at].get(&format!("/fhir/Task/{task}")).await.expect(200);
        task["owner"]["reference"].as_str().unwrap_or_default().to_owned()
    };
    // Whoever is asked first, and the program of theirs that is.
    let first = owner(0, 0).await;
    let (_, program) = PROGRAMS.iter().find(|(organization, _)| *organization == first).unwrap();
    let agency = gateways.of_organization(&first);
    for round in 0..ROUNDS {
        let (says, reads) = (round % 2, (round + 1) % 2);
        let status = if round % 2 == 0 { "no-capacity" } else { "capacity" };
        let path = format!("/agency/v1/programs/{program}/capacity");
        agency[says].put(&path, &json!({ "status": status }).to_string(), None).await.expect(200);
        let owner = owner(reads, 1 + round).await;
        assert_eq!(owner == first, status == "capacity", "round {round}: {owner}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_at_one_gateway_is_read_at_the_other_with_the_next_request() {
    let Some(gateways) = deaf_gateways().await else { return };
    let (ehr, agency) = (gateways.of_role("ehr", 0), gateways.of_role("agency", 0));
    let (_, mut cursor) = agency[0].poll_all(None).await;
    for round in 0..ROUNDS {
        let (writes, reads) = (round % 2, (round + 1) % 2);
        let sent = transaction(Some(&agency[0].organization), round);
        let task = task_of(&ehr[writes].post("/fhir", &sent).await.expect(200));
        let (records, next) = agency[reads].poll(Some(&cursor)).await;
        assert_eq!(
            records.iter().map(|record| record["id"].clone()).collect::<Vec<_>>(),
            [json!(task)],
            "round {round}"
        );
        assert_eq!(agency[writes].poll(Some(&next)).await.0, Vec::<Value>::new());
        cursor = next;
        // A person's refusal counts at the other one, too.
        let patient = ehr[writes].get(&format!("/fhir/Task/{task}")).await.expect(200)["for"]["reference"].clone();
        let path = format!("/fhir/{}", patient.as_str().unwrap());
        agency[reads].get(&path).await.expect(200);
        ehr[writes].post("/fhir/Consent", &refusal(&patient, &agency[0].organization)).await.expect(201);
        let status = agency[reads].get(&path).await.status.as_u16();
        assert!(status == 403 || status == 404, "round {round}: {status}");
        let (records, next) = agency[reads].poll(Some(&cursor)).await;
        assert_eq!(records, [json!({ "id": task, "withdrawn": true })], "round {round}");
        cursor = next;
    }
}
