//! Expressions (`language.md` 4): a typed, total subset of minijinja's, evaluated three-valued.
//!
//! `scan` finds `${{ }}` in a text, `compile` parses and type-checks one expression, `evaluate` and `render` use it, `print` writes it again.
//!
//! May use: types, values, text; minijinja in `parse` only. Must not: evaluate a result again, know plans or runs.

mod ast;
mod compile;
mod evaluate;
mod manual;
mod names;
mod operators;
mod parse;
mod print;
mod refusal;
mod render;
mod scan;
mod tokens;
mod tri;

pub use ast::{Binary, Expr, Node, Part, Ref, Template};
pub use compile::compile;
pub use evaluate::{Scope, evaluate};
pub use manual::{FORMS, Form, FormKind};
pub use names::{NameError, Names};
pub use render::render;
pub use scan::{Piece, ScanError, scan};
pub use tri::{Tri, Why};
