//! The compiled form of an expression: names resolved, literals read, arguments known to be right in number.

use super::function::Function;
use super::pattern::Pattern;
use super::value::Value;

/// One part of an expression and where it begins in the text.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) at: u32,
    pub(super) kind: PartKind,
}

/// What a part is. `from` is what it is applied to; without it, to `$this`.
#[derive(Debug, Clone)]
pub(super) enum PartKind {
    /// `{}`
    Empty,
    /// `'text'`, `1.10`, `@2026-11`, `4 days`
    Literal(Value<'static>),
    /// `'one' | 'two'`: texts, each once
    Texts(Vec<Value<'static>>),
    /// `$this`
    This,
    /// `$index`
    Index,
    /// `$total`
    Total,
    /// `%name`
    Variable(Box<str>),
    /// `name`
    Member { from: Option<Box<Part>>, name: Name },
    /// `name(...)`
    Call { from: Option<Box<Part>>, call: Box<Call> },
    /// `a[i]`
    Indexer(Box<Part>, Box<Part>),
    /// `+a`, `-a`
    Sign { negative: bool, of: Box<Part> },
    /// `a + b`
    Binary(Operator, Box<Part>, Box<Part>),
    /// `a is T`, `a as T`, `ofType(T)`
    Typed { from: Option<Box<Part>>, test: TypeTest, name: TypeSpecifier },
}

/// A function with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Part>,
    /// The compiled pattern, where the function takes one and it is written as a literal.
    pub(super) pattern: Option<Pattern>,
}

/// What is asked about a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeTest {
    Is,
    As,
    OfType,
}

/// The name of an element, with what is known about the name alone.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: Box<str>,
    /// The types that a choice element of this name may have in R4; empty if none has this name.
    pub(super) choices: &'static [&'static str],
    /// It begins like the name of a type: at the beginning of a path it may be one.
    pub(super) may_be_type: bool,
}

/// A type as an expression names it.
#[derive(Debug, Clone)]
pub(super) struct TypeSpecifier {
    pub(super) namespace: Option<Namespace>,
    pub(super) name: Box<str>,
    /// It is a system type or a data type of R4, so that no model has to be asked whether there is one
    pub(super) is_known: bool,
}

/// The two namespaces that R4 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    System,
    Fhir,
}

/// Operators between two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// The operator that a symbol or keyword means, and how tightly it binds (`is` and `as` stand at 8).
    pub(super) fn parse(word: &str) -> Option<(Self, u8)> {
        Some(match word {
            "*" => (Self::Multiply, 10),
            "/" => (Self::Divide, 10),
            "div" => (Self::Div, 10),
            "mod" => (Self::Mod, 10),
            "+" => (Self::Add, 9),
            "-" => (Self::Subtract, 9),
            "&" => (Self::Concatenate, 9),
            "|" => (Self::Union, 7),
            "<" => (Self::Less, 6),
            "<=" => (Self::LessOrEqual, 6),
            ">" => (Self::Greater, 6),
            ">=" => (Self::GreaterOrEqual, 6),
            "=" => (Self::Equal, 5),
            "!=" => (Self::NotEqual, 5),
            "~" => (Self::Equivalent, 5),
            "!~" => (Self::NotEquivalent, 5),
            "in" => (Self::In, 4),
            "contains" => (Self::Contains, 4),
            "and" => (Self::And, 3),
            "or" => (Self::Or, 2),
            "xor" => (Self::Xor, 2),
            "implies" => (Self::Implies, 1),
            _ => return None,
        })
    }

    /// How it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Div => "div",
            Self::Mod => "mod",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concatenate => "&",
            Self::Union => "|",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Equivalent => "~",
            Self::NotEquivalent => "!~",
            Self::In => "in",
            Self::Contains => "contains",
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::Implies => "implies",
        }
    }
}

/// How tightly `is` and `as` bind.
pub(super) const TYPE_BINDING: u8 = 8;
