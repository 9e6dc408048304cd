//! What a Consent may say of a disclosure (<https://hl7.org/fhir/R4/consent.html>), as far as it can be told without knowing the
//! disclosure: of the many Consents that a person gives, only those have to be read by which it may be decided.
//!
//! Every rule is one too many rather than one too few. What a Consent does say of a disclosure is judged by `security`.

use jiff::Timestamp;

use crate::fhir::{Node, Reference, period};

const SCOPES: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const ACT_CODES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Categories of Consents that are about something else than disclosing information.
const OTHER_CATEGORIES: &[&str] =
    &["acd", "dnr", "hcd", "npp", "polst", "research", "rsdid", "rsreid", "RESEARCH", "RSDID", "RSREID"];

/// Roles of actors that have, wrote or signed something; everybody else receives.
pub const NOT_RECEIVING: &[&str] =
    &["AUT", "AUTHEN", "CST", "ENT", "INF", "LA", "REFB", "TRANS", "WIT", "CONSENTER", "CONSWIT", "GRANTOR", "DPOWATT"];

/// What a Consent may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSays {
    /// That something may be disclosed
    Permits,
    /// That something may not be
    Refuses,
    /// That something was permitted, and is no longer
    Lapsed,
}

impl ConsentSays {
    /// Its name in a database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Permits => "permits",
            Self::Refuses => "refuses",
            Self::Lapsed => "lapsed",
        }
    }
}

/// To whom it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleRecipient {
    /// It names nobody
    Anyone,
    /// An Organization alone, by its id
    Organization(String),
    /// Somebody who is known only with the disclosure at hand
    Unknown,
}

/// Something that a Consent may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRule {
    /// What
    pub says: ConsentSays,
    /// To whom
    pub recipient: RuleRecipient,
    /// When it was given: a refusal as late, anything else as early as its date allows
    pub given: Timestamp,
    /// From when on
    pub since: Timestamp,
    /// Until when
    pub until: Timestamp,
}

impl ConsentRule {
    /// That of a Consent that cannot be read: it may refuse anything.
    pub fn of_unreadable() -> Self {
        let (says, recipient) = (ConsentSays::Refuses, RuleRecipient::Unknown);
        Self { says, recipient, given: Timestamp::MAX, since: Timestamp::MIN, until: Timestamp::MAX }
    }
}

/// Everything that a Consent may say; nothing where it is about something else, or not in force by its status.
pub fn rules_of(consent: Node<'_>) -> Vec<ConsentRule> {
    if !is_about_disclosure(consent) {
        return Vec::new();
    }
    let (first, last) =
        consent.str("dateTime").and_then(|text| period::instants(&text)).unwrap_or((Timestamp::MIN, Timestamp::MAX));
    let rule = |says, recipient, (since, until)| {
        let given = if says == ConsentSays::Refuses { last } else { first };
        ConsentRule { says, recipient, given, since, until }
    };
    let (always, root) = ((Timestamp::MIN, Timestamp::MAX), consent.get("provision"));
    let named = |is_named: bool| if is_named { RuleRecipient::Unknown } else { RuleRecipient::Anyone };
    match consent.str("status").as_deref() {
        Some("rejected") => {
            let is_named = root.is_some_and(|root| root.get("actor").is_some());
            vec![rule(ConsentSays::Refuses, named(is_named), always)]
        }
        Some("active") => {
            let kinds = Kinds::of(root, opts_out(consent));
            let force = root.and_then(|root| root.get("period")).map_or(always, stretch);
            let mut rules = Vec::new();
            if kinds.denies {
                rules.push(rule(ConsentSays::Refuses, named(kinds.names), force));
            }
            // What permits nothing by its policy is a permit that has lapsed, once its time is over, unless its root denies.
            let may_lapse = match root {
                Some(root) => is_denial(root) != Some(true),
                None => opts_out(consent) != Some(true),
            };
            if kinds.permits || may_lapse {
                let permitted = |recipient| rule(ConsentSays::Permits, recipient, force);
                rules.extend(recipients(root, kinds).into_iter().map(permitted));
            }
            rules
        }
        Some("inactive" | "entered-in-error") => {
            let denies = match root {
                Some(root) => is_denial(root).unwrap_or(false),
                None => opts_out(consent).unwrap_or(false),
            };
            let lapsed = |recipient| rule(ConsentSays::Lapsed, recipient, always);
            let kinds = Kinds { names: root.is_some_and(|root| root.get("actor").is_some()), ..Kinds::default() };
            if denies { Vec::new() } else { recipients(root, kinds).into_iter().map(lapsed).collect() }
        }
        _ => Vec::new(),
    }
}

/// Does the Consent's base policy opt out, or in? Nothing where it says neither.
pub fn opts_out(consent: Node<'_>) -> Option<bool> {
    let codings = consent.get("policyRule").into_iter().flat_map(|policy| policy.list("coding"));
    codings.filter_map(|coding| coding.str("code")).find_map(|code| match &*code {
        "OPTIN" | "OPTINR" => Some(false),
        "OPTOUT" | "OPTOUTE" => Some(true),
        _ => None,
    })
}

/// Is it about disclosing information, and not about research, treatment or directives?
pub fn is_about_disclosure(consent: Node<'_>) -> bool {
    let has = |concept: Node<'_>, system: &str, codes: &[&str]| {
        concept.list("coding").any(|coding| {
            coding.get("system").is_some_and(|of| of.is_str(system))
                && coding.str("code").is_some_and(|code| codes.contains(&&*code))
        })
    };
    let scoped = |codes: &[&str]| consent.get("scope").is_some_and(|scope| has(scope, SCOPES, codes));
    let discloses = consent.list("category").any(|category| has(category, ACT_CODES, &["IDSCL"]));
    if scoped(&["research", "adr"]) {
        return false;
    }
    let mut codes = consent.list("category").flat_map(|category| category.list("coding"));
    let is_other = codes.any(|coding| coding.str("code").is_some_and(|code| OTHER_CATEGORIES.contains(&&*code)));
    discloses || (scoped(&["patient-privacy"]) && !is_other)
}

/// What the provisions of a Consent do, somewhere among them.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    permits: bool,
    denies: bool,
    /// Does any of them name somebody?
    names: bool,
}

impl Kinds {
    fn of(root: Option<Node<'_>>, opts_out: Option<bool>) -> Self {
        let by_default = opts_out.unwrap_or(false);
        // Where a root does not apply, a policy does.
        let mut kinds = Self { permits: opts_out == Some(false), denies: opts_out == Some(true), ..Self::default() };
        match root {
            Some(root) => kinds.add(root, is_denial(root).unwrap_or(by_default)),
            None => (kinds.permits, kinds.denies) = (!by_default, by_default),
        }
        kinds
    }

    fn add(&mut self, provision: Node<'_>, denies: bool) {
        self.denies |= denies;
        self.permits |= !denies;
        self.names |= provision.get("actor").is_some();
        // An exception is the opposite of what it is an exception from, where it does not say.
        for inner in provision.list("provision") {
            self.add(inner, is_denial(inner).unwrap_or(!denies));
        }
    }
}

/// Does the provision deny? Nothing where it does not say.
fn is_denial(provision: Node<'_>) -> Option<bool> {
    match provision.str("type").as_deref() {
        Some("deny") => Some(true),
        Some("permit") => Some(false),
        _ => None,
    }
}

/// For whom a permit is that has this root.
fn recipients(root: Option<Node<'_>>, kinds: Kinds) -> Vec<RuleRecipient> {
    if !kinds.names {
        return vec![RuleRecipient::Anyone];
    }
    let root = root.filter(|root| is_denial(*root) != Some(true) && root.get("actor").is_some());
    let named: Option<Vec<RuleRecipient>> =
        root.map(|root| root.list("actor").map(organization).collect()).unwrap_or_default();
    named.filter(|named| !named.is_empty()).unwrap_or_else(|| vec![RuleRecipient::Unknown])
}

/// The Organization that an actor is, where its reference alone tells it.
fn organization(actor: Node<'_>) -> Option<RuleRecipient> {
    let roles = actor.get("role").into_iter().flat_map(|role| role.list("coding"));
    if { roles }.any(|role| role.str("code").is_some_and(|code| NOT_RECEIVING.contains(&&*code))) {
        return None;
    }
    let reference = actor.get("reference").filter(|reference| reference.get("identifier").is_none())?;
    match Reference::parse(&reference.str("reference")?)? {
        Reference::Relative { kind: "Organization", id, .. } => Some(RuleRecipient::Organization(id.to_owned())),
        _ => None,
    }
}

/// From when to when a Period may reach.
fn stretch(time: Node<'_>) -> (Timestamp, Timestamp) {
    let bound = |name: &str| time.str(name).and_then(|text| period::instants(&text));
    (bound("start").map_or(Timestamp::MIN, |start| start.0), bound("end").map_or(Timestamp::MAX, |end| end.1))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fhir::Document;

    fn told(members: &Value) -> Vec<(&'static str, String)> {
        let mut consent = json!({
            "resourceType": "Consent",
            "status": "active",
            "scope": { "coding": [{ "system": SCOPES, "code": "patient-privacy" }] }
        });
        consent.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let document = Document::from_value(&consent).unwrap();
        let recipient = |rule: &ConsentRule| match &rule.recipient {
            RuleRecipient::Anyone => "anyone".to_owned(),
            RuleRecipient::Unknown => "unknown".to_owned(),
            RuleRecipient::Organization(id) => id.clone(),
        };
        rules_of(document.root()).iter().map(|rule| (rule.says.code(), recipient(rule))).collect()
    }

    #[test]
    fn tells_what_a_consent_may_say() {
        let actor = |reference: &str| json!({ "reference": { "reference": reference } });
        let signer =
            json!({ "role": { "coding": [{ "code": "WIT" }] }, "reference": { "reference": "Organization/a" } });
        let opt = |code: &str| json!({ "coding": [{ "code": code }] });
        for (members, expected) in [
            (json!({}), vec![("permits", "anyone")]),
            (json!({ "status": "rejected" }), vec![("refuses", "anyone")]),
            (
                json!({ "status": "rejected", "provision": { "actor": [actor("Organization/a")] } }),
                vec![("refuses", "unknown")],
            ),
            (json!({ "status": "draft" }), vec![]),
            (json!({ "status": "inactive" }), vec![("lapsed", "anyone")]),
            (json!({ "status": "inactive", "provision": { "type": "deny" } }), vec![]),
            (json!({ "policyRule": opt("OPTOUT") }), vec![("refuses", "anyone")]),
            (
                json!({ "policyRule": opt("OPTOUT"), "provision": { "type": "permit" } }),
                vec![("refuses", "anyone"), ("permits", "anyone")],
            ),
            (
                json!({ "policyRule": opt("OPTOUT"), "provision": { "provision": [{ "type": "deny" }] } }),
                vec![("refuses", "anyone"), ("permits", "anyone")],
            ),
            (
                json!({ "policyRule": opt("OPTIN"), "provision": { "type": "deny" } }),
                vec![("refuses", "anyone"), ("permits", "anyone")],
            ),
            (
                json!({ "provision": { "type": "permit", "provision": [{}] } }),
                vec![("refuses", "anyone"), ("permits", "anyone")],
            ),
            (
                json!({ "provision": { "type": "deny", "provision": [{ "actor": [actor("Organization/a")] }] } }),
                vec![("refuses", "unknown"), ("permits", "unknown")],
            ),
            (
                json!({ "provision": { "type": "permit", "actor": [actor("Organization/a"), actor("Organization/b")] } }),
                vec![("permits", "a"), ("permits", "b")],
            ),
            (
                json!({ "provision": { "type": "permit", "actor": [actor("Organization/a"), actor("PractitionerRole/b")] } }),
                vec![("permits", "unknown")],
            ),
            (json!({ "provision": { "type": "permit", "actor": [signer] } }), vec![("permits", "unknown")]),
            (json!({ "scope": { "coding": [{ "system": SCOPES, "code": "research" }] } }), vec![]),
        ] {
            let expected: Vec<(&str, String)> = expected.into_iter().map(|(says, to)| (says, to.to_owned())).collect();
            assert_eq!(told(&members), expected, "{members}");
        }
    }
}
