//! Words to a compiled tree, by precedence climbing (<https://hl7.org/fhirpath/N1/#operator-precedence>).
//!
//! Everything that can be wrong with an expression without a document to look at is said here: syntax, unknown
//! functions, wrong numbers of arguments, too deep nesting.

use crate::fhir::nearest_name::nearest;

use super::function::{self, Arguments, Function};
use super::lexer::{SyntaxError, Token, TokenKind, tokenize};
use super::model;
use super::pattern::Pattern;
use super::tree::{Call, Name, Namespace, Operator, Part, PartKind, TYPE_BINDING, TypeSpecifier, TypeTest};
use super::value::{Calendar, Quantity, Unit, Value};

/// Longest accepted text, in bytes.
const MAX_LENGTH: usize = 64 * 1024;
/// Deepest accepted nesting, in brackets as well as in chains such as `a.b.c` and `a or b or c`.
const MAX_DEPTH: u32 = 200;

/// Most memory that all patterns of an expression take together.
const MAX_PATTERN_BYTES: usize = 10 << 20;
/// The system types.
const SYSTEM: [&str; 8] = ["Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// Compiles an expression.
pub(super) fn parse(text: &str) -> Result<Part, SyntaxError> {
    if text.len() > MAX_LENGTH {
        return Err((0, format!("the expression has {} bytes; at most {MAX_LENGTH} are read", text.len())));
    }
    let mut parser = Parser { tokens: tokenize(text)?, next: 0, nesting: 0, pattern_bytes: 0 };
    let (part, _) = parser.expression(0)?;
    match parser.peek() {
        TokenKind::End => Ok(*part),
        TokenKind::Symbol(";") => Err(parser.syntax_error("an operator or the end; ; separates nothing in FHIRPath")),
        _ => Err(parser.syntax_error("an operator, '.' or the end")),
    }
}

/// A part and how deep the tree below it is. Boxed at once: reading recurses, and stacks are small.
type PartWithDepth = (Box<Part>, u32);

/// Both sides of an operator. A list of texts is made once, not each time that it is asked for.
fn union_kind(operator: Operator, left: Box<Part>, right: Box<Part>) -> PartKind {
    let is_text = |part: &Part| matches!(part.kind, PartKind::Literal(Value::String(_)));
    let is_texts = is_text(&left) || matches!(left.kind, PartKind::Texts(_));
    if operator != Operator::Union || !is_texts || !is_text(&right) {
        return PartKind::Binary(operator, left, right);
    }
    let mut texts = match left.kind {
        PartKind::Texts(texts) => texts,
        PartKind::Literal(text) => vec![text],
        _ => Vec::new(),
    };
    if let PartKind::Literal(text) = right.kind
        && !texts.iter().any(|known| matches!((known, &text), (Value::String(one), Value::String(two)) if one == two))
    {
        texts.push(text);
    }
    PartKind::Texts(texts)
}

fn boxed(at: usize, kind: PartKind) -> Box<Part> {
    Box::new(Part { at: at as u32, kind })
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: u32,
    /// About how much memory the patterns of the expression take
    pattern_bytes: usize,
}

impl Parser {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.syntax_error(&format!("'{symbol}'"))) }
    }

    fn syntax_error(&self, expected: &str) -> SyntaxError {
        (self.at(), format!("expected {expected}, found {}", self.peek().describe()))
    }

    fn nest(&self, below: u32) -> Result<u32, SyntaxError> {
        if below >= MAX_DEPTH {
            return Err((self.at(), format!("the expression is nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(below + 1)
    }

    // === operators ===

    /// Everything that binds at least as tightly as `lowest`.
    fn expression(&mut self, lowest: u8) -> Result<PartWithDepth, SyntaxError> {
        self.nesting = self.nest(self.nesting)?;
        let (mut left, mut depth) = self.signed()?;
        while let Some((operator, binding)) = self.operator().filter(|(_, binding)| *binding >= lowest) {
            let at = self.at();
            (left, depth) = match operator {
                Some(operator) => {
                    self.next += 1;
                    let (right, below) = self.expression(binding + 1)?;
                    (boxed(at, union_kind(operator, left, right)), depth.max(below))
                }
                None => (self.type_operator(left)?, depth),
            };
            depth = self.nest(depth)?;
        }
        self.nesting -= 1;
        Ok((left, depth))
    }

    /// `is T`, `as T`
    fn type_operator(&mut self, from: Box<Part>) -> Result<Box<Part>, SyntaxError> {
        let at = self.at();
        let is = matches!(self.peek(), TokenKind::Name(name) if name == "is");
        self.next += 1;
        let name = self.type_specifier()?;
        let test = if is { TypeTest::Is } else { TypeTest::As };
        Ok(boxed(at, PartKind::Typed { from: Some(from), test, name }))
    }

    /// The operator that comes next and how tightly it binds; without an operator for `is` and `as`.
    fn operator(&self) -> Option<(Option<Operator>, u8)> {
        let word = match self.peek() {
            TokenKind::Name(name) => name.as_str(),
            TokenKind::Symbol(symbol) => symbol,
            _ => return None,
        };
        if matches!(word, "is" | "as") {
            return Some((None, TYPE_BINDING));
        }
        Operator::parse(word).map(|(operator, binding)| (Some(operator), binding))
    }

    /// A sign binds looser than what follows a point: `-1.abs()` is the negative of `1.abs()`.
    fn signed(&mut self) -> Result<PartWithDepth, SyntaxError> {
        let at = self.at();
        let negative = matches!(self.peek(), TokenKind::Symbol("-"));
        if !negative && !matches!(self.peek(), TokenKind::Symbol("+")) {
            return self.chain();
        }
        self.next += 1;
        self.nesting = self.nest(self.nesting)?;
        let (of, depth) = self.signed()?;
        self.nesting -= 1;
        Ok((boxed(at, PartKind::Sign { negative, of }), self.nest(depth)?))
    }

    // === paths ===

    /// A term and what follows it after points and in brackets.
    fn chain(&mut self) -> Result<PartWithDepth, SyntaxError> {
        let (mut part, mut depth) = self.term()?;
        loop {
            let at = self.at();
            let below;
            if self.take_symbol(".") {
                (part, below) = self.step(Some(part))?;
            } else if self.take_symbol("[") {
                let index;
                (index, below) = self.expression(0)?;
                self.expect("]")?;
                part = boxed(at, PartKind::Indexer(part, index));
            } else {
                return Ok((part, depth));
            }
            depth = self.nest(depth.max(below))?;
        }
    }

    fn term(&mut self) -> Result<PartWithDepth, SyntaxError> {
        if self.take_symbol("(") {
            let inner = self.expression(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.peek() {
            TokenKind::Name(name) if matches!(name.as_str(), "true" | "false") => self.leaf(),
            TokenKind::Name(_) | TokenKind::Quoted(_) => self.step(None),
            _ => self.leaf(),
        }
    }

    /// A term that holds no other.
    fn leaf(&mut self) -> Result<PartWithDepth, SyntaxError> {
        let at = self.at();
        let kind = match self.peek().clone() {
            TokenKind::Symbol("{") => {
                self.next += 1;
                self.expect("}")?;
                PartKind::Empty
            }
            TokenKind::Symbol("%") => {
                self.next += 1;
                let (TokenKind::Name(name) | TokenKind::Quoted(name) | TokenKind::Text(name)) = self.peek().clone()
                else {
                    return Err(self.syntax_error("the name of a constant after %"));
                };
                self.next += 1;
                PartKind::Variable(name.into_boxed_str())
            }
            TokenKind::Dollar(name) => {
                self.next += 1;
                match name {
                    "$this" => PartKind::This,
                    "$index" => PartKind::Index,
                    _ => PartKind::Total,
                }
            }
            TokenKind::Name(name) => {
                self.next += 1;
                PartKind::Literal(Value::Boolean(name == "true"))
            }
            _ => PartKind::Literal(self.literal()?),
        };
        Ok((boxed(at, kind), 1))
    }

    fn literal(&mut self) -> Result<Value<'static>, SyntaxError> {
        let value = match self.peek().clone() {
            TokenKind::Text(text) => Value::text(text),
            TokenKind::Temporal(moment) => Value::Temporal(moment),
            TokenKind::Integer(number) if number > i64::from(i32::MAX) && !self.signed_negative() => {
                return Err(self.syntax_error("a whole number of at most 2147483647"));
            }
            TokenKind::Integer(number) => Value::Integer(number),
            TokenKind::Decimal(number) => Value::Decimal(number),
            _ => return Err(self.syntax_error("a name, a literal, '(' or '{'")),
        };
        self.next += 1;
        let number = match value {
            Value::Integer(number) => number.into(),
            Value::Decimal(number) => number,
            other => return Ok(other),
        };
        let unit = match self.peek() {
            TokenKind::Text(code) => match Calendar::parse(code) {
                // `'month'` is no code of UCUM; `'s'` and `'d'` are.
                Some(unit) => Unit::Calendar(unit),
                None => Unit::Ucum(code.clone().into()),
            },
            TokenKind::Name(name) => match Calendar::parse(name) {
                Some(unit) => Unit::Calendar(unit),
                None => return Ok(value),
            },
            _ => return Ok(value),
        };
        self.next += 1;
        Ok(Value::Quantity(Box::new(Quantity { value: number, unit })))
    }

    /// Does a minus stand before this word?
    fn signed_negative(&self) -> bool {
        self.next > 0 && matches!(self.tokens[self.next - 1].kind, TokenKind::Symbol("-"))
    }

    /// A name or a call, applied to `from`.
    fn step(&mut self, from: Option<Box<Part>>) -> Result<PartWithDepth, SyntaxError> {
        let at = self.at();
        let (TokenKind::Name(name) | TokenKind::Quoted(name)) = self.peek().clone() else {
            return Err(self.syntax_error("the name of an element or a function"));
        };
        self.next += 1;
        if self.take_symbol("(") {
            return self.call(at, from, &name);
        }
        let name = Name {
            choices: model::choices(&name),
            may_be_type: name.starts_with(|first: char| first.is_ascii_uppercase()),
            text: name.into_boxed_str(),
        };
        Ok((boxed(at, PartKind::Member { from, name }), 1))
    }

    /// A call, behind the bracket.
    fn call(&mut self, at: usize, from: Option<Box<Part>>, name: &str) -> Result<PartWithDepth, SyntaxError> {
        let Some(function) = Function::from_name(name) else {
            let meant = nearest(name, function::NAMES.iter().copied())
                .map(|known| format!("; did you mean {known}()?"))
                .unwrap_or_default();
            return Err((at, format!("there is no function {name}(){meant}")));
        };
        if function.arguments() == Arguments::Type {
            return self.type_call(at, from, function);
        }
        let (arguments, depth) = self.arguments()?;
        let (least, most) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            return Err((at, format!("{name}() takes {wanted} arguments, found {}", arguments.len())));
        }
        let pattern = literal_pattern(function, &arguments)?;
        self.pattern_bytes += pattern.as_ref().map_or(0, Pattern::bytes);
        if self.pattern_bytes > MAX_PATTERN_BYTES {
            return Err((at, "the patterns of the expression are too large together".to_owned()));
        }
        let call = Box::new(Call { function, arguments, pattern });
        Ok((boxed(at, PartKind::Call { from, call }), depth))
    }

    fn arguments(&mut self) -> Result<(Vec<Part>, u32), SyntaxError> {
        let mut arguments = Vec::new();
        let mut depth = 1;
        if self.take_symbol(")") {
            return Ok((arguments, depth));
        }
        loop {
            let (argument, below) = self.expression(0)?;
            arguments.push(*argument);
            depth = depth.max(below);
            if !self.take_symbol(",") {
                break;
            }
        }
        if self.take_symbol(")") { Ok((arguments, self.nest(depth)?)) } else { Err(self.syntax_error("',' or ')'")) }
    }

    // === types ===

    /// `is(T)`, `as(T)`, `ofType(T)`, behind the bracket.
    fn type_call(
        &mut self,
        at: usize,
        from: Option<Box<Part>>,
        function: Function,
    ) -> Result<PartWithDepth, SyntaxError> {
        let test = match function {
            Function::Is => TypeTest::Is,
            Function::As => TypeTest::As,
            _ => TypeTest::OfType,
        };
        let name = self.type_specifier()?;
        self.expect(")")?;
        Ok((boxed(at, PartKind::Typed { from, test, name }), 1))
    }

    /// `Patient`, `FHIR.Patient`, `System.String`
    fn type_specifier(&mut self) -> Result<TypeSpecifier, SyntaxError> {
        let first = self.type_name()?;
        let namespace = match first.as_str() {
            "System" => Namespace::System,
            "FHIR" => Namespace::Fhir,
            _ => {
                let is_known = model::is_datatype(&first) || SYSTEM.contains(&first.as_str());
                return Ok(TypeSpecifier { namespace: None, name: first.into_boxed_str(), is_known });
            }
        };
        self.expect(".")?;
        let name = self.type_name()?.into_boxed_str();
        let is_known = namespace == Namespace::System || model::is_datatype(&name);
        Ok(TypeSpecifier { namespace: Some(namespace), name, is_known })
    }

    fn type_name(&mut self) -> Result<String, SyntaxError> {
        let (TokenKind::Name(name) | TokenKind::Quoted(name)) = self.peek().clone() else {
            return Err(self.syntax_error("the name of a type"));
        };
        self.next += 1;
        Ok(name)
    }
}

/// The pattern that a function is called with, compiled once if it is a literal.
fn literal_pattern(function: Function, arguments: &[Part]) -> Result<Option<Pattern>, SyntaxError> {
    if !matches!(function, Function::Matches | Function::MatchesFull | Function::ReplaceMatches) {
        return Ok(None);
    }
    match arguments.first().map(|argument| (argument.at, &argument.kind)) {
        Some((at, PartKind::Literal(Value::String(text)))) => match Pattern::parse(text, function.extent()) {
            Ok(pattern) => Ok(Some(pattern)),
            Err(message) => Err((at as usize, format!("the pattern cannot be read: {message}"))),
        },
        _ => Ok(None),
    }
}
