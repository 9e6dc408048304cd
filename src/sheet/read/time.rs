//! Times: a day, or a time with its zone. A time without a zone is no time; the one who brings the sheet may know it.

use super::cell_reading::CellReading;
use super::date::{self, Dates};
use crate::sheet::report::Fault;

/// Reads a day or a time.
pub(super) fn read(text: &str, dates: Dates, zone: Option<&str>) -> CellReading {
    let Some((day, clock)) = split(text) else {
        return date::read(text, dates);
    };
    let found = match date::find(&day, dates) {
        Ok(found) => found,
        Err((fault, text)) => return CellReading::refused(fault, text),
    };
    let Some((clock, own)) = clock_of(&clock) else {
        return CellReading::refused(Fault::NotADate, "the cell is neither a day nor a time");
    };
    let Some(zone) = own.as_deref().or(zone) else {
        return CellReading::refused(Fault::TimeZone, "the time has no zone, so it may be any of twenty-four");
    };
    let written = format!("{}T{clock}{zone}", found.text);
    if written == text {
        return CellReading::unchanged(written);
    }
    let (fault, message) = match (own, found.how) {
        (None, _) => (Fault::TimeZone, "the time has no zone; the one that was said was added"),
        (Some(_), Some(how)) => how,
        (Some(_), None) => (Fault::DateOrder, "the time was written as YYYY-MM-DDThh:mm:ss with its zone"),
    };
    CellReading::changed(written, fault, message)
}

/// Is this a zone: `Z`, or hours and minutes from it?
pub(super) fn is_zone(text: &str) -> bool {
    let digits = |part: Option<&str>, most: u8| {
        part.is_some_and(|part| part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number <= most))
    };
    text == "Z"
        || (text.len() == 6
            && text.starts_with(['+', '-'])
            && text.as_bytes().get(3) == Some(&b':')
            && digits(text.get(1..3), 14)
            && digits(text.get(4..6), 59))
}

/// The day and the time of the day, where there is one.
fn split(text: &str) -> Option<(String, String)> {
    // A day with a fraction, as spreadsheets count.
    if let Some((days, fraction)) = text.split_once('.')
        && let (Ok(days), Ok(fraction)) = (days.parse::<i32>(), format!("0.{fraction}").parse::<f64>())
    {
        let day = date::serial(&days.to_string())?;
        let seconds = (fraction * 86_400.0).round() as i64;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        return Some((day.text, format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)));
    }
    let at =
        text.find([' ', 'T']).filter(|at| text[at + 1..].starts_with(|character: char| character.is_ascii_digit()))?;
    let (day, clock) = (&text[..at], &text[at + 1..]);
    clock.contains(':').then(|| (day.to_owned(), clock.to_owned()))
}

/// The time of the day as hh:mm:ss, with the fraction that it has, and its zone.
fn clock_of(text: &str) -> Option<(String, Option<String>)> {
    let (clock, zone) = zoned(text);
    let lower = clock.trim().to_lowercase();
    let (digits, afternoon) = match (lower.strip_suffix("pm"), lower.strip_suffix("am")) {
        (Some(digits), _) => (digits.trim(), Some(true)),
        (_, Some(digits)) => (digits.trim(), Some(false)),
        _ => (lower.as_str(), None),
    };
    let mut parts = digits.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').map_or((seconds, None), |(whole, part)| (whole, Some(part)));
    let mut hours: u8 = hours.parse().ok()?;
    let (minutes, seconds): (u8, u8) = (minutes.parse().ok()?, seconds.parse().ok()?);
    match afternoon {
        Some(_) if !(1..=12).contains(&hours) => return None,
        Some(afternoon) => hours = hours % 12 + if afternoon { 12 } else { 0 },
        None => {}
    }
    let whole = hours < 24 && minutes < 60 && seconds < 60;
    let fraction = match fraction {
        None => String::new(),
        Some(part) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => format!(".{part}"),
        Some(_) => return None,
    };
    whole.then(|| (format!("{hours:02}:{minutes:02}:{seconds:02}{fraction}"), zone))
}

fn zoned(text: &str) -> (&str, Option<String>) {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return (clock, Some("Z".to_owned()));
    }
    match text.rfind(['+', '-']) {
        Some(at) if is_zone(&text[at..]) => (&text[..at], Some(text[at..].to_owned())),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_zone_that_was_said_and_no_other() {
        let value = |text: &str, zone| read(text, Dates::default(), zone).value;
        for (text, expected) in [
            ("2025-06-02", "2025-06-02"),
            ("2025-06-02T10:00:00Z", "2025-06-02T10:00:00Z"),
            ("2025-06-02T10:00:00.000-05:00", "2025-06-02T10:00:00.000-05:00"),
            ("2025-06-02 10:00", "2025-06-02T10:00:00-06:00"),
            ("6/25/2025 1:05 PM", "2025-06-25T13:05:00-06:00"),
            ("6/25/2025 12:05 AM", "2025-06-25T00:05:00-06:00"),
            ("45810.5", "2025-06-02T12:00:00-06:00"),
        ] {
            assert_eq!(value(text, Some("-06:00")), Some(expected.into()), "{text}");
        }
        assert_eq!(value("2025-06-02 10:00", None), None);
        assert_eq!(value("2025-06-02 25:00", Some("Z")), None);
        assert!(is_zone("Z") && is_zone("-06:00") && !is_zone("CST") && !is_zone("+6:00"));
    }
}
