//! What the schema of a plugin declares beyond JSON Schema: which setting limits which metric.

use easysight_protocol::LimitSide;
use serde_json::Value;

/// The keyword of a setting that is the limit of a metric: `{"metric": "luma_p95", "side": "below"}`, and `diagnosis`
/// if the setting concerns only one of several diagnoses.
const LIMITS: &str = "limits";

/// Returns the settings that set the limit of a metric, according to the schema. Empty if the schema declares none.
pub(crate) fn settings_of(schema: &Value, diagnosis: &str, metric: &str, side: LimitSide) -> Vec<String> {
    let settings = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let is_limit = |setting: &Value| {
        let limits = setting.get(LIMITS)?;
        let says = |field: &str| limits.get(field).and_then(Value::as_str);
        let is_of = says("diagnosis").is_none_or(|one| one == diagnosis);
        Some(is_of && says("metric") == Some(metric) && says("side") == Some(side.as_str()))
    };
    settings.filter(|(_, setting)| is_limit(setting) == Some(true)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_found_by_metric_side_and_diagnosis() {
        let schema = json!({"type": "object", "properties": {
            "dark": {"type": "number", "limits": {"metric": "exposure", "side": "below"}},
            "bright": {"type": "number", "limits": {"metric": "exposure", "side": "above"}},
            "focus": {"type": "number", "limits": {"metric": "radius", "side": "above", "diagnosis": "focus_blur"}},
            "odd": {"type": "number", "limits": "radius"},
            "plain": {"type": "number"},
        }});
        let of = |diagnosis, metric, side| settings_of(&schema, diagnosis, metric, side);
        assert_eq!(of("brightness", "exposure", LimitSide::Below), ["dark"]);
        assert_eq!(of("brightness", "exposure", LimitSide::Above), ["bright"]);
        assert_eq!(of("focus_blur", "radius", LimitSide::Above), ["focus"]);
        assert!(of("clarity", "radius", LimitSide::Above).is_empty());
        assert!(settings_of(&json!({"properties": []}), "d", "m", LimitSide::Above).is_empty());
        assert!(settings_of(&json!(null), "d", "m", LimitSide::Above).is_empty());
    }
}
