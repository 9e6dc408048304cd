//! What is found by a text, as PostgreSQL can keep it in an index: its entries hold 2,700 bytes at most, and its texts no
//! U+0000. Whoever writes such a value and whoever looks for it makes it fit the same way.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// How many bytes of a value are kept as they are; with the other columns of the index a value of this length fits.
const MAX_BYTES: usize = 2000;
/// How many characters a digest has.
const DIGEST: usize = 64;
/// Stands before the digest of what is left away. No value has it: it is no character of text.
const CUT: char = '\u{1f}';

/// The value as it is kept: itself, or where it is long its beginning and a digest of all of it.
pub(in crate::store) fn fit(value: &str) -> Cow<'_, str> {
    let whole = if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(value) };
    if whole.len() <= MAX_BYTES {
        return whole;
    }
    let digest = HEXLOWER.encode(&Sha256::digest(whole.as_bytes()));
    let mut end = MAX_BYTES - digest.len() - CUT.len_utf8();
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{CUT}{digest}", &whole[..end]))
}

/// Is this the beginning of a value, and a digest?
pub(in crate::store) fn is_cut(kept: &str) -> bool {
    kept.rsplit_once(CUT).is_some_and(|(_, digest)| digest.len() == DIGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_told_apart_and_keeps_its_beginning() {
        let long = "é".repeat(3000);
        let (one, other) = (fit(&long).into_owned(), fit(&format!("{long}x")).into_owned());
        assert!(one != other && one.len() <= MAX_BYTES && one[..1800] == long[..1800] && other[..1800] == long[..1800]);
        assert!(is_cut(&one) && !is_cut(&long));
        assert_eq!(fit("a"), "a");
        assert_eq!(fit(&"x".repeat(MAX_BYTES)).len(), MAX_BYTES);
        assert_eq!(fit("a\0b"), "a\u{fffd}b");
    }
}
