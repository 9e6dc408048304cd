//! Reading one source: which resources of a referral speak about the person and stand, which of them is newest, and what
//! their values are worth on the day.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::{Timestamp, Unit};

use super::address;
use super::book::{Definition, FactBook, Reading, Source, Within};
use super::known::{Interval, Known, Origin, Texts};
use super::token::Token;
use crate::fhir::{Kind, Node, Truth, period};
use crate::fhirpath::{Context, Item};
use crate::referral::{Referral, Resource};
use crate::routing::area;

const UCUM: &str = "http://unitsofmeasure.org";
/// A pregnancy, in days from its beginning to the date of delivery (40 weeks).
const TERM: i32 = 280;
/// How long after that date it may still go on, in weeks.
const LONGEST: f64 = 44.0;

/// What sources are read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'r> {
    pub(super) referral: Referral<'r>,
    pub(super) book: &'r FactBook,
    pub(super) at: Timestamp,
    pub(super) today: Date,
}

/// Something that a resource says.
#[derive(Debug)]
pub(super) struct Said<'r> {
    /// When it was so; the day itself for what stands on it
    pub(super) when: Option<Timestamp>,
    pub(super) known: Known,
    pub(super) from: Origin<'r>,
}

/// Does a resource count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does
    Stands,
    /// What it says is over or refuted
    Over,
    /// It is a mistake
    Void,
}

/// A value as it was found: in the document, or computed by the expression.
enum Found<'r> {
    Node(Node<'r>),
    Text(String),
}

impl<'r> Ground<'r> {
    /// All that the sources of this fact say, in their order. `code` is what the rule names, if it does.
    pub(super) fn said(&self, definition: &'r Definition, code: Option<&Token>) -> Vec<Said<'r>> {
        let mut said = Vec::new();
        for source in &definition.sources {
            let resources: &mut dyn Iterator<Item = &'r Resource> = match &source.place {
                Within::Person => &mut std::iter::once(self.referral.person),
                Within::Request => &mut std::iter::once(self.referral.request),
                Within::Task => &mut std::iter::once(self.referral.task),
                Within::Kind(kind) => &mut self.referral.graph.of_kind(kind),
            };
            for resource in resources {
                self.read(source, resource, code, &mut said);
            }
        }
        said
    }

    fn read(&self, source: &'r Source, resource: &'r Resource, code: Option<&Token>, said: &mut Vec<Said<'r>>) {
        let node = resource.node();
        let is_one_of_many = matches!(source.place, Within::Kind(_));
        if is_one_of_many && !(has_code(source, node, code) && self.is_about(node)) {
            return;
        }
        let standing = if is_one_of_many { standing(resource.kind(), node, self.at) } else { Standing::Stands };
        if standing == Standing::Void {
            return;
        }
        if let Some(condition) = &source.condition
            && !matches!(condition.it.evaluate_bool(&Context::new(node), node), Ok(Some(true)))
        {
            return;
        }
        let when = if is_one_of_many { dated(resource.kind(), node, self.at) } else { Some(self.at) };
        let mut say = |known: Option<Known>, node: Option<Node<'r>>| {
            if let Some(known) = known.and_then(|known| stood(known, standing)) {
                said.push(Said { when, known, from: Origin { resource, node } });
            }
        };
        match source.reading {
            Reading::Says(flag) => say(Some(Known::Flag(flag)), None),
            Reading::Classes => say(self.classes(node), node.get("code")),
            Reading::County | Reading::Zip | Reading::State => {
                let found = values(source, resource);
                let addresses = found.into_iter().filter_map(|found| match found {
                    Found::Node(node) => Some(node),
                    Found::Text(_) => None,
                });
                let Some(current) = address::current(addresses, self.at) else { return };
                let (part, form): (_, fn(&str) -> String) = match source.reading {
                    Reading::County => ("district", area::county),
                    Reading::Zip => ("postalCode", area::zip),
                    _ => ("state", area::state),
                };
                let text = current.str(part).map(|text| form(&text)).filter(|text| !text.is_empty());
                say(text.map(one_text), current.get(part));
            }
            _ => {
                for found in values(source, resource) {
                    let node = if let Found::Node(node) = found { Some(node) } else { None };
                    say(self.value(source, &found, when), node);
                }
            }
        }
    }

    /// Is this resource about the person, and not about somebody else whose data travels with the referral?
    fn is_about(&self, node: Node<'_>) -> bool {
        let named =
            ["subject", "patient", "beneficiary"].iter().find_map(|name| self.referral.graph.follow(node, name));
        named.is_some_and(|subject| subject.url == self.referral.person.url)
    }

    /// What a value is worth, if it can be read.
    fn value(&self, source: &Source, found: &Found<'_>, when: Option<Timestamp>) -> Option<Known> {
        let text = || match found {
            Found::Node(node) => node.as_str(),
            Found::Text(text) => Some(Cow::Borrowed(text.as_str())),
        };
        let stretch = || period::days(&text()?);
        Some(match source.reading {
            Reading::Flag => Known::Flag(self.flag(source, found)?),
            Reading::Number => Known::Number(number(source, found)?),
            Reading::Codes => Known::Texts(codes(source, found)?),
            Reading::Language => one_text(text().map_or_else(|| first_code(found), |text| Some(text.to_lowercase()))?),
            Reading::Any => self.any(source, found)?,
            Reading::YearsSince => Known::Number(since(stretch()?, self.today, Unit::Year)?),
            Reading::MonthsSince => Known::Number(since(stretch()?, self.today, Unit::Month)?),
            Reading::Due => {
                let weeks = weeks_by_due(stretch()?, self.today)?;
                (weeks.low() >= 0.0 && weeks.high() <= LONGEST).then_some(Known::Flag(true))?
            }
            Reading::WeeksByDueDate => {
                let weeks = weeks_by_due(stretch()?, self.today)?;
                (weeks.high() >= 0.0 && weeks.low() <= LONGEST).then_some(Known::Number(weeks))?
            }
            Reading::WeeksByThen => {
                let weeks = number(source, found)?;
                let then = when.map(|when| when.to_zoned(jiff::tz::TimeZone::UTC).date());
                let weeks = match then {
                    Some(then) => weeks.map(|weeks| weeks + f64::from(days_between(then, self.today)) / 7.0),
                    None => Interval::new(weeks.low(), LONGEST.max(weeks.high())),
                };
                (weeks.low() <= LONGEST).then_some(Known::Number(weeks))?
            }
            Reading::Says(_) | Reading::Classes | Reading::County | Reading::Zip | Reading::State => return None,
        })
    }

    fn flag(&self, source: &Source, found: &Found<'_>) -> Option<bool> {
        let node = match found {
            Found::Text(text) => return text.parse().ok(),
            Found::Node(node) => *node,
        };
        if let Some(flag) = node.as_bool() {
            return Some(flag);
        }
        let means = |tokens: &[Token]| tokens.iter().any(|token| token.means_any(node));
        // The source's own codes stand before those of everywhere, and a yes before a no.
        match (means(&source.yes), means(&source.no)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) if means(&self.book.yes) => Some(true),
            (false, false) => means(&self.book.no).then_some(false),
        }
    }

    fn any(&self, source: &Source, found: &Found<'_>) -> Option<Known> {
        self.flag(source, found)
            .map(Known::Flag)
            .or_else(|| number(source, found).map(Known::Number))
            .or_else(|| codes(source, found).map(|texts| Known::Texts(Texts { closed: true, ..texts })))
    }

    /// The classes that a Condition's code, or a measured value, puts somebody in, with the codes themselves.
    fn classes(&self, node: Node<'_>) -> Option<Known> {
        let code = node.get("code")?;
        if let Some(value) = node.get("valueQuantity") {
            let (class, above) = self.book.classes.measured(code)?;
            let value = quantity(value, None)?;
            let is_above = !value.at_most(above);
            let class = vec![class.to_owned()];
            return match is_above {
                Truth::Yes => Some(Known::Texts(Texts { has: class, ..Texts::default() })),
                Truth::No => Some(Known::Texts(Texts { not: class, ..Texts::default() })),
                Truth::Unknown => None,
            };
        }
        if !node.get("resourceType").is_some_and(|kind| kind.is_str("Condition")) {
            return None;
        }
        let mut has: Vec<String> = self.book.classes.of_code(code).map(str::to_owned).collect();
        has.extend(code.list("coding").filter_map(|coding| {
            Some(format!("{}|{}", coding.str("system").unwrap_or_default(), coding.str("code")?))
        }));
        (!has.is_empty()).then_some(Known::Texts(Texts { has, ..Texts::default() }))
    }
}

// === resources

fn has_code(source: &Source, node: Node<'_>, code: Option<&Token>) -> bool {
    if source.codes.is_empty() && !source.code_of_rule {
        return true;
    }
    let Some(said) = node.get("code") else { return false };
    let by_rule = code.filter(|_| source.code_of_rule);
    source.codes.iter().chain(by_rule).any(|token| token.means_any(said))
}

fn standing(kind: &str, node: Node<'_>, at: Timestamp) -> Standing {
    let is_status = |codes: &[&str]| node.str("status").is_some_and(|status| codes.contains(&&*status));
    let says = |name: &str, codes: &[&str]| {
        let codings = node.get(name).into_iter().flat_map(|concept| concept.list("coding"));
        codings.filter_map(|coding| coding.str("code")).any(|code| codes.contains(&&*code))
    };
    let (void, over) = match kind {
        "Condition" => (
            says("verificationStatus", &["entered-in-error"]),
            says("verificationStatus", &["refuted"]) || says("clinicalStatus", &["inactive", "remission", "resolved"]),
        ),
        "Coverage" => (
            is_status(&["entered-in-error", "draft"]),
            is_status(&["cancelled"]) || node.get("period").is_some_and(|time| period::includes(time, at) == Truth::No),
        ),
        _ => (is_status(&["entered-in-error", "cancelled"]), false),
    };
    if void {
        Standing::Void
    } else if over {
        Standing::Over
    } else {
        Standing::Stands
    }
}

/// What a resource says that is over: that its codes are so no longer. Flags and numbers of it say nothing.
fn stood(known: Known, standing: Standing) -> Option<Known> {
    match (standing, known) {
        (Standing::Stands, known) => Some(known),
        (Standing::Over, Known::Texts(texts)) => {
            Some(Known::Texts(Texts { has: Vec::new(), not: texts.has, closed: false }))
        }
        _ => None,
    }
}

/// When what a resource says was so: findings have their time, everything else is as it stands.
fn dated(kind: &str, node: Node<'_>, at: Timestamp) -> Option<Timestamp> {
    let instant = |text: Cow<'_, str>| period::instants(&text).map(|(first, _)| first);
    match kind {
        "Observation" => {
            let effective = node.str("effectiveDateTime").or_else(|| node.str("effectiveInstant"));
            let effective = effective.or_else(|| node.get("effectivePeriod")?.str("start"));
            effective.or_else(|| node.str("issued")).and_then(instant)
        }
        "QuestionnaireResponse" => node.str("authored").and_then(instant),
        _ => Some(at),
    }
}

// === values

fn values<'r>(source: &Source, resource: &'r Resource) -> Vec<Found<'r>> {
    let node = resource.node();
    let Some(expression) = &source.value else { return Vec::new() };
    let context = Context::new(node);
    // What cannot be evaluated on this resource says nothing; the expression itself was checked when it was loaded.
    let Ok(items) = expression.it.evaluate(&context, node) else { return Vec::new() };
    let found = items.iter().filter_map(|item| match item {
        Item::Element(element) => element.node().map(|inner| Found::Node(resource.document().node(inner.index()))),
        Item::Value(_) => item.to_text().map(|text| Found::Text(text.into_owned())),
    });
    found.collect()
}

fn one_text(text: String) -> Known {
    Known::Texts(Texts { has: vec![text], ..Texts::default() })
}

/// A number, a Quantity with its comparator, a Range, or a code that stands for a number.
fn number(source: &Source, found: &Found<'_>) -> Option<Interval> {
    let node = match found {
        Found::Text(text) => return text.parse().ok().map(Interval::exactly),
        Found::Node(node) => *node,
    };
    match node.kind() {
        Kind::Number => node.text().parse().ok().map(Interval::exactly),
        Kind::String => source.numbers.get(&*node.as_str()?).copied().map(Interval::exactly),
        Kind::Object if node.get("low").or_else(|| node.get("high")).is_some() => range(node, source.units.as_deref()),
        Kind::Object if node.get("value").is_some() => quantity(node, source.units.as_deref()),
        _ => first_code(found).and_then(|code| source.numbers.get(&code).copied()).map(Interval::exactly),
    }
}

fn range(node: Node<'_>, units: Option<&[(String, f64)]>) -> Option<Interval> {
    let end = |name: &str| node.get(name).map(|end| quantity(end, units));
    match (end("low"), end("high")) {
        // One end in another unit makes the whole unreadable.
        (Some(None), _) | (_, Some(None)) | (None, None) => None,
        (low, high) => {
            let low = low.flatten().map_or(0.0, Interval::low);
            Some(Interval::new(low, high.flatten().map_or(f64::INFINITY, Interval::high)))
        }
    }
}

/// A Quantity in one of these units (in any, where none are named), in the one that they are counted in.
fn quantity(node: Node<'_>, units: Option<&[(String, f64)]>) -> Option<Interval> {
    let size = match units {
        None => 1.0,
        Some(units) => {
            // A unit in words counts only where no code says more.
            let unit = match node.str("code") {
                Some(code) if node.get("system").is_none_or(|system| system.is_str(UCUM)) => code,
                Some(_) => return None,
                None => node.str("unit").or_else(|| node.str("currency")).unwrap_or_default(),
            };
            units.iter().find(|(known, _)| *known == *unit)?.1
        }
    };
    let value: f64 = node.get("value")?.as_number()?.parse().ok()?;
    let value = value / size;
    Some(match node.str("comparator").as_deref() {
        Some("<") => Interval::new(0.0, value.next_down()),
        Some("<=") => Interval::new(0.0, value),
        Some(">") => Interval::new(value.next_up(), f64::INFINITY),
        Some(">=") => Interval::new(value, f64::INFINITY),
        _ => Interval::exactly(value),
    })
}

/// The kinds that a coded value is of; where the source names none, its codes themselves.
fn codes(source: &Source, found: &Found<'_>) -> Option<Texts> {
    let node = match found {
        Found::Text(text) => return Some(Texts { has: vec![text.to_lowercase()], ..Texts::default() }),
        Found::Node(node) => *node,
    };
    let mut has = Vec::new();
    if source.kinds.is_empty() {
        has.extend(node.as_str().map(|text| text.to_lowercase()));
        let codings = node.list("coding").chain(node.get("code").map(|_| node));
        has.extend(codings.filter_map(|coding| coding.str("code")).map(|code| code.to_lowercase()));
    } else {
        let meant = source.kinds.iter().filter(|(_, codes)| codes.iter().any(|token| token.means_any(node)));
        has.extend(meant.map(|(kind, _)| kind.clone()));
        if has.is_empty()
            && let Some(text) = node.str("text").or_else(|| node.as_str())
        {
            has.extend(by_words(&source.words, &text.to_lowercase()));
        }
    }
    (!has.is_empty()).then_some(Texts { has, ..Texts::default() })
}

/// The kinds that a text names: those of which a word, or several in a row, stand in it.
fn by_words<'s>(words: &'s [(String, Vec<String>)], text: &str) -> impl Iterator<Item = String> + use<'s> {
    let text = format!(" {} ", text.replace(|letter: char| !letter.is_alphanumeric() && letter != '-', " "));
    let is_in = move |word: &String| text.contains(&format!(" {word} "));
    words.iter().filter(move |(_, words)| words.iter().any(&is_in)).map(|(kind, _)| kind.clone())
}

fn first_code(found: &Found<'_>) -> Option<String> {
    let Found::Node(node) = found else { return None };
    let mut codings = node.list("coding").chain(node.get("code").map(|_| *node));
    codings.find_map(|coding| coding.str("code")).map(|code| code.to_lowercase())
}

// === dates

/// Full years or months from a day that is known as well as it is written to this one; nothing for a day to come.
fn since((first, last): (Date, Date), today: Date, unit: Unit) -> Option<Interval> {
    let full = |from: Date| {
        let span = today.since((unit, from)).ok()?;
        Some(f64::from(if unit == Unit::Year { i32::from(span.get_years()) } else { span.get_months() }))
    };
    let (most, least) = (full(first)?, full(last)?.max(0.0));
    (first <= today).then_some(Interval::new(least, most))
}

/// The weeks of a pregnancy on this day, of which the date of delivery is known as well as it is written.
fn weeks_by_due((first, last): (Date, Date), today: Date) -> Option<Interval> {
    let weeks = |due: Date| f64::from(TERM - days_between(today, due)) / 7.0;
    let weeks = Interval::new(weeks(last), weeks(first));
    (weeks.high() >= 0.0).then_some(weeks)
}

fn days_between(from: Date, to: Date) -> i32 {
    to.since((Unit::Day, from)).map_or(0, |span| span.get_days())
}
