//! Checks configurations that operators and programs will try: the ends of every range, wrong types, unknown
//! fields, `NaN` in place of a number, very long texts. The plugin never receives a configuration that the
//! schema refuses, but it must survive every configuration that the schema allows.

use std::sync::Arc;

use easysight_capture::Clip;
use serde_json::{Map, Value, json};

use super::{
    Check,
    battery::{Battery, Tally},
    schema::{Field, fields},
};
use crate::scene::Picture;

/// The maximum length, in characters, of the long texts to try. The schema may set a smaller limit.
const LONG: usize = 60_000;
/// Numbers to try: zero, very large and very small numbers, and the limit above which floating point cannot represent
/// every integer.
const EXTREME: [f64; 6] = [0.0, -0.0, 1e308, -1e308, 5e-324, 9_007_199_254_740_993.0];

pub(super) fn checks(battery: &Battery<'_>) -> Vec<Check> {
    let Some(clip) = battery.small(Picture::Street).clip() else { return Vec::new() };
    let fields = fields(battery.plugin.schema().as_json());
    vec![
        extremes(battery, &clip, &fields),
        wrong_types(battery, &clip, &fields),
        unknown_fields(battery, &clip),
    ]
}

/// Returns a configuration with this value at this place.
fn with(base: &Value, path: &[&str], value: Value) -> Value {
    let mut whole = base.clone();
    let mut place = &mut whole;
    for name in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(object) = place.as_object_mut() else { return whole };
        place = object.entry((*name).to_owned()).or_insert(Value::Null);
    }
    *place = value;
    whole
}

/// Runs the plugin if the schema accepts the configuration. Returns whether the schema accepted it.
fn try_on(battery: &Battery<'_>, clip: &Arc<Clip>, what: &str, config: &Value, tally: &mut Tally) -> bool {
    let Ok(config) = battery.plugin.resolve_config(Some(config)) else { return false };
    tally.take(what, &battery.run_with(clip, config, None), true);
    true
}

/// Checks each end of each range, alone and all together.
fn extremes(battery: &Battery<'_>, clip: &Arc<Clip>, fields: &[Field<'_>]) -> Check {
    let mut tally = Tally::default();
    let (mut all_low, mut all_high) = (json!({}), json!({}));
    for field in fields {
        let values = legal(field);
        for value in &values {
            let shown = clipped(value);
            let what = format!("{} = {shown}", field.name());
            try_on(battery, clip, &what, &with(&json!({}), &field.path, value.clone()), &mut tally);
        }
        if let (Some(low), Some(high)) = (values.first(), values.last()) {
            all_low = with(&all_low, &field.path, low.clone());
            all_high = with(&all_high, &field.path, high.clone());
        }
    }
    try_on(battery, clip, "all fields at their minimum", &all_low, &mut tally);
    try_on(battery, clip, "all fields at their maximum", &all_high, &mut tally);
    tally.check("config-extremes")
}

/// Returns extreme values that the schema may allow, the smallest first and the largest last.
fn legal(field: &Field<'_>) -> Vec<Value> {
    if let Some(words) = field.get("enum").and_then(Value::as_array) {
        return words.clone();
    }
    let end = |words: [&str; 2]| words.iter().find_map(|word| field.get(word)).cloned();
    if field.is_number() {
        let low = end(["minimum", "exclusiveMinimum"]);
        let high = end(["maximum", "exclusiveMaximum"]);
        let mut values: Vec<Value> = low.into_iter().collect();
        values.extend(EXTREME.into_iter().map(|value| json!(value)));
        values.extend([json!(u64::MAX), json!(i64::MIN)]);
        values.extend(high);
        return values;
    }
    if field.is("string") {
        let longest =
            field.get("maxLength").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
        let long = longest.unwrap_or(LONG).min(LONG);
        return vec![json!(""), json!("\u{0}\u{1b}[2J\u{feff}眩光"), json!("x".repeat(long))];
    }
    if field.is("array") {
        let item = field.get("default").and_then(|default| default.get(0)).cloned().unwrap_or(json!(0));
        return vec![json!([]), Value::Array(vec![item; 1_000])];
    }
    if field.is("boolean") { vec![json!(false), json!(true)] } else { Vec::new() }
}

/// Checks values of wrong types, including the text `NaN`.
fn wrong_types(battery: &Battery<'_>, clip: &Arc<Clip>, fields: &[Field<'_>]) -> Check {
    const NAME: &str = "config-types";
    let kinds = [
        ("null", Value::Null),
        ("boolean", json!(true)),
        ("string", json!("NaN")),
        ("array", json!([1, [2]])),
        ("object", json!({"a": {"b": 1}})),
        ("number", json!(0.5)),
    ];
    let mut tally = Tally::default();
    let mut let_through = Vec::new();
    for field in fields {
        for (kind, value) in &kinds {
            let belongs =
                field.is(kind) || (*kind == "number" && field.is("integer")) || field.get("enum").is_some();
            let what = format!("{} = {value}", field.name());
            if !belongs
                && try_on(battery, clip, &what, &with(&json!({}), &field.path, value.clone()), &mut tally)
            {
                let_through.push(what);
            }
        }
    }
    let check = tally.check(NAME);
    if !check.advice.is_empty() {
        return Check {
            advice: "give each field its `type` in the schema, so that no other type reaches the plugin"
                .into(),
            ..check
        };
    }
    match let_through.first() {
        None => Check::pass(NAME, format!("{} fields accept only values of their own types", fields.len())),
        Some(first) => Check::advise(
            NAME,
            format!("the schema accepts {first}, and {} more", let_through.len() - 1),
            "give each field its `type` in the schema",
        ),
    }
}

/// Checks an unknown field: a typing error, a very long text, or deeply nested data.
fn unknown_fields(battery: &Battery<'_>, clip: &Arc<Clip>) -> Check {
    const NAME: &str = "config-unknown";
    let mut tally = Tally::default();
    let strange = [json!(1), json!("x".repeat(LONG)), json!([[[[[[[[]]]]]]]])];
    let accepted = strange.into_iter().filter(|value| {
        let config = with(&json!({}), &["no_such_field"], value.clone());
        try_on(battery, clip, "an unknown field", &config, &mut tally)
    });
    if accepted.count() == 0 {
        return Check::pass(NAME, "the schema refuses unknown fields");
    }
    let check = tally.check(NAME);
    if check.advice.is_empty() {
        Check::advise(
            NAME,
            "the schema accepts unknown fields",
            "set `additionalProperties: false` in the schema, so that misspelt fields are refused",
        )
    } else {
        check
    }
}

fn clipped(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { text.chars().take(30).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_where_it_belongs() {
        let base = json!({"a": 1, "night": {"on": true}});
        assert_eq!(with(&base, &["night", "on"], json!(2)), json!({"a": 1, "night": {"on": 2}}));
        assert_eq!(with(&base, &["a", "b"], json!(2)), json!({"a": {"b": 2}, "night": {"on": true}}));
    }

    #[test]
    fn the_ends_of_a_range_come_first_and_last() {
        let schema = json!({"properties": {
            "n": {"type": ["number", "null"], "minimum": 2, "exclusiveMaximum": 9},
            "w": {"enum": ["a", "b"]}, "s": {"type": "string", "maxLength": 3}, "b": {"type": "boolean"},
        }});
        let fields = fields(&schema);
        let of = |name: &str| legal(fields.iter().find(|field| field.name() == name).unwrap());
        assert_eq!((of("n").first(), of("n").last()), (Some(&json!(2)), Some(&json!(9))));
        assert_eq!(of("w"), [json!("a"), json!("b")]);
        assert_eq!(of("s").last(), Some(&json!("xxx")));
        assert_eq!(of("b").len(), 2);
    }
}
