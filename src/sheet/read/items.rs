//! Rows as items of the list that makes rows: each a new one, or one that the record has, told by its id or by the columns
//! that tell items apart.

use serde_json::{Map, Value};

use crate::sheet::column::{Column, Form, Place};
use crate::sheet::write;

use super::record::{Making, says_more};

impl Making<'_> {
    /// The rows that are items of the list.
    pub(super) fn items(&mut self, rows: &[usize]) {
        let reading = self.reading;
        let Some(list) = &reading.set.list else { return };
        let is_item = |column: &Column| matches!(column.place, Place::Item(_));
        let columns: Vec<usize> = (0..reading.set.columns.len())
            .filter(|column| is_item(&reading.set.columns[*column]) && reading.table.position(*column).is_some())
            .collect();
        let before: &[Value] =
            self.base.and_then(|base| list.get(base)?.as_array()).map_or(&[], |items| items.as_slice());
        let mut taken = vec![false; before.len()];
        for row in rows {
            if columns.iter().all(|column| reading.cell(*row, *column).is_empty()) {
                continue;
            }
            let found = self.same(*row, &columns, before, &taken);
            let Some(items) = list.list(&mut self.record) else { return };
            let at = found.unwrap_or_else(|| {
                items.push(Value::Object(Map::new()));
                items.len() - 1
            });
            if let Some(taken) = taken.get_mut(at) {
                *taken = true;
            }
            for column in &columns {
                self.take_of_item(*row, *column, at, before.get(at).filter(|_| found.is_some()));
            }
        }
    }

    fn take_of_item(&mut self, row: usize, position: usize, at: usize, before: Option<&Value>) {
        let reading = self.reading;
        let (column, cell) = (&reading.set.columns[position], reading.cell(row, position));
        let same = before.is_some_and(|item| write::text(reading.set, position, item, Some(item)) == cell);
        if cell.is_empty() || same {
            return;
        }
        let Some(value) = self.value(row, position, cell) else { return };
        let (Place::Item(path), Some(list)) = (&column.place, &reading.set.list) else { return };
        if before.and_then(|item| path.get(item)).is_some_and(|before| says_more(before, &value, column.form)) {
            return;
        }
        if let Some(item) = list.list(&mut self.record).and_then(|items| items.get_mut(at)) {
            path.set(item, value);
        }
    }

    /// The item of the record that a row is of: by its id, or by what tells items apart and no other row has taken.
    fn same(&self, row: usize, columns: &[usize], before: &[Value], taken: &[bool]) -> Option<usize> {
        let reading = self.reading;
        if before.is_empty() {
            return None;
        }
        let says = |item: &Value, column: usize| {
            let cell = reading.cell(row, column);
            let written = write::text(reading.set, column, item, Some(item));
            cell.is_empty() || written == cell || self.means(row, column, cell, &written)
        };
        if let Some(id) = reading.set.item(&["id"]).filter(|id| !reading.cell(row, *id).is_empty()) {
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

    /// Does a cell, read, say what is written? Of times the day is enough.
    fn means(&self, row: usize, column: usize, cell: &str, written: &str) -> bool {
        let value = self.reading.read(row, column, cell).value;
        let Some(value) = value else { return false };
        let read = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_time = self.reading.set.columns[column].form == Form::Time;
        read == written || (is_time && read.len() >= 10 && read.get(..10) == written.get(..10))
    }
}
