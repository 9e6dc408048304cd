//! Which provisions of a Consent concern a disclosure (<https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>):
//! by period, actor, action and purpose, and by the data that it is limited to (class, code, securityLabel, data). Each
//! condition is met, is not, or cannot be decided here.
//!
//! It must not know what several Consents mean together; that is [`super::consent`]'s.

use jiff::Timestamp;

use crate::fhir::{Identifier, Node, Reference, Truth, period};
use crate::referral::{Referral, Resource};
use crate::routing::Organization;

const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const URIS: &str = "urn:ietf:rfc:3986";

/// Resources that say nothing about the person.
const ABOUT_NOBODY: &[&str] =
    &["Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Consent"];
/// Resources that say who the person is or carry the question; they go along with whatever is permitted.
const VEHICLES: &[&str] = &["Patient", "RelatedPerson", "Group", "Task"];
/// Roles of actors that have, wrote or signed something; everybody else receives.
const NOT_RECEIVING: &[&str] =
    &["AUT", "AUTHEN", "CST", "ENT", "INF", "LA", "REFB", "TRANS", "WIT", "CONSENTER", "CONSWIT", "GRANTOR", "DPOWATT"];
/// Purposes of use (v3-PurposeOfUse) that a referral serves, and those that it does not; others cannot be decided.
const OUR_PURPOSES: &[&str] = &["TREAT", "CAREMGT", "PATRQT"];
const OTHER_PURPOSES: &[&str] = &[
    "HMARKT", "HRESCH", "CLINTRCH", "HPAYMT", "CLMATTCH", "COVAUTH", "REMITADV", "ETREAT", "BTG", "HLEGAL", "PUBHLTH",
];

/// Who would receive the referral.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Id of the Organization
    pub organization: &'a str,
    /// By what other systems know it
    pub identifiers: &'a [Identifier],
}

impl<'a> From<&'a str> for Recipient<'a> {
    fn from(organization: &'a str) -> Self {
        Self { organization, identifiers: &[] }
    }
}

impl<'a> From<&'a String> for Recipient<'a> {
    fn from(organization: &'a String) -> Self {
        organization.as_str().into()
    }
}

impl<'a> From<&'a Organization> for Recipient<'a> {
    fn from(organization: &'a Organization) -> Self {
        Self { organization: &organization.id, identifiers: &organization.identifiers }
    }
}

/// What would be disclosed, to whom and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disclosure<'d> {
    pub(super) referral: &'d Referral<'d>,
    pub(super) recipient: &'d Recipient<'d>,
    pub(super) at: Timestamp,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Permit,
    Deny,
    /// Permits something, and not this
    Elsewhere,
}

/// What a Consent says about the disclosure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruling<'n> {
    pub(super) kind: Kind,
    /// The element that says so
    pub(super) node: Node<'n>,
    /// Does it name the recipient?
    pub(super) names_recipient: bool,
    /// The conditions that could not be decided
    undecided: Option<&'static str>,
    rejected: bool,
}

// === ruling ===

impl<'n> Ruling<'n> {
    fn new(kind: Kind, node: Node<'n>) -> Self {
        Self { kind, node, names_recipient: false, undecided: None, rejected: false }
    }

    /// The person refused to give this Consent.
    pub(super) fn refused(consent: Node<'n>, names_recipient: bool) -> Self {
        Self { names_recipient, rejected: true, ..Self::new(Kind::Deny, consent.get("status").unwrap_or(consent)) }
    }

    /// Why not, for people.
    pub(super) fn reason(&self) -> String {
        match (self.rejected, self.undecided, self.kind) {
            (true, _, _) => "the person refused to consent to the disclosure".to_owned(),
            (false, None, Kind::Elsewhere) => {
                "the Consent permits other disclosures than this one (other recipients, purposes or data)".to_owned()
            }
            (false, Some(what), Kind::Elsewhere) => {
                format!(
                    "whether the Consent's permit covers this disclosure cannot be decided by its {what}, so it does not count"
                )
            }
            (false, None, _) => "a Consent denies the disclosure".to_owned(),
            (false, Some(what), _) => {
                format!(
                    "whether a Consent's denial concerns this disclosure cannot be decided by its {what}, so it is heeded"
                )
            }
        }
    }
}

/// What a Consent with this root provision says about everything that the referral discloses, where its policy opts in, opts
/// out or says neither. Nothing, where its root is a denial that concerns something else.
pub(super) fn rule<'n>(
    consent: Node<'n>,
    root: Option<Node<'n>>,
    policy: Option<Kind>,
    disclosure: &Disclosure<'_>,
) -> Option<Ruling<'n>> {
    let base = policy.unwrap_or(Kind::Permit);
    let stated = consent.get("policyRule").unwrap_or(consent);
    let Some(root) = root else { return Some(Ruling::new(base, stated)) };
    let mut whole: Option<Ruling<'n>> = None;
    for resource in disclosure.referral.graph.resources().iter().filter(|one| !ABOUT_NOBODY.contains(&one.kind())) {
        let said = weigh(root, kind_of(root, base), disclosure, resource);
        // Where the root does not apply, the policy does.
        let said = match (said, policy) {
            (None, Some(policy)) => Some(Ruling::new(policy, stated)),
            (Some(Ruling { kind: Kind::Elsewhere, .. }), Some(Kind::Deny)) => Some(Ruling::new(Kind::Deny, stated)),
            (said, _) => said,
        };
        whole = match (whole, said) {
            (_, Some(said)) if said.kind == Kind::Deny => return Some(said),
            (Some(before), Some(said)) if before.kind == Kind::Permit => {
                Some(Ruling { names_recipient: before.names_recipient && said.names_recipient, ..said })
            }
            (before, said) => before.or(said),
        };
    }
    whole
}

/// The provision's type; without one, what it is an exception to or from.
fn kind_of(provision: Node<'_>, otherwise: Kind) -> Kind {
    match provision.str("type").as_deref() {
        Some("deny") => Kind::Deny,
        Some("permit") => Kind::Permit,
        _ => otherwise,
    }
}

/// What this provision, with its exceptions, says about one resource. A permit that does not apply says so, a denial
/// that does not apply says nothing.
fn weigh<'n>(provision: Node<'n>, kind: Kind, disclosure: &Disclosure<'_>, resource: &Resource) -> Option<Ruling<'n>> {
    let conditions = conditions(provision, kind, disclosure, resource);
    let answer = Truth::all(conditions.iter().map(|(_, answer)| *answer));
    let undecided = conditions.iter().find(|(_, answer)| *answer == Truth::Unknown).map(|(name, _)| *name);
    let names_recipient =
        provision.get("actor").is_some() && names_recipient(provision, kind, disclosure) == Truth::Yes;
    let ruling = match (kind, answer) {
        (Kind::Deny, Truth::No) => return None,
        (Kind::Deny, Truth::Unknown) => Ruling { names_recipient, undecided, ..Ruling::new(Kind::Deny, provision) },
        (_, Truth::Yes) => Ruling { names_recipient, ..Ruling::new(kind, provision) },
        (_, Truth::No) => return Some(Ruling::new(Kind::Elsewhere, provision)),
        (_, Truth::Unknown) => return Some(Ruling { undecided, ..Ruling::new(Kind::Elsewhere, provision) }),
    };
    let opposite = if kind == Kind::Deny { Kind::Permit } else { Kind::Deny };
    let exceptions = provision.list("provision").filter_map(|inner| {
        weigh(inner, kind_of(inner, opposite), disclosure, resource).filter(|found| found.kind != Kind::Elsewhere)
    });
    // Among exceptions a denial wins.
    let mut best = ruling;
    for exception in exceptions {
        if exception.kind == Kind::Deny {
            return Some(exception);
        }
        best = Ruling { names_recipient: exception.names_recipient || ruling.names_recipient, ..exception };
    }
    Some(best)
}

// === conditions ===

/// Each condition that the provision names, with its answer for this resource.
fn conditions(
    provision: Node<'_>,
    kind: Kind,
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
            (true, Kind::Deny) => (answer == Truth::Yes).into(),
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

// === actors ===

/// Does the provision name the recipient? A permit is for its recipients only, and for everybody where it has none; a
/// denial for other roles than recipients cannot be decided.
pub(super) fn names_recipient(provision: Node<'_>, kind: Kind, disclosure: &Disclosure<'_>) -> Truth {
    let mut answer = Truth::No;
    let mut any_recipient = false;
    for actor in provision.list("actor") {
        let roles = actor.get("role").into_iter().flat_map(|role| role.list("coding"));
        if { roles }.any(|role| role.str("code").is_some_and(|code| NOT_RECEIVING.contains(&&*code))) {
            answer = if kind == Kind::Deny { answer.or(Truth::Unknown) } else { answer };
            continue;
        }
        any_recipient = true;
        answer = answer.or(actor.get("reference").map_or(Truth::Unknown, |named| is_recipient(named, disclosure)));
    }
    if kind != Kind::Deny && !any_recipient { Truth::Yes } else { answer }
}

fn is_recipient(named: Node<'_>, disclosure: &Disclosure<'_>) -> Truth {
    let by_name = is_organization(named, disclosure);
    if by_name != Truth::Unknown {
        return by_name;
    }
    let Some(text) = named.str("reference") else { return Truth::Unknown };
    let found = disclosure.referral.graph.resolve(&text).map(Resource::node);
    let kind = found.and_then(|node| node.str("resourceType"));
    match (kind.as_deref().or(Reference::parse(&text).and_then(|parsed| parsed.kind())), found) {
        (Some("Patient" | "RelatedPerson" | "Device"), _) => Truth::No,
        // A role stands for its organization.
        (Some("PractitionerRole"), Some(role)) => {
            role.get("organization").map_or(Truth::Unknown, |named| is_organization(named, disclosure))
        }
        _ => Truth::Unknown,
    }
}

/// Is the recipient the Organization that this Reference names?
fn is_organization(named: Node<'_>, disclosure: &Disclosure<'_>) -> Truth {
    let recipient = disclosure.recipient;
    let by_identifier = is_identified(named.get("identifier").into_iter(), recipient);
    if by_identifier != Truth::Unknown {
        return by_identifier;
    }
    let Some(text) = named.str("reference") else { return Truth::Unknown };
    if recipient.identifiers.iter().any(|identifier| identifier.value == text) {
        return Truth::Yes;
    }
    if let Some(Reference::Relative { kind: "Organization", id, .. }) = Reference::parse(&text) {
        return (id == recipient.organization).into();
    }
    match disclosure.referral.graph.resolve(&text) {
        Some(found) if found.kind() == "Organization" => is_identified(found.node().list("identifier"), recipient),
        _ => Truth::Unknown,
    }
}

/// Yes where an identifier is the recipient's; no where the recipient has another one of the same system.
fn is_identified<'n>(identifiers: impl Iterator<Item = Node<'n>>, recipient: &Recipient<'_>) -> Truth {
    let mut answer = Truth::Unknown;
    for identifier in identifiers.filter_map(Identifier::read) {
        for own in recipient.identifiers.iter().filter(|own| own.system == identifier.system) {
            if own.value == identifier.value {
                return Truth::Yes;
            }
            answer = Truth::No;
        }
    }
    answer
}
