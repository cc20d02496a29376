use super::*;
use crate::dsl::Value;
use crate::text::Text;
use jiff::{Timestamp, tz::TimeZone};
pub trait Scope {
    fn get(&self, r: &Ref) -> Tri;
    fn now(&self) -> Timestamp;
    fn zone(&self) -> &TimeZone;
}
pub fn evaluate(_e: &Expr, _s: &dyn Scope) -> Tri {
    Tri::Known(Value::Int(1))
}
pub fn render(_t: &Template, _s: &dyn Scope) -> (Text, Why) {
    (Text::default(), Why::default())
}
