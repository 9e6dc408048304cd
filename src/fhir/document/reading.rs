//! Reads JSON (<https://www.rfc-editor.org/rfc/rfc8259>) into the flat run of values that a document keeps. Members that
//! stand twice are refused, since nobody could say which of them is meant; depth and number of values are bounded.
//!
//! It must not know what a value is for.

use std::borrow::Cow;

use crate::yielding;

use super::super::issue::Key;
use super::super::source_position::SourcePosition;
use super::foreign::{self, ForeignValue};
use super::slot::{Kind, Slot};

/// Why a text is refused, and at which byte.
type ParseError = (Key, usize, String);

/// What a text was read as.
pub(super) struct ReadText {
    /// The values, in reading order
    pub(super) slots: Vec<Slot>,
    /// The first value that is not taken from others, though it is JSON
    pub(super) foreign: Option<ForeignValue>,
}

/// The values of a document: at most `max_values` of them, nested at most `max_depth` deep.
pub(super) fn read(bytes: &[u8], max_values: usize, max_depth: usize) -> Result<ReadText, ParseError> {
    let slots = Vec::with_capacity(bytes.len() / 24 + 8);
    let mut reader = Reader { bytes, at: 0, slots, max_depth, max_values, has_escaped_names: false, foreign: None };
    reader.document()?;
    Ok(ReadText { slots: reader.slots, foreign: reader.foreign })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    slots: Vec<Slot>,
    max_depth: usize,
    /// Most values that are read
    max_values: usize,
    /// Is any member name written with an escape? Then two may be the same that look otherwise
    has_escaped_names: bool,
    foreign: Option<ForeignValue>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), ParseError> {
        self.space();
        if self.at == self.bytes.len() {
            return Err((Key::JsonSyntax, 0, "the document is empty; expected a JSON object".to_owned()));
        }
        self.value((0, 0), 0)?;
        self.space();
        if self.at < self.bytes.len() {
            return Err(self.error("expected nothing more after the document"));
        }
        Ok(())
    }

    fn value(&mut self, name: (u32, u16), level: usize) -> Result<(), ParseError> {
        let start = self.at as u32;
        let index = self.slots.len();
        if index >= self.max_values {
            let message = format!("the document holds more than {} values", self.max_values);
            return Err((Key::TooLarge, self.at, message));
        }
        let slot = |kind, escaped, end: usize| Slot {
            kind,
            escaped,
            name_length: name.1,
            name: name.0,
            start,
            end: end as u32,
            after: index as u32 + 1,
        };
        let simple = match self.bytes.get(self.at) {
            Some(b'"') => {
                let escaped = self.string()?;
                slot(Kind::String, escaped, self.at)
            }
            Some(b'{' | b'[') => return self.container(slot(Kind::Object, false, 0), level + 1),
            Some(b't') => self.word(b"true").map(|()| slot(Kind::Bool, false, self.at))?,
            Some(b'f') => self.word(b"false").map(|()| slot(Kind::Bool, false, self.at))?,
            Some(b'n') => self.word(b"null").map(|()| slot(Kind::Null, false, self.at))?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                if let Some(why) = foreign::number(&self.bytes[start as usize..self.at]) {
                    self.refuse(index, Key::NumberRange, why);
                }
                slot(Kind::Number, false, self.at)
            }
            _ => return Err(self.error("expected a value")),
        };
        self.slots.push(simple);
        Ok(())
    }

    /// Keeps in mind that the value with this number is not taken from others; the first one is told.
    fn refuse(&mut self, index: usize, key: Key, text: String) {
        if self.foreign.is_none() {
            self.foreign = Some(ForeignValue { index: index as u32, key, text });
        }
    }

    fn container(&mut self, mut slot: Slot, level: usize) -> Result<(), ParseError> {
        if level > self.max_depth {
            return Err((Key::TooDeep, self.at, format!("values are nested more than {} levels deep", self.max_depth)));
        }
        yielding::count(3);
        let object = self.bytes[self.at] == b'{';
        let close = if object { b'}' } else { b']' };
        slot.kind = if object { Kind::Object } else { Kind::Array };
        let index = self.slots.len();
        self.slots.push(slot);
        self.at += 1;
        self.space();
        if self.bytes.get(self.at) == Some(&close) {
            self.at += 1;
        } else {
            loop {
                let name = if object { self.member_name()? } else { (0, 0) };
                self.value(name, level)?;
                self.space();
                match self.bytes.get(self.at) {
                    Some(b',') => self.at += 1,
                    Some(byte) if *byte == close => {
                        self.at += 1;
                        break;
                    }
                    _ if object => return Err(self.error("expected , or } after this member")),
                    _ => return Err(self.error("expected , or ] after this item")),
                }
                self.space();
            }
        }
        let after = self.slots.len() as u32;
        self.slots[index].end = self.at as u32;
        self.slots[index].after = after;
        if object { self.no_duplicates(index) } else { Ok(()) }
    }

    /// A member that stands twice would be read differently by different readers, so it is refused.
    fn no_duplicates(&self, object: usize) -> Result<(), ParseError> {
        let after = self.slots[object].after as usize;
        let mut child = object + 1;
        // A bit for each name that was seen. Where none is met twice, which is so in nearly every object, nothing is compared.
        let (mut seen, mut may_repeat) = (0_u64, self.has_escaped_names);
        while child < after && !may_repeat {
            let slot = &self.slots[child];
            let bit = 1 << bit_of(self.name(slot));
            may_repeat = seen & bit != 0;
            seen |= bit;
            child = slot.after as usize;
        }
        if may_repeat { self.compare_names(object) } else { Ok(()) }
    }

    /// The same, each name with all others.
    fn compare_names(&self, object: usize) -> Result<(), ParseError> {
        let after = self.slots[object].after as usize;
        let mut names: Vec<(Cow<'_, [u8]>, usize)> = Vec::new();
        let mut child = object + 1;
        let mut crowded = 0;
        while child < after {
            let slot = &self.slots[child];
            let own = self.decoded_name(slot);
            if names.len() < 32 {
                if let Some((_, first)) = names.iter().find(|(seen, _)| *seen == own) {
                    return Err(self.duplicate(&own, &self.slots[*first], slot));
                }
            } else {
                crowded += 1;
            }
            names.push((own, child));
            child = slot.after as usize;
        }
        if crowded > 0 {
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(self.duplicate(&pair[1].0, &self.slots[pair[0].1], &self.slots[pair[1].1]));
            }
        }
        Ok(())
    }

    /// A member's name as it is written.
    fn name(&self, slot: &Slot) -> &[u8] {
        &self.bytes[slot.name as usize..slot.name as usize + usize::from(slot.name_length)]
    }

    /// A member's name as readers compare it: without escapes.
    fn decoded_name(&self, slot: &Slot) -> Cow<'_, [u8]> {
        let name = self.name(slot);
        if self.has_escaped_names { foreign::decoded(name) } else { Cow::Borrowed(name) }
    }

    fn duplicate(&self, name: &[u8], first: &Slot, second: &Slot) -> ParseError {
        let at = |slot: &Slot| (slot.name as usize).saturating_sub(1);
        let place = std::str::from_utf8(self.bytes).map(|text| SourcePosition::of_offset(text, at(first)));
        let place = place.map_or_else(|_| String::new(), |place| format!("; first at {place}"));
        let name = String::from_utf8_lossy(name);
        (Key::DuplicateMember, at(second), format!("the member \"{name}\" stands twice in this object{place}"))
    }

    fn member_name(&mut self) -> Result<(u32, u16), ParseError> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.error("expected a member name in double quotes"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        self.has_escaped_names |= escaped;
        if let Some(why) = foreign::member_name(&self.bytes[start..self.at - 1], escaped) {
            self.refuse(self.slots.len(), Key::ReservedMember, why);
        }
        let Ok(length) = u16::try_from(self.at - 1 - start) else {
            return Err((Key::JsonSyntax, start, "the member name is longer than 65,535 bytes".to_owned()));
        };
        self.space();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.error("expected : after the member name"));
        }
        self.at += 1;
        self.space();
        Ok((start as u32, length))
    }

    /// Passes a string and says whether it holds an escape.
    fn string(&mut self) -> Result<bool, ParseError> {
        let opened = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.error("a control character in a string has to be escaped")),
                Some(_) => self.at += 1,
                None => return Err((Key::JsonSyntax, opened, "the string that begins here is not closed".to_owned())),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ParseError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unicode(self.at) {
                Some(0xd800..=0xdbff) if matches!(self.unicode(self.at + 6), Some(0xdc00..=0xdfff)) => {
                    self.at += 12;
                    Ok(())
                }
                Some(0xd800..=0xdfff) => Err(self.error("half of a surrogate pair stands alone")),
                Some(_) => {
                    self.at += 6;
                    Ok(())
                }
                None => Err(self.error("expected four hexadecimal digits after \\u")),
            },
            _ => Err(self.error("unknown escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX")),
        }
    }

    /// The code unit of a `\uXXXX` at this place.
    fn unicode(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Result<(), ParseError> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
                return Err(self.error("a number has no leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("expected a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ParseError> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error("expected a value; JSON has only the words true, false and null"))
        }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, message: &str) -> ParseError {
        let message =
            if self.at >= self.bytes.len() { format!("{message}, but the text ends here") } else { message.to_owned() };
        (Key::JsonSyntax, self.at, message)
    }
}

/// So many bytes at the beginning of a text, eight at a time, hold nothing that means something in a string: no quote, no
/// backslash, no control character. Up to seven more may follow.
fn plain_length(text: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = EACH << 7;
    // The highest bit of the first byte that is smaller than this one, and nothing of those before it.
    let smaller = |word: u64, than: u8| word.wrapping_sub(EACH * u64::from(than)) & !word & HIGHEST;
    let same = |word: u64, byte: u8| smaller(word ^ (EACH * u64::from(byte)), 1);
    let (words, _) = text.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let special = smaller(word, b' ') | same(word, b'"') | same(word, b'\\');
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length
}

/// Which of 64 bits stands for a member name: the members of one object seldom share one.
fn bit_of(name: &[u8]) -> usize {
    let end = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
    (end(name.first()) * 5 + end(name.last()) * 13 + name.len() * 20) % 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_string_is_found_at_every_place() {
        let plain = "plain é 🏠 \u{7f}text that is longer than three words".as_bytes();
        assert_eq!(plain_length(plain), plain.len() / 8 * 8);
        for special in [b'"', b'\\', 0, 1, 0x1f] {
            for at in 0..plain.len() {
                let mut text = plain.to_vec();
                text[at] = special;
                // What stands behind the first one counts as little as what stands before it.
                text.extend([b'"', 0x80, 0xff, 0x20, 0x21, 0x5b, 0x5d, 0]);
                let found = plain_length(&text);
                assert!(
                    found == at || (found < at && at - found < 8 && at >= text.len() / 8 * 8),
                    "{special} at {at}: {found}"
                );
            }
        }
        assert_eq!(plain_length(b""), 0);
    }

    #[test]
    fn members_that_stand_twice_are_found_whatever_their_number() {
        for count in [2, 3, 31, 32, 33, 64, 65, 200] {
            let names: Vec<String> = (0..count).map(|number| format!("\"m{number}\":{{\"a\":1}}")).collect();
            let text = format!("{{{}}}", names.join(","));
            assert!(read(text.as_bytes(), 1000, 9).is_ok(), "{count}");
            for twice in [0, count / 2, count - 2] {
                let text = format!("{{{},\"m{twice}\":0}}", names.join(","));
                let refused = read(text.as_bytes(), 1000, 9).err().map(|(key, ..)| key);
                assert_eq!(refused, Some(Key::DuplicateMember), "{twice} of {count}");
            }
        }
    }
}
