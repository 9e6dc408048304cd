//! Texts of definitions, for people to read in a finding.

/// A text, cut to what one reads at a glance.
pub(in crate::profile) fn shorten(text: &str) -> String {
    const MAX_CHARACTERS: usize = 160;
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
