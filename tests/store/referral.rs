//! A referral of invented people as a plan, in the shape of SDOH Clinical Care: eight resources that reference each
//! other, shared with the clinic that asks and the agency that is asked.

use std::sync::Arc;

use handoff::fhir::{Document, ResourceKey, edit};
use handoff::referral::Party;
use handoff::referral::party::PartEnd;
use handoff::referral::plan::{
    AuditEntry, AuditOutcome, FeedEntry, GivenResource, Plan, Share, SharedWith, Sharing, Write,
};
use jiff::Timestamp;

/// The organization that sends.
pub(crate) const CLINIC: &str = "elm-clinic";
/// An organization that is asked.
pub(crate) const PANTRY: &str = "harbor-pantry";
/// Another one.
pub(crate) const SHELTER: &str = "north-shelter";

/// A key from `Type/id`.
pub(crate) fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

/// A time from its text.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time at which most of this happens.
pub(crate) fn noon() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

/// One version of one resource; `body` are its members behind `meta`, as JSON text that begins with a comma.
pub(crate) fn write(name: &str, version: u64, updated: Timestamp, body: &str) -> Write {
    let key = key(name);
    let text = format!(
        r#"{{"resourceType":"{}","id":"{}","meta":{{"versionId":"{version}","lastUpdated":"{}"}}{body}}}"#,
        key.kind,
        key.id,
        edit::change_instant(updated),
    );
    Write {
        key,
        version,
        document: Arc::new(Document::parse(text).unwrap()),
        updated,
        author: Some(CLINIC.to_owned()),
        public: false,
        replaces: None,
    }
}

/// The ids of the referral with this name.
pub(crate) fn names(name: &str) -> [String; 8] {
    let kinds =
        ["Patient", "Practitioner", "PractitionerRole", "Condition", "Consent", "Goal", "ServiceRequest", "Task"];
    kinds.map(|kind| format!("{kind}/{name}"))
}

/// The whole referral: created at `updated`, owned by `owner`, owed to it, and audited.
pub(crate) fn referral(name: &str, owner: &str, updated: Timestamp) -> Plan {
    let names = names(name);
    let bodies = bodies(name, owner, updated);
    let task = key(&names[7]);
    Plan {
        writes: names.iter().zip(bodies).map(|(name, body)| write(name, 1, updated, &body)).collect(),
        shares: vec![share(&names[7], Sharing::default(), whole(name, owner))],
        feed: vec![FeedEntry { organization: owner.to_owned(), task: task.clone() }],
        audit: vec![AuditEntry {
            outcome: AuditOutcome::Done,
            correlation: None,
            entities: Vec::new(),
            at: updated,
            action: "accepted".into(),
            client: "client-1".to_owned(),
            organization: CLINIC.to_owned(),
            request: format!("request-{name}"),
            subject: Some(task),
            detail: String::new(),
        }],
        ..Plan::default()
    }
}

/// What is shared through this Task; parts that end are withdrawn.
pub(crate) fn share(task: &str, before: Sharing, after: Sharing) -> Share {
    Share { task: key(task), before, after, end: PartEnd::Withdrawn, withheld: Vec::new() }
}

/// These parties see these resources, which the clinic gave.
pub(crate) fn sharing(parties: Vec<SharedWith>, resources: &[&str]) -> Sharing {
    let resources = resources.iter().map(|name| GivenResource::new(key(name), CLINIC)).collect();
    Sharing { parties, resources }
}

/// The whole referral with this name is shared with the clinic and this agency.
pub(crate) fn whole(name: &str, owner: &str) -> Sharing {
    sharing(parties(owner), &names(name).each_ref().map(String::as_str))
}

/// The clinic that asks, and the agency that is asked.
pub(crate) fn parties(owner: &str) -> Vec<SharedWith> {
    vec![SharedWith::new(CLINIC, Party::Requester), SharedWith::new(owner, Party::Owner)]
}

/// These organizations, each as an observer.
pub(crate) fn observers(organizations: &[&str]) -> Vec<SharedWith> {
    organizations.iter().map(|organization| SharedWith::new(*organization, Party::Observer)).collect()
}

/// The members of a Task of this referral.
pub(crate) fn task_body(name: &str, owner: &str, status: &str) -> String {
    format!(
        r#","status":"{status}","intent":"order","priority":"routine","code":{{"coding":[{{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}}]}},"focus":{{"reference":"ServiceRequest/{name}"}},"for":{{"reference":"Patient/{name}"}},"authoredOn":"2026-11-20T09:30:00-05:00","requester":{{"reference":"PractitionerRole/{name}"}},"owner":{{"reference":"Organization/{owner}"}}"#
    )
}

/// The members of a Patient of this referral.
pub(crate) fn patient_body(name: &str, city: &str) -> String {
    format!(
        r#","identifier":[{{"system":"urn:example:elm-clinic:mrn","value":"{name}"}}],"active":true,"name":[{{"family":"Fennimore","given":["Ada","Q."]}}],"telecom":[{{"system":"phone","value":"555-0100"}}],"gender":"female","birthDate":"1987-02-20","address":[{{"line":["12 Invented Way"],"city":"{city}","state":"OH","postalCode":"44999"}}]"#
    )
}

fn bodies(name: &str, owner: &str, updated: Timestamp) -> [String; 8] {
    let guide = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes";
    let subject = format!(r#""subject":{{"reference":"Patient/{name}"}}"#);
    let need = format!(r#"{{"coding":[{{"system":"{guide}","code":"food-insecurity","display":"Food Insecurity"}}]}}"#);
    let authored = edit::instant(updated);
    [
        patient_body(name, "Springfield"),
        r#","active":true,"name":[{"family":"Okonjo","given":["Sam"]}]"#.to_owned(),
        format!(
            r#","active":true,"practitioner":{{"reference":"Practitioner/{name}"}},"organization":{{"reference":"Organization/{CLINIC}"}}"#
        ),
        format!(
            r#","clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"category":[{need}],"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"733423003","display":"Food insecurity"}}]}},{subject},"onsetDateTime":"2026-10""#
        ),
        format!(
            r#","status":"active","scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IDSCL"}}]}}],"patient":{{"reference":"Patient/{name}"}},"dateTime":"2026-11-01""#
        ),
        format!(
            r#","lifecycleStatus":"active","category":[{need}],"description":{{"text":"has enough to eat"}},{subject},"startDate":"2026-11-20""#
        ),
        format!(
            r#","status":"active","intent":"order","category":[{need}],"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"467771000124109","display":"Assistance with application for food pantry program"}}]}},{subject},"occurrencePeriod":{{"start":"2026-11-20","end":"2026-12-20"}},"authoredOn":"{authored}","requester":{{"reference":"PractitionerRole/{name}"}},"performer":[{{"reference":"Organization/{owner}"}}],"reasonReference":[{{"reference":"Condition/{name}"}}]"#
        ),
        task_body(name, owner, "requested"),
    ]
}
