//! Checks the configurations that tasks give to a plugin against the plugin's JSON Schema. The schema is as untrusted
//! as the plugin.

use jsonschema::Validator;
use serde_json::{Map, Value};

/// The maximum number of bytes of a schema.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// The maximum number of nodes of a schema with all references expanded. Nested references can turn a few lines
/// into billions of nodes, and validation would visit each of them.
const MAX_SCHEMA_NODES: usize = 20_000;
/// Keywords that can make the host do unbounded work.
const REFUSED_KEYWORDS: &[&str] =
    &["pattern", "patternProperties", "$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$id", "$anchor"];

/// A configuration that breaks the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ConfigError {
    /// JSON Pointer to the wrong field. Empty for the whole configuration.
    pub field: String,
    /// What is wrong with the field, and what is allowed.
    pub detail: String,
}

/// A plugin's schema, ready to check configurations.
#[derive(Debug)]
pub struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

impl ConfigSchema {
    /// Parses the schema of a descriptor.
    ///
    /// # Errors
    ///
    /// A sentence that names the rule that the schema breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(format!("its schema has {} bytes; the limit is {MAX_SCHEMA_BYTES}", text.len()));
        }
        let schema: Value = serde_json::from_str(text).map_err(|e| format!("its schema is not JSON: {e}"))?;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err("its schema must be of the type `object`".into());
        }
        check_nodes(&schema, &schema, &mut 0, &mut Vec::new())?;
        let validator = jsonschema::draft202012::options()
            .build(&schema)
            .map_err(|e| format!("its schema is not a JSON Schema: {e}"))?;
        let parsed = Self { schema, validator };
        parsed.resolve(None).map_err(|e| {
            format!("its defaults must make an empty configuration valid: {}: {}", e.field, e.detail)
        })?;
        Ok(parsed)
    }

    /// Returns the schema as JSON, for people and programs that write configurations.
    #[must_use]
    pub const fn as_json(&self) -> &Value {
        &self.schema
    }

    /// Fills in the defaults and checks the whole configuration.
    ///
    /// # Errors
    ///
    /// The first violation, with the JSON Pointer of its field.
    pub fn resolve(&self, given: Option<&Value>) -> Result<Value, ConfigError> {
        let mut config = given.cloned().unwrap_or_else(|| Value::Object(Map::new()));
        if !config.is_object() {
            let detail = "the configuration must be a JSON object".into();
            return Err(ConfigError { field: String::new(), detail });
        }
        fill_defaults(&self.schema, &self.schema, &mut config);
        let offence = self
            .validator
            .iter_errors(&config)
            .next()
            .map(|error| ConfigError { field: error.instance_path().to_string(), detail: error.to_string() });
        offence.map_or(Ok(config), Err)
    }
}

/// Returns the target of a reference. A schema may refer only to its own definitions.
fn definition<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let name = reference.strip_prefix("#/$defs/")?;
    if name.contains(['/', '~', '%']) { None } else { root.get("$defs")?.get(name) }
}

/// Counts nodes with all references expanded, and refuses cycles and refused keywords.
fn check_nodes<'a>(
    root: &'a Value,
    node: &'a Value,
    count: &mut usize,
    open: &mut Vec<&'a str>,
) -> Result<(), String> {
    *count += 1;
    if *count > MAX_SCHEMA_NODES {
        return Err(format!("its schema expands to more than {MAX_SCHEMA_NODES} nodes"));
    }
    match node {
        Value::Array(items) => items.iter().try_for_each(|item| check_nodes(root, item, count, open)),
        Value::Object(fields) => {
            for (key, value) in fields {
                if REFUSED_KEYWORDS.contains(&key.as_str()) {
                    return Err(format!("its schema uses `{key}`, which is not allowed"));
                }
                if key == "$ref" {
                    let reference = value.as_str().unwrap_or_default();
                    let Some(target) = definition(root, reference) else {
                        return Err(format!(
                            "its schema refers to `{reference}`; only `#/$defs/…` is allowed"
                        ));
                    };
                    if open.contains(&reference) {
                        return Err(format!("its schema refers to `{reference}` within itself"));
                    }
                    open.push(reference);
                    check_nodes(root, target, count, open)?;
                    open.pop();
                } else {
                    check_nodes(root, value, count, open)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn fill_defaults(root: &Value, schema: &Value, config: &mut Value) {
    let schema =
        schema.get("$ref").and_then(Value::as_str).and_then(|r| definition(root, r)).unwrap_or(schema);
    let (Some(properties), Some(fields)) =
        (schema.get("properties").and_then(Value::as_object), config.as_object_mut())
    else {
        return;
    };
    for (name, property) in properties {
        if let Some(default) = property.get("default")
            && !fields.contains_key(name)
        {
            fields.insert(name.clone(), default.clone());
        }
        if let Some(value) = fields.get_mut(name) {
            fill_defaults(root, property, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r##"{
        "type": "object", "additionalProperties": false,
        "properties": {
            "dark": {"type": "number", "minimum": 0, "maximum": 255, "default": 60},
            "night": {"$ref": "#/$defs/night", "default": {}}
        },
        "$defs": {"night": {"type": "object", "properties": {"dark": {"type": "number", "default": 20}}}}
    }"##;

    #[test]
    fn fills_defaults_also_within_objects() {
        let schema = ConfigSchema::parse(SCHEMA).unwrap();
        assert_eq!(schema.resolve(None).unwrap(), json!({"dark": 60, "night": {"dark": 20}}));
        let given = json!({"dark": 40, "night": {}});
        assert_eq!(schema.resolve(Some(&given)).unwrap(), json!({"dark": 40, "night": {"dark": 20}}));
    }

    #[test]
    fn points_at_the_offending_field() {
        let schema = ConfigSchema::parse(SCHEMA).unwrap();
        assert_eq!(schema.resolve(Some(&json!({"dark": 300}))).unwrap_err().field, "/dark");
        assert_eq!(schema.resolve(Some(&json!({"night": {"dark": "x"}}))).unwrap_err().field, "/night/dark");
        assert!(schema.resolve(Some(&json!({"drak": 1}))).unwrap_err().detail.contains("drak"));
        assert!(schema.resolve(Some(&json!([]))).is_err());
    }

    #[test]
    fn refuses_schemas_that_could_hold_the_host() {
        let refused = |text: &str| ConfigSchema::parse(text).unwrap_err();
        assert!(refused("{").contains("not JSON"));
        assert!(refused(r#"{"type":"string"}"#).contains("object"));
        assert!(
            refused(
                r##"{"type":"object","allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/a"}}}"##
            )
            .contains("within itself")
        );
        assert!(refused(r##"{"type":"object","allOf":[{"$ref":"#"}]}"##).contains("only"));
        assert!(refused(r#"{"type":"object","allOf":[{"$ref":"https://example.org/a"}]}"#).contains("only"));
        assert!(refused(r#"{"type":"object","properties":{"a":{"pattern":"(a+)+$"}}}"#).contains("pattern"));
        assert!(refused(r#"{"type":"object","required":["a"]}"#).contains("defaults"));
        let bomb: String = (0..30)
            .map(|i| {
                format!(
                    r##""d{i}":{{"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}},"##,
                    i + 1
                )
            })
            .collect();
        let bomb = format!(r##"{{"type":"object","$ref":"#/$defs/d0","$defs":{{{bomb}"d30":{{}}}}}}"##);
        assert!(refused(&bomb).contains("nodes"));
    }
}
