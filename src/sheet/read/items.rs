//! Rows as items of the list that makes rows: each a new one, or one that the record has, told by its id or by the columns
//! that tell items apart.

use serde_json::{Map, Value};

use crate::sheet::column::{Column, ColumnTarget, RowCell};
use crate::sheet::report::{Fault, Finding, FindingOutcome};
use crate::sheet::write;

use super::record::{RecordBuilder, is_as_precise};

/// What says that an item stays, in the column that says that it goes.
const STAYS: &[&str] = &["no", "n", "false", "0"];

/// An item that a row is of.
#[derive(Clone, Copy)]
struct Item<'v> {
    /// Its place in the list
    at: usize,
    /// As the record has it
    before: Option<&'v Value>,
    /// As the record had it that the row was written from
    older: Option<&'v Value>,
}

impl<'r> RecordBuilder<'r> {
    /// The rows that are items of the list.
    pub(super) fn items(&mut self, rows: &[usize]) {
        let reading = self.reading;
        let Some(list) = &reading.set.list else { return };
        let is_item = |column: &Column| matches!(column.target, ColumnTarget::Item(_));
        let columns: Vec<usize> = (0..reading.set.columns.len())
            .filter(|column| is_item(&reading.set.columns[*column]) && reading.table.position(*column).is_some())
            .collect();
        let before: &[Value] =
            self.base.and_then(|base| list.get(base)?.as_array()).map_or(&[], |items| items.as_slice());
        let mut taken = vec![false; before.len()];
        let mut removed = Vec::new();
        for row in rows {
            if columns.iter().all(|column| reading.cell(*row, *column).is_empty()) {
                continue;
            }
            let found = self.find_item(*row, &columns, before, &taken);
            if let Some(column) = self.removal_column(*row) {
                removed.extend(found);
                self.report_removed(*row, column, found.is_some());
                if let Some(at) = found {
                    taken[at] = true;
                }
                continue;
            }
            let older = self.older_item(*row, found.map(|at| &before[at]));
            if found.is_none() && older.is_some() {
                let message = "the item of the row was taken out since the sheet was fetched";
                self.add_finding(Finding::row(
                    reading.table.rows[*row].number,
                    Fault::Stale,
                    FindingOutcome::LeftOut,
                    message,
                ));
                continue;
            }
            let Some(items) = list.list(&mut self.record) else { return };
            let at = found.unwrap_or_else(|| {
                items.push(Value::Object(Map::new()));
                items.len() - 1
            });
            if let Some(taken) = taken.get_mut(at) {
                *taken = true;
            }
            for column in &columns {
                let item = Item { at, before: before.get(at).filter(|_| found.is_some()), older };
                self.take_item_cell(*row, *column, item);
            }
        }
        removed.sort_unstable();
        removed.dedup();
        for at in removed.into_iter().rev() {
            if let Some(items) = list.list(&mut self.record) {
                items.remove(at);
            }
        }
        self.report_omitted(rows, &taken);
    }

    /// The column in which a row says that its item goes, if it does.
    fn removal_column(&self, row: usize) -> Option<usize> {
        let column = self.reading.set.row_column(RowCell::Removed)?;
        let cell = self.reading.cell(row, column).trim().to_lowercase();
        (!cell.is_empty() && !STAYS.contains(&cell.as_str())).then_some(column)
    }

    fn report_removed(&mut self, row: usize, column: usize, is_there: bool) {
        let (outcome, message) = if is_there {
            (FindingOutcome::Changed, "the row says that its item was deleted, and it is taken out of the record")
        } else {
            (FindingOutcome::LeftOut, "the row says that its item was deleted, and the record has none like it")
        };
        let finding = Finding::row(self.reading.table.rows[row].number, Fault::Removed, outcome, message);
        self.add_finding(finding.column(&self.reading.set.columns[column].name));
    }

    /// A sheet may have left out what is to go, or what did not change: nothing goes by being left out.
    fn report_omitted(&mut self, rows: &[usize], taken: &[bool]) {
        let count = taken.iter().filter(|taken| !**taken).count();
        let (Some(row), true) = (rows.first(), count > 0 && count < taken.len()) else { return };
        let message = format!("the record has {count} more that no row is about; they stay");
        self.add_finding(Finding::row(
            self.reading.table.rows[*row].number,
            Fault::Omitted,
            FindingOutcome::Taken,
            message,
        ));
    }

    /// The item of a row in the record that it was written from: by its id, which the row or the item that it is now has.
    fn older_item(&self, row: usize, now: Option<&Value>) -> Option<&'r Value> {
        let (reading, older) = (self.reading, self.older?);
        let items = reading.set.list.as_ref()?.get(older)?.as_array()?;
        let id = now.and_then(|item| item.get("id")?.as_str());
        let cell_id =
            reading.set.item_column(&["id"]).map(|column| reading.cell(row, column).trim()).filter(|id| !id.is_empty());
        let id = id.or(cell_id)?;
        items.iter().find(|item| item.get("id").and_then(Value::as_str) == Some(id))
    }

    fn take_item_cell(&mut self, row: usize, position: usize, Item { at, before, older }: Item<'_>) {
        let reading = self.reading;
        let (column, cell) = (&reading.set.columns[position], reading.cell(row, position));
        let says = |item: Option<&Value>| {
            item.is_some_and(|item| write::text(reading.set, position, item, Some(item)) == cell)
        };
        if cell.is_empty() || says(before) {
            return;
        }
        if says(older) {
            self.is_stale = true;
            return;
        }
        let Some(value) = self.value(row, position, cell) else { return };
        let (ColumnTarget::Item(path), Some(list)) = (&column.target, &reading.set.list) else { return };
        if before.and_then(|item| path.get(item)).is_some_and(|before| is_as_precise(before, &value, column.form)) {
            return;
        }
        if older.is_some_and(|older| path.get(older) != before.and_then(|item| path.get(item))) {
            self.report_changed_by_both(row, column);
            return;
        }
        if let Some(item) = list.list(&mut self.record).and_then(|items| items.get_mut(at)) {
            path.set(item, value);
        }
    }

    /// The item of the record that a row is of: by its id, or by what tells items apart and no other row has taken.
    fn find_item(&self, row: usize, columns: &[usize], before: &[Value], taken: &[bool]) -> Option<usize> {
        let reading = self.reading;
        if before.is_empty() {
            return None;
        }
        let says = |item: &Value, column: usize| {
            let cell = reading.cell(row, column);
            let written = write::text(reading.set, column, item, Some(item));
            cell.is_empty() || written == cell || reading.cell_matches(row, column, cell, &written)
        };
        if let Some(id) = reading.set.item_column(&["id"]).filter(|id| !reading.cell(row, *id).is_empty()) {
            return before.iter().position(|item| says(item, id));
        }
        let keys: Vec<usize> = columns.iter().copied().filter(|column| reading.set.columns[*column].key).collect();
        let free = |at: &usize| !taken[*at];
        let all = (0..before.len()).filter(free).find(|at| columns.iter().all(|column| says(&before[*at], *column)));
        all.or_else(|| {
            let is_said = keys.iter().any(|key| !reading.cell(row, *key).is_empty());
            (0..before.len()).filter(free).find(|at| is_said && keys.iter().all(|key| says(&before[*at], *key)))
        })
    }
}
