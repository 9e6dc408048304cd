//! What the values of a source are worth on the day: numbers in their units, answers that mean yes or no, codes, dates.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::{Timestamp, Unit};

use super::book::{ReadAs, Source};
use super::known::{FactValue, Interval, Texts};
use super::sources::FactSources;
use super::token::Token;
use crate::fhir::{Kind, Node, Truth, period};
use crate::fhirpath::{Context, Item};
use crate::referral::Resource;

const UCUM: &str = "http://unitsofmeasure.org";
/// A pregnancy, in days from its beginning to the date of delivery (40 weeks).
const TERM: i32 = 280;
/// How long after that date it may still go on, in weeks.
const MAX_WEEKS: f64 = 44.0;

/// A value as it was found: in the document, or computed by the expression.
pub(super) enum FoundValue<'r> {
    Node(Node<'r>),
    Text(String),
}

impl FactSources<'_> {
    /// What a value is worth, if it can be read.
    pub(super) fn value(&self, source: &Source, found: &FoundValue<'_>, when: Option<Timestamp>) -> Option<FactValue> {
        let text = || match found {
            FoundValue::Node(node) => node.as_str(),
            FoundValue::Text(text) => Some(Cow::Borrowed(text.as_str())),
        };
        let stretch = || period::days(&text()?);
        Some(match source.reading {
            ReadAs::Flag => FactValue::Flag(self.flag(source, found)?),
            ReadAs::Number => FactValue::Number(number(source, found)?),
            ReadAs::Codes => FactValue::Texts(codes(source, found)?),
            ReadAs::Language => one_text(text().map_or_else(|| first_code(found), |text| Some(text.to_lowercase()))?),
            ReadAs::Any => self.any(source, found)?,
            ReadAs::YearsSince => FactValue::Number(since(stretch()?, self.today, Unit::Year)?),
            ReadAs::MonthsSince => FactValue::Number(since(stretch()?, self.today, Unit::Month)?),
            ReadAs::Due => {
                let weeks = weeks_by_due(stretch()?, self.today)?;
                (weeks.low() >= 0.0 && weeks.high() <= MAX_WEEKS).then_some(FactValue::Flag(true))?
            }
            ReadAs::WeeksByDueDate => {
                let weeks = weeks_by_due(stretch()?, self.today)?;
                (weeks.high() >= 0.0 && weeks.low() <= MAX_WEEKS).then_some(FactValue::Number(weeks))?
            }
            ReadAs::WeeksByThen => {
                let weeks = number(source, found)?;
                let then = when.map(|when| when.to_zoned(jiff::tz::TimeZone::UTC).date());
                let weeks = match then {
                    Some(then) => weeks.map(|weeks| weeks + f64::from(days_between(then, self.today)) / 7.0),
                    None => Interval::new(weeks.low(), MAX_WEEKS.max(weeks.high())),
                };
                (weeks.low() <= MAX_WEEKS).then_some(FactValue::Number(weeks))?
            }
            ReadAs::Says(_) | ReadAs::Classes | ReadAs::County | ReadAs::Zip | ReadAs::State => return None,
        })
    }

    fn flag(&self, source: &Source, found: &FoundValue<'_>) -> Option<bool> {
        let node = match found {
            FoundValue::Text(text) => return text.parse().ok(),
            FoundValue::Node(node) => *node,
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

    fn any(&self, source: &Source, found: &FoundValue<'_>) -> Option<FactValue> {
        self.flag(source, found)
            .map(FactValue::Flag)
            .or_else(|| number(source, found).map(FactValue::Number))
            .or_else(|| codes(source, found).map(|texts| FactValue::Texts(Texts { closed: true, ..texts })))
    }

    /// The classes that a Condition's code, or a measured value, puts somebody in, with the codes themselves.
    pub(super) fn classes(&self, node: Node<'_>) -> Option<FactValue> {
        let code = node.get("code")?;
        if let Some(value) = node.get("valueQuantity") {
            let (class, above) = self.book.classes.measured(code)?;
            let value = quantity(value, None)?;
            let is_above = !value.at_most(above);
            let class = vec![class.to_owned()];
            return match is_above {
                Truth::Yes => Some(FactValue::Texts(Texts { has: class, ..Texts::default() })),
                Truth::No => Some(FactValue::Texts(Texts { not: class, ..Texts::default() })),
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
        (!has.is_empty()).then_some(FactValue::Texts(Texts { has, ..Texts::default() }))
    }
}

// === values

pub(super) fn values<'r>(source: &Source, resource: &'r Resource) -> Vec<FoundValue<'r>> {
    let node = resource.node();
    let Some(expression) = &source.value else { return Vec::new() };
    let context = Context::new(node);
    // What cannot be evaluated on this resource says nothing; the expression itself was checked when it was loaded.
    let Ok(items) = expression.it.evaluate(&context, node) else { return Vec::new() };
    let found = items.iter().filter_map(|item| match item {
        Item::Element(element) => element.node().map(|inner| FoundValue::Node(resource.document().node(inner.index()))),
        Item::Value(_) => item.to_text().map(|text| FoundValue::Text(text.into_owned())),
    });
    found.collect()
}

pub(super) fn one_text(text: String) -> FactValue {
    FactValue::Texts(Texts { has: vec![text], ..Texts::default() })
}

/// A number, a Quantity with its comparator, a Range, or a code that stands for a number.
fn number(source: &Source, found: &FoundValue<'_>) -> Option<Interval> {
    let node = match found {
        FoundValue::Text(text) => return text.parse().ok().map(Interval::exactly),
        FoundValue::Node(node) => *node,
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
fn codes(source: &Source, found: &FoundValue<'_>) -> Option<Texts> {
    let node = match found {
        FoundValue::Text(text) => return Some(Texts { has: vec![text.to_lowercase()], ..Texts::default() }),
        FoundValue::Node(node) => *node,
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

fn first_code(found: &FoundValue<'_>) -> Option<String> {
    let FoundValue::Node(node) = found else { return None };
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
