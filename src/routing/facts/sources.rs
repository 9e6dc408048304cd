//! What facts are read from.

use jiff::Timestamp;
use jiff::civil::Date;

use super::book::FactBook;
use crate::referral::Referral;

/// What sources are read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct FactSources<'r> {
    pub(super) referral: Referral<'r>,
    pub(super) book: &'r FactBook,
    pub(super) at: Timestamp,
    pub(super) today: Date,
}
