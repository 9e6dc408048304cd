//! Handoff: a FHIR gateway for closed-loop social-care referrals.
//!
//! # Layout
//! ```text
//! layer 0  error, fhir, limits, shipped, yaml  words everybody uses, data that comes with the program
//! layer 1  referral, record, fhirpath,
//!          definitions                         the domain, the record's shape, the language, the packages
//! layer 2  profile, mapping, routing, sheet,
//!          hmis                                pure engines over documents
//! layer 3  store, security, terminology        SQL; tokens, scopes, consent, audit; a server that knows codes
//! layer 4  exchange                            READ THIS FIRST: one step to a commit, what builds it, what follows
//! layer 5  server                              connections, routes, authentication, turns, bodies, answers, metrics
//! layer 6  fhir_api, agency_api                the edges: FHIR for EHRs, records for agencies
//! layer 7  app, cli                            wiring; the only code that knows everything
//! ```
//! # What happens
//! ```text
//! a request        server/listen, connection              how many there are, how long they may take
//!                  server/watch, dispatch, workers        who calls, whose turn it is, on which thread it is served
//! a message        fhir_api/bundle, create, update        its text is read, its caller known (server/authentication)
//!                  exchange/service                       the door; makes a change of it
//!                  exchange/step                          build, consequences, who has to read it, commit, again if overtaken
//!                  exchange/intake                        builds: check, write_target, load_context, disposition for each
//!                  exchange/disposition                   where a referral goes: routing, consent, the state machine
//!                  exchange/consequences                  what it means for referrals: sharing, consent, what is withheld
//!                  exchange/owed                          who has to read it in the feed
//! an event         agency_api/events                      comes in by the same door, through the same step
//!                  exchange/raise_event                   builds: referral/state says where it leads, mapping what it makes
//!                  exchange/task_change, written_move     of a Task that is written: the event it means (referral/claim)
//!                  exchange/referrals                     what a caller sees of a referral, and its record, in every view
//! a time           exchange/consequences/consent, over    what has run out (a consent, the time for which a completed
//!                                                         referral shows more) is asked with the next change
//! a read           exchange/service                       by the same door; exchange/audit_trail remembers who saw what,
//!                                                         store/audit_chain ties it to what was remembered before
//! ```
//!
//! Imports go down, never up or sideways; `tests/layers` holds that. Layers 0 to 2 are pure: no clock, no socket,
//! no SQL; time and ids are passed in.

pub mod agency_api;
pub mod app;
pub mod cli;
pub mod definitions;
pub mod error;
pub mod exchange;
pub mod fhir;
pub mod fhir_api;
pub mod fhirpath;
pub mod hmis;
pub mod limits;
pub mod mapping;
pub mod profile;
pub mod record;
pub mod referral;
pub mod routing;
pub mod security;
pub mod server;
pub mod sheet;
pub mod shipped;
pub mod store;
pub mod terminology;
pub mod yaml;
mod yielding;
