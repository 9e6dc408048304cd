//! Names. They are kept as they came: how a person is called is theirs to say.

use super::cell_reading::CellReading;
use crate::sheet::report::Fault;

/// Reads a part of a name.
pub(super) fn read(text: &str) -> CellReading {
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    // An initial is a capital.
    if letters > 2 && !text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase) {
        return CellReading::taken(text, Fault::Capitals, "the name is in capitals, and stays so");
    }
    CellReading::unchanged(text)
}

/// A name as it is compared: in lower case, without blanks around it.
pub(super) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}
