//! Values of search parameters: lists, escapes, prefixes (<https://hl7.org/fhir/R4/search.html#escaping>).

use crate::fhirpath::{Precision, Temporal};

use super::model::{Condition, Prefix};
use super::refusal::{Read, wrong};

/// The parts of a value between unescaped separators, still escaped.
pub(super) fn split_unescaped(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    value.split(move |character: char| {
        let splits = character == separator && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
}

/// Without the backslashes before `,`, `|`, `$` and `\`; other backslashes stand for themselves.
pub(super) fn unescaped(piece: &str) -> String {
    let mut text = String::with_capacity(piece.len());
    let mut characters = piece.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(next @ (',' | '|' | '$' | '\\'))) => {
                text.push(*next);
                characters.next();
            }
            _ => text.push(character),
        }
    }
    text
}

/// `2026-11-21`, `ge2026-11-21T10:00:00Z`, of an element
pub(super) fn date(piece: &str) -> Read<Condition> {
    let (prefix, moment) = moment(piece)?;
    let (low, high) = moment.interval();
    Ok(Condition::Date { prefix, low, high })
}

/// The same of the time of change.
pub(super) fn changed(piece: &str) -> Read<Condition> {
    let (prefix, moment) = moment(piece)?;
    let (low, high) = moment.interval_micros();
    // Many programs keep fewer digits of a time than we give. Whoever asks for what came after a time that it has cut so gets
    // the newest that it saw once more; read as a period, the rest of its millisecond would be missed.
    let high = if moment.has_fraction() && matches!(prefix, Prefix::Gt | Prefix::Sa) { low } else { high };
    Ok(Condition::Changed { prefix, low, high })
}

fn moment(piece: &str) -> Read<(Prefix, Temporal)> {
    let (prefix, text) = prefix(piece);
    // Hours without minutes are no date of FHIR's, and a space is what a plus sign becomes in a form.
    let text = text.replace(' ', "+");
    let moment = Temporal::parse_date_time(&text).filter(|moment| moment.precision() != Precision::Hour);
    let Some(moment) = moment else {
        return wrong(format!(
            "'{piece}' is no date; expected YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][Z|+hh:mm], with a prefix \
             (eq ne gt lt ge le sa eb ap) if wanted"
        ));
    };
    Ok((prefix, moment))
}

fn prefix(piece: &str) -> (Prefix, &str) {
    for (code, prefix) in [
        ("eq", Prefix::Eq),
        ("ne", Prefix::Ne),
        ("gt", Prefix::Gt),
        ("lt", Prefix::Lt),
        ("ge", Prefix::Ge),
        ("le", Prefix::Le),
        ("sa", Prefix::Sa),
        ("eb", Prefix::Eb),
        ("ap", Prefix::Ap),
    ] {
        if let Some(rest) = piece.strip_prefix(code) {
            return (prefix, rest);
        }
    }
    (Prefix::Eq, piece)
}
