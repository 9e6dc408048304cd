//! Texts in other clothes: `encode`, `decode`, `escape`, `unescape`
//! (<https://build.fhir.org/ig/HL7/FHIRPath/#additional-string-functions>).

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};

use super::super::function::Function;

/// The text in another form; nothing for a text that cannot be decoded.
///
/// # Errors
/// For a form that there is not.
pub(super) fn recode(function: Function, text: &str, form: &str) -> Result<Option<String>, String> {
    use Function as F;
    Ok(match (function, form) {
        (F::Encode, "hex") => Some(HEXLOWER.encode(text.as_bytes())),
        (F::Encode, "base64") => Some(BASE64.encode(text.as_bytes())),
        (F::Encode, "urlbase64") => Some(BASE64URL.encode(text.as_bytes())),
        (F::Decode, "hex") => decoded(text, &HEXLOWER_PERMISSIVE),
        (F::Decode, "base64") => decoded(text.trim_end_matches('='), &BASE64_NOPAD),
        (F::Decode, "urlbase64") => decoded(text.trim_end_matches('='), &BASE64URL_NOPAD),
        (F::Escape, "html") => Some(escape_html(text)),
        (F::Unescape, "html") => Some(unescape_html(text)),
        (F::Escape, "json") => {
            let quoted = serde_json::Value::from(text).to_string();
            Some(quoted[1..quoted.len() - 1].to_owned())
        }
        (F::Unescape, "json") => unescape_json(text),
        (F::Escape | F::Unescape, other) => return Err(format!("'{other}' is no form; expected 'html' or 'json'")),
        (_, other) => return Err(format!("'{other}' is no form; expected 'hex', 'base64' or 'urlbase64'")),
    })
}

/// Nothing where the text is not so encoded, or what it encodes is no text.
fn decoded(text: &str, encoding: &Encoding) -> Option<String> {
    String::from_utf8(encoding.decode(text.as_bytes()).ok()?).ok()
}

/// `&` first when escaping, last when unescaping.
const ENTITIES: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape_html(text: &str) -> String {
    ENTITIES.iter().fold(text.to_owned(), |text, (plain, entity)| text.replace(plain, entity))
}

/// Quotes need no escape here: what is unescaped is the inside of a JSON string.
fn unescape_json(text: &str) -> Option<String> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut escaped = false;
    for character in text.chars() {
        if character == '"' && !escaped {
            quoted.push('\\');
        }
        escaped = character == '\\' && !escaped;
        quoted.push(character);
    }
    quoted.push('"');
    serde_json::from_str(&quoted).ok()
}

fn unescape_html(text: &str) -> String {
    ENTITIES.iter().rev().fold(text.to_owned(), |text, (plain, entity)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes() {
        for (form, plain, encoded) in [
            ("hex", "a~\u{e9}", "617ec3a9"),
            ("base64", "a>?", "YT4/"),
            ("base64", "ab", "YWI="),
            ("urlbase64", "a>?", "YT4_"),
        ] {
            assert_eq!(recode(Function::Encode, plain, form), Ok(Some(encoded.to_owned())), "{form}");
            assert_eq!(recode(Function::Decode, encoded, form), Ok(Some(plain.to_owned())), "{form}");
        }
        // Letters of either case, and base64 without what fills it up, are read too.
        assert_eq!(recode(Function::Decode, "6A6b", "hex"), Ok(Some("jk".to_owned())));
        assert_eq!(recode(Function::Decode, "YWI", "base64"), Ok(Some("ab".to_owned())));
        for (form, bad) in [("hex", "6"), ("hex", "6g"), ("hex", "ff"), ("base64", "Y"), ("base64", "YT4_")] {
            assert_eq!(recode(Function::Decode, bad, form), Ok(None), "{form} {bad}");
        }
        assert!(recode(Function::Encode, "a", "rot13").is_err());
    }
}
