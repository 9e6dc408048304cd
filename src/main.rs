//! The `handoff` binary.

fn main() {}
