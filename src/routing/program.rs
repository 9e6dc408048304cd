//! One program: a HealthcareService, compiled. How it is written down is told in [`super::directory`].

use std::collections::HashMap;
use std::sync::Arc;

use super::area::{Area, Place};
use super::comparison::{Comparison, Given, Part};
use super::directory::Organization;
use super::rule::{Rule, Strength};
use super::rulebook::Rulebook;
use crate::fhir::{Issue, Key, Node, Reference};
use crate::referral::task::{SDOHCC_CODES, coded};

/// The CodeSystem of program types.
pub const PROGRAM_TYPES: &str = "urn:handoff:fhir:CodeSystem:program-type";
/// The type of a program that names none, and of a referral to an organization without programs.
pub const GENERIC: &str = "generic";
/// The extension that holds one eligibility rule.
pub const ELIGIBILITY: &str = "urn:handoff:fhir:StructureDefinition:eligibility";
/// The SDOHCC extension that holds the capacity.
pub const CAPACITY: &str =
    "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus";

/// Can the program take somebody? From worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capacity {
    /// No
    Full,
    /// Not said
    Unknown,
    /// Not now
    Waitlist,
    /// After an assessment
    AssessmentRequired,
    /// Yes
    Free,
}

impl Capacity {
    /// The one with this SDOHCC code.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "capacity" => Some(Self::Free),
            "additional-assessment-required" => Some(Self::AssessmentRequired),
            "waitlist" => Some(Self::Waitlist),
            "no-capacity" => Some(Self::Full),
            _ => None,
        }
    }
}

/// A program that referrals can go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Id of the HealthcareService
    pub id: String,
    /// Name, "" where it has none
    pub name: String,
    /// Whose program it is
    pub organization: Arc<Organization>,
    /// Code of its type: the folder under `profiles/programs/`
    pub kind: String,
    /// Does it run?
    pub active: bool,
    /// SDOHCC category codes of the needs that it helps with
    pub needs: Vec<String>,
    /// Where it serves
    pub area: Area,
    /// Can it take somebody?
    pub capacity: Capacity,
    /// Who is eligible: its own rules, and those of its type about other criteria
    pub rules: Vec<Arc<Rule>>,
}

/// What a program's references are looked up in while it is read.
pub(super) struct Surroundings<'s, 'n> {
    pub(super) organizations: &'s HashMap<String, Arc<Organization>>,
    pub(super) locations: &'s HashMap<String, Node<'n>>,
    pub(super) rulebook: &'s Rulebook,
}

impl Program {
    /// Reads a HealthcareService. What makes it unusable is an error among `issues`, what makes it less useful a warning.
    pub(super) fn read(service: Node<'_>, around: &Surroundings<'_, '_>, issues: &mut Vec<Issue>) -> Option<Self> {
        let id = service.str("id");
        if id.is_none() {
            issues.push(Issue::error_at(
                Key::DirectoryInvalid,
                service,
                "a HealthcareService of the directory needs an id",
            ));
        }
        let organization = provider(service, around, issues);
        let codings = service.list("program").flat_map(|program| program.list("coding"));
        let mut kind = codings.filter(|coding| coding.get("system").is_some_and(|of| of.is_str(PROGRAM_TYPES)));
        let kind = kind.find_map(|coding| coding.str("code")).map_or(GENERIC.to_owned(), String::from);
        let needs = needs(service, issues);
        let area = area(service, around, issues);
        let own = rules(service, issues);
        let shared = around.rulebook.rules(&kind).iter();
        let shared: Vec<Arc<Rule>> = shared.filter(|rule| !own.iter().any(|own| own.overlaps(rule))).cloned().collect();
        Some(Self {
            id: id?.into_owned(),
            name: service.str("name").unwrap_or_default().into_owned(),
            active: service.get("active").and_then(Node::as_bool).unwrap_or(true) && organization.as_ref()?.active,
            organization: organization?,
            kind,
            needs,
            area,
            capacity: capacity(service, issues),
            rules: own.into_iter().map(Arc::new).chain(shared).collect(),
        })
    }
}

/// `Type/id` of a literal reference; the directory is one closed set, so the base of an absolute one does not matter.
pub(super) fn local(reference: &str, kind: &str) -> Option<String> {
    match Reference::parse(reference)? {
        Reference::Relative { kind: of, id, .. } | Reference::Absolute { restful: Some((_, of, id)), .. } => {
            (of == kind).then(|| id.to_owned())
        }
        _ => None,
    }
}

fn provider(service: Node<'_>, around: &Surroundings<'_, '_>, issues: &mut Vec<Issue>) -> Option<Arc<Organization>> {
    let named = service.get("providedBy").and_then(|by| by.str("reference"));
    let found = named.and_then(|text| around.organizations.get(&local(&text, "Organization")?));
    if found.is_none() {
        let at = service.get("providedBy").unwrap_or(service);
        let said = "providedBy has to reference an Organization of the directory as Organization/id";
        issues.push(Issue::error_at(Key::DirectoryInvalid, at, said));
    }
    found.cloned()
}

fn needs(service: Node<'_>, issues: &mut Vec<Issue>) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    for coding in service.list("category").flat_map(|concept| concept.list("coding")) {
        if coding.get("system").is_some_and(|of| of.is_str(SDOHCC_CODES))
            && let Some(code) = coding.str("code").filter(|code| !needs.iter().any(|need| *need == **code))
        {
            needs.push(code.into_owned());
        }
    }
    if needs.is_empty() {
        let said = "the program names no SDOHCC category in category.coding, so nothing is ever routed to it";
        issues.push(warning(service, said));
    }
    needs
}

fn area(service: Node<'_>, around: &Surroundings<'_, '_>, issues: &mut Vec<Issue>) -> Area {
    let mut places = Vec::new();
    let mut said_any = false;
    for covered in service.list("coverageArea") {
        said_any = true;
        let Some(text) = covered.str("reference") else { continue };
        let contained = text.strip_prefix('#').and_then(|id| {
            service.list("contained").find(|inner| inner.get("id").is_some_and(|inner| inner.is_str(id)))
        });
        let location = contained.or_else(|| around.locations.get(&local(&text, "Location")?).copied());
        let Some(location) = location else {
            let said = "coverageArea has to reference a Location of the directory as Location/id";
            issues.push(Issue::error_at(Key::DirectoryInvalid, covered, said));
            continue;
        };
        let place = location.get("address").map(Place::read).unwrap_or_default();
        if place.is_empty() {
            let said =
                "the service area's Location has no address.state, address.district or address.postalCode to compare";
            issues.push(warning(location, said));
        } else {
            places.push(place);
        }
    }
    match (said_any, places.is_empty()) {
        (false, _) => Area::Anywhere,
        (true, true) => Area::Words,
        (true, false) => Area::Places(places),
    }
}

fn capacity(service: Node<'_>, issues: &mut Vec<Issue>) -> Capacity {
    let Some(status) = extensions(service, CAPACITY).flat_map(|outer| extensions(outer, "capacityStatus")).next()
    else {
        return Capacity::Unknown;
    };
    let code = coded(status.get("valueCodeableConcept"), SDOHCC_CODES);
    let known = code.and_then(|code| Capacity::from_code(&code));
    if known.is_none() {
        let said = "unknown capacity; expected capacity, additional-assessment-required, waitlist or no-capacity";
        issues.push(warning(status, said));
    }
    known.unwrap_or(Capacity::Unknown)
}

fn rules(service: Node<'_>, issues: &mut Vec<Issue>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for extension in extensions(service, ELIGIBILITY) {
        match rule(extension) {
            Ok(rule) => rules.push(rule),
            Err(issue) => issues.push(*issue),
        }
    }
    rules
}

fn rule(extension: Node<'_>) -> Result<Rule, Box<Issue>> {
    let part = |name: &'static str| extensions(extension, name).next();
    let code = |name: &'static str| part(name).and_then(|part| part.str("valueCode"));
    let refuse = |at: Option<Node<'_>>, text: String| {
        Box::new(Issue::error_at(Key::DirectoryInvalid, at.unwrap_or(extension), text))
    };
    let strength = match code("strength").as_deref() {
        None if part("strength").is_none() => Strength::Required,
        given => given
            .and_then(Strength::from_code)
            .ok_or_else(|| refuse(part("strength"), "strength is valueCode required or preferred".to_owned()))?,
    };
    let mut values = Vec::new();
    for value in extensions(extension, "value") {
        values.push(given(value).ok_or_else(|| {
            refuse(
                Some(value),
                "value is valueDecimal, valueInteger, valueBoolean, valueCode or valueString".to_owned(),
            )
        })?);
    }
    let unit = part("unit").and_then(|unit| unit.str("valueString").or_else(|| unit.str("valueCode")));
    let (criterion, op) = (code("criterion").unwrap_or_default(), code("op").unwrap_or_default());
    let test = Comparison::new(&criterion, &op, values, unit.as_deref()).map_err(|flaw| {
        let at = match flaw.part {
            Part::Criterion => part("criterion"),
            Part::Op => part("op"),
            Part::Value => part("value"),
            Part::Unit => part("unit"),
        };
        refuse(at, flaw.text)
    })?;
    Ok(Rule::new(None, strength, None, vec![test]))
}

fn given(value: Node<'_>) -> Option<Given> {
    if let Some(number) = value.get("valueDecimal").or_else(|| value.get("valueInteger")) {
        return Some(Given::Number(number.as_number()?.parse().ok()?));
    }
    if let Some(flag) = value.get("valueBoolean") {
        return flag.as_bool().map(Given::Flag);
    }
    value.str("valueCode").or_else(|| value.str("valueString")).map(|text| Given::Text(text.into_owned()))
}

fn extensions<'n>(node: Node<'n>, url: &'static str) -> impl Iterator<Item = Node<'n>> {
    node.list("extension").filter(move |extension| extension.get("url").is_some_and(|of| of.is_str(url)))
}

fn warning(node: Node<'_>, text: &str) -> Issue {
    Issue::warning(Key::DirectoryInvalid, node.path(), text).at(node.place())
}
