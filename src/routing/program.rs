//! One program: a HealthcareService, compiled. How it is written down is told in [`super::directory`].

use std::sync::Arc;

use super::area::{Area, Locality};
use super::asked::TEAM_ROLES;
use super::comparison::{Comparison, ComparisonValue};
use super::comparison_check::{ComparisonText, Part};
use super::facts::FactBook;
use super::offer::{Offer, Purpose};
use super::organization::{Organization, identifiers};
use super::rule::{Rule, Strength, Test};
use super::rulebook::Rulebook;
use super::shared_map::SharedMap;
use crate::fhir::{Identifier, Issue, Key, Node, Reference};
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

/// How a program stands: what of it changes from day to day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Does it run, and its organization?
    pub active: bool,
    /// Can it take somebody?
    pub capacity: Capacity,
}

/// A program that referrals can go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Id of the HealthcareService
    pub id: Arc<str>,
    /// Name, "" where it has none
    pub name: Arc<str>,
    /// Whose program it is
    pub organization: Arc<Organization>,
    /// Does it run?
    pub active: bool,
    /// Can it take somebody?
    pub capacity: Capacity,
    /// What it offers, to whom and where
    pub offer: Arc<Offer>,
    /// By what other systems know it
    pub(super) identifiers: Box<[Identifier]>,
    /// What its service area is made of
    pub(super) coverage: Box<[Coverage]>,
}

/// One place of a service area, as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Coverage {
    /// The Location of the directory with this id
    Location(Arc<str>),
    /// A Location that came with the program
    Contained(Locality),
    /// Something in words
    Text,
}

/// What a program's references are looked up in while it is read.
pub(super) struct ProgramContext<'s> {
    pub(super) organizations: &'s SharedMap<Arc<str>, Arc<Organization>>,
    pub(super) locations: &'s SharedMap<Arc<str>, Locality>,
    pub(super) rulebook: &'s Rulebook,
}

impl Program {
    /// Reads a HealthcareService. What makes it unusable is an error among `issues`, what makes it less useful a warning.
    pub(super) fn read(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Option<Self> {
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
        let kind = kind.find_map(|coding| coding.str("code")).map_or(GENERIC.into(), |code| Arc::from(&*code));
        let needs = needs(service, issues);
        let coverage = coverage(service, around, issues);
        let own = own_rules(service, &kind, around.rulebook, issues);
        let shared = around.rulebook.rules(&kind).iter();
        let shared: Vec<Arc<Rule>> = shared.filter(|rule| !own.iter().any(|own| own.replaces(rule))).cloned().collect();
        let purpose = Arc::new(Purpose { needs, kind, roles: roles(service) });
        let area = area_of(&coverage, around.locations);
        Some(Self {
            id: id?.into(),
            name: service.str("name").unwrap_or_default().into(),
            active: service.get("active").and_then(Node::as_bool).unwrap_or(true),
            organization: organization?,
            capacity: capacity(service, issues),
            offer: Arc::new(Offer { purpose, area, rules: own.into_iter().chain(shared).collect() }),
            identifiers: identifiers(service).collect(),
            coverage: coverage.into(),
        })
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { active: self.active && self.organization.active, capacity: self.capacity }
    }

    /// Code of its type: the folder under `profiles/programs/`.
    pub fn kind(&self) -> &str {
        &self.offer.purpose.kind
    }

    /// Who is eligible.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.offer.rules
    }

    /// The Locations of the directory that its service area is made of.
    pub(super) fn locations(&self) -> impl Iterator<Item = &Arc<str>> {
        self.coverage.iter().filter_map(|covered| match covered {
            Coverage::Location(id) => Some(id),
            Coverage::Contained(_) | Coverage::Text => None,
        })
    }
}

/// Where a program with this coverage serves.
pub(super) fn area_of(coverage: &[Coverage], locations: &SharedMap<Arc<str>, Locality>) -> Area {
    let localities = coverage.iter().filter_map(|covered| match covered {
        Coverage::Location(id) => locations.get(&**id),
        Coverage::Contained(locality) => Some(locality),
        Coverage::Text => None,
    });
    let localities: Vec<Locality> = localities.filter(|locality| !locality.is_empty()).cloned().collect();
    match (coverage.is_empty(), localities.is_empty()) {
        (true, _) => Area::Anywhere,
        (false, true) => Area::TextOnly,
        (false, false) => Area::Localities(localities),
    }
}

/// `Type/id` of a literal reference; the directory is one closed set, so the base of an absolute one does not matter.
pub(super) fn local<'t>(reference: &'t str, kind: &str) -> Option<&'t str> {
    match Reference::parse(reference)? {
        Reference::Relative { kind: of, id, .. } | Reference::Absolute { restful: Some((_, of, id)), .. } => {
            (of == kind).then_some(id)
        }
        _ => None,
    }
}

fn provider(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Option<Arc<Organization>> {
    let named = service.get("providedBy").and_then(|by| by.str("reference"));
    let found = named.and_then(|text| around.organizations.get(local(&text, "Organization")?));
    if found.is_none() {
        let at = service.get("providedBy").unwrap_or(service);
        let message = "providedBy has to reference an Organization of the directory as Organization/id";
        issues.push(Issue::error_at(Key::DirectoryInvalid, at, message));
    }
    found.cloned()
}

fn needs(service: Node<'_>, issues: &mut Vec<Issue>) -> Vec<Arc<str>> {
    let mut needs: Vec<Arc<str>> = Vec::new();
    for coding in service.list("category").flat_map(|concept| concept.list("coding")) {
        if coding.get("system").is_some_and(|of| of.is_str(SDOHCC_CODES))
            && let Some(code) = coding.str("code").filter(|code| !needs.iter().any(|need| **need == **code))
        {
            needs.push(code.into());
        }
    }
    if needs.is_empty() {
        let message = "the program names no SDOHCC category in category.coding, so nothing is ever routed to it";
        issues.push(warning(service, message));
    }
    needs
}

fn coverage(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Vec<Coverage> {
    let mut coverage = Vec::new();
    for covered in service.list("coverageArea") {
        let Some(text) = covered.str("reference") else {
            coverage.push(Coverage::Text);
            continue;
        };
        let contained = text.strip_prefix('#').and_then(|id| {
            service.list("contained").find(|inner| inner.get("id").is_some_and(|inner| inner.is_str(id)))
        });
        let known = || around.locations.get_entry(local(&text, "Location")?);
        let (one, at, is_empty) = match (contained, known()) {
            (Some(location), _) => {
                let locality = Locality::of_location(location);
                let is_empty = locality.is_empty();
                (Coverage::Contained(locality), location, is_empty)
            }
            (None, Some((id, locality))) => (Coverage::Location(id.clone()), covered, locality.is_empty()),
            (None, None) => {
                let message = "coverageArea has to reference a Location of the directory as Location/id";
                issues.push(Issue::error_at(Key::DirectoryInvalid, covered, message));
                continue;
            }
        };
        if is_empty {
            let message =
                "the service area's Location has no address.state, address.district or address.postalCode to compare";
            issues.push(warning(at, message));
        }
        coverage.push(one);
    }
    coverage
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
fn roles(service: Node<'_>) -> Vec<Arc<str>> {
    let mut roles: Vec<Arc<str>> = Vec::new();
    for name in ["type", "serviceProvisionCode", "characteristic"] {
        for coding in service.list(name).flat_map(|concept| concept.list("coding")) {
            if coding.get("system").is_some_and(|of| of.is_str(TEAM_ROLES))
                && let Some(code) = coding.str("code").filter(|code| !roles.iter().any(|role| **role == **code))
            {
                roles.push(code.into());
            }
        }
    }
    roles
}

/// The program's own rules, and those of the presets that it chooses.
fn own_rules(service: Node<'_>, kind: &str, rulebook: &Rulebook, issues: &mut Vec<Issue>) -> Vec<Arc<Rule>> {
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
