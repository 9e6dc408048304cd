//! How large the large numbers of the tests are: a fiftieth in the ordinary run, all of it with
//! `HANDOFF_TEST_SCALE=full`, which wants `--release` and patience.

/// The share of a large number that the ordinary run takes.
const SHARE: u32 = 50;

/// Fewer generated cases than this show little of what is generated.
const FEWEST: u32 = 20;

/// This many cases where everything is asked for, else a share of them.
///
/// # Panics
/// If `HANDOFF_TEST_SCALE` says anything but `full`: a misspelt one would pass with a fraction of the cases.
#[allow(clippy::panic)]
pub(crate) fn scaled(full: u32) -> u32 {
    match std::env::var("HANDOFF_TEST_SCALE").as_deref() {
        Ok("full") => full,
        Err(_) => (full / SHARE).max(FEWEST.min(full)),
        Ok(other) => panic!("HANDOFF_TEST_SCALE is {other}; expected full, or none"),
    }
}
