//! How well what programs offer fits a person: the reasons for and against it, and a score.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::area::Reach;
use super::asked::ServiceRequirements;
use super::facts::Facts;
use super::offer::Offer;
use super::program::{Capacity, Standing};
use super::reason::Reason;
use super::rule::Strength;
use crate::fhir::Truth;

/// Does a program fit?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does; more is better
    Kept {
        /// One decimal digit for each step of the order in the head of [`super::decision`]
        score: u32,
    },
    /// It does not
    Dropped,
}

/// What speaks for and against programs that offer the same and stand the same.
pub(super) struct Assessment {
    /// Helps with another need: the last choice even of an owner
    off_need: bool,
    /// How many reasons exclude it
    exclusions: usize,
    score: u32,
    /// Why
    pub(super) reasons: Arc<[Reason]>,
}

impl Assessment {
    /// The less the better: what fits before what does not, then by score.
    pub(super) fn rank(&self) -> (bool, usize, Reverse<u32>) {
        (self.off_need, self.exclusions, Reverse(self.score))
    }

    /// Does it fit?
    pub(super) fn verdict(&self) -> Fit {
        if self.exclusions == 0 { Fit::Kept { score: self.score } } else { Fit::Dropped }
    }

    /// The code of what decides: the first reason that excludes, or `fits`.
    pub(super) fn deciding_code(&self) -> &'static str {
        self.reasons.iter().find(|reason| reason.excludes()).map_or("fits", Reason::code)
    }
}

/// Who judges: what is known of the person, and what the request asks for.
pub(super) struct Judge<'f, 'r> {
    pub(super) facts: &'f Facts<'r>,
    pub(super) wanted: &'f ServiceRequirements,
    /// What came of each offer that was judged
    answers: HashMap<*const Offer, OfferAnswers>,
}

/// What comes of an offer, however its programs stand.
struct OfferAnswers {
    is_asked_for: bool,
    /// How many needs it helps with
    covered: u8,
    off_need: bool,
    served: Truth,
    reach: Reach,
    /// Preferred rules that are met
    preferences: u32,
    /// Required rules of which nobody knows
    unknown: u32,
    rules: Vec<Reason>,
}

impl<'f, 'r> Judge<'f, 'r> {
    pub(super) fn new(facts: &'f Facts<'r>, wanted: &'f ServiceRequirements) -> Self {
        Self { facts, wanted, answers: HashMap::new() }
    }

    /// How many offers were judged.
    pub(super) fn judged(&self) -> usize {
        self.answers.len()
    }

    /// What speaks for and against programs of this offer that stand so.
    pub(super) fn assess(&mut self, offer: &Arc<Offer>, standing: Standing, is_preferred: bool) -> Assessment {
        let (facts, wanted) = (self.facts, self.wanted);
        let answers = self.answers.entry(Arc::as_ptr(offer)).or_insert_with(|| OfferAnswers::of(offer, facts, wanted));
        answers.weigh(facts.needs.len(), standing, is_preferred)
    }
}

impl OfferAnswers {
    fn of(offer: &Offer, facts: &Facts<'_>, wanted: &ServiceRequirements) -> Self {
        let is_asked_for = offer.purpose.is_asked_for(wanted);
        let covered = offer.purpose.covers(&facts.needs).min(9) as u8;
        let (served, reach) = offer.area.serves(&facts.place);
        let mut answers = Self {
            is_asked_for,
            covered,
            // What is asked for without a need is judged by that alone.
            off_need: covered == 0 && !(facts.needs.is_empty() && is_asked_for),
            served,
            reach,
            preferences: 0,
            unknown: 0,
            rules: Vec::with_capacity(offer.rules.len()),
        };
        for rule in offer.rules.iter().filter(|rule| rule.is_in_force(facts.today)) {
            let answer = rule.ask(facts);
            match (rule.strength, answer) {
                (Strength::Preferred, Truth::Yes) => answers.preferences += 1,
                (Strength::Required, Truth::Unknown) => answers.unknown += 1,
                _ => {}
            }
            answers.rules.push(Reason::Rule(rule.clone(), answer));
        }
        answers
    }

    /// The same with how programs stand, of so many needs asked for.
    fn weigh(&self, needs: usize, standing: Standing, is_preferred: bool) -> Assessment {
        let Self { is_asked_for, covered, off_need, served, reach, preferences, unknown, .. } = *self;
        let Standing { active, capacity } = standing;
        let mut reasons = Vec::with_capacity(5 + self.rules.len());
        if is_preferred {
            reasons.push(Reason::Preferred);
        }
        if is_asked_for {
            reasons.push(Reason::AskedFor);
        }
        if off_need {
            reasons.push(Reason::NeedNotOffered);
        } else if covered > 0 {
            reasons.push(Reason::NeedOffered { covered, of: needs.min(9) as u8 });
        }
        if !active {
            reasons.push(Reason::Inactive);
        }
        reasons.push(match served {
            Truth::Yes => Reason::InArea(reach),
            Truth::No => Reason::OutOfArea,
            Truth::Unknown => Reason::AreaUnknown,
        });
        reasons.push(Reason::Capacity(capacity));
        reasons.extend(self.rules.iter().cloned());
        let digits = [
            u32::from(is_preferred),
            u32::from(is_asked_for),
            u32::from(covered),
            u32::from(served == Truth::Yes),
            match capacity {
                Capacity::Free => 3,
                Capacity::AssessmentRequired => 2,
                Capacity::Waitlist => 1,
                Capacity::Unknown | Capacity::Full => 0,
            },
            preferences.min(9),
            9 - unknown.min(9),
            match reach {
                Reach::Zip => 3,
                Reach::County => 2,
                Reach::State => 1,
                Reach::Anywhere => 0,
            },
        ];
        let score = digits.into_iter().fold(0, |score, digit| score * 10 + digit);
        let exclusions = reasons.iter().filter(|reason| reason.excludes()).count();
        Assessment { off_need, exclusions, score, reasons: reasons.into() }
    }
}
