//! The form in which texts are compared (<https://hl7.org/fhir/R4/search.html#string>): without case, without accents and
//! other signs that are added to a letter, however they are encoded; with single spaces, and none at the ends. Whoever
//! searches `soren o'brien` finds `Søren O’Brien`.
//!
//! What is done here is part of the index: whoever changes it raises the number in `SearchParameters::fingerprint`.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// Takes letters apart into what they are made of, ligatures and wide forms too.
const DECOMPOSITION: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
/// Tells signs that are added to a letter.
const COMBINING: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();

/// Signs that make another letter of a letter, and not an accented one: the voicing of kana, the virama of Indic scripts.
const KEPT_CLASSES: [u8; 2] = [8, 9];

/// Letters that are made of nothing simpler, and what people type for them; signs that come in several shapes.
const SAME: &[(char, &str)] = &[
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('ħ', "h"),
    ('ł', "l"),
    ('ŧ', "t"),
    ('ı', "i"),
    ('ς', "σ"),
    ('\u{2018}', "'"),
    ('\u{2019}', "'"),
    ('\u{02bc}', "'"),
    ('\u{2010}', "-"),
    ('\u{2013}', "-"),
    // What is not seen: soft hyphen, zero-width signs.
    ('\u{ad}', ""),
    ('\u{200b}', ""),
    ('\u{200c}', ""),
    ('\u{200d}', ""),
    ('\u{feff}', ""),
];

/// A text in the form in which it is compared.
pub fn normal(text: &str) -> String {
    if text.is_ascii() {
        return with_single_spaces(text, |word, result| result.push_str(&word.to_ascii_lowercase()));
    }
    let decomposed: String = DECOMPOSITION.normalize_iter(text.chars()).collect();
    with_single_spaces(&decomposed, |word, result| {
        for letter in word.chars().flat_map(char::to_lowercase) {
            let class = COMBINING.get_u8(letter);
            if class != 0 && !KEPT_CLASSES.contains(&class) {
                continue;
            }
            match SAME.iter().find(|(known, _)| *known == letter) {
                Some((_, same)) => result.push_str(same),
                None => result.push(letter),
            }
        }
    })
}

fn with_single_spaces(text: &str, push: impl Fn(&str, &mut String)) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let length = result.len();
        if length > 0 {
            result.push(' ');
        }
        let begun = result.len();
        push(word, &mut result);
        if result.len() == begun {
            // A word of nothing that is seen.
            result.truncate(length);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_encoding_make_no_difference() {
        for (one, other) in [
            ("José  Núñez", "jose nunez"),
            ("Jose\u{301} Nu\u{301}n\u{303}ez", "JOSÉ NÚÑEZ"),
            ("Søren Ødegård", "soren odegard"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Großmann", "GROSSMANN"),
            ("GROẞMANN", "grossmann"),
            ("Æthelred", "aethelred"),
            ("İpek Yıldız", "ipek yildiz"),
            ("Nguyễn Thị Hằng", "nguyen thi hang"),
            ("Άγγελος", "ΑΓΓΕΛΟΣ"),
            ("Ёлкина", "елкина"),
            ("O’Brien", "o'brien"),
            ("Anna\u{2010}Lena", "anna-lena"),
            ("Ｗｉｄｅ", "wide"),
            ("ﬁnch", "finch"),
            ("Anna\u{a0}Maria", "anna maria"),
            ("An\u{ad}na\u{200b}", "anna"),
            (" \u{200b} a \u{200b} b ", "a b"),
            ("مُحَمَّد", "محمد"),
        ] {
            assert_eq!(normal(one), normal(other), "{one} {other}");
            assert_eq!(normal(&normal(one)), normal(one), "{one}");
        }
        for (one, other) in
            [("が", "か"), ("क्ष", "कष"), ("Ana", "Anna"), ("anna maria", "annamaria"), ("o'brien", "obrien")]
        {
            assert_ne!(normal(one), normal(other), "{one} {other}");
        }
    }
}
