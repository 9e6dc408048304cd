//! `POST [base]` with a Bundle (<https://hl7.org/fhir/R4/http.html#transaction>): a transaction, all or nothing, or a
//! batch, each entry on its own. An entry is read, carried out and answered as the request alone is.
//!
//! - `limits`: how much it may ask for. `request`: what each entry asks for; `address`: where its url leads; `conditions`:
//!   what it depends on.
//! - `batch_frame`: what is wrong with a batch itself, and with which of its entries.
//! - `carry_out`: the batch and the transaction. `response`: what each entry is answered, as a Bundle.

mod address;
mod batch_frame;
mod carry_out;
mod conditions;
mod handler;
mod limits;
mod located;
mod request;
mod response;

pub(super) use handler::post;
