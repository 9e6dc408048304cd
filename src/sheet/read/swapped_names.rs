//! First and last names that stand in each other's column, told by the record that has them the other way round.

use crate::sheet::report::{Fault, Finding, FindingOutcome};
use crate::sheet::write;

use super::person_name;
use super::record::RecordBuilder;

impl RecordBuilder<'_> {
    /// The columns of the first and the last name, where the rows have each in the other's: then the record's names stay.
    pub(super) fn swapped_names(&mut self, rows: &[usize]) -> Option<[usize; 2]> {
        let (reading, base) = (self.reading, self.base?);
        let columns = [reading.set.name_column("first")?, reading.set.name_column("last")?];
        let row = *rows.iter().find(|row| columns.iter().all(|column| !reading.cell(**row, *column).is_empty()))?;
        let given = columns.map(|column| person_name::fold(reading.cell(row, column)));
        let known = columns.map(|column| person_name::fold(&write::text(reading.set, column, base, None)));
        let is_swapped = given[0] == known[1] && given[1] == known[0] && given[0] != given[1];
        is_swapped.then(|| {
            let text = "first and last name stand in each other's column; the names of the record stay";
            let finding =
                Finding::row(reading.table.rows[row].number, Fault::SwappedNames, FindingOutcome::LeftOut, text);
            self.add_finding(finding.column(&reading.set.columns[columns[0]].name));
            columns
        })
    }
}
