//! An expression held against the types, before it meets a document
//! (<https://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation>).
//!
//! Evaluation answers a misspelt path with nothing, which is right for data and wrong for authors: a map that reads
//! `name.fmaily` should say so when it is loaded. Only what is certain is reported; where a type is not known (what a
//! reference resolves to, what a bundle holds) anything may follow.

use std::borrow::Cow;

use super::function::Function;
use super::model::Model;
use super::tree::{Call, Name, Namespace, Operator, Part, PartKind, TypeSpecifier, TypeTest};

/// Where an expression asks for what cannot be there, and what.
type TypeError = (usize, String);

/// What is known of what a part gives.
#[derive(Debug, Clone)]
struct StaticType<'m> {
    /// The FHIR types that it may have; nothing if they are not known
    types: Option<Vec<Cow<'m, str>>>,
    /// Whether its order means something
    ordered: bool,
}

const ANYTHING: StaticType<'static> = StaticType { types: None, ordered: true };

/// What is wrong with an expression that is evaluated on a `start`.
pub(super) fn check(part: &Part, model: &dyn Model, start: &str) -> Vec<TypeError> {
    let mut checker = Checker { model, found: Vec::new() };
    let focus = StaticType { types: Some(vec![Cow::Owned(start.to_owned())]), ordered: true };
    checker.part(part, &focus);
    checker.found
}

struct Checker<'m> {
    model: &'m dyn Model,
    found: Vec<TypeError>,
}

impl<'m> Checker<'m> {
    fn part(&mut self, part: &Part, this: &StaticType<'m>) -> StaticType<'m> {
        match &part.kind {
            PartKind::This => this.clone(),
            PartKind::Member { from: None, name } => self.first(part.at, this, name),
            PartKind::Member { from: Some(from), name } => {
                let input = self.part(from, this);
                self.member(part.at, &input, name)
            }
            PartKind::Call { from, call } => {
                let input = from.as_ref().map_or_else(|| this.clone(), |from| self.part(from, this));
                self.call(part.at, &input, call, this)
            }
            PartKind::Indexer(from, index) => {
                let input = self.part(from, this);
                self.part(index, this);
                self.order(part.at, &input, "an index");
                input
            }
            PartKind::Sign { of, .. } => {
                self.part(of, this);
                ANYTHING
            }
            PartKind::Binary(operator, left, right) => {
                let (left, right) = (self.part(left, this), self.part(right, this));
                if *operator == Operator::Union { union(left, right) } else { ANYTHING }
            }
            PartKind::Typed { from, test, name } => {
                let input = from.as_ref().map_or_else(|| this.clone(), |from| self.part(from, this));
                if *test == TypeTest::Is { ANYTHING } else { self.narrow(name, &input) }
            }
            PartKind::Empty
            | PartKind::Literal(_)
            | PartKind::Texts(_)
            | PartKind::Index
            | PartKind::Total
            | PartKind::Variable(_) => ANYTHING,
        }
    }

    /// The first name of a path may be the type of `$this`.
    fn first(&mut self, at: u32, this: &StaticType<'m>, name: &Name) -> StaticType<'m> {
        let Some(types) = &this.types else { return ANYTHING };
        let is = |kind: &Cow<'m, str>| self.model.is_a(kind, &name.text) || self.model.is_a(&name.text, kind);
        if name.text.starts_with(|first: char| first.is_ascii_uppercase()) && types.iter().any(is) {
            let narrower = types.iter().any(|kind| !self.model.is_a(kind, &name.text));
            let types = if narrower { vec![Cow::Owned(name.text.to_string())] } else { types.clone() };
            return StaticType { types: Some(types), ordered: this.ordered };
        }
        self.member(at, this, name)
    }

    fn member(&mut self, at: u32, input: &StaticType<'m>, name: &Name) -> StaticType<'m> {
        let Some(kinds) = &input.types else { return StaticType { types: None, ordered: input.ordered } };
        let unknown = StaticType { types: None, ordered: input.ordered };
        let mut found: Vec<Cow<'m, str>> = Vec::new();
        for kind in kinds {
            // What is abstract may be anything that derives from it.
            if matches!(&**kind, "Resource" | "DomainResource" | "Element" | "BackboneElement") {
                return unknown;
            }
            let Some(types) = self.model.types(kind, &name.text) else { return unknown };
            for kind in types {
                if !found.contains(&kind) {
                    found.push(kind);
                }
            }
        }
        if found.is_empty() {
            let kinds = kinds.join(" or ");
            self.found.push((at as usize, format!("there is no element {} in {kinds}", name.text)));
            return ANYTHING;
        }
        StaticType { types: Some(found), ordered: input.ordered }
    }

    fn narrow(&self, name: &TypeSpecifier, input: &StaticType<'m>) -> StaticType<'m> {
        if name.namespace == Some(Namespace::System) || !self.model.is_type(&name.name) {
            return ANYTHING;
        }
        StaticType { types: Some(vec![Cow::Owned(name.name.to_string())]), ordered: input.ordered }
    }

    fn call(&mut self, at: u32, input: &StaticType<'m>, call: &Call, this: &StaticType<'m>) -> StaticType<'m> {
        use Function as F;
        let on_items = matches!(
            call.function,
            F::Where | F::Select | F::All | F::Exists | F::Repeat | F::Iif | F::Sort | F::Trace | F::Aggregate
        );
        let mut given: Vec<StaticType<'m>> = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            given.push(self.part(argument, if on_items { input } else { this }));
        }
        match call.function {
            F::First | F::Last | F::Tail | F::Skip | F::Take => {
                self.order(at, input, &format!("{}()", call.function.name()));
                input.clone()
            }
            F::Where | F::Single | F::Trace | F::Distinct | F::Intersect | F::Exclude => input.clone(),
            F::Sort => StaticType { ordered: true, ..input.clone() },
            F::Select => given.pop().unwrap_or(ANYTHING),
            // What is found is projected again, and the projection may mean something else there.
            F::Repeat => StaticType { types: None, ordered: true },
            F::Union | F::Combine => union(input.clone(), given.pop().unwrap_or(ANYTHING)),
            F::Iif => given.into_iter().skip(1).reduce(union).unwrap_or(ANYTHING),
            F::Extension => StaticType { types: Some(vec![Cow::Borrowed("Extension")]), ordered: true },
            F::Children | F::Descendants => StaticType { types: None, ordered: false },
            _ => ANYTHING,
        }
    }

    fn order(&mut self, at: u32, input: &StaticType<'m>, what: &str) {
        if !input.ordered {
            self.found
                .push((at as usize, format!("{what} picks by order, and children have none that means anything")));
        }
    }
}

fn union<'m>(left: StaticType<'m>, right: StaticType<'m>) -> StaticType<'m> {
    let types = left.types.zip(right.types).map(|(mut left, right)| {
        left.extend(right);
        left
    });
    StaticType { types, ordered: left.ordered && right.ordered }
}
