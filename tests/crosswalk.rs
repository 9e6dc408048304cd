//! Crosswalks: what the tables that come with the program say, and what is found in one that is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use handoff::definitions::Definitions;
use handoff::mapping::{Crosswalk, Programs};

fn definitions() -> Definitions {
    Definitions::shipped().unwrap()
}

fn programs() -> Programs {
    Programs::shipped(&definitions()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn loads() {
    let programs = programs();
    assert!(programs.crosswalks().count() > 20);
}
