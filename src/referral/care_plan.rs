//! A CarePlan whose activities are referrals (<https://hl7.org/fhir/R4/careplan.html>, activity.reference). A sender that
//! plans first sends the plan with its requests and no Task; each request for a social service becomes a referral, by a
//! Task that asks for it (SDOH Clinical Care 3.0.0, Task for Referral Management).
//!
//! Where a message brings a referral Task itself, its sender says which requests are referrals, and nothing is added.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fhir::edit::{Edits, instant};
use crate::fhir::{Node, query_string};

use super::modifiers;
use super::task::{SDOHCC_CODES, is_referral_task};

/// Social service procedure, the category by which the guide marks its requests besides its own codes.
const SOCIAL_SERVICE: &str = "410606002";
/// The code of a Task that asks for a request to be fulfilled.
const TASK_CODES: &str = "http://hl7.org/fhir/CodeSystem/task-code";

/// The bundle with a Task for every referral among the activities of its CarePlans; nothing where there is none, or the
/// bundle has referral Tasks of its own. `at` is when the Tasks are written, where a request does not say when it was.
pub fn with_tasks(bundle: Node<'_>, at: Timestamp) -> Option<String> {
    let resources = || bundle.list("entry").filter_map(|entry| Some((entry, entry.get("resource")?)));
    let is = |resource: Node<'_>, kind: &str| resource.get("resourceType").is_some_and(|own| own.is_str(kind));
    if resources().any(|(_, resource)| is(resource, "Task") && is_referral_task(resource)) {
        return None;
    }
    let mut named: HashMap<String, (Node<'_>, Node<'_>)> = HashMap::new();
    for (entry, resource) in resources().filter(|(_, resource)| is(*resource, "ServiceRequest")) {
        let own = resource.str("id").map(|id| format!("ServiceRequest/{id}"));
        for name in own.into_iter().chain(entry.str("fullUrl").map(std::borrow::Cow::into_owned)) {
            named.insert(name, (entry, resource));
        }
    }
    let mut tasks = Vec::new();
    let mut seen = HashSet::new();
    for (_, plan) in
        resources().filter(|(_, resource)| is(*resource, "CarePlan") && has_text(*resource, "status", "active"))
    {
        for reference in plan.list("activity").filter_map(|activity| activity.get("reference")?.str("reference")) {
            let Some((entry, request)) = named.get(reference.as_ref()) else { continue };
            if is_referral(*request) && seen.insert(request.index()) {
                tasks.extend(task(*entry, *request, &reference, at));
            }
        }
    }
    if tasks.is_empty() {
        return None;
    }
    let mut edits = Edits::new(bundle);
    for task in tasks {
        edits.append(bundle, "entry", &task.to_string());
    }
    Some(edits.finish())
}

/// Is it an order for a social service that stands, and is to be performed?
fn is_referral(request: Node<'_>) -> bool {
    let codings = request.list("category").flat_map(|category| category.list("coding"));
    let is_social = codings.into_iter().any(|coding| {
        coding.get("system").is_some_and(|system| system.is_str(SDOHCC_CODES))
            || has_text(coding, "code", SOCIAL_SERVICE)
    });
    is_social
        && modifiers::forbids(request).is_none()
        && has_text(request, "status", "active")
        && has_text(request, "intent", "order")
}

fn has_text(node: Node<'_>, name: &str, text: &str) -> bool {
    node.get(name).is_some_and(|value| value.is_str(text))
}

/// The entry of the Task that asks for a request. Sent again, it is found by the request's identifier; a request that is
/// itself found by a condition, and has none, brings no Task, or it would bring one each time.
fn task(entry: Node<'_>, request: Node<'_>, reference: &str, at: Timestamp) -> Option<Value> {
    let copied = |name: &str| request.get(name).map(Node::to_value);
    let identifier = request.list("identifier").find(|it| it.get("system").is_some() && it.get("value").is_some());
    let asked = entry.get("request");
    if identifier.is_none() && asked.is_some_and(|asked| asked.get("ifNoneExist").is_some()) {
        return None;
    }
    let mut task = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            task.insert(name.to_owned(), value);
        }
    };
    set("resourceType", Some("Task".into()));
    // Where resources stand without requests, they are named by their ids.
    let id = request.str("id").filter(|_| asked.is_none()).map(|id| format!("task-{id}"));
    set("id", id.clone().map(|id| id.get(..64).unwrap_or(&id).into()));
    set("identifier", identifier.map(|it| json!([it.to_value()])));
    set("status", Some("requested".into()));
    set("intent", Some("order".into()));
    set("priority", copied("priority"));
    set("code", Some(json!({ "coding": [{ "system": TASK_CODES, "code": "fulfill" }] })));
    set("focus", Some(json!({ "reference": reference })));
    set("for", copied("subject"));
    set("authoredOn", copied("authoredOn").or_else(|| Some(instant(at).into())));
    set("requester", copied("requester"));
    let mut made = json!({ "resource": Value::Object(task) });
    if asked.is_some() {
        let mut request = json!({ "method": "POST", "url": "Task" });
        if let Some(it) = identifier {
            let part = |name: &str| it.str(name).unwrap_or_default();
            let token = format!("{}|{}", part("system"), part("value"));
            request["ifNoneExist"] = query_string::write([("identifier", &*token)]).into();
        }
        made["request"] = request;
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    fn bundle(extra: &str) -> String {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[
            {{"resource":{{"resourceType":"CarePlan","id":"p","status":"active","intent":"plan","activity":[
                {{"reference":{{"reference":"ServiceRequest/food"}}}},{{"reference":{{"reference":"ServiceRequest/lab"}}}},
                {{"reference":{{"reference":"ServiceRequest/ride"}}}},{{"detail":{{"status":"not-started"}}}}]}}}},
            {{"resource":{{"resourceType":"ServiceRequest","id":"food","status":"active","intent":"order",
                "category":[{{"coding":[{{"system":"{SDOHCC_CODES}","code":"food-insecurity"}}]}}],
                "subject":{{"reference":"Patient/x"}},"authoredOn":"2026-05-01"}}}},
            {{"resource":{{"resourceType":"ServiceRequest","id":"lab","status":"active","intent":"order"}}}},
            {{"resource":{{"resourceType":"ServiceRequest","id":"ride","status":"active","intent":"order",
                "category":[{{"coding":[{{"system":"http://snomed.info/sct","code":"410606002"}}]}}]}}}}{extra}]}}"#
        )
    }

    #[test]
    fn each_social_service_of_a_plan_gets_its_task() {
        let document = Document::parse(bundle("")).unwrap();
        let text = with_tasks(document.root(), Timestamp::UNIX_EPOCH).unwrap();
        let made: Value = serde_json::from_str(&text).unwrap();
        let tasks: Vec<&Value> = made["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["resource"])
            .filter(|it| it["resourceType"] == "Task")
            .collect();
        let focus: Vec<&str> = tasks.iter().map(|task| task["focus"]["reference"].as_str().unwrap()).collect();
        assert_eq!(focus, ["ServiceRequest/food", "ServiceRequest/ride"]);
        assert_eq!(tasks[0]["for"]["reference"], "Patient/x");
        assert_eq!(tasks[0]["authoredOn"], "2026-05-01");
        assert_eq!(tasks[1]["authoredOn"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_does_not_stand_or_is_planned_twice_brings_no_further_task() {
        let count = |text: &str| {
            let made = with_tasks(Document::parse(text).unwrap().root(), Timestamp::UNIX_EPOCH);
            made.map_or(0, |text| text.matches(r#""resourceType":"Task""#).count())
        };
        let plan = bundle("");
        assert_eq!(count(&plan), 2);
        let proposed = plan.replacen(
            r#""id":"food","status":"active","intent":"order""#,
            r#""id":"food","status":"active","intent":"proposal""#,
            1,
        );
        assert_eq!(count(&proposed), 1, "a proposal is none yet");
        let revoked = plan.replacen(r#""id":"food","status":"active""#, r#""id":"food","status":"revoked""#, 1);
        assert_eq!(count(&revoked), 1, "nor is what was called off");
        let draft = plan.replacen(r#""id":"p","status":"active""#, r#""id":"p","status":"draft""#, 1);
        assert_eq!(count(&draft), 0, "nor what a plan holds that is not in force");
        let other = r#",{"resource":{"resourceType":"CarePlan","id":"q","status":"active","intent":"plan","activity":[
            {"reference":{"reference":"ServiceRequest/food"}}]}}"#;
        assert_eq!(count(&bundle(other)), 2, "two plans for one request");
    }

    #[test]
    fn the_condition_of_a_task_reads_back_as_its_identifier() {
        let text = r#"{"request":{"method":"POST","url":"ServiceRequest"},
            "resource":{"resourceType":"ServiceRequest","identifier":[{"system":"urn:a","value":"50%&x=1+é"}]}}"#;
        let document = Document::parse(text).unwrap();
        let request = document.root().get("resource").unwrap();
        let made = task(document.root(), request, "ServiceRequest/1", Timestamp::UNIX_EPOCH).unwrap();
        let condition = made["request"]["ifNoneExist"].as_str().unwrap();
        let expected = [("identifier".to_owned(), "urn:a|50%&x=1+é".to_owned())];
        assert_eq!(query_string::parse(condition).unwrap(), expected);
    }

    #[test]
    fn a_sender_that_brings_a_task_says_itself_what_is_a_referral() {
        let task = r#",{"resource":{"resourceType":"Task","id":"t","status":"requested"}}"#;
        let document = Document::parse(bundle(task)).unwrap();
        assert_eq!(with_tasks(document.root(), Timestamp::UNIX_EPOCH), None);
    }
}
