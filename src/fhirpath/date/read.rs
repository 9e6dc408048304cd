//! The written forms: `2015-02-04`, `2015-02-04T14:34:28.123+10:00`, `14:34`, each of them cut off where it is not known.

use super::civil::days_in_month;
use super::temporal::{Precision, START, Temporal, TemporalKind};

impl Temporal {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub fn parse_date(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let date = reader.date()?;
        reader.finished().then_some(date)
    }

    /// Reads a date that may go on with a time (`T14`, `T14:34`, `T14:34:28.123`) and an offset. A date alone becomes
    /// a date-time of that precision.
    pub fn parse_date_time(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let mut moment = reader.date()?;
        moment.kind = TemporalKind::DateTime;
        if reader.take(b'T') && !reader.finished() {
            if moment.precision < Precision::Day {
                return None;
            }
            reader.time(&mut moment)?;
            reader.zone(&mut moment)?;
        }
        reader.finished().then_some(moment)
    }

    /// Reads `14`, `14:34`, `14:34:28` or `14:34:28.123`.
    pub fn parse_time(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let mut time = Self { kind: TemporalKind::Time, ..START };
        reader.time(&mut time)?;
        reader.finished().then_some(time)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn finished(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn number(&mut self, length: usize, lowest: u16, highest: u16) -> Option<u16> {
        let digits = self.bytes.get(self.at..self.at + length)?;
        let number = digits
            .iter()
            .try_fold(0_u16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')))?;
        self.at += length;
        (lowest..=highest).contains(&number).then_some(number)
    }

    fn date(&mut self) -> Option<Temporal> {
        let mut date = Temporal { year: self.number(4, 1, 9999)?, ..START };
        if self.take(b'-') {
            date.month = self.number(2, 1, 12)? as u8;
            date.precision = Precision::Month;
            if self.take(b'-') {
                date.day = self.number(2, 1, u16::from(days_in_month(date.year, date.month)))? as u8;
                date.precision = Precision::Day;
            }
        }
        Some(date)
    }

    fn time(&mut self, moment: &mut Temporal) -> Option<()> {
        moment.hour = self.number(2, 0, 23)? as u8;
        moment.precision = Precision::Hour;
        if self.take(b':') {
            moment.minute = self.number(2, 0, 59)? as u8;
            moment.precision = Precision::Minute;
            if self.take(b':') {
                // Second 60 is a leap second.
                moment.second = self.number(2, 0, 60)? as u8;
                moment.precision = Precision::Second;
                if self.take(b'.') {
                    self.fraction(moment)?;
                }
            }
        }
        Some(())
    }

    fn fraction(&mut self, moment: &mut Temporal) -> Option<()> {
        let start = self.at;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            // Digits beyond nanoseconds are passed over.
            if moment.fraction < 9 {
                moment.nanos = moment.nanos * 10 + u32::from(digit - b'0');
                moment.fraction += 1;
            }
            self.at += 1;
        }
        moment.nanos *= 10_u32.pow(u32::from(9 - moment.fraction));
        (self.at > start).then_some(())
    }

    fn zone(&mut self, moment: &mut Temporal) -> Option<()> {
        if self.take(b'Z') {
            moment.offset = Some(0);
            moment.zulu = true;
            return Some(());
        }
        let sign = match self.bytes.get(self.at) {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(()),
        };
        self.at += 1;
        let hours = self.number(2, 0, 14)?;
        let minutes = if self.take(b':') { self.number(2, 0, 59)? } else { return None };
        moment.offset = Some(sign * (hours * 60 + minutes).cast_signed());
        Some(())
    }
}
