//! What is asked: a search, read and checked (<https://hl7.org/fhir/R4/search.html>).
//!
//! [`Query::parse`] turns names and values into a [`Query`], which a store answers from its index; [`Query::matches`]
//! says the same in memory, for tests and for a few resources at hand. It must not know SQL, nor who asks.

mod condition;
mod limits;
mod matches;
mod model;
mod parameter;
mod parse;
mod refusal;
mod value;

pub use condition::SearchCondition;
pub use limits::check_limits;
pub use model::{
    Clause, Condition, DEFAULT_COUNT, Include, Prefix, Query, Sort, SortKey, Subject, SystemTest, Test, TextTest, Total,
};
pub use parse::Parsed;
