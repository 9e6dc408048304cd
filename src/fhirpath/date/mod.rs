//! Dates, dates with times, and times, each known as far as it was written
//! (<https://hl7.org/fhirpath/N1/#date>, <https://hl7.org/fhirpath/N1/#datetime-equality>).
//!
//! `2015`, `2015-02` and `2015-02-04T14:34` are different values: comparing them looks no further than both were
//! written, and says nothing where that does not decide. No clock is read here.

mod civil;
mod compare;
mod read;
mod temporal;

pub(super) use civil::days_in_month;
pub use temporal::{Precision, Temporal, TemporalKind};

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::civil::{civil_from_days, days_from_civil};
    use super::*;

    const DAY_MILLIS: i64 = 86_400_000;

    fn moment(text: &str) -> Temporal {
        Temporal::parse_date_time(text).unwrap()
    }

    #[test]
    fn prints_what_it_read() {
        for text in ["2015", "2015-02", "2015-02-04", "2015-02-04T14:34:28.120+10:30", "2015-02-04T14Z"] {
            assert_eq!(moment(text).to_string(), text);
        }
        assert_eq!(Temporal::parse_time("14:34:28.5").unwrap().to_string(), "14:34:28.5");
        for bad in ["15", "2015-13", "2015-02-30", "2015-02T10", "2015-02-04T25", "2015-02-04T10:00+1", "2015-02-04x"] {
            assert!(Temporal::parse_date_time(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn compares_as_far_as_both_are_known() {
        let compare = |left: &str, right: &str| moment(left).compare(&moment(right));
        assert_eq!(compare("2018-03", "2018-03-01"), None);
        assert_eq!(compare("2018-03", "2018-04-01"), Some(Ordering::Less));
        assert_eq!(compare("2018-03-01T10:30:00", "2018-03-01T10:30:00.0"), Some(Ordering::Equal));
        assert_eq!(compare("2017-11-05T01:30:00-04:00", "2017-11-05T00:30:00-05:00"), Some(Ordering::Equal));
        assert_eq!(compare("2012-04-15T15:00:00Z", "2012-04-15T10:00:00"), None);
        assert_eq!(compare("2012-04-15T15:00:00Z", "2012-04-17T10:00:00"), Some(Ordering::Less));
        assert_eq!(compare("2012-04-17T10:00:00", "2012-04-15T15:00:00Z"), Some(Ordering::Greater));
    }

    #[test]
    fn knows_the_interval_that_it_means() {
        assert_eq!(moment("1970").interval(), (0, 365 * DAY_MILLIS - 1));
        assert_eq!(moment("1972-02").interval().1 - moment("1972-02").interval().0, 29 * DAY_MILLIS - 1);
        assert_eq!(moment("1970-01-01T01:00:00+01:00").interval(), (0, 999));
        assert_eq!(moment("1970-01-01T00:00:00.5Z").interval(), (500, 599));
        assert_eq!(moment("1970-01-01T00:00:00.5Z").interval_micros(), (500_000, 599_999));
        assert_eq!(moment("1970-01-01T00:00:00.000042Z").interval_micros(), (42, 42));
        assert_eq!(moment("1970-01-01T00:00:00.0000429Z").interval_micros(), (42, 42));
        let now = Temporal::from_epoch_millis(1_792_581_234_567).unwrap();
        assert_eq!((now.to_string().as_str(), now.interval().0), ("2026-10-21T11:13:54.567Z", 1_792_581_234_567));
        for days in [-719_162, -1, 0, 59, 60, 11_016, 2_932_896] {
            let (year, month, day) = civil_from_days(days).unwrap();
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
