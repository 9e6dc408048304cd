//! The conditions of a provision: period, actor, action and purpose, and the data that it is limited to (class, code,
//! securityLabel, data). Each is met, is not, or cannot be decided here.

use super::disclosure::{Disclosure, ProvisionKind};
use super::recipient::names_recipient;
use crate::fhir::{Node, Truth, period};
use crate::referral::Resource;

const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const URIS: &str = "urn:ietf:rfc:3986";

/// Resources that say who the person is or carry the question; they go along with whatever is permitted.
const VEHICLES: &[&str] = &["Patient", "RelatedPerson", "Group", "Task"];
/// Purposes of use (v3-PurposeOfUse) that a referral serves, and those that it does not; others cannot be decided.
const OUR_PURPOSES: &[&str] = &["TREAT", "CAREMGT", "PATRQT"];
const OTHER_PURPOSES: &[&str] = &[
    "HMARKT", "HRESCH", "CLINTRCH", "HPAYMT", "CLMATTCH", "COVAUTH", "REMITADV", "ETREAT", "BTG", "HLEGAL", "PUBHLTH",
];

/// Each condition that the provision names, with its answer for this resource.
pub(super) fn conditions(
    provision: Node<'_>,
    kind: ProvisionKind,
    disclosure: &Disclosure<'_>,
    resource: &Resource,
) -> Vec<(&'static str, Truth)> {
    let is_vehicle = VEHICLES.contains(&resource.kind());
    let mut conditions = Vec::new();
    for (name, answer) in [
        ("period", provision.get("period").map(|time| period::includes(time, disclosure.at))),
        ("actor", provision.get("actor").map(|_| names_recipient(provision, kind, disclosure))),
        (
            "action",
            any(provision, "action", |coding| sort(coding, &["access", "use", "disclose"], &["collect", "correct"])),
        ),
        ("purpose", any_coding(provision, "purpose", |coding| sort(coding, OUR_PURPOSES, OTHER_PURPOSES))),
    ] {
        conditions.extend(answer.map(|answer| (name, answer)));
    }
    for (name, answer) in [
        ("class", any_coding(provision, "class", |coding| is_of_class(coding, resource))),
        ("code", any(provision, "code", |coding| holds_code(coding, resource))),
        ("securityLabel", any_coding(provision, "securityLabel", |coding| is_labelled(coding, resource))),
        ("data", any_data(provision, disclosure, resource)),
        ("dataPeriod", provision.get("dataPeriod").map(|_| Truth::Unknown)),
    ] {
        let Some(answer) = answer else { continue };
        // Who the person is goes along with what is permitted, and is withheld only where it is itself denied.
        let answer = match (is_vehicle, kind) {
            (true, ProvisionKind::Deny) => (answer == Truth::Yes).into(),
            (true, _) => Truth::Yes,
            (false, _) => answer,
        };
        conditions.push((name, answer));
    }
    conditions
}

/// Is any coding of a list of CodeableConcepts met? Nothing where the list is absent; a concept without codes cannot be
/// decided.
fn any(provision: Node<'_>, name: &str, ask: impl Fn(Node<'_>) -> Truth) -> Option<Truth> {
    provision.get(name)?;
    Some(Truth::any(provision.list(name).map(|concept| match concept.get("coding") {
        Some(_) => Truth::any(concept.list("coding").map(&ask)),
        None => Truth::Unknown,
    })))
}

fn any_coding(provision: Node<'_>, name: &str, ask: impl Fn(Node<'_>) -> Truth) -> Option<Truth> {
    provision.get(name)?;
    Some(Truth::any(provision.list(name).map(ask)))
}

/// Yes for codes of the one list, no for those of the other.
fn sort(coding: Node<'_>, ours: &[&str], others: &[&str]) -> Truth {
    match coding.str("code") {
        Some(code) if ours.contains(&&*code) => Truth::Yes,
        Some(code) if others.contains(&&*code) => Truth::No,
        _ => Truth::Unknown,
    }
}

fn is_of_class(class: Node<'_>, resource: &Resource) -> Truth {
    let (system, code) = (class.str("system").unwrap_or_default(), class.str("code").unwrap_or_default());
    match &*system {
        RESOURCE_TYPES => (code == resource.kind()).into(),
        URIS => {
            let profiles = resource.node().get("meta").into_iter().flat_map(|meta| meta.list("profile"));
            let claims = { profiles }.any(|profile| profile.is_str(&code));
            if claims { Truth::Yes } else { Truth::Unknown }
        }
        // Kinds of documents.
        LOINC => match resource.kind() {
            "DocumentReference" | "Composition" => holds_code(class, resource),
            _ => Truth::No,
        },
        _ => Truth::Unknown,
    }
}

/// Does the resource hold this code anywhere? ICD codes hold those that begin with them; what SNOMED CT codes hold cannot be
/// told without its hierarchy.
fn holds_code(wanted: Node<'_>, resource: &Resource) -> Truth {
    let (Some(system), Some(code)) = (wanted.str("system"), wanted.str("code")) else { return Truth::Unknown };
    let mut has_system = false;
    for coding in resource.node().descendants().filter(|node| node.is_object()) {
        if !coding.get("system").is_some_and(|of| of.is_str(&system)) {
            continue;
        }
        has_system = true;
        let Some(found) = coding.str("code") else { continue };
        if found == code || (system == ICD_10_CM && found.starts_with(&*code)) {
            return Truth::Yes;
        }
    }
    if has_system && system == SNOMED { Truth::Unknown } else { Truth::No }
}

/// Does the resource carry this label? One without any label may only lack it.
fn is_labelled(label: Node<'_>, resource: &Resource) -> Truth {
    let node = resource.node();
    let labels = || node.get("meta").into_iter().flat_map(|meta| meta.list("security"));
    if labels().next().is_none() {
        return Truth::Unknown;
    }
    labels().any(|have| have.str("system") == label.str("system") && have.str("code") == label.str("code")).into()
}

fn any_data(provision: Node<'_>, disclosure: &Disclosure<'_>, resource: &Resource) -> Option<Truth> {
    provision.get("data")?;
    Some(Truth::any(provision.list("data").map(|data| {
        let found = disclosure.referral.graph.follow(data, "reference");
        match (found, data.str("meaning").as_deref()) {
            (Some(found), _) if found.url == resource.url => Truth::Yes,
            (Some(_), Some("instance")) => Truth::No,
            _ => Truth::Unknown,
        }
    })))
}
