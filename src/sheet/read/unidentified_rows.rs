//! Rows that name no referral: told by the person, the service and the date, where those are of one referral alone. Who
//! has the referrals looks for them; here is said what to look for, and whether it is found.

use std::collections::HashMap;

use serde_json::Value;

use crate::sheet::column::{Aspect, CellFormat};
use crate::sheet::report::{Fault, Finding, FindingOutcome};
use crate::sheet::write;

use super::group::ReferralRows;
use super::person_name;
use super::sheet_reader::SheetReader;

/// A row that names no referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnidentifiedRow(usize);

/// What was found for such a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowMatch {
    /// One referral is like it: its id
    Only(String),
    /// Several are like it, or may be
    Ambiguous,
}

impl SheetReader<'_> {
    /// The rows that name no referral.
    pub fn unidentified_rows(&self) -> Vec<UnidentifiedRow> {
        (0..self.table.rows.len())
            .filter(|row| self.table.cell(*row, 0).trim().is_empty())
            .map(UnidentifiedRow)
            .collect()
    }

    /// The first and the last name in such a row, where it has all that a referral is told by: who, what and when.
    pub fn searchable_name(&self, row: UnidentifiedRow) -> Option<[&str; 2]> {
        let aspects = [Aspect::Person, Aspect::Service, Aspect::Date];
        let says = |aspect: Aspect| self.identifying_columns(row).any(|(_, own)| own == aspect);
        let name = |part: &str| {
            let name = self.cell(row.0, self.set.name_column(part)?).trim();
            name.contains(char::is_alphanumeric).then_some(name)
        };
        aspects.into_iter().all(says).then_some([name("first")?, name("last")?])
    }

    /// Does everything that tells a referral say in such a row what the record says?
    pub fn matches_record(&self, row: UnidentifiedRow, record: &Value) -> bool {
        self.identifying_columns(row).all(|(position, _)| {
            let column = &self.set.columns[position];
            let written = write::text(self.set, position, record, None);
            let cell = self.cell(row.0, position);
            match column.form {
                CellFormat::Name | CellFormat::Text => person_name::fold(cell) == person_name::fold(&written),
                _ => self.cell_matches(row.0, position, cell, &written),
            }
        })
    }

    /// The columns that tell a referral and say something in this row.
    fn identifying_columns(&self, row: UnidentifiedRow) -> impl Iterator<Item = (usize, Aspect)> {
        let columns = self.set.columns.iter().enumerate().filter_map(|(at, column)| Some((at, column.aspect?)));
        columns.filter(move |(position, _)| !self.cell(row.0, *position).is_empty())
    }

    /// Says of such rows whose they are, or that nobody can tell.
    pub fn assign_referrals(&mut self, found: Vec<(UnidentifiedRow, RowMatch)>) {
        let number = |row: UnidentifiedRow| self.table.rows[row.0].number;
        let matches: HashMap<u64, &RowMatch> = found.iter().map(|(row, found)| (number(*row), found)).collect();
        self.findings.retain_mut(|finding| {
            if finding.fault != Fault::MissingReferralId {
                return true;
            }
            match matches.get(&finding.row) {
                Some(RowMatch::Only(_)) => false,
                Some(RowMatch::Ambiguous) => {
                    let text = "the row names no referral, and it may be of several with this person, service and date";
                    finding.text = text.into();
                    true
                }
                None => true,
            }
        });
        let mut groups: HashMap<String, usize> =
            self.groups.iter().enumerate().map(|(position, group)| (group.id.clone(), position)).collect();
        for (row, found) in found {
            let RowMatch::Only(id) = found else { continue };
            let number = self.table.rows[row.0].number;
            let message = "the row names no referral; it is of the only one with this person, service and date";
            let finding = Finding::row(number, Fault::Matched, FindingOutcome::Taken, message);
            self.findings.push(finding.column(&self.set.columns[0].name));
            let position = *groups.entry(id.clone()).or_insert(self.groups.len());
            match self.groups.get_mut(position) {
                Some(group) => group.rows.push(row.0),
                None => self.groups.push(ReferralRows { id, row: number, rows: vec![row.0] }),
            }
        }
    }
}
