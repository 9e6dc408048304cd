//! One evaluation: what it knows, and what it has to spend.

use std::cell::Cell;

use super::super::collection::Collection;
use super::super::context::Context;
use super::super::tree::Call;
use super::failure::Failure;

/// One evaluation. `'f` is that of the focus, `'e` that of everything results may borrow from.
pub(super) struct Evaluator<'f, 'e, 'a> {
    pub(super) context: &'e Context<'a>,
    /// `%context`
    pub(super) focus: &'f Collection<'e>,
    pub(super) steps: Cell<u64>,
    /// What to take for the answer of a question that nobody can answer
    pub(super) assumed: Option<bool>,
    /// The first such question
    pub(super) open: Cell<Option<Failure>>,
}

/// What `$this`, `$index` and `$total` mean at a place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'e> {
    pub(super) this: &'s Collection<'e>,
    pub(super) index: Option<usize>,
    pub(super) total: Option<&'s Collection<'e>>,
}

/// The operands of a call: the place, what it is applied to, and what surrounds it.
pub(super) struct Site<'s, 'e> {
    pub(super) at: u32,
    pub(super) call: &'e Call,
    pub(super) input: &'s Collection<'e>,
    pub(super) scope: &'s Scope<'s, 'e>,
}

impl<'f, 'e, 'a: 'e> Evaluator<'f, 'e, 'a> {
    pub(super) fn new(context: &'e Context<'a>, focus: &'f Collection<'e>, assumed: Option<bool>) -> Self {
        Self { context, focus, steps: Cell::new(context.steps), assumed, open: Cell::new(None) }
    }
}
