//! Times as HTTP headers write them (RFC 9110, section 5.6.7): one form is written, three are read.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `Sat, 21 Nov 2026 10:00:00 GMT`
const PREFERRED: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// What is read: the preferred form, and the two that older programs write.
const FORMS: [&str; 3] = [PREFERRED, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// Writes a time.
pub(crate) fn write(at: Timestamp) -> String {
    at.strftime(PREFERRED).to_string()
}

/// The time that a header says; none where it says no time, or another day of the week than its date.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let civil = FORMS.iter().find_map(|form| DateTime::strptime(form, text.trim()).ok())?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms_and_writes_one() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for text in ["Sat, 21 Nov 2026 10:00:00 GMT", "Saturday, 21-Nov-26 10:00:00 GMT", "Sat Nov 21 10:00:00 2026"] {
            assert_eq!(read(text), Some(at), "{text}");
        }
        assert_eq!(read("Sun Nov  1 10:00:00 2026"), Some("2026-11-01T10:00:00Z".parse().unwrap()));
        assert_eq!(write(at), "Sat, 21 Nov 2026 10:00:00 GMT");
        for bad in [
            "",
            "soon",
            "2026-11-21T10:00:00Z",
            "Sun, 21 Nov 2026 10:00:00 GMT",
            "Sat, 21 Nov 2026 10:00:00 +0100",
            "Sat, 21 Nov 2026 10:00:00 GMT, Sat, 21 Nov 2026 11:00:00 GMT",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
