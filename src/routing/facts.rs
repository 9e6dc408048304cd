//! What a referral says about the person, read once and asked by every program's rules. What it does not say stays unknown.
//!
//! Facts are about a person and never leave this module's siblings: reasons name rules, not facts.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::area::Place;
use crate::fhir::{Node, Truth, period};
use crate::referral::Referral;
use crate::referral::task::SDOHCC_CODES;

const LOINC: &str = "http://loinc.org";
/// Annual family income; UDS+ reports it in percent of the poverty level with this code.
const INCOME: &str = "63058-2";
/// Ours, which records write, and the code in it.
const OBSERVATIONS: &str = "urn:handoff:fhir:CodeSystem:observation";
const FPL_PERCENT: &str = "fpl-percent";
const UCUM: &str = "http://unitsofmeasure.org";
const SNOMED: &str = "http://snomed.info/sct";
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// A number that is known to lie between two others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    low: f64,
    high: f64,
}

/// What is known.
#[derive(Debug)]
pub struct Facts<'r> {
    /// SDOHCC category codes of what is asked for
    pub needs: Vec<Cow<'r, str>>,
    /// Where the person lives now
    pub place: Place,
    /// Age in full years; as wide as the birth date is partial
    pub age: Option<Interval>,
    /// Income in percent of the poverty level
    pub poverty: Option<Interval>,
    /// Homeless; never a no, since no record says so
    pub homeless: Truth,
    /// The day that rules are in force on
    pub today: Date,
}

// === Interval ===

impl Interval {
    /// From `low` to `high`, both included.
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// Is it `bound` or more?
    pub fn at_least(self, bound: f64) -> Truth {
        if self.low >= bound {
            Truth::Yes
        } else if self.high < bound {
            Truth::No
        } else {
            Truth::Unknown
        }
    }

    /// Is it `bound` or less?
    pub fn at_most(self, bound: f64) -> Truth {
        if self.high <= bound {
            Truth::Yes
        } else if self.low > bound {
            Truth::No
        } else {
            Truth::Unknown
        }
    }
}

// === Facts ===

impl<'r> Facts<'r> {
    /// Reads what the referral says, as of `at`.
    pub fn read(referral: &Referral<'r>, at: Timestamp) -> Self {
        let today = at.to_zoned(TimeZone::UTC).date();
        let person = referral.person.node();
        let needs = needs(referral);
        Self {
            place: current_address(person, at).map(Place::read).unwrap_or_default(),
            age: person.str("birthDate").and_then(|birth| age(&birth, today)),
            poverty: poverty(referral),
            homeless: homeless(referral, &needs),
            needs,
            today,
        }
    }
}

/// The categories of the request or, where it has none, of the Conditions that it gives as reasons.
fn needs<'r>(referral: &Referral<'r>) -> Vec<Cow<'r, str>> {
    let asked = codes_of(referral.request.node(), SDOHCC_CODES);
    if !asked.is_empty() {
        return asked;
    }
    let mut needs = Vec::new();
    for reason in referral.reasons() {
        for need in codes_of(reason.node(), SDOHCC_CODES) {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }
    needs
}

/// The codes of this system among a resource's categories.
fn codes_of<'r>(resource: Node<'r>, system: &str) -> Vec<Cow<'r, str>> {
    let codings = resource.list("category").flat_map(|concept| concept.list("coding"));
    let mut codes: Vec<Cow<'r, str>> = Vec::new();
    for coding in codings.filter(|coding| coding.get("system").is_some_and(|of| of.is_str(system))) {
        if let Some(code) = coding.str("code").filter(|code| !codes.contains(code)) {
            codes.push(code);
        }
    }
    codes
}

/// Where the person lives now (<https://hl7.org/fhir/R4/datatypes.html#Address>): not an old or a billing address, nor one
/// whose period is over or has not begun. Home before unsaid before temporary before work; of two alike a place before a
/// mailbox, then the one that began later, then the one that stands first.
fn current_address(person: Node<'_>, at: Timestamp) -> Option<Node<'_>> {
    let mut best = None;
    for address in person.list("address") {
        let Some(rank) = rank(address, at) else { continue };
        if best.is_none_or(|(than, _)| rank > than) {
            best = Some((rank, address));
        }
    }
    best.map(|(_, address)| address)
}

fn rank(address: Node<'_>, at: Timestamp) -> Option<(u8, bool, Option<Timestamp>)> {
    let by_use = match address.str("use").as_deref() {
        Some("home") => 3,
        None => 2,
        Some("temp") => 1,
        Some("work") => 0,
        _ => return None,
    };
    let time = address.get("period");
    if time.is_some_and(|time| period::includes(time, at) == Truth::No) {
        return None;
    }
    let is_place = !address.get("type").is_some_and(|kind| kind.is_str("postal"));
    let since = time.and_then(|time| period::instants(&time.str("start")?)).map(|(first, _)| first);
    Some((by_use, is_place, since))
}

/// Age in full years; a partial birth date gives the youngest and the oldest that it allows.
fn age(birth: &str, today: Date) -> Option<Interval> {
    let (first, last) = period::days(birth)?;
    let years = |born: Date| {
        let before_birthday = (today.month(), today.day()) < (born.month(), born.day());
        i32::from(today.year()) - i32::from(born.year()) - i32::from(before_birthday)
    };
    // A date of birth that lies ahead says nothing.
    let (oldest, youngest) = (years(first), years(last).max(0));
    (oldest >= 0).then(|| Interval::new(youngest.into(), oldest.into()))
}

/// Income in percent of the poverty level, from the newest Observation that gives it so.
fn poverty(referral: &Referral<'_>) -> Option<Interval> {
    let mut newest: Option<(Option<Timestamp>, Interval)> = None;
    for observation in referral.graph.of_kind("Observation").map(crate::referral::Resource::node) {
        let status = observation.str("status").unwrap_or_default();
        let has_code = has_coding(observation.get("code"), LOINC, |code| code == INCOME)
            || has_coding(observation.get("code"), OBSERVATIONS, |code| code == FPL_PERCENT);
        if matches!(&*status, "entered-in-error" | "cancelled") || !has_code || !is_about(referral, observation) {
            continue;
        }
        let Some(percent) = percent(observation) else { continue };
        let when =
            observation.str("effectiveDateTime").and_then(|text| period::instants(&text)).map(|(first, _)| first);
        if newest.as_ref().is_none_or(|(than, _)| when > *than) {
            newest = Some((when, percent));
        }
    }
    newest.map(|(_, percent)| percent)
}

/// A value in percent: a Quantity (with its comparator) or a Range.
fn percent(observation: Node<'_>) -> Option<Interval> {
    let number = |quantity: Node<'_>| -> Option<f64> {
        // A unit in words counts only where no code says more.
        let is_percent = match quantity.str("code") {
            Some(code) => code == "%" && quantity.get("system").is_none_or(|system| system.is_str(UCUM)),
            None => quantity.get("unit").is_some_and(|unit| unit.is_str("%")),
        };
        if is_percent { quantity.get("value")?.as_number()?.parse().ok() } else { None }
    };
    if let Some(quantity) = observation.get("valueQuantity") {
        let value = number(quantity)?;
        return Some(match quantity.str("comparator").as_deref() {
            Some("<") => Interval::new(0.0, value.next_down()),
            Some("<=") => Interval::new(0.0, value),
            Some(">") => Interval::new(value.next_up(), f64::INFINITY),
            Some(">=") => Interval::new(value, f64::INFINITY),
            _ => Interval::new(value, value),
        });
    }
    let range = observation.get("valueRange")?;
    let (low, high) = (range.get("low"), range.get("high"));
    match (low.map(number), high.map(number)) {
        // One end that is not in percent makes the whole unreadable.
        (Some(None), _) | (_, Some(None)) | (None, None) => None,
        (low, high) => Some(Interval::new(low.flatten().unwrap_or(0.0), high.flatten().unwrap_or(f64::INFINITY))),
    }
}

/// Homeless, if the request or a Condition that still stands says so.
fn homeless(referral: &Referral<'_>, needs: &[Cow<'_, str>]) -> Truth {
    let by_condition = || {
        referral.graph.of_kind("Condition").map(crate::referral::Resource::node).any(|condition| {
            let codes = condition.get("code");
            let says_so = codes_of(condition, SDOHCC_CODES).iter().any(|code| code == "homelessness")
                || has_coding(codes, SNOMED, |code| code == "32911000")
                || has_coding(codes, ICD_10_CM, |code| code.starts_with("Z59.0"));
            says_so && stands(condition) && is_about(referral, condition)
        })
    };
    if needs.iter().any(|need| need == "homelessness") || by_condition() { Truth::Yes } else { Truth::Unknown }
}

/// Is the Condition neither over nor refuted nor a mistake?
fn stands(condition: Node<'_>) -> bool {
    let says = |name: &str, codes: &[&str]| {
        let codings = condition.get(name).into_iter().flat_map(|concept| concept.list("coding"));
        codings.filter_map(|coding| coding.str("code")).any(|code| codes.contains(&&*code))
    };
    !says("clinicalStatus", &["inactive", "remission", "resolved"])
        && !says("verificationStatus", &["refuted", "entered-in-error"])
}

/// Is this resource about the person, and not about somebody else whose data travels with the referral?
fn is_about(referral: &Referral<'_>, resource: Node<'_>) -> bool {
    referral.graph.follow(resource, "subject").is_some_and(|subject| subject.url == referral.person.url)
}

fn has_coding(concept: Option<Node<'_>>, system: &str, matches: impl Fn(&str) -> bool) -> bool {
    let codings = concept.into_iter().flat_map(|concept| concept.list("coding"));
    codings
        .filter(|coding| coding.get("system").is_some_and(|of| of.is_str(system)))
        .filter_map(|coding| coding.str("code"))
        .any(|code| matches(&code))
}
