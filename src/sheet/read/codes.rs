//! Codes: of a list that the column or the record's schema has, or of a code system in one of its versions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::cell_reading::CellReading;
use super::identifier;
use crate::sheet::column::{Code, Column, plain};
use crate::sheet::report::Fault;

/// The codes of the USA's ICD-10-CM, which have a dot behind their third character.
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// The codes that are known, by system and version: whoever has tables of them fills it.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    systems: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Codes {
    /// Takes a code in.
    pub fn add(&mut self, system: &str, version: &str, code: &str) {
        let versions = self.systems.entry(system.to_owned()).or_default();
        versions.entry(version.to_owned()).or_default().insert(code.to_owned());
    }

    fn has(&self, system: &str, version: &str, code: &str) -> bool {
        self.systems.get(system).and_then(|versions| versions.get(version)).is_some_and(|codes| codes.contains(code))
    }

    /// Another version that has the code, where this one is known and has not.
    fn elsewhere(&self, system: &str, version: &str, code: &str) -> Option<&str> {
        let versions = self.systems.get(system)?;
        let own = versions.get(version)?;
        let mut others = versions.iter().filter(|(other, codes)| *other != version && codes.contains(code));
        if own.contains(code) { None } else { others.next().map(|(other, _)| other.as_str()) }
    }

    /// The codes below this one: longer ones that begin like it.
    fn below(&self, system: &str, code: &str) -> Vec<&str> {
        let mut below = Vec::new();
        for codes in self.systems.get(system).into_iter().flat_map(BTreeMap::values) {
            let from = codes.range::<str, _>((Bound::Excluded(code), Bound::Unbounded));
            below.extend(from.take_while(|known| known.starts_with(code)).map(String::as_str));
        }
        below.sort_unstable();
        below.dedup();
        below
    }
}

/// Reads a code.
pub(super) fn read(text: &str, column: &Column, codes: &Codes, version: Option<&str>) -> CellReading {
    if let Some(value) = column.spellings.get(&text.to_lowercase()) {
        return CellReading::changed(value.as_str(), Fault::Spelling, "the cell was read as one of the column's codes");
    }
    if !column.values.is_empty() {
        return listed(text, column);
    }
    if identifier::is_date(text) {
        return CellReading::refused(Fault::ExcelDate, "the code was turned into a date");
    }
    match &column.code {
        Some(code) => of_system(text, code, codes, version),
        None => CellReading::unchanged(text),
    }
}

fn listed(text: &str, column: &Column) -> CellReading {
    let wanted = plain(text.strip_suffix(".0").unwrap_or(text));
    match column.values.iter().find(|value| plain(value) == wanted) {
        Some(value) => {
            CellReading::changed(value.as_str(), Fault::Spelling, "the cell was read as one of the column's codes")
        }
        None => CellReading::refused(
            Fault::UnknownCode,
            format!("the column has no such code; it has {}", column.values.join(", ")),
        ),
    }
}

fn of_system(text: &str, code: &Code, codes: &Codes, version: Option<&str>) -> CellReading {
    let system = code.system.as_str();
    if system == ICD_10_CM {
        return icd(text, codes);
    }
    let declared = version;
    let Some(version) = declared.or(code.version.as_deref()) else { return CellReading::unchanged(text) };
    // People write the name of the system in front: SRV 4e.
    let bare = text.rsplit(' ').next().unwrap_or(text);
    if bare != text && codes.has(system, version, bare) {
        return CellReading::changed(bare, Fault::Spelling, "the name of the code system was taken off the code");
    }
    // A row that says the version itself is believed: nobody has all codes of every version.
    match codes.elsewhere(system, version, bare).filter(|_| declared.is_none()) {
        Some(other) => CellReading::refused(
            Fault::OtherVersion,
            format!("the code is of version {other}; the column is of version {version}"),
        ),
        None => CellReading::unchanged(text),
    }
}

fn icd(text: &str, codes: &Codes) -> CellReading {
    let is_bare = text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let lettered = text.starts_with(|character: char| character.is_ascii_alphabetic());
    let dotted = if is_bare && lettered { format!("{}.{}", &text[..3], &text[3..]) } else { text.to_owned() };
    let below = codes.below(ICD_10_CM, &dotted);
    if !below.is_empty() && dotted.contains('.') {
        let declared = format!("the code is a group and is not billed; below it there are {}", below.join(", "));
        return CellReading::taken(dotted, Fault::NotBillable, declared);
    }
    if dotted == text {
        return CellReading::unchanged(text);
    }
    CellReading::changed(dotted, Fault::CodeWithoutDot, "the dot of the code was put back")
}
