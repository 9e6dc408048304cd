//! Who gets a referral: decisions, eligibility, consent.

mod consent;
mod decisions;
mod eligibility;
#[path = "../scale/mod.rs"]
mod scale;
