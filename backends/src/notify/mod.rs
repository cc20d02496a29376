//! Where notices go.
//!
//! May use: the notice port. Must not: print.

pub mod screen;
