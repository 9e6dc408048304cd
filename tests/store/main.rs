//! What every store does, told against `dyn Store`: a backend is right when these pass with it.

mod backend;
mod changes;
mod clients;
mod commit;
mod crash;
mod referral;
mod visibility;
