//! Entities. A narrative is XML, which knows five by name; those of HTML are written by number
//! (<https://hl7.org/fhir/R4/narrative.html#xhtml>).

/// Those of HTML that are met, and what they stand for.
#[rustfmt::skip]
const HTML_ENTITIES: &[(&str, u32)] = &[
    ("nbsp", 160), ("copy", 169), ("reg", 174), ("deg", 176), ("plusmn", 177), ("sup2", 178), ("micro", 181),
    ("middot", 183), ("frac12", 189), ("szlig", 223), ("agrave", 224), ("aacute", 225), ("auml", 228),
    ("ccedil", 231), ("egrave", 232), ("eacute", 233), ("iacute", 237), ("ntilde", 241), ("oacute", 243),
    ("ouml", 246), ("uacute", 250), ("uuml", 252), ("ndash", 8211), ("mdash", 8212), ("lsquo", 8216),
    ("rsquo", 8217), ("ldquo", 8220), ("rdquo", 8221), ("bull", 8226), ("hellip", 8230), ("euro", 8364),
    ("trade", 8482), ("larr", 8592), ("rarr", 8594), ("le", 8804), ("ge", 8805), ("times", 215), ("laquo", 171),
    ("raquo", 187), ("sect", 167), ("para", 182), ("iexcl", 161), ("iquest", 191), ("pound", 163), ("yen", 165),
    ("cent", 162), ("minus", 8722), ("check", 10003),
];

/// What stands behind an `&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    /// This character
    Character(char),
    /// An entity that XML does not know by this name
    Unknown,
    /// No entity at all
    Invalid,
}

/// Reads what stands behind an `&`; says how long it is, with the `;`.
pub(super) fn read(text: &str) -> (Entity, usize) {
    let name_length = text.bytes().take(32).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#').count();
    let name = &text[..name_length];
    if name.is_empty() || !text[name_length..].starts_with(';') {
        return (Entity::Invalid, 0);
    }
    let number = name.strip_prefix('#').map(|digits| match digits.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    });
    let entity = match (name, number) {
        ("amp", _) => Entity::Character('&'),
        ("lt", _) => Entity::Character('<'),
        ("gt", _) => Entity::Character('>'),
        ("quot", _) => Entity::Character('"'),
        ("apos", _) => Entity::Character('\''),
        (_, Some(number)) => match number.and_then(char::from_u32).filter(|letter| is_character(*letter)) {
            Some(letter) => Entity::Character(letter),
            None => Entity::Invalid,
        },
        _ => Entity::Unknown,
    };
    (entity, name_length + 1)
}

/// May it stand in XML at all (<https://www.w3.org/TR/xml/#charsets>)?
pub(super) fn is_character(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// How to write an entity of HTML.
pub(super) fn fix(name: &str) -> String {
    match HTML_ENTITIES.iter().find(|(known, _)| *known == name) {
        Some((_, number)) => format!("write &#{number}; or the character itself"),
        None => "write the character itself, or its number as &#...;".to_owned(),
    }
}

/// A text with its entities read.
pub fn decode(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        result.push_str(&rest[..at]);
        let (entity, length) = read(&rest[at + 1..]);
        if let Entity::Character(letter) = entity {
            result.push(letter);
        } else {
            result.push_str(&rest[at..=at + length]);
        }
        rest = &rest[at + 1 + length..];
    }
    result.push_str(rest);
    result.into()
}
