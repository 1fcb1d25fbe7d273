//! Checks the schema of the configuration: its fields, and whether the schema explains them to operators.

use serde_json::Value;

use super::Check;

/// The maximum depth of nested objects. No real configuration is deeper.
const MAX_DEPTH: usize = 8;

/// One field that can be set.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The names from the root to the field.
    pub(super) path: Vec<&'a str>,
    /// The schema at the field's place.
    here: &'a Value,
    /// The definition that the field refers to, or `here` if the field refers to none.
    target: &'a Value,
}

impl<'a> Field<'a> {
    /// Returns the value of a keyword. The value at the field's place takes precedence over the value in the
    /// referenced definition.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.here.get(keyword).or_else(|| self.target.get(keyword))
    }

    /// Returns true if the field allows a value of this JSON type.
    pub(super) fn is(&self, kind: &str) -> bool {
        match self.get("type") {
            Some(Value::String(one)) => one == kind,
            Some(Value::Array(several)) => several.iter().any(|one| one == kind),
            _ => false,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        self.is("number") || self.is("integer")
    }

    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}

/// Returns all fields that can be set, including those within objects.
pub(super) fn fields(schema: &Value) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    collect(schema, schema, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(root: &'a Value, object: &'a Value, path: &mut Vec<&'a str>, found: &mut Vec<Field<'a>>) {
    if path.len() > MAX_DEPTH {
        return;
    }
    let properties = object.get("properties").and_then(Value::as_object);
    for (name, here) in properties.into_iter().flatten() {
        path.push(name);
        let target = target(root, here);
        if target.get("properties").is_some() {
            collect(root, target, path, found);
        } else {
            found.push(Field { path: path.clone(), here, target });
        }
        path.pop();
    }
}

/// Returns the definition to which a schema refers. Returns the schema itself if it is not a reference.
fn target<'a>(root: &'a Value, here: &'a Value) -> &'a Value {
    let name =
        here.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.and_then(|name| root.get("$defs")?.get(name)).unwrap_or(here)
}

pub(super) fn checks(schema: &Value) -> Vec<Check> {
    let fields = fields(schema);
    let lacking = |lacks: &dyn Fn(&Field<'_>) -> bool| -> Vec<String> {
        fields.iter().filter(|field| lacks(field)).map(Field::name).collect()
    };
    let has_range = |field: &Field<'_>| {
        let has = |words: [&str; 2]| words.iter().any(|word| field.get(word).is_some());
        has(["minimum", "exclusiveMinimum"]) && has(["maximum", "exclusiveMaximum"])
    };
    let mut wants = Vec::new();
    for (what, names) in [
        ("a unit", lacking(&|field| field.is_number() && field.get("unit").is_none())),
        ("a range", lacking(&|field| field.is_number() && !has_range(field))),
        ("a default", lacking(&|field| field.get("default").is_none())),
        ("a description", lacking(&|field| field.get("description").is_none())),
    ] {
        if !names.is_empty() {
            wants.push(format!("{what} for {}", names.join(", ")));
        }
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        wants.push("`additionalProperties: false`, without which misspelt fields go unnoticed".to_owned());
    }
    if wants.is_empty() {
        return vec![Check::pass(
            "schema",
            format!("{} fields, each with the information that operators need", fields.len()),
        )];
    }
    let advice = "add this to the schema: the web UI shows operators the unit, range, default and meaning of each field";
    vec![Check::advise("schema", format!("missing: {}", wants.join("; ")), advice)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Verdict;

    #[test]
    fn what_operators_miss_is_named_by_field() {
        let whole = json!({"type": "object", "additionalProperties": false, "properties": {
            "dark": {"type": "number", "minimum": 0, "maximum": 1, "default": 1, "unit": "share", "description": "x"},
            "night": {"$ref": "#/$defs/night", "default": {}},
        }, "$defs": {"night": {"type": "object", "properties": {
            "on": {"type": "boolean", "default": true, "description": "x"},
        }}}});
        let checks = super::checks(&whole);
        assert_eq!((checks[0].verdict, checks[0].found.starts_with("2 fields")), (Verdict::Pass, true));
        let bare = json!({"type": "object", "properties": {
            "dark": {"type": "integer", "minimum": 0},
            "mode": {"type": "string", "default": "x", "description": "x"},
        }});
        let found = &super::checks(&bare)[0].found;
        for wanted in [
            "a unit for dark",
            "a range for dark",
            "a default for dark",
            "a description for dark",
            "additional",
        ] {
            assert!(found.contains(wanted), "{found}");
        }
        assert!(!found.contains("mode"));
    }
}
