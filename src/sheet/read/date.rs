//! Dates: what a spreadsheet and its users make of YYYY-MM-DD. Where day and month may be either, the whole column is
//! asked; where it does not say, the cell is refused: nobody guesses on which day somebody was born.

use jiff::civil::Date;

use super::cell_reading::CellReading;
use crate::sheet::report::Fault;

/// The day before the first that a spreadsheet counts, as its arithmetic has it (it believes in 1900-02-29).
const EPOCH: (i16, i8, i8) = (1899, 12, 30);
/// The numbers that are taken for days: 1927 to 2064.
const SERIAL: std::ops::RangeInclusive<i32> = 10_000..=60_000;
/// Where two digits of a year change the century, as spreadsheets have it: 29 is 2029, 30 is 1930.
const PIVOT: i16 = 30;

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Which comes first in a date with a two-number day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year
    MonthFirst,
    /// Day, month, year
    DayFirst,
}

/// What a column shows of the order of day and month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    month_first: bool,
    day_first: bool,
}

/// How a column writes dates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dates {
    pub(super) evidence: Evidence,
    pub(super) declared: Option<DateOrder>,
}

impl Evidence {
    /// Learns from a cell.
    pub(super) fn learn(&mut self, cell: &str) {
        let day = cell.split_whitespace().next().unwrap_or_default();
        if let Some((one, other, _)) = numbers(day).filter(|(one, ..)| *one <= 31) {
            self.day_first |= one > 12 && other <= 12;
            self.month_first |= other > 12 && one <= 12;
        }
    }
}

/// A date that was read.
#[derive(Debug)]
pub(super) struct ParsedDate {
    /// As the record has it: YYYY, YYYY-MM or YYYY-MM-DD
    pub(super) text: String,
    /// What was done to it; none: it stood so
    pub(super) how: Option<(Fault, &'static str)>,
}

/// Reads a date.
pub(super) fn read(text: &str, dates: Dates) -> CellReading {
    match find(text, dates) {
        Ok(found) => reading_of(found),
        Err((fault, text)) => CellReading::refused(fault, text),
    }
}

/// Reads a date of birth: placeholders are known, and two digits of a year are too few.
pub(super) fn birth(text: &str, dates: Dates) -> CellReading {
    let unknown = "the date stands for one that is not known, and counts as empty";
    // The first days that a spreadsheet counts.
    if matches!(text, "0" | "1" | "2") {
        return CellReading::absent(Fault::PlaceholderBirthDate, unknown);
    }
    let mut found = match find(text, dates) {
        Ok(found) => found,
        Err((fault, text)) => return CellReading::refused(fault, text),
    };
    if found.text == "1900-01-01" || found.text == "1900" {
        return CellReading::absent(Fault::PlaceholderBirthDate, unknown);
    }
    if found.how.is_some_and(|(fault, _)| fault == Fault::TwoDigitYear) {
        return CellReading::refused(
            Fault::TwoDigitYear,
            "the year of birth has two digits, and the century is not said",
        );
    }
    // Written as YYYY-MM-DD, somebody meant the day.
    if found.how.is_some_and(|(fault, _)| fault != Fault::SerialDate)
        && let Some(year) = found.text.strip_suffix("-01-01")
    {
        let year = year.to_owned();
        found.text = year;
        found.how = Some((Fault::PlaceholderBirthDate, "the first of January stands for a year, and was read as one"));
    }
    reading_of(found)
}

fn reading_of(found: ParsedDate) -> CellReading {
    match found.how {
        None => CellReading::unchanged(found.text),
        Some((fault, how)) => CellReading::changed(found.text, fault, how),
    }
}

/// Finds the date that a text is.
///
/// # Errors
/// Why it is none.
pub(super) fn find(text: &str, dates: Dates) -> Result<ParsedDate, (Fault, &'static str)> {
    if is_iso(text) {
        return Ok(ParsedDate { text: text.to_owned(), how: None });
    }
    let text = without_midnight(text);
    if is_iso(text) {
        let how = Some((Fault::DateOrder, "the time 0:00 behind the date was taken off"));
        return Ok(ParsedDate { text: text.to_owned(), how });
    }
    if let Some(found) = serial(text) {
        return Ok(found);
    }
    if let Some(found) = with_month_name(text) {
        return found;
    }
    if let Some((month, year)) = text.split_once('/').filter(|(_, year)| year.len() == 4)
        && let (Ok(month @ 1..=12), Ok(year)) = (month.parse::<u8>(), year.parse::<u16>())
    {
        let how = Some((Fault::DateOrder, "the date was read as month and year"));
        return Ok(ParsedDate { text: format!("{year:04}-{month:02}"), how });
    }
    let none = (Fault::NotADate, "the cell is no date");
    let (one, other, last) = numbers(text).ok_or(none)?;
    if one > 31 {
        let how = (Fault::DateOrder, "the date was written as YYYY-MM-DD");
        return from_parts(one, other, last, how).ok_or(none);
    }
    let (year, short) = year(last, text);
    let (month, day, how) = order(one, other, dates)?;
    let how =
        if short { (Fault::TwoDigitYear, "the year has two digits, and was read as spreadsheets do") } else { how };
    from_parts(year, month, day, how).ok_or(none)
}

type Change = (Fault, &'static str);

/// Which of two numbers is the month, and which the day.
fn order(one: i16, other: i16, dates: Dates) -> Result<(i16, i16, Change), Change> {
    let month_first = Ok((one, other, (Fault::DateOrder, "the date was read as month, day, year")));
    let day_first = Ok((other, one, (Fault::DateOrder, "the date was read as day, month, year")));
    let Evidence { month_first: shows_month, day_first: shows_day } = dates.evidence;
    match dates.declared {
        _ if one > 12 => day_first,
        _ if other > 12 || one == other => month_first,
        Some(DateOrder::MonthFirst) => month_first,
        Some(DateOrder::DayFirst) => day_first,
        None if shows_month && !shows_day => month_first,
        None if shows_day && !shows_month => day_first,
        None if shows_day => {
            Err((Fault::DayOrMonth, "day and month may be either: the column has dates of both orders"))
        }
        None => Err((Fault::DayOrMonth, "day and month may be either: no date of the column tells which comes first")),
    }
}

/// YYYY, YYYY-MM or YYYY-MM-DD, and in the calendar
pub(super) fn is_iso(text: &str) -> bool {
    let shape = |width: usize, part: &str| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(year), None, ..) => shape(4, year) && (1800..=2200).contains(&year.parse().unwrap_or(0)),
        (Some(year), Some(month), None, _) => {
            shape(4, year) && shape(2, month) && (1..=12).contains(&month.parse().unwrap_or(0))
        }
        (Some(year), Some(month), Some(day), None) => {
            shape(4, year) && shape(2, month) && shape(2, day) && text.parse::<Date>().is_ok()
        }
        _ => false,
    }
}

fn without_midnight(text: &str) -> &str {
    let midnight = |rest: &str| {
        let digits = rest.trim_end_matches(" AM").trim_end_matches('Z');
        !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'))
    };
    match text.split_once([' ', 'T']) {
        Some((date, rest)) if midnight(rest) || rest == "12:00:00 AM" || rest == "12:00 AM" => date,
        _ => text,
    }
}

/// A day as a spreadsheet counts it.
pub(super) fn serial(text: &str) -> Option<ParsedDate> {
    let days: i32 = text.parse().ok().filter(|days| SERIAL.contains(days))?;
    let date = day(days)?;
    let how =
        Some((Fault::SerialDate, "the cell had the number by which spreadsheets count days, and was read as a date"));
    Some(ParsedDate { text: date.to_string(), how })
}

/// The day of this number.
pub(super) fn day(days: i32) -> Option<Date> {
    let epoch = Date::new(EPOCH.0, EPOCH.1, EPOCH.2).ok()?;
    epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// `2-Jun-2025`, `Jun 2, 2025`, `June 2025`
fn with_month_name(text: &str) -> Option<Result<ParsedDate, Change>> {
    let parts: Vec<&str> = text.split([' ', ',', '-', '.', '/']).filter(|part| !part.is_empty()).collect();
    let month_at = parts.iter().position(|part| month(part).is_some())?;
    let month = month(parts[month_at])?;
    let rest: Vec<&str> = parts.iter().enumerate().filter(|(at, _)| *at != month_at).map(|(_, part)| *part).collect();
    let how = (Fault::DateOrder, "the name of the month was read");
    let none = (Fault::NotADate, "the cell is no date");
    let found = match rest.as_slice() {
        [year] if year.len() == 4 => {
            let year: Option<u16> = year.parse().ok();
            year.map(|year| ParsedDate { text: format!("{year:04}-{month:02}"), how: Some(how) })
        }
        [day, year] if year.len() == 4 => match (day.parse(), year.parse()) {
            (Ok(day), Ok(year)) => from_parts(year, month, day, how),
            _ => None,
        },
        [day, short] if short.len() == 2 => match (day.parse(), short.parse()) {
            (Ok(day), Ok(short)) => {
                let how = (Fault::TwoDigitYear, "the year has two digits, and was read as spreadsheets do");
                from_parts(century(short), month, day, how)
            }
            _ => None,
        },
        _ => None,
    };
    Some(found.ok_or(none))
}

fn month(text: &str) -> Option<i16> {
    let lower = text.to_lowercase();
    let at = MONTHS.iter().position(|month| *month == lower || (lower.len() == 3 && month.starts_with(&lower)))?;
    i16::try_from(at + 1).ok()
}

/// Three numbers with the same sign between them.
fn numbers(text: &str) -> Option<(i16, i16, i16)> {
    let sign = text.chars().find(|character| !character.is_ascii_digit())?;
    if !matches!(sign, '/' | '.' | '-') {
        return None;
    }
    let mut parts = text.split(sign).map(|part| part.trim().parse::<i16>().ok().filter(|number| *number >= 0));
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(one)), Some(Some(other)), Some(Some(last)), None) => Some((one, other, last)),
        _ => None,
    }
}

/// The year, and whether it had two digits.
fn year(last: i16, text: &str) -> (i16, bool) {
    let digits = text.rsplit(['/', '.', '-']).next().unwrap_or_default().trim().len();
    if digits <= 2 { (century(last), true) } else { (last, false) }
}

fn century(short: i16) -> i16 {
    if short < PIVOT { 2000 + short } else { 1900 + short }
}

fn from_parts(year: i16, month: i16, day: i16, how: Change) -> Option<ParsedDate> {
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    (1800..=2200).contains(&year).then(|| ParsedDate { text: date.to_string(), how: Some(how) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(cells: &[&str]) -> Dates {
        let mut evidence = Evidence::default();
        for cell in cells {
            evidence.learn(cell);
        }
        Dates { evidence, declared: None }
    }

    #[test]
    fn reads_what_can_only_be_one_day() {
        for (text, expected) in [
            ("2025-06-02", "2025-06-02"),
            ("1966-07", "1966-07"),
            ("1966", "1966"),
            ("2025-06-02 00:00:00", "2025-06-02"),
            ("6/25/2025", "2025-06-25"),
            ("25.6.2025", "2025-06-25"),
            ("3/3/2025", "2025-03-03"),
            ("45810", "2025-06-02"),
            ("2-Jun-2025", "2025-06-02"),
            ("Jun 2, 2025", "2025-06-02"),
            ("June 2025", "2025-06"),
            ("07/1966", "1966-07"),
            ("2025/6/2", "2025-06-02"),
            ("2-Jun-25", "2025-06-02"),
        ] {
            assert_eq!(find(text, Dates::default()).map(|found| found.text), Ok(expected.to_owned()), "{text}");
        }
        for text in ["6/31/2025", "2025-02-30", "soon", "13/13/2025", "2025-6-2x", "/ /", "1/2"] {
            assert!(find(text, Dates::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn asks_the_column_what_comes_first() {
        let read = |text: &str, cells: &[&str]| find(text, dates(cells)).map(|found| found.text).map_err(|why| why.0);
        assert_eq!(read("6/2/2025", &["6/25/2025"]), Ok("2025-06-02".to_owned()));
        assert_eq!(read("6/2/2025", &["25/6/2025"]), Ok("2025-02-06".to_owned()));
        assert_eq!(read("6/2/2025", &["6/2/2025"]), Err(Fault::DayOrMonth));
        assert_eq!(read("6/2/2025", &["25/6/2025", "6/25/2025"]), Err(Fault::DayOrMonth));
    }

    #[test]
    fn knows_placeholders_of_birth_dates() {
        let value = |text: &str| birth(text, Dates::default()).value;
        assert_eq!(value("1/1/1900"), None);
        assert_eq!(value("01/01/1984"), Some("1984".into()));
        assert_eq!(value("1984-01-01"), Some("1984-01-01".into()));
        assert_eq!(value("6/25/84"), None);
    }
}
