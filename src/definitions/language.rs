//! Language tags, told by their form (BCP 47, <https://www.rfc-editor.org/rfc/rfc5646#section-2.1>): there are too many to
//! list.

/// A part that a language tag may have behind the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanguagePart {
    /// `yue` in `zh-yue`
    ExtLang,
    /// `Hant` in `zh-Hant`
    Script,
    /// `US` in `en-US`, `419` in `es-419`
    Region,
    /// `1996` in `de-1996`
    Variant,
    /// `u-co-phonebk` in `de-u-co-phonebk`
    Extension,
    /// `x-twain` in `en-x-twain`
    PrivateUse,
}

impl LanguagePart {
    /// The part that a filter of a value set speaks of.
    pub(super) fn of_property(name: &str) -> Option<Self> {
        Some(match name {
            "ext-lang" => Self::ExtLang,
            "script" => Self::Script,
            "region" => Self::Region,
            "variant" => Self::Variant,
            "extension" => Self::Extension,
            "private-use" => Self::PrivateUse,
            _ => return None,
        })
    }
}

/// Subtags of one to eight letters or digits, the first of letters.
pub(super) fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    let primary = (2..=8).contains(&first.len()) || matches!(first, "x" | "i" | "X" | "I");
    primary
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The parts that a tag has behind the language.
pub(super) fn parts(tag: &str) -> Vec<LanguagePart> {
    let mut found = Vec::new();
    let mut subtags = tag.split('-').peekable();
    if subtags.peek().is_some_and(|first| first.len() > 1) {
        subtags.next();
    }
    while let Some(subtag) = subtags.next() {
        let is_letters = subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
        let part = match subtag.len() {
            1 if subtag.eq_ignore_ascii_case("x") => {
                found.push(LanguagePart::PrivateUse);
                break;
            }
            1 => {
                // What belongs to an extension ends where the next one begins.
                while subtags.peek().is_some_and(|next| next.len() > 1) {
                    subtags.next();
                }
                LanguagePart::Extension
            }
            3 if is_letters => LanguagePart::ExtLang,
            2 | 3 => LanguagePart::Region,
            4 if is_letters => LanguagePart::Script,
            _ => LanguagePart::Variant,
        };
        found.push(part);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_languages_by_their_form() {
        for good in ["en", "en-US", "zh-Hant-TW", "x-klingon"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "en_US", "english language", "en-", "e1"] {
            assert!(!is_language(bad), "{bad}");
        }
    }

    #[test]
    fn finds_the_parts() {
        use LanguagePart::{ExtLang, Extension, PrivateUse, Region, Script, Variant};
        for (tag, expected) in [
            ("en", &[][..]),
            ("en-US", &[Region]),
            ("es-419", &[Region]),
            ("zh-yue-Hant-HK", &[ExtLang, Script, Region]),
            ("de-CH-1996", &[Region, Variant]),
            ("de-u-co-phonebk-x-mine", &[Extension, PrivateUse]),
            ("x-klingon", &[PrivateUse]),
        ] {
            assert_eq!(parts(tag), expected, "{tag}");
        }
    }
}
