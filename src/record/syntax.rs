//! What paths are made of: steps with separators between them, and brackets behind a step's name that choose an item.
//! The paths of records and those of FHIR elements in maps are different languages of these same parts.

/// Splits at a separator, but not inside brackets or quotes.
///
/// # Errors
/// What is wrong, for people.
pub fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let mut pieces = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_i32, false, 0);
    for (position, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            _ => {}
        }
        if character == separator && depth == 0 && !quoted {
            pieces.push(text[start..position].trim());
            start = position + character.len_utf8();
        }
    }
    if depth != 0 || quoted {
        return Err(format!("brackets or quotes are not closed in {text}"));
    }
    pieces.push(text[start..].trim());
    if pieces.iter().any(|piece| piece.is_empty()) {
        return Err(format!("expected something between the separators of {text}"));
    }
    Ok(pieces)
}

/// The name of a step, and what stands in the brackets behind it.
///
/// # Errors
/// What is wrong, for people.
pub fn name_and_choice(step: &str) -> Result<(&str, Option<&str>), String> {
    match step.split_once('[') {
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(choice) => Ok((name, Some(choice))),
            None => Err(format!("expected ] at the end of {step}")),
        },
        None => Ok((step, None)),
    }
}

/// The two sides of a condition `key=value`.
pub fn key_and_value(condition: &str) -> Option<(&str, &str)> {
    condition.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
}

/// A value without the quotes that may stand around it.
pub fn unquoted(text: &str) -> &str {
    text.trim_matches('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_outside_brackets_and_quotes() {
        assert_eq!(split("a[b.c=d.e].f", '.').unwrap(), ["a[b.c=d.e]", "f"]);
        assert_eq!(split("a='x,y', b=z", ',').unwrap(), ["a='x,y'", "b=z"]);
        assert!(["a..b", "", "a[b", "a='b", ".a"].iter().all(|text| split(text, '.').is_err()));
    }

    #[test]
    fn tells_names_from_choices() {
        assert_eq!(name_and_choice("a[b=c]"), Ok(("a", Some("b=c"))));
        assert_eq!(name_and_choice("a[]"), Ok(("a", Some(""))));
        assert_eq!(name_and_choice("a"), Ok(("a", None)));
        assert!(name_and_choice("a[b]c").is_err());
        assert_eq!(key_and_value("a = b=c"), Some(("a", "b=c")));
    }
}
