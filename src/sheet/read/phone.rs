//! Telephone numbers. They stay as they are written: whoever calls reads them better than a rule.

use super::cell_reading::CellReading;
use super::identifier;
use crate::sheet::report::Fault;

/// Reads a telephone number.
pub(super) fn read(text: &str) -> CellReading {
    if identifier::is_scientific(text) {
        return CellReading::refused(Fault::Scientific, "the number was turned into one with an exponent");
    }
    if let Some(whole) = text.strip_suffix(".0").filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit())) {
        return CellReading::changed(whole, Fault::Amount, "the number had decimals of zeros");
    }
    if has_extension(text) {
        return CellReading::taken(text, Fault::Extension, "the number has an extension");
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits < 7 {
        return CellReading::taken(text, Fault::NotAPhone, "the number has fewer than seven digits");
    }
    CellReading::unchanged(text)
}

/// `x12`, `ext. 12`, `#12` behind the number
fn has_extension(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["ext", "x", "#"].iter().any(|mark| {
        let behind = lower.split_once(mark).map(|(_, behind)| behind.trim_start_matches(['.', ':', ' ', '-']));
        behind.is_some_and(|behind| behind.starts_with(|character: char| character.is_ascii_digit()))
    })
}
