//! Completes the `OpenAPI` document with facts that the code of single handlers does not contain: the media type of
//! problems, the bounds of integers, the token, and unique names of operations.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use easysight_protocol::PROBLEM_MEDIA_TYPE;

const JSON: &str = "application/json";
const PROBLEM: &str = "#/components/schemas/Problem";

/// Makes the document that the master serves.
pub(super) fn complete(document: &OpenApi) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(document)?;
    bound_integers(&mut document);
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    open_parts(&mut document, &schemas);
    for operation in operations(&mut document) {
        name(operation);
        type_problems(operation);
        for media in contents(operation) {
            bytes_have_no_schema(media);
        }
        each(operation.get_mut("parameters"), |parameter| never_null(parameter.get_mut("schema")));
        let body = operation.get_mut("requestBody");
        let bodies = body.and_then(|body| body.get_mut("content")).and_then(Value::as_object_mut);
        bodies.into_iter().flat_map(Map::values_mut).for_each(|media| never_null(media.get_mut("schema")));
    }
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        let token = "Created by `easysight-master token create`. A master that listens on loopback and has neither \
                     tokens nor users does not require a token.";
        let session = "The session of a user, or a token for requests that only read. `POST /api/v1/session` sets the \
                       cookie. The id of the master's database follows the name given here. A request that changes something also needs the header `X-EasySight-Request`, with any \
                       value.";
        let scheme = json!({
            "token": {"type": "http", "scheme": "bearer", "description": token},
            "session": {"type": "apiKey", "in": "cookie", "name": super::session::COOKIE, "description": session},
        });
        components.insert("securitySchemes".into(), scheme);
    }
    if let Some(document) = document.as_object_mut() {
        document.insert("security".into(), json!([{}, {"token": []}, {"session": []}]));
    }
    Ok(document)
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let methods = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    methods.flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

fn each(list: Option<&mut Value>, change: impl FnMut(&mut Value)) {
    list.and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
}

/// Adds the resource to the name of an operation, because handlers of several resources have the same name.
fn name(operation: &mut Map<String, Value>) {
    let resource = operation.get("tags").and_then(|tags| tags.get(0)).and_then(Value::as_str);
    let handler = operation.get("operationId").and_then(Value::as_str);
    if let (Some(resource), Some(handler)) = (resource, handler) {
        let name = format!("{}_{handler}", resource.replace(' ', "_"));
        operation.insert("operationId".into(), name.into());
    }
}

/// Returns all request and response bodies of an operation, by media type.
fn contents(operation: &mut Map<String, Value>) -> Vec<(&String, &mut Value)> {
    let mut contents = Vec::new();
    for (field, part) in operation.iter_mut() {
        let parts: Vec<&mut Value> = match field.as_str() {
            "requestBody" => vec![part],
            "responses" => part.as_object_mut().into_iter().flat_map(Map::values_mut).collect(),
            _ => continue,
        };
        let media = parts.into_iter().filter_map(|part| part.get_mut("content")?.as_object_mut());
        contents.extend(media.flat_map(Map::iter_mut));
    }
    contents
}

/// Removes the schema of bodies that are bytes, because the schema would describe them as a list of numbers. The media
/// type of these bodies describes them correctly.
fn bytes_have_no_schema((kind, media): (&String, &mut Value)) {
    let is_bytes = media.pointer("/schema/type").is_some_and(|kind| kind == "array");
    if is_bytes
        && !kind.contains("json")
        && let Some(media) = media.as_object_mut()
    {
        media.remove("schema");
    }
}

/// Gives responses with problem documents the media type of problem documents.
fn type_problems(operation: &mut Map<String, Value>) {
    let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
    for answer in answers.into_iter().flat_map(Map::values_mut) {
        let Some(content) = answer.get_mut("content").and_then(Value::as_object_mut) else { continue };
        let of_problem = |media: &Value| media.pointer("/schema/$ref").is_some_and(|name| name == PROBLEM);
        if content.get(JSON).is_some_and(of_problem)
            && let Some(media) = content.remove(JSON)
        {
            content.insert(PROBLEM_MEDIA_TYPE.into(), media);
        }
    }
}

/// Gives integers the range of the Rust type that they are parsed as.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(bound_integers),
        Value::Object(fields) => {
            let unsigned = fields.get("minimum").and_then(Value::as_i64).is_some_and(|minimum| minimum >= 0);
            let bounds = match fields.get("format").and_then(Value::as_str) {
                Some("int32") if unsigned => Some((json!(0), json!(u32::MAX))),
                Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
                Some("int64") if unsigned => Some((json!(0), json!(u64::MAX))),
                Some("int64") => Some((json!(i64::MIN), json!(i64::MAX))),
                _ => None,
            };
            if let Some((minimum, maximum)) = bounds {
                fields.entry("minimum").or_insert(minimum);
                fields.entry("maximum").or_insert(maximum);
            }
            fields.values_mut().for_each(bound_integers);
        }
        _ => {}
    }
}

/// Opens schemas that are parts (`allOf`) of a larger schema. Used alone, such a schema may forbid additional fields.
/// As a part, it must allow the other fields of the larger schema.
fn open_parts(schema: &mut Value, schemas: &Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(|one| open_parts(one, schemas)),
        Value::Object(fields) => {
            let parts = fields.get_mut("allOf").and_then(Value::as_array_mut);
            for part in parts.into_iter().flatten() {
                let name = part.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
                let named = name.and_then(|name| schemas.get(name)).and_then(Value::as_object);
                let is_closed =
                    |named: &&Map<String, Value>| named.get("additionalProperties") == Some(&json!(false));
                if let Some(closed) = named.filter(is_closed) {
                    let mut open = closed.clone();
                    open.remove("additionalProperties");
                    *part = open.into();
                }
            }
            fields.values_mut().for_each(|one| open_parts(one, schemas));
        }
        _ => {}
    }
}

/// Removes `null` from optional parameters and bodies. A query cannot contain null, and a body that is present is not
/// null.
fn never_null(schema: Option<&mut Value>) {
    let Some(schema) = schema else { return };
    let is_null = |one: &Value| one == "null" || one.get("type").is_some_and(|kind| kind == "null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| !is_null(kind));
        if let [only] = types.as_slice() {
            let only = only.clone();
            if let Some(fields) = schema.as_object_mut() {
                fields.insert("type".into(), only);
            }
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
        choices.retain(|choice| !is_null(choice));
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_type_unless_they_are_narrower() {
        let mut schema = json!({"a": {"type": "integer", "format": "int32", "minimum": 0},
            "b": {"type": "integer", "format": "int32", "minimum": -100, "maximum": 100},
            "c": [{"format": "int64"}], "d": {"format": "date-time"}});
        bound_integers(&mut schema);
        assert_eq!(schema["a"]["maximum"], json!(u32::MAX));
        assert_eq!((&schema["b"]["minimum"], &schema["b"]["maximum"]), (&json!(-100), &json!(100)));
        assert_eq!(schema["c"][0]["minimum"], json!(i64::MIN));
        assert_eq!(schema["d"], json!({"format": "date-time"}));
    }

    #[test]
    fn a_closed_schema_is_open_as_a_part_of_another() {
        let schemas = json!({"Part": {"type": "object", "additionalProperties": false}});
        let part = json!({"$ref": "#/components/schemas/Part"});
        let mut whole = json!({"Whole": {"allOf": [part, {"type": "object"}]}, "alone": part});
        open_parts(&mut whole, &schemas);
        assert_eq!(whole["Whole"]["allOf"], json!([{"type": "object"}, {"type": "object"}]));
        assert_eq!(whole["alone"], part);
    }

    #[test]
    fn null_is_taken_out_of_what_may_be_left_out() {
        let without = |mut schema: Value| {
            never_null(Some(&mut schema));
            schema
        };
        assert_eq!(without(json!({"type": ["string", "null"]})), json!({"type": "string"}));
        let reference = json!({"$ref": "#/components/schemas/Status"});
        assert_eq!(without(json!({"oneOf": [{"type": "null"}, reference]})), reference);
        assert_eq!(without(json!({"type": "integer"})), json!({"type": "integer"}));
    }
}
