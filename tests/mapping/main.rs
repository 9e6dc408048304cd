//! Maps: what they read, what they write, and the laws that hold between the two.

mod chaos;
mod edits;
mod laws;
mod world;
