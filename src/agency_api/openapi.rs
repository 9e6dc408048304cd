//! `GET /agency/v1/openapi.json`: the agency API as an OpenAPI 3.1 document. `openapi.json` says by hand, for people, what
//! is particular to each operation. What a route answers because of what it is, as each one of its kind does, is added from
//! the table of routes: nobody has to remember it, and it cannot be forgotten. A test compares the operations with the table.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::server::{Access, Route};

/// What is written by hand.
const WRITTEN: &str = include_str!("openapi.json");

/// The text of the document about these routes.
///
/// # Errors
/// A fault, for a document that cannot be read, or lacks a route.
pub(super) fn text(routes: &[Route]) -> Result<Bytes> {
    Ok(Bytes::from(complete(routes)?.to_string()))
}

/// The document with what these routes answer because of what they are.
///
/// # Errors
/// A fault, for a document that cannot be read.
fn complete(routes: &[Route]) -> Result<Value> {
    let mut document: Value = serde_json::from_str(WRITTEN).map_err(Error::fault)?;
    for route in routes {
        let pointer = format!("/paths/{}/{}/responses", route.path.replace('/', "~1"), route.method.to_lowercase());
        let responses = document.pointer_mut(&pointer).and_then(Value::as_object_mut);
        let responses = responses.ok_or_else(|| Error::fault(format!("{pointer} is not in the document")))?;
        for (status, name) in common_answers(route) {
            let answer = || json!({ "$ref": format!("#/components/responses/{name}") });
            responses.entry(status).or_insert_with(answer);
        }
        responses.sort_keys();
        responses.values_mut().for_each(name_request);
    }
    if let Some(shared) = document.pointer_mut("/components/responses").and_then(Value::as_object_mut) {
        shared.values_mut().for_each(name_request);
    }
    Ok(document)
}

/// What a route answers, besides what is particular to it: the status, and the name of the response.
fn common_answers(route: &Route) -> Vec<(&'static str, &'static str)> {
    // Of every route: what cannot be decoded, a head that comes too late or is too large, too many requests or connections,
    // our own failures.
    let mut answers = vec![
        ("400", "Unreadable"),
        ("408", "Late"),
        ("429", "Limited"),
        ("431", "HeadTooLarge"),
        ("500", "Failed"),
        ("503", "Busy"),
    ];
    if route.access != Access::Anyone {
        answers.push(("401", "Unknown"));
    }
    if !matches!(route.access, Access::Anyone | Access::Client) {
        answers.push(("403", "Forbidden"));
    }
    if route.path.contains('{') {
        answers.push(("404", "NotFound"));
    }
    if route.method == "GET" {
        // Whatever is read may be asked for under a condition.
        answers.extend([("304", "NotModified"), ("412", "Stale")]);
    } else {
        answers.extend([("409", "Conflict"), ("413", "TooLarge"), ("415", "MediaType"), ("422", "Refused")]);
    }
    answers
}

/// Says that the response bears the request's id. One that stands elsewhere says it there.
fn name_request(response: &mut Value) {
    let Some(response) = response.as_object_mut().filter(|response| !response.contains_key("$ref")) else { return };
    let headers = response.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    if let Some(headers) = headers.as_object_mut() {
        headers.insert("X-Request-Id".to_owned(), json!({ "$ref": "#/components/headers/RequestId" }));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::agency_api::routes;
    use crate::referral::Party;
    use crate::referral::state::{Event, TABLE, Transition};

    fn read() -> Value {
        let routes: Vec<Route> = routes().into_iter().map(|endpoint| endpoint.route).collect();
        complete(&routes).unwrap()
    }

    #[test]
    fn describes_what_is_served_and_nothing_else() {
        let document = read();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let open = operation["security"] == serde_json::json!([]);
                described.insert((method.to_uppercase(), path.clone(), open));
            }
        }
        let served = routes().into_iter().map(|endpoint| endpoint.route);
        let served: BTreeSet<_> = served
            .map(|route| (route.method.to_owned(), route.path.to_owned(), route.access == Access::Anyone))
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn says_of_each_operation_what_its_route_answers() {
        let document = read();
        let statuses = |operation: &str| {
            let responses = document.pointer(&format!("/paths/~1agency~1v1{operation}/responses")).unwrap();
            responses.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        for (operation, expected) in [
            ("~1referrals~1{id}/put", "200 400 401 403 404 408 409 412 413 415 422 429 431 500 503"),
            ("~1referrals~1{id}/get", "200 304 400 401 403 404 406 408 412 429 431 500 503"),
            ("~1schemas/get", "200 304 400 401 408 412 429 431 500 503"),
            ("~1openapi.json/get", "200 304 400 408 412 429 431 500 503"),
        ] {
            assert_eq!(statuses(operation), expected, "{operation}");
        }
        for response in document["components"]["responses"].as_object().unwrap().values() {
            assert!(response["headers"]["X-Request-Id"].is_object(), "{response}");
        }
        assert!(
            complete(&[Route { method: "GET", path: "/agency/v1/none", access: Access::Agency, conditions: &[] }])
                .is_err()
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = read();
        let mut waiting = vec![&document];
        let mut count = 0;
        while let Some(value) = waiting.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                count += 1;
            }
            match value {
                Value::Object(members) => waiting.extend(members.values()),
                Value::Array(items) => waiting.extend(items),
                _ => {}
            }
        }
        assert!(count > 0);
    }

    #[test]
    fn lists_the_events_that_a_party_may_raise() {
        let document = read();
        let listed = document.pointer("/components/schemas/Event/properties/event/enum").unwrap();
        let listed: BTreeSet<&str> = listed.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let parties = [Party::Owner, Party::Requester];
        let is_by_party = |row: &Transition| parties.iter().any(|party| row.by.contains(&(*party).into()));
        // A draft is sent by writing its Task.
        let raised: BTreeSet<&str> = TABLE
            .iter()
            .filter(|row| row.event != Event::Send && is_by_party(row))
            .map(|row| row.event.code())
            .collect();
        assert_eq!(listed, raised);
    }
}
