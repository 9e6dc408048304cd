//! The grammar of patterns: what the XML Schema, PCRE and ECMAScript dialects have in common.

use super::{Assertion, Tree};

/// Deepest accepted nesting of groups.
const DEEPEST: u32 = 50;

/// A set of characters.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
    kinds: Vec<(CharKind, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CharKind {
    Digit,
    Word,
    Space,
    Letter,
    Upper,
    Lower,
    Number,
    Punctuation,
}

impl Class {
    /// Is the character in the set?
    pub(super) fn holds(&self, character: char) -> bool {
        let found = self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&character))
            || self.kinds.iter().any(|(kind, wanted)| kind.holds(character) == *wanted);
        found != self.negated
    }
}

impl CharKind {
    fn holds(self, character: char) -> bool {
        match self {
            Self::Digit => character.is_ascii_digit(),
            Self::Word => is_word(character),
            Self::Space => character.is_whitespace(),
            Self::Letter => character.is_alphabetic(),
            Self::Upper => character.is_uppercase(),
            Self::Lower => character.is_lowercase(),
            Self::Number => character.is_numeric(),
            Self::Punctuation => character.is_ascii_punctuation(),
        }
    }
}

/// A character of words, as `\w` and `\b` mean it.
pub(super) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Reads a pattern; the number says how many groups it has, the whole match included.
pub(super) fn parse(text: &str) -> Result<(Tree, usize), String> {
    let mut reader = Reader { rest: text.chars().collect::<Vec<_>>(), at: 0, groups: 1, nesting: 0 };
    let tree = reader.either()?;
    if reader.at < reader.rest.len() {
        return Err("')' closes nothing".to_owned());
    }
    Ok((tree, reader.groups))
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    groups: usize,
    nesting: u32,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
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

    fn either(&mut self) -> Result<Tree, String> {
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(if branches.len() == 1 { branches.swap_remove(0) } else { Tree::Either(branches) })
    }

    fn sequence(&mut self) -> Result<Tree, String> {
        let mut parts = Vec::new();
        while let Some(next) = self.peek().filter(|next| !matches!(next, '|' | ')')) {
            if matches!(next, '*' | '+' | '?') {
                return Err(format!("'{next}' repeats nothing"));
            }
            let part = self.atom()?;
            parts.push(self.repeated(part)?);
        }
        Ok(match parts.len() {
            0 => Tree::Nothing,
            1 => parts.swap_remove(0),
            _ => Tree::Sequence(parts),
        })
    }

    fn repeated(&mut self, tree: Tree) -> Result<Tree, String> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match self.counts() {
                Some((length, least, most)) => {
                    self.at += length - 1;
                    (least, most)
                }
                None => return Ok(tree),
            },
            _ => return Ok(tree),
        };
        self.at += 1;
        if most.is_some_and(|most| most < least) {
            return Err("a repetition has its larger number first".to_owned());
        }
        let lazy = self.take('?');
        if matches!(self.peek(), Some('*' | '+')) {
            return Err("a repetition stands behind a repetition".to_owned());
        }
        Ok(Tree::Repeat { tree: Box::new(tree), least, most, lazy })
    }

    /// `{n}`, `{n,}`, `{n,m}`; other braces stand for themselves.
    fn counts(&self) -> Option<(usize, u32, Option<u32>)> {
        let length = self.rest[self.at..].iter().take(24).position(|next| *next == '}')? + 1;
        let inner: String = self.rest[self.at + 1..self.at + length - 1].iter().collect();
        let (least, most) = match inner.split_once(',') {
            None => (inner.parse().ok()?, Some(inner.parse().ok()?)),
            Some((least, "")) => (least.parse().ok()?, None),
            Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
        };
        Some((length, least, most))
    }

    fn atom(&mut self) -> Result<Tree, String> {
        match self.next() {
            Some('(') => self.group(),
            Some('[') => self.class().map(|class| Tree::Class(Box::new(class))),
            Some('.') => Ok(Tree::Any),
            Some('^') => Ok(Tree::Assert(Assertion::Start)),
            Some('$') => Ok(Tree::Assert(Assertion::End)),
            Some('\\') => self.escaped(),
            Some(plain) => Ok(Tree::Char(plain)),
            None => Ok(Tree::Nothing),
        }
    }

    fn group(&mut self) -> Result<Tree, String> {
        self.nesting += 1;
        if self.nesting > DEEPEST {
            return Err(format!("groups are nested more than {DEEPEST} deep"));
        }
        let number = if self.take('?') {
            match self.next() {
                Some(':') => None,
                _ => return Err("of the groups that begin with ?, only (?:...) is known".to_owned()),
            }
        } else {
            self.groups += 1;
            Some(self.groups - 1)
        };
        let inner = self.either()?;
        if !self.take(')') {
            return Err("a group is not closed".to_owned());
        }
        self.nesting -= 1;
        Ok(match number {
            Some(number) => Tree::Group(number, Box::new(inner)),
            None => inner,
        })
    }

    /// Behind a backslash, outside brackets.
    fn escaped(&mut self) -> Result<Tree, String> {
        match self.peek() {
            Some('b') => {
                self.at += 1;
                Ok(Tree::Assert(Assertion::WordEdge))
            }
            Some('B') => {
                self.at += 1;
                Ok(Tree::Assert(Assertion::NoWordEdge))
            }
            _ => Ok(match self.escape()? {
                Escape::Char(plain) => Tree::Char(plain),
                Escape::Kind(kind, wanted) => {
                    Tree::Class(Box::new(Class { kinds: vec![(kind, wanted)], ..Class::default() }))
                }
            }),
        }
    }

    fn escape(&mut self) -> Result<Escape, String> {
        Ok(match self.next().ok_or("a backslash stands at the end")? {
            'd' => Escape::Kind(CharKind::Digit, true),
            'D' => Escape::Kind(CharKind::Digit, false),
            'w' => Escape::Kind(CharKind::Word, true),
            'W' => Escape::Kind(CharKind::Word, false),
            's' => Escape::Kind(CharKind::Space, true),
            'S' => Escape::Kind(CharKind::Space, false),
            'p' => Escape::Kind(self.property()?, true),
            'P' => Escape::Kind(self.property()?, false),
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
        let digits: String = self.rest[self.at..].iter().take(length).collect();
        self.at += digits.chars().count();
        let code = (digits.chars().count() == length).then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
        code.and_then(char::from_u32).ok_or_else(|| format!("'{digits}' is not the code of a character"))
    }

    /// `{L}` behind `\p`
    fn property(&mut self) -> Result<CharKind, String> {
        let rest = &self.rest[self.at..];
        let end = rest.iter().position(|next| *next == '}').ok_or("expected {...} after \\p")?;
        let name: String = rest[..end].iter().collect();
        self.at += end + 1;
        Ok(match name.trim_start_matches('{') {
            "L" | "Letter" | "Alphabetic" => CharKind::Letter,
            "Lu" => CharKind::Upper,
            "Ll" => CharKind::Lower,
            "N" | "Nd" => CharKind::Number,
            "P" | "Punct" => CharKind::Punctuation,
            other => return Err(format!("the property {other} is not known")),
        })
    }

    /// Behind `[`.
    fn class(&mut self) -> Result<Class, String> {
        let mut class = Class { negated: self.take('^'), ..Class::default() };
        let mut first = true;
        loop {
            let next = self.next().ok_or("a class of characters is not closed")?;
            if next == ']' && !first {
                return Ok(class);
            }
            first = false;
            let low = match self.member(next)? {
                Escape::Char(low) => low,
                Escape::Kind(kind, wanted) => {
                    class.kinds.push((kind, wanted));
                    continue;
                }
            };
            let is_range = self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|next| *next != ']');
            if !is_range {
                class.ranges.push((low, low));
                continue;
            }
            self.at += 1;
            let next = self.next().ok_or("a class of characters is not closed")?;
            match self.member(next)? {
                Escape::Char(high) if low <= high => class.ranges.push((low, high)),
                Escape::Char(_) => return Err("a range has its larger character first".to_owned()),
                Escape::Kind(kind, wanted) => {
                    class.ranges.extend([(low, low), ('-', '-')]);
                    class.kinds.push((kind, wanted));
                }
            }
        }
    }

    fn member(&mut self, next: char) -> Result<Escape, String> {
        if next == '\\' { self.escape() } else { Ok(Escape::Char(next)) }
    }
}

enum Escape {
    Char(char),
    Kind(CharKind, bool),
}
