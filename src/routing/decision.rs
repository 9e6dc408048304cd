//! The decision: who gets a referral, with the reasons for the programs that were looked at.
//!
//! A Task with an owner goes to that owner. One without goes to the best program that helps with the need (where none is
//! named, that is what the request's code asks for), serves the person's address, can take somebody and excludes nobody by its rules. What is not known never excludes. Among those that
//! fit, in this order: named as performer; what the request's code asks for; more of the needs; surely in the service area; capacity; more of the preferred
//! rules met; fewer required rules unknown; the area drawn more exactly; and at last the id, so that the same question has
//! the same answer.
//!
//! Programs that offer the same and stand the same are judged once, together ([`super::assessment`]). Those whose area
//! surely leaves the address out are not looked at, as long as there are others to tell of; they are counted.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::assessment::Fit;
use super::directory::{Directory, Target};
use super::facts::Facts;
use super::program::{GENERIC, Program};
use super::reason::Reason;
use super::search::{MAX_CANDIDATES, Search};
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node};
use crate::referral::Referral;
use crate::referral::task::SDOHCC_CODES;

/// The code in ServiceRequest.orderDetail that forbids everybody to contact the person.
const CONTACT_PROHIBITED: &str = "contacting-subject-prohibited";

/// Who gets the referral, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Id of the Organization; None: nobody fits, the Task stays open
    pub owner: Option<String>,
    /// Id of the HealthcareService; None: nobody fits, or the owner has no program
    pub program: Option<String>,
    /// Code of the program's type; `generic` where there is no program
    pub program_type: String,
    /// Nobody may contact the person (SDOHCC contacting-subject-prohibited)
    pub contact_prohibited: bool,
    /// Why it came to this
    pub reasons: Vec<Reason>,
    /// The first [`MAX_CANDIDATES`] programs: those that fit, the best first, then those that were dropped, the nearest first
    pub candidates: Vec<Candidate>,
    /// How many others help with the need or are asked for, by what decides of each: the code of the first reason that
    /// excludes it, or `fits`
    pub others: BTreeMap<&'static str, usize>,
    /// How many different offers were judged for it
    pub judged: usize,
}

/// A program that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The program, with its organization
    pub program: Arc<Program>,
    /// Whether it fits
    pub verdict: Fit,
    /// Why; programs that were judged together have one list
    pub reasons: Arc<[Reason]>,
}

/// Decides who gets the referral, as of `at`.
///
/// # Errors
/// For a Task.owner that the directory does not know.
pub fn decide(directory: &Directory, referral: &Referral<'_>, at: Timestamp) -> Result<Decision> {
    let facts = Facts::of(referral, directory.facts(), at);
    let wanted = directory.asked().of(referral.request.node());
    let mut decision = Decision {
        owner: None,
        program: None,
        program_type: GENERIC.to_owned(),
        contact_prohibited: contact_prohibited(referral.request.node()),
        reasons: Vec::new(),
        candidates: Vec::new(),
        others: BTreeMap::new(),
        judged: 0,
    };
    let preferred = preferred(directory, &performers(directory, referral, &mut decision.reasons));
    let mut search = Search::new(&facts, &wanted, preferred);
    let Some(owner) = referral.task.node().get("owner") else {
        decision.route(directory, search);
        return Ok(decision);
    };
    match directory.resolve(owner, referral.graph) {
        Some(Target::Organization(organization)) => {
            decision.reasons.push(Reason::OwnerNamed);
            decision.owner = Some(organization.id.to_string());
            search.look_at_each(directory.programs_of(&organization.id));
        }
        Some(Target::Program(program)) => {
            decision.reasons.push(Reason::ProgramNamed);
            decision.owner = Some(program.organization.id.to_string());
            search.look_at_each([program].into_iter());
        }
        None => {
            let message = "Task.owner names nobody whom this directory knows";
            let issue = Issue::error(Key::UnknownOwner, "Task.owner", message).at(owner.position());
            return Err(Error::new(Category::Unprocessable, issue));
        }
    }
    decision.take(search);
    Ok(decision)
}

impl Decision {
    /// Chooses among the programs that help with the need or, where none is named, that are asked for.
    fn route<'d>(&mut self, directory: &'d Directory, mut search: Search<'d, '_, '_>) {
        let (facts, wanted) = (search.facts(), search.wanted());
        let purposes = match (facts.needs.is_empty(), wanted.is_empty()) {
            (false, _) => directory.offers().for_needs(&facts.needs),
            (true, false) => directory.offers().asked_for(wanted),
            (true, true) => {
                self.reasons.push(Reason::NeedUnknown);
                return;
            }
        };
        self.others = search.look_for(directory, &purposes);
        let none = purposes.iter().all(|offers| offers.active() + offers.inactive() == 0);
        self.list(search);
        match self.candidates.first() {
            Some(Candidate { program, verdict: Fit::Kept { .. }, .. }) => {
                self.owner = Some(program.organization.id.to_string());
                self.program = Some(program.id.to_string());
                self.program_type = program.kind().to_owned();
                self.reasons.push(Reason::BestOfFitting);
            }
            _ => self.reasons.push(if none { Reason::NothingOffered } else { Reason::NobodyFits }),
        }
    }

    /// Chooses among the owner's programs: the best that fits or, where none does, the best that does not.
    fn take(&mut self, search: Search<'_, '_, '_>) {
        self.list(search);
        let Some(Candidate { program, verdict, .. }) = self.candidates.first() else {
            self.reasons.push(Reason::OwnerWithoutProgram);
            return;
        };
        self.program = Some(program.id.to_string());
        self.program_type = program.kind().to_owned();
        if *verdict == Fit::Dropped {
            self.reasons.push(Reason::RulesSetAside);
        }
    }

    /// Puts what was looked at in order, the best first; among those that are alike ids decide.
    fn list(&mut self, mut search: Search<'_, '_, '_>) {
        self.judged = search.judged();
        for alike in search.in_order().chunk_by(|one, other| one.assessment.rank() == other.assessment.rank()) {
            let room = MAX_CANDIDATES - self.candidates.len();
            let mut first: Vec<(&Arc<Program>, usize)> = Vec::new();
            for (position, group) in alike.iter().enumerate() {
                first.extend(group.programs().take(room).map(|program| (program, position)));
            }
            first.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
            first.truncate(room);
            let mut told = vec![0; alike.len()];
            let reasons: Vec<Arc<[Reason]>> = alike.iter().map(|group| group.assessment.reasons.clone()).collect();
            for (program, position) in first {
                told[position] += 1;
                let (program, reasons) = (program.clone(), reasons[position].clone());
                self.candidates.push(Candidate { program, verdict: alike[position].assessment.verdict(), reasons });
            }
            for (group, told) in alike.iter().zip(told).filter(|(group, told)| group.len > *told) {
                *self.others.entry(group.assessment.deciding_code()).or_default() += group.len - told;
            }
        }
    }
}

/// The ids of the programs that these name.
fn preferred<'d>(directory: &'d Directory, named: &[Target<'d>]) -> HashSet<&'d str> {
    let mut ids = HashSet::new();
    for target in named {
        match target {
            Target::Organization(organization) => {
                ids.extend(directory.programs_of(&organization.id).map(|program| &*program.id));
            }
            Target::Program(program) => drop(ids.insert(&*program.id)),
        }
    }
    ids
}

/// Who of the directory the request names as performer; one that it does not know is said.
fn performers<'d>(directory: &'d Directory, referral: &Referral<'_>, reasons: &mut Vec<Reason>) -> Vec<Target<'d>> {
    let mut known = Vec::new();
    for performer in referral.request.node().list("performer") {
        match directory.resolve(performer, referral.graph) {
            Some(target) => known.push(target),
            None if !reasons.contains(&Reason::PerformerUnknown) => reasons.push(Reason::PerformerUnknown),
            None => {}
        }
    }
    known
}

fn contact_prohibited(request: Node<'_>) -> bool {
    let mut codings = request.list("orderDetail").flat_map(|detail| detail.list("coding"));
    codings.any(|coding| {
        coding.get("system").is_some_and(|system| system.is_str(SDOHCC_CODES))
            && coding.get("code").is_some_and(|code| code.is_str(CONTACT_PROHIBITED))
    })
}
