//! Bytes as text: UTF-8 with or without a byte order mark, UTF-16, and Windows-1252, which is what spreadsheets save as
//! "CSV" (<https://encoding.spec.whatwg.org/#windows-1252>).

use std::borrow::Cow;

use crate::sheet::report::{Fault, Finding, FindingOutcome};

/// Windows-1252 from 0x80 to 0x9F; what has no character there stays the control character that it is.
const UPPER: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

/// The text of a file.
pub(super) fn decode<'b>(bytes: &'b [u8], findings: &mut Vec<Finding>) -> Cow<'b, str> {
    let mut read_as = |what: &'static str| {
        findings.push(Finding::row(0, Fault::Encoding, FindingOutcome::Changed, what));
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            read_as("the file is UTF-16 and was read as such");
            Cow::Owned(utf16(rest, u16::from_le_bytes))
        }
        [0xfe, 0xff, rest @ ..] => {
            read_as("the file is UTF-16 and was read as such");
            Cow::Owned(utf16(rest, u16::from_be_bytes))
        }
        // No sheet begins with a character that has a zero in it.
        [first, 0, ..] if *first != 0 => {
            read_as("the file is UTF-16 without a mark and was read as such");
            Cow::Owned(utf16(bytes, u16::from_le_bytes))
        }
        _ => {
            let plain = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
            match std::str::from_utf8(plain) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => {
                    read_as("the file is not UTF-8 and was read as Windows-1252");
                    Cow::Owned(plain.iter().map(|byte| windows_1252(*byte)).collect())
                }
            }
        }
    }
}

fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => UPPER[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}
