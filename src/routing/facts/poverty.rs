//! Income as a share of the federal poverty level, by the guidelines of the day (`profiles/eligibility/poverty-guidelines.yaml`).
//!
//! Where household size or state are not known, the share is as wide as they leave it: an income that is low enough for one
//! person alone is low enough for every household.

use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::known::Interval;
use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::routing::area;
use crate::yaml;

/// The tables, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Guidelines {
    name: String,
    until: Date,
    alaska: Vec<String>,
    hawaii: Vec<String>,
    undefined: Vec<String>,
    tables: Vec<Table>,
}

#[derive(Debug, Clone)]
struct Table {
    year: i16,
    from: Date,
    source: String,
    /// In the order of [`GROUPS`]
    amounts: [Amounts; 3],
    is_confirmed: bool,
}

/// What a household of one and each further person count for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amounts {
    first: f64,
    further: f64,
}

const GROUPS: [&str; 3] = ["the contiguous states", "Alaska", "Hawaii"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuidelinesFile {
    guidelines: String,
    until: Spanned<String>,
    groups: Groups,
    #[serde(default)]
    undefined: Vec<String>,
    tables: Vec<Spanned<TableSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Groups {
    alaska: Vec<String>,
    hawaii: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableSpec {
    year: i16,
    from: Spanned<String>,
    source: String,
    contiguous: Amounts,
    alaska: Amounts,
    hawaii: Amounts,
    #[serde(default)]
    unconfirmed: Vec<String>,
}

/// A share, with the table that it was computed with; or what is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Share {
    /// In percent
    Of(Interval, String),
    /// For people
    Missing(String),
}

impl Guidelines {
    /// Reads the file.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        let read: GuidelinesFile = yaml::read(file, bytes).map_err(|issue| Error::unprocessable(vec![*issue]))?;
        let mut issues = Vec::new();
        let until = date(file, &read.until, &mut issues);
        let mut tables: Vec<Table> = Vec::new();
        for table in read.tables {
            let (at, table) = (table.referenced, table.value);
            let from = date(file, &table.from, &mut issues);
            let amounts = [table.contiguous, table.alaska, table.hawaii];
            if amounts.iter().any(|amounts| amounts.first <= 0.0 || amounts.further <= 0.0) {
                issues.push(yaml::issue(file, at, "first and further are amounts above 0"));
            }
            if tables.last().is_some_and(|before| before.from >= from) {
                issues.push(yaml::issue(file, at, "tables stand in order of their days, the oldest first"));
            }
            let is_confirmed = table.unconfirmed.is_empty();
            tables.push(Table { year: table.year, from, source: table.source, amounts, is_confirmed });
        }
        if tables.last().is_some_and(|last| last.from > until) {
            issues.push(yaml::issue(file, read.until.referenced, "until is a day after the last table's from"));
        }
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        let states = |states: Vec<String>| states.iter().map(|text| area::state(text)).collect();
        let Groups { alaska, hawaii } = read.groups;
        let (alaska, hawaii, undefined) = (states(alaska), states(hawaii), states(read.undefined));
        Ok(Self { name: read.guidelines, until, alaska, hawaii, undefined, tables })
    }

    /// What share of the poverty level `income` is for a household of `size` in `state`, on this day.
    pub(super) fn share(&self, income: Interval, size: Option<Interval>, state: Option<&str>, day: Date) -> Share {
        let table = self.tables.iter().rev().find(|table| table.from <= day).filter(|_| day <= self.until);
        let Some(table) = table else {
            let first = self.tables.first().map_or(self.until, |table| table.from);
            return Share::Missing(format!("{} for {day}; there are those from {first} to {}", self.name, self.until));
        };
        let groups = match state {
            None => 0..GROUPS.len(),
            Some(state) if self.undefined.iter().any(|known| known == state) => {
                return Share::Missing(format!("{} for {state}, where they are not defined", self.name));
            }
            Some(state) if self.alaska.iter().any(|known| known == state) => 1..2,
            Some(state) if self.hawaii.iter().any(|known| known == state) => 2..3,
            Some(_) => 0..1,
        };
        let size = size.unwrap_or(Interval::new(1.0, f64::INFINITY));
        let limits = table.amounts[groups.clone()].iter().map(|amounts| {
            let limit = |persons: f64| amounts.first + amounts.further * (persons.max(1.0) - 1.0);
            (limit(size.low()), limit(size.high()))
        });
        let (least, most) =
            limits.fold((f64::INFINITY, 0.0_f64), |(least, most), (low, high)| (least.min(low), most.max(high)));
        let share = Interval::new(income.low() / most * 100.0, income.high() / least * 100.0);
        Share::Of(share, self.table_name(table, groups))
    }

    fn table_name(&self, table: &Table, groups: std::ops::Range<usize>) -> String {
        let group = if groups.len() == 1 { GROUPS[groups.start] } else { "any state" };
        let unsure = if table.is_confirmed { "" } else { ", some figures not confirmed" };
        format!("{} {} for {group} ({}{unsure})", self.name, table.year, table.source)
    }
}

fn date(file: &str, text: &Spanned<String>, issues: &mut Vec<Issue>) -> Date {
    text.value.parse().unwrap_or_else(|_| {
        issues.push(yaml::issue(file, text.referenced, "expected a date as YYYY-MM-DD"));
        Date::ZERO
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../profiles/eligibility/poverty-guidelines.yaml");

    fn share(income: f64, size: Option<f64>, state: Option<&str>, day: &str) -> String {
        let guidelines = Guidelines::read("poverty-guidelines.yaml", FILE.as_bytes()).unwrap();
        let size = size.map(Interval::exactly);
        match guidelines.share(Interval::exactly(income), size, state, day.parse().unwrap()) {
            Share::Of(share, table) => format!("{share} by {table}"),
            Share::Missing(missing) => missing,
        }
    }

    #[test]
    fn is_computed_by_the_table_of_the_day_and_the_state() {
        for (income, size, state, day, expected) in [
            (
                15_060.0,
                Some(1.0),
                Some("OH"),
                "2024-06-01",
                "100 by HHS poverty guidelines 2024 for the contiguous states",
            ),
            (15_060.0, Some(1.0), Some("OH"), "2025-01-14", "100 by HHS poverty guidelines 2024"),
            (32_150.0, Some(4.0), Some("EX"), "2025-01-15", "100 by HHS poverty guidelines 2025"),
            (24_437.5, Some(1.0), Some("AK"), "2025-06-01", "125 by HHS poverty guidelines 2025 for Alaska (90 FR"),
            (36_720.0, Some(1.0), Some("HAWAII"), "2026-11-25", "200 by HHS poverty guidelines 2026 for Hawaii"),
            (0.0, None, None, "2026-11-25", "0 by"),
            // Any household: at most the share of one person; any state: between the lowest and the highest.
            (15_650.0, None, Some("OH"), "2025-06-01", "0 to 100 by"),
            (19_550.0, Some(1.0), None, "2025-06-01", "100 to 124.92 by HHS poverty guidelines 2025 for any state"),
            (
                1.0,
                Some(1.0),
                Some("OH"),
                "2024-01-10",
                "HHS poverty guidelines for 2024-01-10; there are those from 2024-01-11",
            ),
            (1.0, Some(1.0), Some("OH"), "2027-03-01", "HHS poverty guidelines for 2027-03-01"),
            (1.0, Some(1.0), Some("PR"), "2025-06-01", "HHS poverty guidelines for PR, where they are not defined"),
        ] {
            let found = share(income, size, state, day);
            assert!(found.starts_with(expected), "{income} of {size:?} in {state:?} on {day}: {found}");
        }
        assert!(share(1.0, Some(1.0), Some("OH"), "2026-11-25").contains("not confirmed"));
    }

    #[test]
    fn a_broken_table_says_where() {
        for (from, to, line, says) in [
            ("from: 2025-01-15", "from: 2023-01-15", 19, "the oldest first"),
            ("from: 2025-01-15", "from: soon", 20, "YYYY-MM-DD"),
            ("first: 15060", "first: 0", 13, "above 0"),
            ("until: 2027-02-28", "until: 2026-01-01", 7, "after the last table"),
            ("  hawaii: [HI", "  guam: [HI", 10, "guam"),
        ] {
            let text = FILE.replacen(from, to, 1);
            let error = Guidelines::read("t.yaml", text.as_bytes()).unwrap_err();
            let issue = error.issues.iter().find(|issue| issue.text.contains(says)).unwrap_or(&error.issues[0]);
            assert!(issue.text.contains(says) && issue.position.is_some_and(|at| at.line == line), "{to}: {issue}");
        }
    }
}
