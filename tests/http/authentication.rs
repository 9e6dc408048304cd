//! Who is let in: every route of the table, with every kind of token.

use std::time::Duration;

use handoff::app::routes;
use handoff::security::Role;
use handoff::server::{Access, Route};
use reqwest::{Method, RequestBuilder};

use crate::gateway::{AGENCY, Answer, Client, Gateway, HOSPITAL, media, send};

/// The path of a route with something in its places.
fn path(route: &Route) -> String {
    route.path.replace("{type}", "Task").replace("{id}", "nobody").replace("{version}", "1")
}

fn method(route: &Route) -> Method {
    route.method.parse().unwrap()
}

fn body(request: RequestBuilder, route: &Route) -> RequestBuilder {
    if route.method == "GET" { request } else { request.header("content-type", media(route.path)).body("{}") }
}

async fn ask(client: &Client, route: &Route) -> Answer {
    send(body(client.request(method(route), &path(route)), route)).await
}

/// An error in the dialect of the route, with an id.
fn is_told(answer: &Answer, route: &Route, status: u16) {
    assert_eq!(answer.status, status, "{route:?} {}", answer.text);
    let kind = if route.path.starts_with("/fhir") { "application/fhir+json" } else { "application/problem+json" };
    assert_eq!(answer.header("content-type"), kind, "{route:?}");
    assert!(!answer.header("x-request-id").is_empty());
    assert!(!answer.rules().is_empty(), "{}", answer.text);
}

#[tokio::test]
async fn without_a_good_token_only_open_routes_answer() {
    let gateway = Gateway::start().await;
    let revoked = gateway.add_client(Role::Agency, HOSPITAL).await;
    gateway.store.revoke_client(&revoked.id, "2026-11-21T10:00:01Z".parse().unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for route in routes() {
        let bare = || body(gateway.anonymous(method(&route), &path(&route)), &route);
        let answers = [
            send(bare()).await,
            send(bare().header("authorization", "Bearer handoff_0000_0000")).await,
            send(bare().header("authorization", "Basic YTpi")).await,
            send(bare().header("authorization", "Bearer")).await,
            ask(&revoked, &route).await,
        ];
        for answer in answers {
            if route.access == Access::Anyone {
                assert_eq!(answer.status, 200, "{route:?} {}", answer.text);
            } else {
                is_told(&answer, &route, 401);
                assert_eq!(answer.rules(), ["unauthenticated"]);
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
            }
        }
    }
}

#[tokio::test]
async fn a_role_is_let_in_where_the_table_says() {
    let gateway = Gateway::start().await;
    for route in routes() {
        for (client, role) in [
            (&gateway.ehr, Role::Ehr),
            (&gateway.agency, Role::Agency),
            (&gateway.engineer, Role::Engineer),
            (&gateway.auditor, Role::Auditor),
            (&gateway.administrator, Role::Administrator),
        ] {
            let admitted = match route.access {
                Access::Anyone | Access::Client => true,
                Access::Party => matches!(role, Role::Ehr | Role::Agency),
                Access::Agency => role == Role::Agency,
                Access::Auditor => role == Role::Auditor,
                Access::Operator => matches!(role, Role::Auditor | Role::Administrator),
            };
            let answer = ask(client, &route).await;
            if admitted {
                assert_ne!(answer.status, 401, "{route:?} {role}");
                assert!(!answer.text.contains("the client's role is"), "{route:?} {role} {}", answer.text);
            } else {
                is_told(&answer, &route, 403);
            }
        }
    }
}

#[tokio::test]
async fn nobody_sees_what_is_of_others() {
    let gateway = Gateway::start().await;
    let task = crate::referral::sent(&gateway, 1).await;
    let stored = gateway.agency.get(&format!("/fhir/Task/{task}")).await.expect(200);
    let patient = stored["for"]["reference"].as_str().unwrap();
    for client in [&gateway.other_agency, &gateway.other_ehr] {
        for path in [
            format!("/fhir/Task/{task}"),
            format!("/fhir/Task/{task}/_history"),
            format!("/fhir/Task/{task}/_history/1"),
            format!("/fhir/{patient}"),
            format!("/agency/v1/referrals/{task}"),
        ] {
            let status = client.get(&path).await.status;
            assert!(matches!(status, 403 | 404), "{path} {status}");
        }
        let found = client.get("/fhir/Task?_total=accurate").await.expect(200);
        assert_eq!(found["total"], 0, "{found}");
    }
    assert!(gateway.other_agency.poll("").await.0.is_empty());
    assert_eq!(gateway.agency.poll("").await.0.len(), 1);
}

/// Those who audit and those who administer see nothing of people, and every write of theirs is refused in words.
#[tokio::test]
async fn who_watches_over_the_gateway_sees_no_referral_and_writes_nothing() {
    let gateway = Gateway::start().await;
    let task = crate::referral::sent(&gateway, 1).await;
    let stored = gateway.agency.get(&format!("/fhir/Task/{task}")).await.expect(200);
    let patient = stored["for"]["reference"].as_str().unwrap();
    // Of the agency that owns the referral, even.
    let auditor = gateway.add_client(Role::Auditor, AGENCY).await;
    let administrator = gateway.add_client(Role::Administrator, AGENCY).await;
    for (client, role) in [(&auditor, "auditor"), (&administrator, "administrator")] {
        for path in [
            format!("/fhir/Task/{task}"),
            format!("/fhir/{patient}/_history"),
            "/fhir/Patient".to_owned(),
            "/agency/v1/referrals".to_owned(),
            format!("/agency/v1/referrals/{task}/explanation"),
        ] {
            assert_eq!(client.get(&path).await.status, 403, "{role} {path}");
        }
        let shown = client.get(&format!("/fhir/Task/{task}/$validate")).await;
        assert_eq!(shown.status, 404, "{role} {}", shown.text);
        for (method, path) in [
            (Method::POST, "/fhir".to_owned()),
            (Method::POST, "/fhir/Patient".to_owned()),
            (Method::PUT, format!("/fhir/Task/{task}")),
            (Method::POST, format!("/agency/v1/referrals/{task}/events")),
            (Method::PUT, format!("/agency/v1/referrals/{task}")),
            (Method::PUT, "/agency/v1/programs/three-counties-food/capacity".to_owned()),
        ] {
            let refused = send(client.with_body(method, &path, &stored)).await;
            assert_eq!(refused.status, 403, "{role} {path} {}", refused.text);
            assert!(refused.text.contains(&format!("the client's role is {role}")), "{}", refused.text);
        }
    }
}
