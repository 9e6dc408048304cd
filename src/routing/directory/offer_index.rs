//! Which programs can match: what is offered, by what it is for and where it is for it. A request looks at what helps with its
//! need and may serve its address; what does neither is counted, and not looked at.
//!
//! It must not know how a request is judged; see [`crate::routing::decision`].

use std::sync::Arc;

use crate::fhir::Truth;
use crate::routing::area::{Area, Locality, same_state};
use crate::routing::asked::ServiceRequirements;
use crate::routing::offer::{Offer, Purpose};
use crate::routing::program::{Program, Standing};
use crate::routing::shared_map::SharedMap;

/// Programs, by id.
pub(in crate::routing) type Programs = SharedMap<Arc<str>, Arc<Program>>;

/// What is offered, by what it is for. See the module head.
#[derive(Debug, Clone, Default)]
pub(in crate::routing) struct OfferIndex {
    purposes: SharedMap<Arc<Purpose>, PurposeOffers>,
    of_need: SharedMap<Arc<str>, Purposes>,
    of_kind: SharedMap<Arc<str>, Purposes>,
    of_role: SharedMap<Arc<str>, Purposes>,
}

type Purposes = SharedMap<Arc<Purpose>, ()>;

/// All offers of one purpose.
#[derive(Debug, Clone, Default)]
pub(in crate::routing) struct PurposeOffers {
    /// How many programs run
    active: usize,
    /// How many do not
    inactive: usize,
    entries: SharedMap<u32, OfferEntry>,
    numbers: SharedMap<Arc<Offer>, u32>,
    /// The number of the next offer
    next: u32,
    places: States,
}

/// An offer, and whose it is.
#[derive(Debug, Clone)]
pub(in crate::routing) struct OfferEntry {
    /// The offer
    pub(in crate::routing) offer: Arc<Offer>,
    /// Its programs, by how they stand
    pub(in crate::routing) programs: Vec<(Standing, Programs)>,
}

/// Offers by a part of the address: for those who live there, or, without that part, for all.
type ByPart<T> = SharedMap<Option<Arc<str>>, T>;
type States = ByPart<Counties>;
type Counties = ByPart<Zips>;
type Zips = ByPart<SharedMap<u32, ()>>;

// === keeping ===

impl OfferIndex {
    /// The offer as it is kept, where another program has the same.
    pub(super) fn shared(&self, offer: Arc<Offer>) -> Arc<Offer> {
        let Some((purpose, offers)) = self.purposes.get_entry(&offer.purpose) else { return offer };
        match offers.numbers.get_entry(&offer) {
            Some((known, _)) => known.clone(),
            None => Arc::new(Offer { purpose: purpose.clone(), ..Offer::clone(&offer) }),
        }
    }

    /// Adds a program.
    pub(super) fn add(&mut self, program: &Arc<Program>) {
        let purpose = &program.offer.purpose;
        if self.purposes.get(purpose).is_none() {
            for need in &purpose.needs {
                self.of_need.get_or_default(need).insert(purpose.clone(), ());
            }
            for role in &purpose.roles {
                self.of_role.get_or_default(role).insert(purpose.clone(), ());
            }
            self.of_kind.get_or_default(&purpose.kind).insert(purpose.clone(), ());
        }
        self.purposes.get_or_default(purpose).add(program);
    }

    /// Takes a program out, as it was added, and with the last of its purpose the purpose.
    pub(super) fn remove(&mut self, program: &Program) {
        let purpose = &program.offer.purpose;
        self.purposes.reduce(purpose, |offers| offers.remove(program), |offers| offers.entries.is_empty());
        if self.purposes.get(purpose).is_some() {
            return;
        }
        let forget = |purposes: &mut Purposes| _ = purposes.remove(purpose);
        for need in &purpose.needs {
            self.of_need.reduce(need, forget, Purposes::is_empty);
        }
        for role in &purpose.roles {
            self.of_role.reduce(role, forget, Purposes::is_empty);
        }
        self.of_kind.reduce(&purpose.kind, forget, Purposes::is_empty);
    }

    /// How many entries it has: none that leads nowhere.
    pub(super) fn size(&self) -> usize {
        let by_code = [&self.of_need, &self.of_kind, &self.of_role];
        let purposes = by_code.into_iter().flat_map(SharedMap::values).map(|purposes| 1 + purposes.len());
        let offers = self.purposes.values().map(|offers| 1 + offers.entries.len() + offers.numbers.len());
        purposes.chain(offers).sum()
    }
}

impl PurposeOffers {
    fn add(&mut self, program: &Arc<Program>) {
        let standing = program.standing();
        *self.count(standing) += 1;
        let known = self.numbers.get(&program.offer).copied();
        let number = known.unwrap_or_else(|| self.number(&program.offer));
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let group = entry.programs.iter_mut().find(|(of, _)| *of == standing);
        let programs = match group {
            Some((_, programs)) => programs,
            None => &mut entry.programs.push_mut((standing, Programs::default())).1,
        };
        programs.insert(program.id.clone(), program.clone());
    }

    fn remove(&mut self, program: &Program) {
        let standing = program.standing();
        let Some(number) = self.numbers.get(&program.offer).copied() else { return };
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let Some(group) = entry.programs.iter().position(|(of, _)| *of == standing) else { return };
        let taken = entry.programs[group].1.remove(&program.id);
        if entry.programs[group].1.is_empty() {
            entry.programs.swap_remove(group);
        }
        if entry.programs.is_empty() {
            self.entries.remove(&number);
            self.numbers.remove(&program.offer);
            for locality in localities(&program.offer.area) {
                take_from_place(&mut self.places, &locality, number);
            }
        }
        if taken.is_some() {
            *self.count(standing) -= 1;
        }
    }

    fn count(&mut self, standing: Standing) -> &mut usize {
        if standing.active { &mut self.active } else { &mut self.inactive }
    }

    /// Gives an offer its number, and puts it where it serves.
    fn number(&mut self, offer: &Arc<Offer>) -> u32 {
        let number = self.next;
        self.next += 1;
        self.numbers.insert(offer.clone(), number);
        self.entries.insert(number, OfferEntry { offer: offer.clone(), programs: Vec::new() });
        for locality in localities(&offer.area) {
            let counties = self.places.get_or_default(&locality.state);
            counties.get_or_default(&locality.county).get_or_default(&locality.zip).insert(number, ());
        }
        number
    }
}

/// The places that an area names; one without any part where it may be anywhere.
fn localities(area: &Area) -> Vec<Locality> {
    match area {
        Area::Localities(localities) => localities.clone(),
        Area::Anywhere | Area::TextOnly => vec![Locality::default()],
    }
}

fn take_from_place(states: &mut States, at: &Locality, number: u32) {
    let Some(counties) = states.get_mut(&at.state) else { return };
    let Some(zips) = counties.get_mut(&at.county) else { return };
    let Some(numbers) = zips.get_mut(&at.zip) else { return };
    numbers.remove(&number);
    if numbers.is_empty() {
        zips.remove(&at.zip);
        if zips.is_empty() {
            counties.remove(&at.county);
            if counties.is_empty() {
                states.remove(&at.state);
            }
        }
    }
}

// === finding ===

impl OfferIndex {
    /// What helps with any of these needs, each purpose once.
    pub(in crate::routing) fn for_needs(&self, needs: &[impl AsRef<str>]) -> Vec<&PurposeOffers> {
        self.of(needs.iter().filter_map(|need| self.of_need.get(need.as_ref())))
    }

    /// What is of a type asked for, or offers a role asked for, each purpose once.
    pub(in crate::routing) fn asked_for(&self, wanted: &ServiceRequirements) -> Vec<&PurposeOffers> {
        let of_kinds = wanted.types.iter().filter_map(|kind| self.of_kind.get(kind.as_str()));
        self.of(of_kinds.chain(wanted.roles.iter().filter_map(|role| self.of_role.get(role.as_str()))))
    }

    fn of<'i>(&'i self, found: impl Iterator<Item = &'i Purposes>) -> Vec<&'i PurposeOffers> {
        let mut purposes: Vec<&Arc<Purpose>> = found.flat_map(SharedMap::keys).collect();
        purposes.sort_unstable();
        purposes.dedup();
        purposes.into_iter().filter_map(|purpose| self.purposes.get(purpose)).collect()
    }
}

impl PurposeOffers {
    /// How many programs run.
    pub(in crate::routing) fn active(&self) -> usize {
        self.active
    }

    /// How many do not.
    pub(in crate::routing) fn inactive(&self) -> usize {
        self.inactive
    }

    /// Is this one of the offers?
    pub(in crate::routing) fn has(&self, offer: &Arc<Offer>) -> bool {
        self.numbers.get(offer).is_some()
    }

    /// All offers, in an order that is theirs and not that in which they came.
    pub(in crate::routing) fn entries(&self) -> impl Iterator<Item = &OfferEntry> {
        self.numbers.values().filter_map(|number| self.entries.get(number))
    }

    /// The offers whose area may serve this address: every other surely does not.
    pub(in crate::routing) fn serving(&self, address: &Locality) -> Vec<&OfferEntry> {
        let mut numbers: Vec<u32> = Vec::new();
        for (state, counties) in self.places.iter() {
            let differs = |(ours, theirs): (&Arc<str>, &Arc<str>)| same_state(ours, theirs) == Truth::No;
            if state.as_ref().zip(address.state.as_ref()).is_some_and(differs) {
                continue;
            }
            for zips in matching(counties, address.county.as_ref()) {
                for found in matching(zips, address.zip.as_ref()) {
                    numbers.extend(found.keys());
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.entries.get(&number)).collect()
    }
}

/// What is for all, and for those with this part; everything where the part is not known.
fn matching<'m, T>(map: &'m ByPart<T>, known: Option<&Arc<str>>) -> impl Iterator<Item = &'m T> {
    let all = known.is_none().then(|| map.values());
    let some = known.map(|part| [map.get(&None), map.get(&Some(part.clone()))]);
    all.into_iter().flatten().chain(some.into_iter().flatten().flatten())
}
