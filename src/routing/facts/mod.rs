//! What a referral says about the person: read when a rule asks for it, once, and asked by every program. What it does not
//! say stays unknown. Where each fact is read is data ([`FactBook`]).
//!
//! Facts are about a person. They go to whoever may read the referral and into no trail: reasons name rules, not facts.

mod address;
mod book;
mod classes;
mod compile;
mod known;
mod poverty;
mod read;
mod sources;
mod token;
mod value;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::area::Locality;
use super::criterion::Criterion;
use crate::fhir::{Node, Truth};
use crate::referral::Referral;
use crate::referral::task::SDOHCC_CODES;

use book::{Closed, Computed, Definition, OBSERVATIONS};
use poverty::Share;
use read::Statement;
use sources::FactSources;

pub use book::FactBook;
pub use known::{Fact, FactOrigin, FactSource, FactValue, Interval, Texts};
pub use token::Token;

/// What is known. See the module head.
pub struct Facts<'r> {
    /// SDOHCC category codes of what is asked for
    pub needs: Vec<Cow<'r, str>>,
    /// Where the person lives now
    pub place: Locality,
    /// The day that rules are in force on
    pub today: Date,
    /// When it is asked
    pub at: Timestamp,
    sources: FactSources<'r>,
    read: [OnceCell<Rc<Fact<'r>>>; Criterion::ALL.len()],
    /// Those that a rule names besides, by that name
    named: RefCell<Vec<(Token, Rc<Fact<'r>>)>>,
}

impl std::fmt::Debug for Facts<'_> {
    /// When they are asked, and nothing of the person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'r> Facts<'r> {
    /// The facts of a referral, as of `at`.
    pub fn of(referral: &Referral<'r>, book: &'r FactBook, at: Timestamp) -> Self {
        let today = at.to_zoned(TimeZone::UTC).date();
        let address = address::current(referral.person.node().list("address"), at);
        Self {
            needs: needs(referral),
            place: address.map(Locality::read).unwrap_or_default(),
            today,
            at,
            sources: FactSources { referral: *referral, book, at, today },
            read: std::array::from_fn(|_| OnceCell::new()),
            named: RefCell::default(),
        }
    }

    fn find_fact(&self, criterion: Criterion, subject: Option<&Token>) -> Fact<'r> {
        let Some(definition) = self.sources.book.definition(criterion) else { return Fact::default() };
        let default = (criterion == Criterion::Score && subject.is_none())
            .then(|| Token::exactly(OBSERVATIONS, "assessment-score"));
        let statements = self.sources.statements(definition, subject.or(default.as_ref()));
        let mut fact = if definition.one { newest_statement(statements) } else { combine(definition, statements) };
        if let FactValue::Texts(texts) = &mut fact.known {
            texts.closed |= match &definition.closed {
                Closed::Never => false,
                Closed::Always => !texts.has.is_empty(),
                Closed::By(code) => texts.has.contains(code),
            };
        }
        if fact.known == FactValue::Nothing {
            fact = self.compute(definition);
        }
        if fact.known == FactValue::Nothing && fact.missing.is_empty() {
            fact.missing.push(definition.missing.clone());
        }
        fact
    }

    fn compute(&self, definition: &'r Definition) -> Fact<'r> {
        match &definition.computed {
            Computed::No => Fact::default(),
            Computed::PovertyShare => self.poverty_share(definition),
            Computed::ChronicConditions => {
                let conditions = self.fact(Criterion::Condition, None);
                let FactValue::Texts(texts) = &conditions.known else { return Fact::default() };
                let count = self.sources.book.classes.chronic(&texts.has);
                // Those that are on record; there may be more.
                let count = Interval::new(f64::from(u32::try_from(count).unwrap_or(u32::MAX)), f64::INFINITY);
                Fact { known: FactValue::Number(count), from: conditions.from.clone(), ..Fact::default() }
            }
            Computed::When(test) => {
                let mut fact = Fact::default();
                let answer = test.ask(self);
                test.each(&mut |comparison| {
                    let part = self.fact(comparison.criterion(), comparison.subject());
                    fact.from.extend(part.from.iter().cloned());
                });
                match answer {
                    Truth::Unknown => {
                        fact.missing.push(definition.missing.clone());
                        test.missing(self, &mut fact.missing);
                    }
                    known => fact.known = FactValue::Flag(known == Truth::Yes),
                }
                fact
            }
        }
    }

    fn poverty_share(&self, definition: &Definition) -> Fact<'r> {
        let (income, size) = (self.fact(Criterion::Income, None), self.fact(Criterion::HouseholdSize, None));
        let mut fact = Fact::default();
        let FactValue::Number(earned) = income.known else {
            fact.missing.push(definition.missing.clone());
            fact.missing.extend(income.missing.iter().cloned());
            fact.missing.extend(size.missing.iter().cloned());
            return fact;
        };
        let persons = if let FactValue::Number(persons) = size.known { Some(persons) } else { None };
        match self.sources.book.guidelines.share(earned, persons, self.place.state.as_deref(), self.today) {
            Share::Of(share, table) => {
                fact.known = FactValue::Number(share);
                fact.table = Some(table);
                fact.missing.extend(size.missing.iter().cloned());
                if self.place.state.is_none() {
                    fact.missing.extend(self.sources.book.missing(Criterion::State));
                }
            }
            Share::Missing(table) => fact.missing.push(table.into()),
        }
        fact.from = income.from.iter().chain(&size.from).cloned().collect();
        fact
    }
}

impl<'r> FactSource<'r> for Facts<'r> {
    fn fact(&self, criterion: Criterion, subject: Option<&Token>) -> Rc<Fact<'r>> {
        let Some(subject) = subject else {
            return self.read[criterion as usize].get_or_init(|| Rc::new(self.find_fact(criterion, None))).clone();
        };
        if let Some((_, fact)) = self.named.borrow().iter().find(|(known, _)| known == subject) {
            return fact.clone();
        }
        let fact = Rc::new(self.find_fact(criterion, Some(subject)));
        self.named.borrow_mut().push((subject.clone(), fact.clone()));
        fact
    }
}

/// The newest; of two alike the one that stands first.
fn newest_statement(statements: Vec<Statement<'_>>) -> Fact<'_> {
    let mut best: Option<Statement<'_>> = None;
    for one in statements {
        if best.as_ref().is_none_or(|than| one.when > than.when) {
            best = Some(one);
        }
    }
    best.map_or_else(Fact::default, |best| Fact { known: best.known, from: vec![best.from], ..Fact::default() })
}

/// Codes all together, numbers and flags by the newest, or the least of all.
fn combine<'r>(definition: &Definition, statements: Vec<Statement<'r>>) -> Fact<'r> {
    let are_texts = statements.first().is_some_and(|one| matches!(one.known, FactValue::Texts(_)));
    if !are_texts && !definition.least {
        return newest_statement(statements);
    }
    let mut fact = Fact::default();
    for one in statements {
        match (&mut fact.known, one.known) {
            (known @ FactValue::Nothing, first) => *known = first,
            (FactValue::Texts(texts), FactValue::Texts(more)) => {
                texts.has.extend(more.has);
                texts.not.extend(more.not);
            }
            (FactValue::Number(least), FactValue::Number(number)) => *least = least.least(number),
            _ => continue,
        }
        fact.from.push(one.from);
    }
    if let FactValue::Texts(texts) = &mut fact.known {
        // What is so again is so; and each is said once.
        let has = std::mem::take(&mut texts.has);
        texts.has = without_duplicates(has);
        let not = std::mem::take(&mut texts.not);
        texts.not = without_duplicates(not);
        texts.not.retain(|code| !texts.has.contains(code));
    }
    fact
}

fn without_duplicates(texts: Vec<String>) -> Vec<String> {
    let mut once = Vec::with_capacity(texts.len());
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once
}

/// The categories of the request or, where it has none, of the Conditions that it gives as reasons.
fn needs<'r>(referral: &Referral<'r>) -> Vec<Cow<'r, str>> {
    let asked = categories(referral.request.node());
    if !asked.is_empty() {
        return asked;
    }
    let mut needs = Vec::new();
    for reason in referral.reasons() {
        for need in categories(reason.node()) {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }
    needs
}

/// The SDOHCC category codes of a resource.
fn categories(resource: Node<'_>) -> Vec<Cow<'_, str>> {
    let codings = resource.list("category").flat_map(|concept| concept.list("coding"));
    let mut codes: Vec<Cow<'_, str>> = Vec::new();
    for coding in codings.filter(|coding| coding.get("system").is_some_and(|of| of.is_str(SDOHCC_CODES))) {
        if let Some(code) = coding.str("code").filter(|code| !codes.contains(code)) {
            codes.push(code);
        }
    }
    codes
}
