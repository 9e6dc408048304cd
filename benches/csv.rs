//! A sheet of 100,000 rows as records, in under 5 seconds; beside reading the same bytes as rows of cells alone.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::sync::OnceLock;

use divan::{Bencher, black_box, counter::ItemsCount};
use handoff::app::ProgramTypeFolders;
use handoff::definitions::Definitions;
use handoff::sheet::{ColumnSets, Options};

/// How many rows the sheet has.
const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

fn sheets() -> &'static ColumnSets {
    static SHEETS: OnceLock<ColumnSets> = OnceLock::new();
    SHEETS.get_or_init(|| {
        let files = ProgramTypeFolders::default().files().unwrap();
        let programs = files.programs(&Definitions::r4().unwrap()).unwrap_or_else(|error| panic!("{error}"));
        files.sheets(programs.iter(), programs.crosswalks()).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Invented people, one in three with a second service, and what spreadsheets did to their cells.
fn sheet() -> &'static str {
    static SHEET: OnceLock<String> = OnceLock::new();
    SHEET.get_or_init(|| {
        let mut text = String::from(
            "Referral ID,First Name,Last Name,DOB,Phone,Street,City,ZIP,Household Size,Annual Income,\
             Service Date,Service,Service Minutes,Mode,Attended,Amount,Notes\r\n",
        );
        for row in 0..ROWS {
            let referral = row - usize::from(row % 4 == 3);
            let (month, day) = (referral % 12 + 1, referral % 28 + 1);
            write!(
                text,
                "task-{referral},Imogen,QUILLFEATHER,{month}/{day}/1984,555-0199,22 Hazel Steps,Fernhollow,102,4,\"11,600\",\
                 2026-11-{:02},Food box,15,home,Y,$12.50,\"left at the door, as agreed\"\r\n",
                row % 28 + 1
            )
            .unwrap();
        }
        text
    })
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn records(bencher: Bencher<'_, '_>) {
    let (sheets, sheet) = (sheets(), sheet());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let reading = sheets.open("generic", black_box(sheet.as_bytes()), Options::default()).unwrap();
        let records = reading.groups().iter().filter_map(|group| reading.record(group, None, None).record);
        records.map(black_box).count()
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn rows_alone(bencher: Bencher<'_, '_>) {
    let sheet = sheet();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut reader = csv::Reader::from_reader(black_box(sheet.as_bytes()));
        reader.records().map(Result::unwrap).map(black_box).count()
    });
}
