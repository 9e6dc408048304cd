//! FHIR's partial dates and Periods as stretches of time (<https://hl7.org/fhir/R4/datatypes.html#Period>).
//!
//! `2026` is a year long and `2026-11-21` a day; a Period includes both its ends, each as wide as it is written. Dates
//! without a time zone are taken in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::document::Node;
use super::primitive;
use super::truth::Truth;

/// The first and the last day that a `date` or `dateTime` may mean.
pub fn days(text: &str) -> Option<(Date, Date)> {
    if !primitive::is_valid("dateTime", text) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let year = number(0..4)?;
    let month = number(5..7).map(|month| month as i8);
    let day = number(8..10).map(|day| day as i8);
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    let last = match (month, day) {
        (_, Some(_)) => first,
        (Some(_), None) => first.last_of_month(),
        (None, None) => first.last_of_year(),
    };
    Some((first, last))
}

/// The first and the last instant that a `date`, `dateTime` or `instant` may mean.
pub fn instants(text: &str) -> Option<(Timestamp, Timestamp)> {
    if text.contains('T')
        && let Ok(exact) = text.parse()
    {
        return Some((exact, exact));
    }
    let (first, last) = days(text)?;
    // The last days of year 9999, which stand for "for ever", are beyond what can be counted.
    let midnight = |day: Date| day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |midnight| midnight.timestamp());
    let next = last.checked_add(Span::new().days(1)).map_or(Timestamp::MAX, midnight);
    let end = if next == Timestamp::MAX { next } else { next.checked_sub(Span::new().nanoseconds(1)).unwrap_or(next) };
    Some((midnight(first), end))
}

/// Does this Period hold the instant `at`? An end that cannot be read leaves it unknown.
pub fn includes(period: Node<'_>, at: Timestamp) -> Truth {
    let bound = |name: &str, holds: fn((Timestamp, Timestamp), Timestamp) -> bool| match period.str(name) {
        None => Truth::Yes,
        Some(text) => instants(&text).map_or(Truth::Unknown, |stretch| holds(stretch, at).into()),
    };
    bound("start", |start, at| start.0 <= at).and(bound("end", |end, at| at <= end.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn partial_dates_are_as_wide_as_written() {
        for (text, first, last) in [
            ("2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999999Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999999Z"),
            ("2024-02-03", "2024-02-03T00:00:00Z", "2024-02-03T23:59:59.999999999Z"),
            ("2024-02-03T10:00:00+02:00", "2024-02-03T08:00:00Z", "2024-02-03T08:00:00Z"),
        ] {
            assert_eq!(instants(text), Some((first.parse().unwrap(), last.parse().unwrap())), "{text}");
        }
        for forever in ["9999-12-31", "9999-12-31T23:59:59Z", "9999"] {
            assert_eq!(instants(forever).map(|(_, last)| last), Some(Timestamp::MAX), "{forever}");
        }
        assert_eq!(instants("soon"), None);
    }

    #[test]
    fn periods_include_both_ends() {
        let at: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
        for (period, expected) in [
            (r"{}", Truth::Yes),
            (r#"{"start":"2026-11-21","end":"2026-11-21"}"#, Truth::Yes),
            (r#"{"start":"2026-11-22"}"#, Truth::No),
            (r#"{"end":"2026-11-21T17:59:59Z"}"#, Truth::No),
            (r#"{"end":"9999-12-31"}"#, Truth::Yes),
            (r#"{"start":"whenever"}"#, Truth::Unknown),
            (r#"{"start":"whenever","end":"2025"}"#, Truth::No),
        ] {
            let document = Document::parse(period).unwrap();
            assert_eq!(includes(document.root(), at), expected, "{period}");
        }
    }
}
