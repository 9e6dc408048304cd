//! What the tests of routing share: the command, and how a case changes what is given.

use clap::Parser;
use handoff::cli::{Cli, Exit, Streams, run};
use serde_json::{Value, json};

/// Exit, standard output and standard error of `handoff route ARGUMENTS`.
pub(crate) fn route(arguments: &[&str], input: &str) -> (Exit, String, String) {
    let cli = Cli::try_parse_from(["handoff", "route"].iter().chain(arguments)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut input.as_bytes(), out: &mut out, err: &mut err, colour: false, progress: false };
    let exit = run(&cli, &mut streams);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// RFC 7396.
pub(crate) fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().shift_remove(name);
        } else {
            merge(&mut into[name], value);
        }
    }
}
