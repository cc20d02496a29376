//! Expressions (`language.md` 4): a typed, total subset of minijinja's, evaluated three-valued.
//!
//! May use: types, values, text. Must not: evaluate a result again, know plans or runs.

mod ast;
mod shim;
mod tri;
pub use shim::*;

pub use ast::{Binary, Expr, Node, Part, Ref, Template};
pub use tri::{Tri, Why};
