//! Layer 0: the data that comes with the program, every file under `profiles/` (but the packages, which `definitions` holds), as
//! `build.rs` found it.

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Every file, by its path from `profiles/` on, in order of the paths.
pub fn files() -> &'static [(&'static str, &'static [u8])] {
    FILES
}
