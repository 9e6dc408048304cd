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

use super::assessment::{Assessment, Fit, Judge};
use super::directory::{Directory, OfferEntry, Programs, PurposeOffers, Target};
use super::facts::Facts;
use super::offer::Offer;
use super::program::{GENERIC, Program, Standing};
use super::reason::Reason;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node};
use crate::referral::Referral;
use crate::referral::task::SDOHCC_CODES;

/// The code in ServiceRequest.orderDetail that forbids everybody to contact the person.
const CONTACT_PROHIBITED: &str = "contacting-subject-prohibited";

/// How many programs are told one by one; the others are counted.
pub const MAX_CANDIDATES: usize = 200;

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
    let mut search = Search { judge: Judge::new(&facts, &wanted), preferred, groups: Vec::new() };
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
        let (facts, wanted) = (search.judge.facts, search.judge.wanted);
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
    fn list(&mut self, search: Search<'_, '_, '_>) {
        self.judged = search.judge.judged();
        let mut groups = search.groups;
        groups.sort_by_key(|group| group.assessment.rank());
        for alike in groups.chunk_by(|one, other| one.assessment.rank() == other.assessment.rank()) {
            let room = MAX_CANDIDATES - self.candidates.len();
            let mut first: Vec<(&Arc<Program>, usize)> = Vec::new();
            for (position, group) in alike.iter().enumerate() {
                first.extend(group.programs(&search.preferred).take(room).map(|program| (program, position)));
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

/// What is looked at for a decision.
struct Search<'d, 'f, 'r> {
    judge: Judge<'f, 'r>,
    /// Ids of the programs that the request names, and of those of the organizations that it names
    preferred: HashSet<&'d str>,
    groups: Vec<Group<'d>>,
}

/// Programs that are judged together: they offer the same, stand the same, and are all preferred, or none.
struct Group<'d> {
    assessment: Assessment,
    programs: GroupPrograms<'d>,
    /// How many they are
    len: usize,
}

enum GroupPrograms<'d> {
    /// These
    Listed(Vec<&'d Arc<Program>>),
    /// All of these but the preferred ones
    Others(&'d Programs),
}

impl<'d> Group<'d> {
    /// Them, by id.
    fn programs<'g>(&'g self, preferred: &'g HashSet<&'d str>) -> impl Iterator<Item = &'d Arc<Program>> + 'g {
        let (listed, others) = match &self.programs {
            GroupPrograms::Listed(programs) => (Some(programs.iter().copied()), None),
            GroupPrograms::Others(programs) => (None, Some(programs.values())),
        };
        let others = others.into_iter().flatten().filter(|program| !preferred.contains(&*program.id));
        listed.into_iter().flatten().chain(others)
    }
}

impl<'d> Search<'d, '_, '_> {
    /// Looks at these programs, which come by id.
    fn look_at_each(&mut self, programs: impl Iterator<Item = &'d Arc<Program>>) {
        let mut alike: BTreeMap<(*const Offer, Standing, bool), Vec<&'d Arc<Program>>> = BTreeMap::new();
        for program in programs {
            let offer = Arc::as_ptr(&program.offer);
            let is_preferred = self.preferred.contains(&*program.id);
            alike.entry((offer, program.standing(), is_preferred)).or_default().push(program);
        }
        for ((_, standing, is_preferred), programs) in alike {
            let Some(offer) = programs.first().map(|program| &program.offer) else { continue };
            let assessment = self.judge.assess(offer, standing, is_preferred);
            let len = programs.len();
            self.groups.push(Group { assessment, programs: GroupPrograms::Listed(programs), len });
        }
    }

    /// Looks for the best among what has these purposes: at the preferred programs, at what may serve the address, and at the
    /// rest as long as there is room to tell of it. Answers how many were not looked at, by the code of what excludes them.
    fn look_for(&mut self, directory: &'d Directory, purposes: &[&'d PurposeOffers]) -> BTreeMap<&'static str, usize> {
        let mut left = Left::default();
        for offers in purposes {
            left.active += offers.active();
            left.inactive += offers.inactive();
        }
        let of_purposes = |program: &&'d Arc<Program>| purposes.iter().any(|offers| offers.has(&program.offer));
        let mut preferred: Vec<&'d Arc<Program>> =
            self.preferred.iter().filter_map(|id| directory.program(id)).collect();
        preferred.retain(of_purposes);
        preferred.sort_by(|one, other| one.id.cmp(&other.id));
        let mut named: BTreeMap<(*const Offer, Standing), usize> = BTreeMap::new();
        for program in &preferred {
            *named.entry((Arc::as_ptr(&program.offer), program.standing())).or_default() += 1;
            left.take(program.standing(), 1);
        }
        self.look_at_each(preferred.into_iter());
        let mut seen: HashSet<*const Offer> = HashSet::new();
        for offers in purposes {
            for entry in offers.serving(&self.judge.facts.place) {
                seen.insert(Arc::as_ptr(&entry.offer));
                self.look_at_entry(entry, &named, &mut left);
            }
        }
        let mut told: usize = self.groups.iter().map(|group| group.len).sum();
        for entry in purposes.iter().flat_map(|offers| offers.entries()) {
            if told >= MAX_CANDIDATES {
                break;
            }
            if !seen.contains(&Arc::as_ptr(&entry.offer)) {
                told += self.look_at_entry(entry, &named, &mut left);
            }
        }
        left.by_code()
    }

    /// Looks at an offer for all its programs but the preferred ones; answers how many that are.
    fn look_at_entry(
        &mut self,
        entry: &'d OfferEntry,
        named: &BTreeMap<(*const Offer, Standing), usize>,
        left: &mut Left,
    ) -> usize {
        let mut count = 0;
        for (standing, programs) in &entry.programs {
            let named = named.get(&(Arc::as_ptr(&entry.offer), *standing)).copied().unwrap_or_default();
            let len = programs.len() - named;
            if len > 0 {
                let assessment = self.judge.assess(&entry.offer, *standing, false);
                self.groups.push(Group { assessment, programs: GroupPrograms::Others(programs), len });
                left.take(*standing, len);
                count += len;
            }
        }
        count
    }
}

/// How many programs were not looked at.
#[derive(Default)]
struct Left {
    active: usize,
    inactive: usize,
}

impl Left {
    /// So many are looked at.
    fn take(&mut self, standing: Standing, count: usize) {
        let left = if standing.active { &mut self.active } else { &mut self.inactive };
        *left = left.saturating_sub(count);
    }

    /// What excludes them. What was not looked at surely does not serve the address.
    fn by_code(&self) -> BTreeMap<&'static str, usize> {
        let counts = [(Reason::Inactive.code(), self.inactive), (Reason::OutOfArea.code(), self.active)];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
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
