//! Rows by referral.

use std::collections::HashMap;

use crate::sheet::column::{ColumnSet, RowCell};
use crate::sheet::report::{Fault, Finding, FindingOutcome};

use super::identifier;
use super::table::Table;

/// The rows of one referral.
#[derive(Debug)]
pub struct ReferralRows {
    /// Its id
    pub id: String,
    /// The number of its first row
    pub row: u64,
    pub(super) rows: Vec<usize>,
}

/// The rows by referral. A row that names none is refused, until somebody finds whose it is.
pub(super) fn by_referral(table: &Table, set: &ColumnSet, findings: &mut Vec<Finding>) -> Vec<ReferralRows> {
    let mut groups: Vec<ReferralRows> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    let no_record = set.row_column(RowCell::NoRecord);
    for (index, row) in table.rows.iter().enumerate() {
        if no_record.is_some_and(|column| !table.cell(index, column).trim().is_empty()) {
            let message = "the row came in place of a record, and says nothing of its own";
            findings.push(Finding::row(row.number, Fault::NoRecord, FindingOutcome::LeftOut, message));
            continue;
        }
        let id = table.cell(index, 0).trim();
        if id.is_empty() {
            let message = "the row names no referral, so nobody knows whose it is";
            let finding = Finding::row(row.number, Fault::MissingReferralId, FindingOutcome::Refused, message);
            findings.push(finding.column(&set.columns[0].name));
            continue;
        }
        if let Some(remark) = identifier::id(id, None).remark {
            let finding = Finding::row(row.number, remark.fault, remark.outcome, remark.text);
            findings.push(finding.column(&set.columns[0].name));
            continue;
        }
        match known.get(id) {
            Some(group) => groups[*group].rows.push(index),
            None => {
                known.insert(id, groups.len());
                groups.push(ReferralRows { id: id.to_owned(), row: row.number, rows: vec![index] });
            }
        }
    }
    groups
}
