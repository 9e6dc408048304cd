//! Layer 1: FHIRPath, the language of invariants, search parameters and maps.
//!
//! Implements FHIRPath N1 (<https://hl7.org/fhirpath/N1/>) with what FHIR R4 adds (<https://hl7.org/fhir/R4/fhirpath.html>). An
//! expression is compiled once and evaluated over borrowed documents, without copying them, within a bounded number of
//! steps:
//! ```
//! use handoff::fhir::Document;
//! use handoff::fhirpath::{Context, Expression};
//!
//! let document = Document::parse(r#"{"resourceType":"Task","output":[{"valueString":"done"}]}"#)?;
//! let expression = Expression::parse("Task.output.value.exists()")?;
//! let context = Context::new(document.root());
//! assert_eq!(expression.evaluate_bool(&context, document.root())?, Some(true));
//! # Ok::<(), Box<handoff::fhir::Issue>>(())
//! ```
//! It must not know profiles, packages, stores or clocks: types come through [`Model`], everything else through
//! [`Context`].
//!
//! ```text
//! lexer -> parser -> tree        text to a compiled expression
//! eval/                          one file per family of functions
//! item, collection, value,       what expressions work on
//! date, decimal, quantity, units, pattern
//! check                          against the types, before there is a document
//! guard                          what it has to find before it says anything
//! model, context                 what they may ask
//! ```

mod check;
mod collection;
mod context;
mod date;
mod decimal;
mod eval;
mod expression;
mod function;
mod guard;
mod item;
mod lexer;
mod model;
mod parser;
mod pattern;
mod quantity;
mod tree;
mod units;
mod value;

pub use collection::Collection;
pub use context::{
    CheckItem, CheckPair, CheckSlice, CheckText, Context, FindDefinition, MAX_STEPS, ResolveReference, TraceSink,
};
pub use date::{Precision, Temporal, TemporalKind};
pub use decimal::{Decimal, Rounding};
pub use expression::Expression;
pub use item::{Element, Item};
pub use model::{Inferred, Model};
pub(crate) use pattern::{Extent, Pattern};
pub use units::is_ucum;
pub use value::{Calendar, Quantity, TypeName, Unit, Value};
