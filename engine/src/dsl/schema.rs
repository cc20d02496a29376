pub const NAMES: &[&str] = &[]; pub fn schema(_: &str, _: &crate::action::Registry) -> Option<serde_json::Value> { None }
