//! What an evaluation may cost.
//!
//! Steps are counted for parts, for items passed over, for items compared, for values read and for text produced, so that
//! no expression runs or grows without bound.

use crate::fhir::Key;

use super::super::item::Item;
use super::evaluator::Evaluator;
use super::failure::{Failure, Outcome};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn charge(&self, steps: usize, at: u32) -> Outcome<()> {
        match self.steps.get().checked_sub(steps as u64) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(self.too_costly(at)),
        }
    }

    #[cold]
    fn too_costly(&self, at: u32) -> Failure {
        let message = format!("the expression takes more than {} steps", self.context.steps);
        Failure::new(Key::ExpressionCostly, at, message)
    }

    /// Notes that a question cannot be answered here; that may not matter in the end.
    pub(super) fn leave_open(&self, at: u32, message: String) {
        let first = self.open.take().unwrap_or_else(|| Failure::new(Key::NotChecked, at, message));
        self.open.set(Some(first));
    }

    /// Takes steps that were already done; the next charge fails if they were too many.
    pub(super) fn charge_done(&self, steps: usize) {
        self.steps.set(self.steps.get().saturating_sub(steps as u64));
    }

    /// Charges for reading the value of an item: a step for every 64 bytes.
    pub(super) fn charge_item(&self, item: &Item<'e>, at: u32) -> Outcome<()> {
        self.charge(item.byte_size() / 64, at)
    }

    /// Charges for a text that was made: a step for every 16 bytes.
    pub(super) fn charge_text(&self, text: &str, at: u32) -> Outcome<()> {
        self.charge(text.len() / 16, at)
    }
}
