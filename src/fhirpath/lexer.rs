//! The words of an expression (<https://hl7.org/fhirpath/N1/grammar.html>), each with the place where it begins.
//!
//! Keywords are names here; what a name means depends on where it stands, which is the parser's business.

use super::date::Temporal;
use super::decimal::Decimal;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A name or a keyword
    Name(String),
    /// A name in backticks: never a keyword
    Quoted(String),
    /// `'...'`, decoded
    Text(String),
    /// A whole number
    Integer(i64),
    /// A number with a point
    Decimal(Decimal),
    /// `@...`
    Temporal(Temporal),
    /// `$this`, `$index`, `$total`
    Dollar(&'static str),
    /// An operator or a bracket
    Symbol(&'static str),
    /// The end
    End,
}

impl TokenKind {
    /// What it is, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("'{name}'"),
            Self::Quoted(name) => format!("`{name}`"),
            Self::Text(_) => "a string".to_owned(),
            Self::Integer(number) => format!("{number}"),
            Self::Decimal(number) => format!("{number}"),
            Self::Temporal(moment) => format!("@{moment}"),
            Self::Dollar(name) => (*name).to_owned(),
            Self::Symbol(symbol) => format!("'{symbol}'"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token, and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: usize,
}

/// Where reading stopped and why.
pub(super) type SyntaxError = (usize, String);

/// Longer symbols stand before those that they begin with.
const SYMBOLS: [&str; 25] = [
    "!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "=", "~", "<", ">",
    "%", ":", ";",
];

/// Cuts an expression into words; the last one is [`TokenKind::End`].
pub(super) fn tokenize(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.space()?;
        let at = lexer.at;
        let kind = lexer.read_token()?;
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// White space and comments.
    fn space(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            if let Some(trimmed) = rest.strip_prefix("//") {
                self.at += 2 + trimmed.find('\n').unwrap_or(trimmed.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(length) = comment.find("*/") else {
                    return Err((self.at, "the comment that begins here is not closed".to_owned()));
                };
                self.at += length + 4;
            } else {
                let length = rest.len() - rest.trim_start().len();
                if length == 0 {
                    return Ok(());
                }
                self.at += length;
            }
        }
    }

    fn read_token(&mut self) -> Result<TokenKind, SyntaxError> {
        match self.peek(0) {
            0 if self.at >= self.text.len() => Ok(TokenKind::End),
            b'\'' => self.quoted('\'').map(TokenKind::Text),
            b'`' => self.quoted('`').map(TokenKind::Quoted),
            // Before its normative release FHIRPath quoted names so, and R4 still has such expressions.
            b'"' => self.quoted('"').map(TokenKind::Quoted),
            b'0'..=b'9' => self.number(),
            b'@' => self.temporal(),
            b'$' => self.dollar(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let rest = self.rest();
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                self.at += length;
                Ok(TokenKind::Name(rest[..length].to_owned()))
            }
            _ => {
                let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) else {
                    let found = self.rest().chars().next().unwrap_or(' ');
                    return Err((self.at, format!("'{}' has no meaning here", found.escape_default())));
                };
                self.at += symbol.len();
                Ok(TokenKind::Symbol(symbol))
            }
        }
    }

    fn dollar(&mut self) -> Result<TokenKind, SyntaxError> {
        for name in ["$this", "$index", "$total"] {
            if self.rest().starts_with(name) {
                self.at += name.len();
                return Ok(TokenKind::Dollar(name));
            }
        }
        Err((self.at, "expected $this, $index or $total".to_owned()))
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        self.digits();
        let decimal = self.peek(0) == b'.' && self.peek(1).is_ascii_digit();
        if decimal {
            self.at += 1;
            self.digits();
        }
        let text = &self.text[start..self.at];
        if decimal {
            let number = Decimal::parse(text).ok_or_else(|| (start, "the number has too many digits".to_owned()))?;
            return Ok(TokenKind::Decimal(number));
        }
        // One above the largest is read, so that the smallest can be written with its sign.
        match text.parse::<i64>() {
            Ok(number) if number <= 1 << 31 => Ok(TokenKind::Integer(number)),
            _ => Err((start, "a whole number is at most 2147483647; write a decimal (with .0) beyond".to_owned())),
        }
    }

    fn digits(&mut self) {
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
    }

    /// `@2015-02-04T14:34:28.123+10:00`, `@T14:34`
    fn temporal(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let time_only = self.peek(0) == b'T';
        while self.peek(0).is_ascii_digit() || (self.peek(0) == b'-' && self.peek(1).is_ascii_digit()) {
            self.at += 1;
        }
        let timed = self.peek(0) == b'T';
        if timed {
            self.at += 1;
            self.time(time_only);
        }
        let text = &self.text[start + 1..self.at];
        let moment = match text.strip_prefix('T') {
            Some(time) => Temporal::parse_time(time),
            None if timed => Temporal::parse_date_time(text),
            None => Temporal::parse_date(text),
        };
        let message = "expected a date or time, such as @2026-11, @2026-11-21T10:00:00Z or @T10:00";
        moment.map(TokenKind::Temporal).ok_or_else(|| (start, message.to_owned()))
    }

    fn time(&mut self, time_only: bool) {
        self.digits();
        while self.peek(0) == b':' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.digits();
        }
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.digits();
        }
        if time_only {
            return;
        }
        if self.peek(0) == b'Z' {
            self.at += 1;
        } else if matches!(self.peek(0), b'+' | b'-')
            && (1..=5).all(|ahead| if ahead == 3 { self.peek(3) == b':' } else { self.peek(ahead).is_ascii_digit() })
        {
            self.at += 6;
        }
    }

    /// What stands between quotes, with escapes decoded.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.rest().chars().next() else {
                return Err((start, "the quote that begins here is not closed".to_owned()));
            };
            if next == '\\' {
                text.push(self.escape()?);
            } else {
                self.at += next.len_utf8();
                if next == quote {
                    return Ok(text);
                }
                text.push(next);
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let decoded = match self.peek(1) {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'f' => '\u{c}',
            b'u' => return self.unicode(),
            plain @ (b'\'' | b'"' | b'`' | b'\\' | b'/') => char::from(plain),
            // A backslash that begins no escape is passed over (section "Literals" of the standard).
            0x20..=0x7e => {
                self.at += 1;
                let plain = char::from(self.peek(0));
                self.at += 1;
                return Ok(plain);
            }
            _ => return Err((self.at, "expected a character after the backslash".to_owned())),
        };
        self.at += 2;
        Ok(decoded)
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let unit = |at: usize| {
            self.text
                .get(at..at + 6)
                .and_then(|text| text.strip_prefix("\\u"))
                .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        };
        let units = [unit(self.at), unit(self.at + 6)];
        let first = units[0].map(|first| char::decode_utf16([first]).next());
        let (character, length) = match (first, units) {
            (Some(Some(Ok(character))), _) => (Some(character), 6),
            (Some(_), [Some(high), Some(low)]) => (char::decode_utf16([high, low]).next().and_then(Result::ok), 12),
            _ => (None, 0),
        };
        self.at += length;
        character.ok_or_else(|| (self.at, "expected four hexadecimal digits of a character after \\u".to_owned()))
    }
}
