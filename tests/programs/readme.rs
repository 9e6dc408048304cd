//! What the README shows agencies of an event, the record and the sheet is what the software does: the blocks are made
//! from a step of a journey. `HANDOFF_BLESS=1` writes them anew.

use std::path::Path;

use serde_json::{Map, Value};

use crate::case::Journey;
use crate::expected::{blessing, pretty};
use crate::walk::{self, Seen};

/// The journey, and the record after the step that is shown.
const KIND: &str = "supportive-housing";
const STEP: &str = "07-deposit.json";

/// Where a block begins; it is the fenced text behind that line.
const MARK: &str = "<!-- made from fixtures/cases/programs/supportive-housing, 07-deposit: ";

#[tokio::test]
async fn the_readme_shows_what_an_event_does() {
    let journey = Journey::read(KIND);
    let step = journey.steps.iter().find(|step| step.record == STEP).unwrap();
    let Seen { record_before, record_after, sheet_before, sheet_after } = walk::observe_parties(&journey, STEP).await;
    let record = what_is_new(&record_before, &record_after).expect("the event changes the record");
    let blocks = [
        ("event", "json", pretty(step.event.as_ref().expect("the step is an event"))),
        ("record", "json", pretty(&record)),
        ("sheet", "csv", cells(&sheet_before, &sheet_after)),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = std::fs::read_to_string(&path).unwrap();
    for (name, language, text) in blocks {
        let range = block(&readme, name);
        let made = format!("```{language}\n{text}```\n");
        if blessing() {
            readme.replace_range(range, &made);
        } else {
            assert_eq!(readme[range], made, "the README shows another {name}; HANDOFF_BLESS=1 writes it anew");
        }
    }
    if blessing() {
        std::fs::write(path, readme).unwrap();
    }
}

/// Where the block of this name stands.
fn block(readme: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("{MARK}{name} -->\n");
    let begin = readme.find(&mark).unwrap_or_else(|| panic!("the README has no line {mark}")) + mark.len();
    let fence = "\n```\n";
    let end = readme[begin..].find(fence).expect("a fenced block follows") + begin + fence.len();
    begin..end
}

/// What of the second is not in the first: members, and items of lists.
fn what_is_new(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (before, after) if before == after => None,
        (Value::Object(before), Value::Object(after)) => {
            let new = after.iter().filter_map(|(name, value)| {
                let new = before.get(name).map_or_else(|| Some(value.clone()), |before| what_is_new(before, value));
                Some((name.clone(), new?))
            });
            let new: Map<String, Value> = new.collect();
            (!new.is_empty()).then_some(Value::Object(new))
        }
        (Value::Array(before), Value::Array(after)) => {
            let new: Vec<Value> = after.iter().filter(|item| !before.contains(item)).cloned().collect();
            (!new.is_empty()).then_some(Value::Array(new))
        }
        (_, after) => Some(after.clone()),
    }
}

/// The row of the referral: its first three columns, and the cells that the event filled or changed.
fn cells(before: &str, after: &str) -> String {
    let (before, after) = (row(before), row(after));
    let is_new = |cell: &&(String, String)| !before.contains(cell);
    let shown: Vec<&(String, String)> = after.iter().take(3).chain(after.iter().skip(3).filter(is_new)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(shown.iter().map(|(column, _)| column)).unwrap();
    writer.write_record(shown.iter().map(|(_, cell)| cell)).unwrap();
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// The columns and cells of the last row.
fn row(sheet: &str) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_reader(sheet.trim_start_matches('\u{feff}').as_bytes());
    let columns = reader.headers().unwrap().clone();
    let last = reader.records().map(Result::unwrap).last().expect("a row");
    columns.iter().zip(last.iter()).map(|(column, cell)| (column.to_owned(), cell.to_owned())).collect()
}
