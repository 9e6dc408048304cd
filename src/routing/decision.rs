//! The decision: who gets a referral, with the reasons for every program that was looked at.
//!
//! A Task with an owner goes to that owner. One without goes to the best program that helps with the need (where none is
//! named, that is what the request's code asks for), serves the person's address, can take somebody and excludes nobody by its rules. What is not known never excludes. Among those that
//! fit, in this order: named as performer; what the request's code asks for; more of the needs; surely in the service area; capacity; more of the preferred
//! rules met; fewer required rules unknown; the area drawn more exactly; and at last the id, so that the same question has
//! the same answer.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use super::area::Reach;
use super::asked::ServiceRequirements;
use super::directory::{Directory, Target};
use super::facts::Facts;
use super::program::{Capacity, GENERIC, Program};
use super::reason::Reason;
use super::rule::Strength;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node, Truth};
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
    /// Every program that was looked at: those that fit, the best first, then those that were dropped, the nearest first
    pub candidates: Vec<Candidate>,
}

/// A program that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The program, with its organization
    pub program: Arc<Program>,
    /// Whether it fits
    pub verdict: Fit,
    /// Why
    pub reasons: Vec<Reason>,
}

/// Does a program fit?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does; more is better
    Kept {
        /// One decimal digit for each step of the order in the module head
        score: u32,
    },
    /// It does not
    Dropped,
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
    };
    let preferred = performers(directory, referral, &mut decision.reasons);
    let assess = |program: &Arc<Program>| assess_program(program, &facts, &wanted, &preferred);
    let Some(owner) = referral.task.node().get("owner") else {
        decision.route(directory, &facts, &wanted, assess);
        return Ok(decision);
    };
    match directory.resolve(owner, referral.graph) {
        Some(Target::Organization(organization)) => {
            decision.reasons.push(Reason::OwnerNamed);
            decision.owner = Some(organization.id.clone());
            decision.take(directory.programs_of(&organization.id).map(assess).collect());
        }
        Some(Target::Program(program)) => {
            decision.reasons.push(Reason::ProgramNamed);
            decision.owner = Some(program.organization.id.clone());
            decision.take(vec![assess(program)]);
        }
        None => {
            let message = "Task.owner names nobody whom this directory knows";
            let issue = Issue::error(Key::UnknownOwner, "Task.owner", message).at(owner.position());
            return Err(Error::new(Category::Unprocessable, issue));
        }
    }
    Ok(decision)
}

impl Decision {
    /// Chooses among the programs that help with the need or, where none is named, that are asked for.
    fn route(
        &mut self,
        directory: &Directory,
        facts: &Facts<'_>,
        wanted: &ServiceRequirements,
        assess: impl Fn(&Arc<Program>) -> AssessedProgram,
    ) {
        let programs = match (facts.needs.is_empty(), wanted.is_empty()) {
            (false, _) => directory.programs_for(&facts.needs),
            (true, false) => directory.programs_asked_for(wanted),
            (true, true) => {
                self.reasons.push(Reason::NeedUnknown);
                return;
            }
        };
        let weighed: Vec<AssessedProgram> = programs.into_iter().map(assess).collect();
        let none = weighed.is_empty();
        self.list(weighed);
        match self.candidates.first() {
            Some(Candidate { program, verdict: Fit::Kept { .. }, .. }) => {
                self.owner = Some(program.organization.id.clone());
                self.program = Some(program.id.clone());
                self.program_type.clone_from(&program.kind);
                self.reasons.push(Reason::BestOfFitting);
            }
            _ => self.reasons.push(if none { Reason::NothingOffered } else { Reason::NobodyFits }),
        }
    }

    /// Chooses among the owner's programs: the best that fits or, where none does, the best that does not.
    fn take(&mut self, weighed: Vec<AssessedProgram>) {
        self.list(weighed);
        let Some(Candidate { program, verdict, .. }) = self.candidates.first() else {
            self.reasons.push(Reason::OwnerWithoutProgram);
            return;
        };
        self.program = Some(program.id.clone());
        self.program_type.clone_from(&program.kind);
        if *verdict == Fit::Dropped {
            self.reasons.push(Reason::RulesSetAside);
        }
    }

    /// Puts what was weighed in order. The sort is stable and programs come by id, so ids decide at last.
    fn list(&mut self, mut weighed: Vec<AssessedProgram>) {
        weighed.sort_by_key(|weighed| (weighed.off_need, weighed.exclusions, Reverse(weighed.score)));
        self.candidates = weighed.into_iter().map(AssessedProgram::candidate).collect();
    }
}

/// A program with what speaks for and against it.
struct AssessedProgram {
    program: Arc<Program>,
    /// Helps with another need: the last choice even of an owner
    off_need: bool,
    /// How many reasons exclude it
    exclusions: usize,
    score: u32,
    reasons: Vec<Reason>,
}

impl AssessedProgram {
    fn candidate(self) -> Candidate {
        let verdict = if self.exclusions == 0 { Fit::Kept { score: self.score } } else { Fit::Dropped };
        Candidate { program: self.program, verdict, reasons: self.reasons }
    }
}

/// Looks at one program.
fn assess_program(
    program: &Arc<Program>,
    facts: &Facts<'_>,
    wanted: &ServiceRequirements,
    preferred: &[Target<'_>],
) -> AssessedProgram {
    let mut reasons = Vec::with_capacity(5 + program.rules.len());
    let is_preferred = preferred.iter().any(|target| match target {
        Target::Organization(organization) => organization.id == program.organization.id,
        Target::Program(named) => named.id == program.id,
    });
    if is_preferred {
        reasons.push(Reason::Preferred);
    }
    let is_asked_for = program.is_asked_for(wanted);
    if is_asked_for {
        reasons.push(Reason::AskedFor);
    }
    let covered = facts.needs.iter().filter(|need| program.needs.iter().any(|ours| ours == *need)).count().min(9) as u8;
    let of = facts.needs.len().min(9) as u8;
    // What is asked for without a need is judged by that alone.
    let off_need = covered == 0 && !(facts.needs.is_empty() && is_asked_for);
    if off_need {
        reasons.push(Reason::NeedNotOffered);
    } else if covered > 0 {
        reasons.push(Reason::NeedOffered { covered, of });
    }
    if !program.active {
        reasons.push(Reason::Inactive);
    }
    let (served, reach) = program.area.serves(&facts.place);
    reasons.push(match served {
        Truth::Yes => Reason::InArea(reach),
        Truth::No => Reason::OutOfArea,
        Truth::Unknown => Reason::AreaUnknown,
    });
    reasons.push(Reason::Capacity(program.capacity));
    let (mut preferences, mut unknown) = (0_u32, 0_u32);
    for rule in program.rules.iter().filter(|rule| rule.is_in_force(facts.today)) {
        let answer = rule.ask(facts);
        match (rule.strength, answer) {
            (Strength::Preferred, Truth::Yes) => preferences += 1,
            (Strength::Required, Truth::Unknown) => unknown += 1,
            _ => {}
        }
        reasons.push(Reason::Rule(rule.clone(), answer));
    }
    let digits = [
        u32::from(is_preferred),
        u32::from(is_asked_for),
        u32::from(covered),
        u32::from(served == Truth::Yes),
        match program.capacity {
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
    AssessedProgram { program: program.clone(), off_need, exclusions, score, reasons }
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
