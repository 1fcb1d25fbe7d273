//! Makes values from a JSON Schema: valid ones, and invalid ones that differ from a valid one in one place.

use serde_json::{Map, Value, json};

/// A source of random numbers that are the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number from 0 to `count` - 1.
    pub(super) fn below(&mut self, count: usize) -> usize {
        // The generator is xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % count
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The schemas of a document.
pub(super) struct Schemas<'a>(pub(super) &'a Value);

impl<'a> Schemas<'a> {
    /// Follows the references of a schema.
    pub(super) fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(name) = schema["$ref"].as_str() {
            schema = self.0.pointer(name.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{name}"));
        }
        schema
    }

    /// Returns the type of a schema, ignoring null.
    fn kind(&self, schema: &'a Value) -> &'a str {
        match &schema["type"] {
            Value::String(kind) => kind,
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap()
            }
            _ if schema["properties"].is_object() => "object",
            _ => "",
        }
    }

    /// Makes a value that the schema allows.
    pub(super) fn valid(&self, schema: &'a Value, dice: &mut Dice) -> Value {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.valid(dice.pick(choices), dice);
        }
        if let Some(words) = schema["enum"].as_array() {
            return dice.pick(words).clone();
        }
        if let Some(examples) = schema["examples"].as_array() {
            return dice.pick(examples).clone();
        }
        match self.kind(schema) {
            "string" => string(schema, dice),
            "integer" => integer(schema, dice),
            "number" => dice.pick(&[json!(0.0), json!(0.5), json!(100.25)]).clone(),
            "boolean" => json!(dice.below(2) == 1),
            "array" => {
                let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
                let count = least.max(1) + dice.below(2);
                (0..count).map(|_| self.valid(&schema["items"], dice)).collect()
            }
            "object" => self.object(schema, dice),
            "null" => Value::Null,
            // No type means that any value is allowed.
            _ => json!({}),
        }
    }

    fn object(&self, schema: &'a Value, dice: &mut Dice) -> Value {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&name.as_str()) || dice.below(2) == 1 {
                object.insert(name.clone(), self.valid(property, dice));
            }
        }
        let more = &schema["additionalProperties"];
        // Here the schema allows further properties with names of the client's choice. These names have a meaning
        // that no schema describes, so only names from examples are used.
        if more.is_object() && schema["propertyNames"]["examples"].is_array() {
            let name = self.valid(&schema["propertyNames"], dice);
            object.insert(name.as_str().unwrap().to_owned(), self.valid(more, dice));
        }
        object.into()
    }

    /// Makes invalid values, each with one place that the schema refuses.
    pub(super) fn invalid(&self, schema: &'a Value, value: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        self.spoil(schema, value, &mut |spoilt| all.push(spoilt));
        all
    }

    fn spoil(&self, schema: &'a Value, value: &Value, out: &mut dyn FnMut(Value)) {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let chosen = choices.iter().map(|choice| self.resolve(choice)).find(|choice| fits(choice, value));
            if let Some(chosen) = chosen {
                self.spoil(chosen, value, out);
            }
            return;
        }
        if schema["enum"].is_array() {
            return out(json!("surprise"));
        }
        match value {
            Value::String(_) => {
                out(json!(5));
                out(json!("\u{7}"));
                out(json!(""));
                if let Some(most) = schema["maxLength"].as_u64() {
                    out(json!("x".repeat(most as usize + 1)));
                }
            }
            Value::Number(_) => {
                out(json!("many"));
                let edge = |edge: &Value, by: i128| Some(edge.as_i64().map(i128::from)? + by);
                let beyond = [edge(&schema["minimum"], -1), edge(&schema["maximum"], 1)];
                beyond.into_iter().flatten().for_each(|one| out(json!(one as i64)));
            }
            Value::Bool(_) => out(json!("maybe")),
            Value::Array(items) => {
                out(json!("list"));
                for (at, item) in items.iter().enumerate() {
                    self.spoil(&schema["items"], item, &mut |spoilt| {
                        let mut items = items.clone();
                        items[at] = spoilt;
                        out(items.into());
                    });
                }
            }
            Value::Object(fields) => {
                out(json!([5]));
                self.spoil_fields(schema, fields, out);
            }
            Value::Null => {}
        }
    }

    fn spoil_fields(&self, schema: &'a Value, fields: &Map<String, Value>, out: &mut dyn FnMut(Value)) {
        let with = |name: &str, spoilt: Value| {
            let mut fields = fields.clone();
            fields.insert(name.to_owned(), spoilt);
            Value::Object(fields)
        };
        out(with("surprise", json!(1)));
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut fields = fields.clone();
            fields.remove(name);
            out(fields.into());
        }
        for (name, value) in fields {
            let property = match &schema["properties"][name] {
                Value::Null => &schema["additionalProperties"],
                property => property,
            };
            if property.is_object() {
                self.spoil(property, value, &mut |spoilt| out(with(name, spoilt)));
            }
        }
    }
}

/// True if a value belongs to this choice, by its `kind` or else by its type.
fn fits(choice: &Value, value: &Value) -> bool {
    match choice["properties"]["kind"]["enum"].as_array() {
        Some(kinds) => kinds.contains(&value["kind"]),
        None => value.is_null() == (choice["type"] == "null"),
    }
}

fn string(schema: &Value, dice: &mut Dice) -> Value {
    match schema["format"].as_str() {
        Some("uuid") => json!(format!("01890000-0000-7000-8000-{:012x}", dice.below(1 << 20))),
        Some("date-time") => json!(*dice.pick(&["2026-03-01T08:00:00Z", "2031-12-31T23:59:59.5+08:00"])),
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or(0) as usize;
            let most = schema["maxLength"].as_u64().map_or(least + 12, |most| most as usize);
            let length = *dice.pick(&[least, least.midpoint(most.min(20)), most.min(300)]);
            json!("a".repeat(length))
        }
    }
}

fn integer(schema: &Value, dice: &mut Dice) -> Value {
    let minimum = schema["minimum"].as_i64().unwrap_or(0);
    let small = json!(minimum + dice.below(2) as i64);
    let edges = [small, schema["minimum"].clone(), schema["maximum"].clone()];
    let edges: Vec<&Value> = edges.iter().filter(|edge| edge.is_number()).collect();
    (*dice.pick(&edges)).clone()
}
