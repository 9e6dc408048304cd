//! What an expression has to find before it can say anything but "true".
//!
//! Most invariants speak about elements that most resources do not have: `contained.contained.empty()` holds wherever
//! there is no `contained`. Whoever checks many elements knows their names already and need not evaluate what has to
//! hold for lack of them.

use super::function::Function;
use super::tree::{Call, Operator, Part, PartKind, TypeTest};
use super::value::Value;

/// What a part gives while the elements that were named are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueIfAbsent {
    Nothing,
    Truth(bool),
    /// Anything, or a failure
    Unknown,
}

/// What a part gives, and without which elements of the focus.
type Analysis<'p> = (ValueIfAbsent, Vec<&'p str>);

/// The elements of the focus without which an expression is true.
pub(super) fn true_without(part: &Part) -> Option<Vec<&str>> {
    let (value, mut names) = analyze(part);
    names.sort_unstable();
    names.dedup();
    (value == ValueIfAbsent::Truth(true)).then_some(names)
}

fn analyze(part: &Part) -> Analysis<'_> {
    match &part.kind {
        PartKind::Empty => (ValueIfAbsent::Nothing, Vec::new()),
        PartKind::Literal(Value::Boolean(value)) => (ValueIfAbsent::Truth(*value), Vec::new()),
        PartKind::Member { from: None, name } if !name.may_be_type => (ValueIfAbsent::Nothing, vec![&*name.text]),
        PartKind::Member { from: Some(from), .. }
        | PartKind::Typed { from: Some(from), test: TypeTest::Is | TypeTest::As | TypeTest::OfType, .. }
        | PartKind::Sign { of: from, .. }
        | PartKind::Indexer(from, _) => match analyze(from) {
            (ValueIfAbsent::Nothing, names) => (ValueIfAbsent::Nothing, names),
            _ => unknown(),
        },
        PartKind::Call { from: Some(from), call } => analyze_call(analyze(from), call),
        PartKind::Binary(operator, left, right) => analyze_binary(*operator, left, right),
        _ => unknown(),
    }
}

fn unknown<'p>() -> Analysis<'p> {
    (ValueIfAbsent::Unknown, Vec::new())
}

fn analyze_call<'p>((input, names): Analysis<'p>, call: &Call) -> Analysis<'p> {
    use Function as F;
    let value = match (input, call.function) {
        (ValueIfAbsent::Truth(value), F::Not) => ValueIfAbsent::Truth(!value),
        (ValueIfAbsent::Nothing, F::Empty | F::All | F::AllTrue | F::AllFalse | F::IsDistinct) => {
            ValueIfAbsent::Truth(true)
        }
        (ValueIfAbsent::Nothing, F::Exists | F::AnyTrue | F::AnyFalse | F::HasValue) => ValueIfAbsent::Truth(false),
        (
            ValueIfAbsent::Nothing,
            F::Not
            | F::Where
            | F::Select
            | F::First
            | F::Last
            | F::Tail
            | F::Single
            | F::Children
            | F::Descendants
            | F::Extension
            | F::Resolve
            | F::StartsWith
            | F::EndsWith
            | F::Matches
            | F::Length
            | F::Substring
            | F::Trace,
        ) => ValueIfAbsent::Nothing,
        _ => return unknown(),
    };
    (value, names)
}

fn analyze_binary<'p>(operator: Operator, left: &'p Part, right: &'p Part) -> Analysis<'p> {
    use Operator as O;
    let (first, mut names) = analyze(left);
    match (operator, first) {
        (_, ValueIfAbsent::Unknown) => return unknown(),
        (O::And, ValueIfAbsent::Truth(false)) => return (ValueIfAbsent::Truth(false), names),
        (O::Or, ValueIfAbsent::Truth(true)) | (O::Implies, ValueIfAbsent::Truth(false)) => {
            return (ValueIfAbsent::Truth(true), names);
        }
        _ => {}
    }
    let (second, more) = analyze(right);
    names.extend(more);
    let value = match (operator, first, second) {
        (O::And, _, ValueIfAbsent::Truth(false)) => ValueIfAbsent::Truth(false),
        (O::Or | O::Implies, _, ValueIfAbsent::Truth(true)) => ValueIfAbsent::Truth(true),
        (
            O::And | O::Or | O::Implies | O::Xor,
            ValueIfAbsent::Nothing,
            ValueIfAbsent::Nothing | ValueIfAbsent::Truth(_),
        )
        | (O::And | O::Or | O::Implies | O::Xor, ValueIfAbsent::Truth(_), ValueIfAbsent::Nothing)
        | (O::Union | O::Equal | O::NotEqual, ValueIfAbsent::Nothing, ValueIfAbsent::Nothing) => ValueIfAbsent::Nothing,
        (O::And | O::Or | O::Implies, ValueIfAbsent::Truth(_), other) => other,
        (O::Xor, ValueIfAbsent::Truth(first), ValueIfAbsent::Truth(second)) => ValueIfAbsent::Truth(first != second),
        // Both sides are evaluated, and a text does not fail.
        (O::Equal | O::NotEqual, ValueIfAbsent::Nothing, _) if matches!(right.kind, PartKind::Literal(_)) => {
            ValueIfAbsent::Nothing
        }
        _ => return unknown(),
    };
    (value, names)
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::*;

    #[test]
    fn names_what_has_to_be_there() {
        for (text, names) in [
            ("contained.contained.empty()", Some(vec!["contained"])),
            ("start.hasValue().not() or end.hasValue().not() or start <= end", Some(vec!["start"])),
            ("focus.exists() implies subject.exists()", Some(vec!["focus"])),
            ("code.exists() or value.empty()", Some(vec!["code", "value"])),
            ("a.where(b = 'c').exists() implies d.exists()", Some(vec!["a"])),
            ("a.exists().not() and (b.empty() xor c.exists())", Some(vec!["a", "b", "c"])),
            ("a.all(b.exists()) and a.empty()", Some(vec!["a"])),
            ("a = 'x' implies true", Some(vec!["a"])),
            ("true", Some(vec![])),
            ("text.`div`.exists()", None),
            ("status = 'done' implies end.exists()", None),
            ("1 > 'a' or a.empty()", None),
            ("Task.contained.empty()", None),
            ("%resource.contained.empty()", None),
            ("a.count() = 0", None),
            ("a.exists() != b.exists()", None),
        ] {
            assert_eq!(true_without(&parse(text).unwrap()), names, "{text}");
        }
    }
}
