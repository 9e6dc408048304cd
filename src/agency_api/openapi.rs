//! `GET /agency/v1/openapi.json`: the agency API as an OpenAPI 3.1 document. It is written by hand, for people; the test
//! below holds it to the table of routes.

use axum::http::StatusCode;
use axum::response::Response;

use crate::server::reply::{self, JSON};

const DOCUMENT: &str = include_str!("openapi.json");

/// The document.
pub(crate) async fn document() -> Response {
    reply::body(StatusCode::OK, JSON, DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::agency_api::routes;
    use crate::referral::Party;
    use crate::referral::state::{Event, TABLE};
    use crate::server::Access;

    fn read() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
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
    fn lists_the_events_that_an_agency_may_raise() {
        let document = read();
        let listed = document.pointer("/components/schemas/Event/properties/event/enum").unwrap();
        let listed: BTreeSet<&str> = listed.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let of_agency =
            |event: &Event| TABLE.iter().any(|row| row.event == *event && row.by.contains(&Party::Owner.into()));
        let raised: BTreeSet<&str> =
            Event::ALL.iter().filter(|event| of_agency(event)).map(|event| event.code()).collect();
        assert_eq!(listed, raised);
    }
}
