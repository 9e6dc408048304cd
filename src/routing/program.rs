//! One program: a HealthcareService, compiled. How it is written down is told in [`super::directory`].

use std::collections::HashMap;
use std::sync::Arc;

use super::area::{Area, Locality};
use super::asked::{ServiceRequirements, TEAM_ROLES};
use super::comparison::{Comparison, ComparisonValue};
use super::comparison_check::{ComparisonText, Part};
use super::facts::FactBook;
use super::organization::Organization;
use super::rule::{Rule, Strength, Test};
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
    /// The roles of the care team that it offers
    pub roles: Vec<String>,
    /// Where it serves
    pub area: Area,
    /// Can it take somebody?
    pub capacity: Capacity,
    /// Who is eligible: its own rules, and those of its type about other criteria
    pub rules: Vec<Arc<Rule>>,
}

/// What a program's references are looked up in while it is read.
pub(super) struct ProgramContext<'s, 'n> {
    pub(super) organizations: &'s HashMap<String, Arc<Organization>>,
    pub(super) locations: &'s HashMap<String, Node<'n>>,
    pub(super) rulebook: &'s Rulebook,
}

impl Program {
    /// Reads a HealthcareService. What makes it unusable is an error among `issues`, what makes it less useful a warning.
    pub(super) fn read(service: Node<'_>, around: &ProgramContext<'_, '_>, issues: &mut Vec<Issue>) -> Option<Self> {
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
        let own = rules(service, &kind, around.rulebook, issues);
        let shared = around.rulebook.rules(&kind).iter();
        let shared: Vec<Arc<Rule>> = shared.filter(|rule| !own.iter().any(|own| own.replaces(rule))).cloned().collect();
        Some(Self {
            id: id?.into_owned(),
            name: service.str("name").unwrap_or_default().into_owned(),
            active: service.get("active").and_then(Node::as_bool).unwrap_or(true) && organization.as_ref()?.active,
            organization: organization?,
            kind,
            needs,
            roles: roles(service),
            area,
            capacity: capacity(service, issues),
            rules: own.into_iter().chain(shared).collect(),
        })
    }

    /// Is it what a request asks for: of that type, or with somebody in that role?
    pub fn is_asked_for(&self, wanted: &ServiceRequirements) -> bool {
        wanted.types.contains(&self.kind) || wanted.roles.iter().any(|role| self.roles.contains(role))
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

fn provider(service: Node<'_>, around: &ProgramContext<'_, '_>, issues: &mut Vec<Issue>) -> Option<Arc<Organization>> {
    let named = service.get("providedBy").and_then(|by| by.str("reference"));
    let found = named.and_then(|text| around.organizations.get(&local(&text, "Organization")?));
    if found.is_none() {
        let at = service.get("providedBy").unwrap_or(service);
        let message = "providedBy has to reference an Organization of the directory as Organization/id";
        issues.push(Issue::error_at(Key::DirectoryInvalid, at, message));
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
        let message = "the program names no SDOHCC category in category.coding, so nothing is ever routed to it";
        issues.push(warning(service, message));
    }
    needs
}

fn area(service: Node<'_>, around: &ProgramContext<'_, '_>, issues: &mut Vec<Issue>) -> Area {
    let mut localities = Vec::new();
    let mut has_coverage = false;
    for covered in service.list("coverageArea") {
        has_coverage = true;
        let Some(text) = covered.str("reference") else { continue };
        let contained = text.strip_prefix('#').and_then(|id| {
            service.list("contained").find(|inner| inner.get("id").is_some_and(|inner| inner.is_str(id)))
        });
        let location = contained.or_else(|| around.locations.get(&local(&text, "Location")?).copied());
        let Some(location) = location else {
            let message = "coverageArea has to reference a Location of the directory as Location/id";
            issues.push(Issue::error_at(Key::DirectoryInvalid, covered, message));
            continue;
        };
        let locality = location.get("address").map(Locality::read).unwrap_or_default();
        if locality.is_empty() {
            let message =
                "the service area's Location has no address.state, address.district or address.postalCode to compare";
            issues.push(warning(location, message));
        } else {
            localities.push(locality);
        }
    }
    match (has_coverage, localities.is_empty()) {
        (false, _) => Area::Anywhere,
        (true, true) => Area::TextOnly,
        (true, false) => Area::Localities(localities),
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
        let message = "unknown capacity; expected capacity, additional-assessment-required, waitlist or no-capacity";
        issues.push(warning(status, message));
    }
    known.unwrap_or(Capacity::Unknown)
}

/// The roles of the care team among what it offers.
fn roles(service: Node<'_>) -> Vec<String> {
    let mut roles: Vec<String> = Vec::new();
    for name in ["type", "serviceProvisionCode", "characteristic"] {
        for coding in service.list(name).flat_map(|concept| concept.list("coding")) {
            if coding.get("system").is_some_and(|of| of.is_str(TEAM_ROLES))
                && let Some(code) = coding.str("code").filter(|code| !roles.iter().any(|role| *role == **code))
            {
                roles.push(code.into_owned());
            }
        }
    }
    roles
}

/// The program's own rules, and those of the presets that it chooses.
fn rules(service: Node<'_>, kind: &str, rulebook: &Rulebook, issues: &mut Vec<Issue>) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    for extension in extensions(service, ELIGIBILITY) {
        let read = match extensions(extension, "preset").next() {
            Some(preset) => chosen(extension, preset, kind, rulebook),
            None => rule(extension, rulebook.facts()).map(|rule| vec![Arc::new(rule)]),
        };
        match read {
            Ok(read) => rules.extend(read),
            Err(issue) => issues.push(*issue),
        }
    }
    rules
}

/// The rules of the preset that an extension names, and of nothing besides.
fn chosen(
    extension: Node<'_>,
    preset: Node<'_>,
    kind: &str,
    rulebook: &Rulebook,
) -> Result<Vec<Arc<Rule>>, Box<Issue>> {
    if extension.list("extension").count() > 1 {
        let message = "a rule names a preset, or says what it asks; not both";
        return Err(Box::new(Issue::error_at(Key::DirectoryInvalid, extension, message)));
    }
    let name = preset.str("valueCode").unwrap_or_default();
    let rules = rulebook.preset(kind, &name).ok_or_else(|| {
        let known: Vec<&str> = rulebook.presets().map(|(name, _)| name).collect();
        let message = format!("there is no such preset; expected valueCode with one of {}", known.join(", "));
        Box::new(Issue::error_at(Key::DirectoryInvalid, preset, message))
    })?;
    Ok(rules.to_vec())
}

fn rule(extension: Node<'_>, facts: &FactBook) -> Result<Rule, Box<Issue>> {
    let part = |name: &'static str| extensions(extension, name).next();
    let refuse = |at: Node<'_>, text: &str| Box::new(Issue::error_at(Key::DirectoryInvalid, at, text));
    let strength = match part("strength") {
        None => Strength::Required,
        Some(given) => given
            .str("valueCode")
            .and_then(|code| Strength::from_code(&code))
            .ok_or_else(|| refuse(given, "strength is valueCode required or preferred"))?,
    };
    let effective = match part("effective") {
        None => None,
        Some(given) => {
            let date = given.str("valueDate").and_then(|text| text.parse().ok());
            Some(date.ok_or_else(|| refuse(given, "effective is valueDate with a whole day"))?)
        }
    };
    let text =
        |name: &'static str| part(name).and_then(|part| part.str("valueString")).map(std::borrow::Cow::into_owned);
    let id = part("id").and_then(|part| part.str("valueCode").or_else(|| part.str("valueString")));
    let test = test(extension, facts)?;
    Ok(Rule { id: id.map(std::borrow::Cow::into_owned), strength, effective, source: text("source"), test })
}

/// What a rule asks, or one test of a group: `any` or `all` with `test`s, each of which is one of the three again.
fn test(extension: Node<'_>, facts: &FactBook) -> Result<Test, Box<Issue>> {
    let part = |name: &'static str| extensions(extension, name).next();
    let refuse = |at: Option<Node<'_>>, text: String| {
        Box::new(Issue::error_at(Key::DirectoryInvalid, at.unwrap_or(extension), text))
    };
    for (name, make) in [("any", Test::Any as fn(Vec<Test>) -> Test), ("all", Test::All)] {
        let Some(group) = part(name) else { continue };
        if part("criterion").is_some() || (name == "any" && part("all").is_some()) {
            let message = "a test is either any, or all, or a criterion with op and value; not both";
            return Err(refuse(None, message.to_owned()));
        }
        let tests: Vec<Test> = extensions(group, "test").map(|one| test(one, facts)).collect::<Result<_, _>>()?;
        if tests.is_empty() {
            return Err(refuse(Some(group), format!("{name} needs at least one extension test")));
        }
        return Ok(make(tests));
    }
    let code = |name: &'static str| part(name).and_then(|part| part.str("valueCode"));
    let mut values = Vec::new();
    for value in extensions(extension, "value") {
        values.push(given(value).ok_or_else(|| {
            refuse(
                Some(value),
                "value is valueDecimal, valueInteger, valueBoolean, valueCode or valueString".to_owned(),
            )
        })?);
    }
    let word =
        |name: &'static str| part(name).and_then(|part| part.str("valueString").or_else(|| part.str("valueCode")));
    let (criterion, op) = (code("criterion").unwrap_or_default(), code("op").unwrap_or_default());
    let (of, unit) = (word("of"), word("unit"));
    let words = ComparisonText { criterion: &criterion, of: of.as_deref(), op: &op, unit: unit.as_deref() };
    let comparison = Comparison::new(facts, words, values).map_err(|flaw| {
        let at = match flaw.part {
            Part::Criterion => part("criterion"),
            Part::Of => part("of"),
            Part::Op => part("op"),
            Part::Value => part("value"),
            Part::Unit => part("unit"),
        };
        refuse(at, flaw.text)
    })?;
    Ok(Test::One(comparison))
}

fn given(value: Node<'_>) -> Option<ComparisonValue> {
    if let Some(number) = value.get("valueDecimal").or_else(|| value.get("valueInteger")) {
        return Some(ComparisonValue::Number(number.as_number()?.parse().ok()?));
    }
    if let Some(flag) = value.get("valueBoolean") {
        return flag.as_bool().map(ComparisonValue::Flag);
    }
    value.str("valueCode").or_else(|| value.str("valueString")).map(|text| ComparisonValue::Text(text.into_owned()))
}

fn extensions<'n>(node: Node<'n>, url: &'static str) -> impl Iterator<Item = Node<'n>> {
    node.list("extension").filter(move |extension| extension.get("url").is_some_and(|of| of.is_str(url)))
}

fn warning(node: Node<'_>, text: &str) -> Issue {
    Issue::warning(Key::DirectoryInvalid, node.path(), text).at(node.position())
}
