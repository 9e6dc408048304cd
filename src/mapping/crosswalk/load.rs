//! Reads a crosswalk file. What was loaded can be relied on: every row has an equivalence of the standard, stands once,
//! and names codes that exist, as far as their CodeSystem is at hand and complete; rows that claim to lead back lead to
//! one source each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_saphyr::Location;

use crate::definitions::own::OWN_URL;
use crate::definitions::{CodeSystem, Definitions};
use crate::fhir::{Issue, Key};
use crate::referral::state::{self, State};

use super::super::source::{self, CrosswalkFile, PairFile, SystemFile};
use super::{Crosswalk, Equivalence, Row, System};

/// Reads the table `name`; what is wrong with it becomes issues.
pub(in crate::mapping) fn load(
    name: &str,
    file: &str,
    bytes: &[u8],
    definitions: &Definitions,
    issues: &mut Vec<Issue>,
) -> Option<Crosswalk> {
    let read: CrosswalkFile = source::read(file, bytes).map_err(|issue| issues.push(issue)).ok()?;
    let mut findings = Findings { file, issues };
    if read.crosswalk.value != name {
        let message = format!("{} stands in the file {name}.yaml", read.crosswalk.value);
        findings.add(read.crosswalk.referenced, message, "give the file and what is in it one name");
    }
    let (from, to) = (read.source.referenced, read.target.referenced);
    let (source, target) = (system(read.source.value), system(read.target.value));
    let codes = [findings.codes_of(&source, from, definitions), findings.codes_of(&target, to, definitions)];
    let rows = findings.rows(read.codes.into_iter().map(|pair| pair.value), &[&source, &target], &codes);
    if source.url == state::SYSTEM {
        findings.states(&rows, from);
    }
    let mut table = Crosswalk::new(read.crosswalk.value, source, target, rows);
    table.description = read.description;
    table.unverified = read.unverified;
    Some(table)
}

fn system(file: SystemFile) -> System {
    System { url: file.system, version: file.version, version_needed: file.version_needed }
}

/// What is wrong with one file.
struct Findings<'f> {
    file: &'f str,
    issues: &'f mut Vec<Issue>,
}

impl Findings<'_> {
    fn add(&mut self, at: Location, message: String, fix: &'static str) {
        self.issues.push(Issue::error(Key::MapInvalid, self.file, message).at(source::position(at)).hint(fix));
    }

    /// The codes of a system, where its definition is at hand and lists them all.
    fn codes_of(&mut self, system: &System, at: Location, definitions: &Definitions) -> Option<Arc<CodeSystem>> {
        let found = definitions.code_system(&system.to_string());
        if found.is_none()
            && system.url.starts_with(OWN_URL)
            && let Some(other) = definitions.code_system(&system.url)
        {
            let version = other.version.as_deref().unwrap_or("none");
            let message =
                format!("the CodeSystem {} at hand is of version {version}, not {}", system.url, system.version);
            self.add(at, message, "name that version, or add the CodeSystem of this one to profiles/handoff");
        }
        found.filter(|system| system.is_complete)
    }

    /// A vocabulary of statuses says of every referral state what it calls it, or that it has no word for it.
    fn states(&mut self, rows: &[Row], at: Location) {
        let named = |state: &&State| rows.iter().any(|row| row.written && row.source == state.code());
        let missing: Vec<&str> = State::ALL.iter().filter(|state| !named(state)).map(|state| state.code()).collect();
        if !missing.is_empty() {
            let message = format!("no row says what the vocabulary calls {}", missing.join(", "));
            self.add(
                at,
                message,
                "add a row for each; { source: STATE, target: null, equivalence: unmatched } where it has no word",
            );
        }
    }

    fn rows(
        &mut self,
        pairs: impl Iterator<Item = PairFile>,
        systems: &[&System; 2],
        codes: &[Option<Arc<CodeSystem>>; 2],
    ) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut seen = HashSet::new();
        let mut reversible = HashMap::new();
        for pair in pairs {
            let Some(equivalence) = Equivalence::from_code(&pair.equivalence.value) else {
                let message = format!("{} is no equivalence", pair.equivalence.value);
                self.add(
                    pair.equivalence.referenced,
                    message,
                    "write equal, equivalent, wider, narrower, inexact, relatedto or unmatched",
                );
                continue;
            };
            let ends = [Some(&pair.source), pair.target.as_ref()];
            for ((end, system), codes) in ends.iter().zip(systems).zip(codes) {
                if let (Some(end), Some(codes)) = (end, codes)
                    && !codes.has(&end.value)
                {
                    let message = format!("{} is no code of {system}", end.value);
                    self.add(end.referenced, message, "correct the code, or add it to the CodeSystem");
                }
            }
            let at = pair.source.referenced;
            let (source, target) = (pair.source.value, pair.target.map(|target| target.value));
            let shown = target.as_deref().unwrap_or("nothing");
            if !seen.insert((source.clone(), target.clone())) {
                self.add(at, format!("{source} to {shown} stands twice"), "keep one of the rows");
            }
            if target.is_none() != (equivalence == Equivalence::Unmatched) {
                let message = format!("{source} to {shown} is {}", pair.equivalence.value);
                self.add(at, message, "a row without a target is unmatched, and no other is");
            }
            // What is read only says nothing of what is written.
            let written = pair.written.unwrap_or(true);
            let others = rows.iter().filter(|row| row.written && written && row.source == source);
            if others.map(|row| row.target.is_none()).any(|none| none != target.is_none()) {
                let message = format!("{source} has a counterpart in one row and none in another");
                self.add(at, message, "keep one of the rows, or mark the counterpart as read only: written: false");
            }
            if equivalence.is_reversible()
                && let Some(target) = &target
                && let Some(other) = reversible.insert(target.clone(), source.clone()).filter(|other| *other != source)
            {
                let message = format!("{target} leads back to {other} and to {source}");
                self.add(at, message, "say equivalent in one of the rows, and wider or narrower in the others");
            }
            rows.push(Row { source, target, equivalence, display: pair.display, written, unverified: pair.unverified });
        }
        rows
    }
}
