//! The search for the best program: which offers are looked at for a request, and how many programs that spares.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::asked::ServiceRequirements;
use super::assessment::{Assessment, Judge};
use super::directory::{Directory, OfferEntry, Programs, PurposeOffers};
use super::facts::Facts;
use super::offer::Offer;
use super::program::{Program, Standing};
use super::reason::Reason;

/// How many programs are told one by one; the others are counted.
pub const MAX_CANDIDATES: usize = 200;

/// What is looked at for a decision.
pub(super) struct Search<'d, 'f, 'r> {
    judge: Judge<'f, 'r>,
    /// Ids of the programs that the request names, and of those of the organizations that it names
    preferred: Arc<HashSet<&'d str>>,
    groups: Vec<Group<'d>>,
}

/// Programs that are judged together: they offer the same, stand the same, and are all preferred, or none.
pub(super) struct Group<'d> {
    pub(super) assessment: Assessment,
    programs: GroupPrograms<'d>,
    /// How many they are
    pub(super) len: usize,
}

enum GroupPrograms<'d> {
    /// These
    Listed(Vec<&'d Arc<Program>>),
    /// All of these but those with such an id
    AllBut(&'d Programs, Arc<HashSet<&'d str>>),
}

impl<'d> Group<'d> {
    /// Them, by id.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'d Arc<Program>> {
        let (listed, all_but) = match &self.programs {
            GroupPrograms::Listed(programs) => (Some(programs.iter().copied()), None),
            GroupPrograms::AllBut(programs, ids) => (None, Some((programs, ids))),
        };
        let others =
            all_but.map(|(programs, ids)| programs.values().filter(move |program| !ids.contains(&*program.id)));
        listed.into_iter().flatten().chain(others.into_iter().flatten())
    }
}

impl<'d, 'f, 'r> Search<'d, 'f, 'r> {
    pub(super) fn new(facts: &'f Facts<'r>, wanted: &'f ServiceRequirements, preferred: HashSet<&'d str>) -> Self {
        Self { judge: Judge::new(facts, wanted), preferred: Arc::new(preferred), groups: Vec::new() }
    }

    /// What is known of the person.
    pub(super) fn facts(&self) -> &'f Facts<'r> {
        self.judge.facts
    }

    /// What the request asks for.
    pub(super) fn wanted(&self) -> &'f ServiceRequirements {
        self.judge.wanted
    }

    /// How many offers were judged.
    pub(super) fn judged(&self) -> usize {
        self.judge.judged()
    }

    /// What was looked at, the best first.
    pub(super) fn in_order(&mut self) -> &[Group<'d>] {
        self.groups.sort_by_key(|group| group.assessment.rank());
        &self.groups
    }
}

impl<'d> Search<'d, '_, '_> {
    /// Looks at these programs, which come by id.
    pub(super) fn look_at_each(&mut self, programs: impl Iterator<Item = &'d Arc<Program>>) {
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
    pub(super) fn look_for(
        &mut self,
        directory: &'d Directory,
        purposes: &[&'d PurposeOffers],
    ) -> BTreeMap<&'static str, usize> {
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
                let programs = GroupPrograms::AllBut(programs, self.preferred.clone());
                self.groups.push(Group { assessment, programs, len });
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
