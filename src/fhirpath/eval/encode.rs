//! Texts in other clothes: `encode`, `decode`, `escape`, `unescape`
//! (<https://build.fhir.org/ig/HL7/FHIRPath/#additional-string-functions>).

use super::super::function::Function;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text in another form; nothing for a text that cannot be decoded.
///
/// # Errors
/// For a form that there is not.
pub(super) fn recoded(function: Function, text: &str, form: &str) -> Result<Option<String>, String> {
    use Function as F;
    Ok(match (function, form) {
        (F::Encode, "hex") => Some(encode_hex(text.as_bytes())),
        (F::Encode, "base64") => Some(encode_base64(text.as_bytes(), STANDARD)),
        (F::Encode, "urlbase64") => Some(encode_base64(text.as_bytes(), URL)),
        (F::Decode, "hex") => decode_hex(text),
        (F::Decode, "base64") => decode_base64(text, STANDARD),
        (F::Decode, "urlbase64") => decode_base64(text, URL),
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

fn encode_base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = alphabet[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn decode_base64(text: &str, alphabet: &[u8; 64]) -> Option<String> {
    let letters = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4);
    for group in letters.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits = 0_u32;
        for letter in group {
            bits = bits << 6 | alphabet.iter().position(|known| known == letter)? as u32;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    String::from_utf8(bytes).ok()
}

fn encode_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn decode_hex(text: &str) -> Option<String> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| (pair.len() == 2).then(|| pair[0] << 4 | pair[1])).collect();
    String::from_utf8(bytes?).ok()
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
