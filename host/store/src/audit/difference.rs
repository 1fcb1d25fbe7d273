//! What differs between two versions of an object, in a size that the audit log can keep.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Fields;

/// The maximum number of items of a list that an entry keeps.
const MAX_ITEMS: usize = 1_000;
/// The maximum size of one field, in bytes of JSON.
const MAX_BYTES: usize = 256 << 10;

/// Returns the fields that differ: as they were before, and as they are after. Returns None if no field differs. If a
/// field is a long list, each side keeps only the items that the other side does not have.
pub(crate) fn difference(before: &Fields, after: &Fields) -> Option<(Fields, Fields)> {
    let side = |own: &Fields, other: &Fields| -> Fields {
        let differs = own.iter().filter(|(name, value)| other.get(*name) != Some(*value));
        differs.map(|(name, value)| (name.clone(), without(value, other.get(name)))).collect()
    };
    let (before, after) = (side(before, after), side(after, before));
    (!before.is_empty() || !after.is_empty()).then_some((before, after))
}

/// Leaves out the items that a long list shares with another list.
fn without(value: &Value, other: Option<&Value>) -> Value {
    let (Value::Array(items), Some(Value::Array(others))) = (value, other) else { return value.clone() };
    if items.len() <= MAX_ITEMS && others.len() <= MAX_ITEMS {
        return value.clone();
    }
    let others: HashSet<String> = others.iter().map(Value::to_string).collect();
    let own = items.iter().filter(|item| !others.contains(&item.to_string()));
    json!({"count": items.len(), "only_here": own.take(MAX_ITEMS).collect::<Vec<_>>()})
}

/// Shortens fields that are too large to keep.
pub(super) fn bounded(fields: Fields) -> Fields {
    let bound = |value: Value| {
        let value = match value {
            Value::Array(items) if items.len() > MAX_ITEMS => {
                json!({"count": items.len(), "first": items.into_iter().take(MAX_ITEMS).collect::<Vec<_>>()})
            }
            value => value,
        };
        let bytes = value.to_string().len();
        if bytes > MAX_BYTES { json!({"bytes": bytes}) } else { value }
    };
    fields.into_iter().map(|(name, value)| (name, bound(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::fields, *};

    #[test]
    fn only_what_differs_is_kept() {
        let before = fields([("name", json!("Gate")), ("enabled", json!(true)), ("gone", json!(1))]);
        let after = fields([("name", json!("Door")), ("enabled", json!(true)), ("new", json!([2]))]);
        let (old, new) = difference(&before, &after).unwrap();
        assert_eq!(old, fields([("gone", json!(1)), ("name", json!("Gate"))]));
        assert_eq!(new, fields([("name", json!("Door")), ("new", json!([2]))]));
        assert_eq!(difference(&before, &before), None);
    }

    #[test]
    fn of_long_lists_only_the_items_that_differ_are_kept() {
        let ids = |from: usize, to: usize| json!((from..to).map(|at| format!("c{at}")).collect::<Vec<_>>());
        let (before, after) = (fields([("cameras", ids(0, 2_000))]), fields([("cameras", ids(1, 2_002))]));
        let (old, new) = difference(&before, &after).unwrap();
        assert_eq!(old["cameras"], json!({"count": 2_000, "only_here": ["c0"]}));
        assert_eq!(new["cameras"], json!({"count": 2_001, "only_here": ["c2000", "c2001"]}));
    }

    #[test]
    fn an_entry_stays_small_whatever_was_changed() {
        let long = json!((0..2_000).collect::<Vec<_>>());
        let kept =
            bounded(fields([("list", long), ("text", json!("x".repeat(300_000))), ("name", json!("a"))]));
        assert_eq!(kept["list"]["count"], 2_000);
        assert_eq!(kept["list"]["first"].as_array().unwrap().len(), 1_000);
        assert_eq!(kept["text"], json!({"bytes": 300_002}));
        assert_eq!(kept["name"], "a");
    }
}
