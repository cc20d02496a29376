//! The JSON Schema of plans.

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::Plan;

/// The schema of plan format 1.0 (draft-07).
pub fn plan_schema() -> Json {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Plan>().to_value()
}
