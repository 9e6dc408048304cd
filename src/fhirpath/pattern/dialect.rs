//! The grammar of patterns: what the XML Schema, PCRE and ECMAScript dialects have in common, written in that of the
//! crate `regex`. What those dialects read differently, or one of them alone knows, is refused here.

use super::size::{Size, SizeStack};

/// Deepest accepted nesting of groups.
const MAX_NESTING: usize = 50;

const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";

/// A pattern in the grammar of the crate `regex`.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) text: String,
    pub(super) size: Size,
}

/// Translates a pattern.
///
/// # Errors
/// What is wrong with it.
pub(super) fn translate(text: &str) -> Result<Translated, String> {
    let characters = text.chars().collect();
    let mut reader = Reader { characters, at: 0, written: String::new(), sizes: SizeStack::new(), follows_atom: false };
    while let Some(next) = reader.next() {
        reader.part(next)?;
    }
    let size = reader.sizes.finish().ok_or("a group is not closed")?;
    Ok(Translated { text: reader.written, size })
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    written: String,
    sizes: SizeStack,
    /// Is there something in front that may be repeated?
    follows_atom: bool,
}

/// What stands behind a backslash.
enum Escape {
    Char(char),
    /// A class, as it is written inside brackets
    Class(String),
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn part(&mut self, next: char) -> Result<(), String> {
        match next {
            '(' => return self.open_group(),
            ')' => {
                self.sizes.close_group().ok_or("')' closes nothing")?;
                self.written.push(')');
            }
            '|' => {
                self.sizes.add(Size::CHAR);
                self.written.push('|');
                self.follows_atom = false;
                return Ok(());
            }
            '*' | '+' | '?' => return self.repetition(next),
            '[' => self.class()?,
            '.' => self.atom("(?s:.)", Size::ANY),
            '^' => self.atom(r"\A", Size::CHAR),
            '$' => self.atom(r"\z", Size::CHAR),
            '\\' => self.escaped()?,
            '{' => match self.counts() {
                Some(counts) if self.follows_atom => return self.counted_repetition(counts),
                _ => self.char(next),
            },
            plain => self.char(plain),
        }
        self.follows_atom = true;
        Ok(())
    }

    fn atom(&mut self, written: &str, size: Size) {
        self.written.push_str(written);
        self.sizes.add(size);
    }

    fn char(&mut self, plain: char) {
        push_char(&mut self.written, plain);
        self.sizes.add(Size::CHAR);
    }

    fn open_group(&mut self) -> Result<(), String> {
        if self.sizes.nesting() >= MAX_NESTING {
            return Err(format!("groups are nested more than {MAX_NESTING} deep"));
        }
        self.written.push('(');
        if self.take('?') {
            if !self.take(':') {
                return Err("of the groups that begin with ?, only (?:...) is known".to_owned());
            }
            self.written.push_str("?:");
        }
        self.sizes.open_group();
        self.follows_atom = false;
        Ok(())
    }

    // === repetitions ===

    fn repetition(&mut self, sign: char) -> Result<(), String> {
        if !self.follows_atom {
            return Err(format!("'{sign}' repeats nothing"));
        }
        self.written.push(sign);
        self.sizes.repeat(1);
        self.end_repetition()
    }

    /// `{n}`, `{n,}`, `{n,m}`; other braces stand for themselves.
    fn counts(&self) -> Option<(usize, u32, Option<u32>)> {
        let length = self.characters[self.at..].iter().take(24).position(|next| *next == '}')? + 1;
        let inner: String = self.characters[self.at..self.at + length - 1].iter().collect();
        let (least, most) = match inner.split_once(',') {
            None => (inner.parse().ok()?, Some(inner.parse().ok()?)),
            Some((least, "")) => (least.parse().ok()?, None),
            Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
        };
        Some((length, least, most))
    }

    fn counted_repetition(&mut self, (length, least, most): (usize, u32, Option<u32>)) -> Result<(), String> {
        self.at += length;
        if most.is_some_and(|most| most < least) {
            return Err("a repetition has its larger number first".to_owned());
        }
        let most_written = most.map(|most| most.to_string()).unwrap_or_default();
        self.written.extend(["{", &least.to_string(), ",", &most_written, "}"]);
        self.sizes.repeat(most.unwrap_or_else(|| least.saturating_add(1)));
        self.end_repetition()
    }

    /// `?` makes a repetition lazy; another may not follow.
    fn end_repetition(&mut self) -> Result<(), String> {
        if self.take('?') {
            self.written.push('?');
        }
        if matches!(self.peek(), Some('*' | '+')) {
            return Err("a repetition stands behind a repetition".to_owned());
        }
        self.follows_atom = false;
        Ok(())
    }

    // === escapes ===

    /// Behind a backslash, outside brackets.
    fn escaped(&mut self) -> Result<(), String> {
        // An edge of a word, as \w means it: ASCII.
        if self.take('b') {
            self.atom(r"(?-u:\b)", Size::CHAR);
        } else if self.take('B') {
            self.atom(r"(?-u:\B)", Size::CHAR);
        } else {
            match self.escape()? {
                Escape::Char(plain) => self.char(plain),
                Escape::Class(inner) => self.atom(&format!("[{inner}]"), Size::class(&inner)),
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<Escape, String> {
        Ok(match self.next().ok_or("a backslash stands at the end")? {
            'd' => Escape::Class(DIGITS.to_owned()),
            'D' => Escape::Class(format!("[^{DIGITS}]")),
            'w' => Escape::Class(WORD.to_owned()),
            'W' => Escape::Class(format!("[^{WORD}]")),
            's' => Escape::Class(r"\s".to_owned()),
            'S' => Escape::Class(r"\S".to_owned()),
            'p' => Escape::Class(format!(r"\p{{{}}}", self.property()?)),
            'P' => Escape::Class(format!(r"\P{{{}}}", self.property()?)),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'f' => Escape::Char('\u{c}'),
            'v' => Escape::Char('\u{b}'),
            'x' => Escape::Char(self.code(2)?),
            'u' => Escape::Char(self.code(4)?),
            other if other.is_ascii_alphanumeric() => return Err(format!("'\\{other}' is not known")),
            plain => Escape::Char(plain),
        })
    }

    fn code(&mut self, length: usize) -> Result<char, String> {
        let digits: String = self.characters[self.at..].iter().take(length).collect();
        self.at += digits.chars().count();
        let code = (digits.chars().count() == length).then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
        code.and_then(char::from_u32).ok_or_else(|| format!("'{digits}' is not the code of a character"))
    }

    /// `{L}` behind `\p`: a general category of Unicode.
    fn property(&mut self) -> Result<String, String> {
        let rest = &self.characters[self.at..];
        let end = rest.iter().position(|next| *next == '}').filter(|_| rest[0] == '{');
        let end = end.ok_or("expected {...} after \\p")?;
        let name: String = rest[1..end].iter().collect();
        self.at += end + 1;
        Ok(match name.as_str() {
            "Letter" | "Alphabetic" => "L".to_owned(),
            "Punct" => "P".to_owned(),
            _ if (1..=2).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic()) => name,
            other => return Err(format!("the property {other} is not known")),
        })
    }

    // === classes ===

    /// Behind `[`.
    fn class(&mut self) -> Result<(), String> {
        let is_negated = self.take('^');
        let mut inner = String::new();
        let mut first = true;
        loop {
            let next = self.next().ok_or("a class of characters is not closed")?;
            if next == ']' && !first {
                break;
            }
            first = false;
            match self.member(next)? {
                Escape::Char(low) => self.range(low, &mut inner)?,
                Escape::Class(class) => inner.push_str(&class),
            }
        }
        if is_negated {
            inner = format!("[^{inner}]");
        }
        self.atom(&format!("[{inner}]"), Size::class(&inner));
        Ok(())
    }

    /// A character of a class, or the range that begins with it.
    fn range(&mut self, low: char, inner: &mut String) -> Result<(), String> {
        push_char(inner, low);
        let is_range = self.peek() == Some('-') && self.characters.get(self.at + 1).is_some_and(|next| *next != ']');
        if !is_range {
            return Ok(());
        }
        self.at += 1;
        let next = self.next().ok_or("a class of characters is not closed")?;
        match self.member(next)? {
            Escape::Char(high) if low > high => return Err("a range has its larger character first".to_owned()),
            Escape::Char(high) => {
                inner.push('-');
                push_char(inner, high);
            }
            Escape::Class(class) => {
                push_char(inner, '-');
                inner.push_str(&class);
            }
        }
        Ok(())
    }

    fn member(&mut self, next: char) -> Result<Escape, String> {
        if next == '\\' { self.escape() } else { Ok(Escape::Char(next)) }
    }
}

/// A character that stands for itself.
fn push_char(written: &mut String, plain: char) {
    // `\<` and `\>` are edges of words.
    if plain.is_ascii_punctuation() && !matches!(plain, '<' | '>') {
        written.push('\\');
    }
    written.push(plain);
}
