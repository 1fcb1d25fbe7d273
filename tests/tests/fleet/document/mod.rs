//! Checks the API's OpenAPI document against a running master. For each operation, the master must accept
//! requests that the document allows, and refuse requests that it does not allow. The document must describe
//! the status, media type and body of each answer.

mod values;

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{bare_node::Node, process::Master};

use values::{Dice, Schemas};

/// The number of valid requests to each operation.
const ROUNDS: usize = 8;
/// Fields in which a value that its schema allows may still be invalid, because of other fields or the active
/// plugins.
const BEYOND_SCHEMAS: [&str; 9] = [
    "/after",
    "/cameras",
    "/config",
    "/diagnoses",
    "/everywhere",
    "/id",
    "/schedule",
    "/source",
    "/time_zone",
];
const JSON: &str = "application/json";

/// An operation of the document.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    what: &'a Value,
}

impl<'a> Operation<'a> {
    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &'a Value> {
        self.what["parameters"].as_array().into_iter().flatten().filter(move |one| one["in"] == place)
    }

    /// Returns the schema of the JSON body.
    fn body(&self) -> Option<&'a Value> {
        self.what["requestBody"]["content"].get(JSON).map(|media| &media["schema"])
    }
}

/// The document, with a validator for each schema of an answer or a body.
struct Document<'a> {
    whole: &'a Value,
    validators: BTreeMap<String, Validator>,
}

impl<'a> Document<'a> {
    fn of(whole: &'a Value) -> Self {
        let mut validators = BTreeMap::new();
        for operation in operations(whole) {
            let answers = operation.what["responses"].as_object().unwrap().values();
            for part in answers.chain([&operation.what["requestBody"]]) {
                for media in part["content"].as_object().into_iter().flat_map(|content| content.values()) {
                    let schema = &media["schema"];
                    validators.entry(schema.to_string()).or_insert_with(|| validator(whole, schema));
                }
            }
        }
        Self { whole, validators }
    }

    fn validator(&self, schema: &Value) -> &Validator {
        &self.validators[&schema.to_string()]
    }
}

fn validator(whole: &Value, schema: &Value) -> Validator {
    let mut schema = if schema.is_object() { schema.clone() } else { json!({}) };
    schema["components"] = whole["components"].clone();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Returns all operations. Operations that delete the objects that other operations need come last.
fn operations(whole: &Value) -> Vec<Operation<'_>> {
    let paths = whole["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, what)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path,
            what,
        })
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|one| one.method == Method::DELETE);
    all
}

/// Sends a request and compares the answer with the document. Returns the status and the body.
async fn ask(
    document: &Document<'_>,
    operation: &Operation<'_>,
    request: RequestBuilder,
    sent: &str,
) -> (u16, Value) {
    let name = format!("{} {} {sent}", operation.method, operation.path);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    let body = answer.bytes().await.unwrap();
    let text = String::from_utf8_lossy(&body);
    assert!(status < 500, "{name}: {status} {text}");
    let answers = &operation.what["responses"];
    let default = answers.get("default").filter(|_| status >= 400);
    let documented = answers.get(status.to_string()).or(default);
    let documented = documented.unwrap_or_else(|| panic!("{name}: {status} is not documented: {text}"));
    let Some(content) = documented["content"].as_object() else {
        assert!(body.is_empty(), "{name}: {status} has an undocumented body: {text}");
        return (status, Value::Null);
    };
    let kind = kind.as_deref().and_then(|kind| kind.split(';').next()).unwrap_or("nothing").trim();
    let media = content.get(kind);
    let media =
        media.unwrap_or_else(|| panic!("{name}: {status} is {kind}, which is not documented: {text}"));
    if !kind.ends_with("json") || kind == "application/x-ndjson" {
        return (status, Value::Null);
    }
    let value: Value = serde_json::from_slice(&body).unwrap();
    let errors = document.validator(&media["schema"]).iter_errors(&value);
    let errors: Vec<String> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {status} {text}: {errors:?}");
    (status, value)
}

/// Fills a master with objects. Returns their ids by the part of a path that precedes the id.
async fn furnished(master: &Master) -> BTreeMap<&'static str, String> {
    master.publish_standard().await;
    master.add_cameras(2, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["freeze"]})).await;
    let run = master.submit("t").await;
    let jobs = master.get(&format!("/api/v1/diagnosis/runs/{run}/jobs")).await;
    Node::register(master, "node", json!({})).await;
    let plugins = master.get("/api/v1/plugins").await;
    let submission = json!({"source": "rtsp://10.0.0.2/live"});
    let (_, submission) = master.post("/api/v1/diagnosis/submissions", &submission).await;
    let (_, filter) = master.post("/api/v1/diagnosis/camera-filters", &json!({"name": "mine"})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    BTreeMap::from([
        ("cameras", "c0".to_owned()),
        ("camera-filters", text(&filter["id"])),
        ("tasks", "t".to_owned()),
        ("runs", run),
        ("jobs", text(&jobs["items"][0]["id"])),
        ("submissions", text(&submission["id"])),
        ("workers", "node".to_owned()),
        ("diagnoses", "brightness".to_owned()),
        ("plugins", text(&plugins[0]["digest"])),
    ])
}

/// Fills in the parameters of a path, either with known or with unknown ids.
fn filled(path: &str, known: &BTreeMap<&'static str, String>, dice: &mut Dice) -> String {
    const UNKNOWN: [&str; 5] =
        ["nobody", "01890000-0000-7000-8000-000000000000", "%E4%B8%9C", "a%2Fb", "%ff"];
    let mut pieces: Vec<&str> = Vec::new();
    for piece in path.split('/') {
        let known = pieces.last().and_then(|resource| known.get(resource));
        pieces.push(match (piece.starts_with('{'), known) {
            (false, _) => piece,
            (true, Some(known)) if dice.below(2) == 1 => known,
            (true, _) => UNKNOWN[dice.below(UNKNOWN.len())],
        });
    }
    pieces.join("/")
}

/// Adds a query and headers that the document allows.
fn addressed<'a>(
    schemas: &Schemas<'a>,
    operation: &Operation<'a>,
    request: RequestBuilder,
    dice: &mut Dice,
) -> RequestBuilder {
    let mut request = request;
    for place in ["query", "header"] {
        for parameter in operation.parameters(place) {
            let name = parameter["name"].as_str().unwrap();
            // These tests do not wait.
            if name == "wait_ms" || parameter["required"] != true && dice.below(2) == 0 {
                continue;
            }
            let value = schemas.valid(&parameter["schema"], dice);
            // A list is sent as one parameter for each item.
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            for value in values {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                request = if place == "query" {
                    request.query(&[(name, value)])
                } else {
                    request.header(name, value)
                };
            }
        }
    }
    request
}

/// Makes a body that the document allows.
fn body_of<'a>(schemas: &Schemas<'a>, schema: &'a Value, dice: &mut Dice) -> Value {
    let mut body = schemas.valid(schema, dice);
    if let Some(wait) = body.get_mut("wait_ms") {
        *wait = json!(0);
    }
    body
}

/// True for operations that this test calls. The test does not call the stream of events, which is endless and has
/// other tests. It does not call the creation of a token or a user, which would close the master to clients without
/// credentials. It does not sign in, because no user exists.
fn is_asked(operation: &Operation<'_>) -> bool {
    const LEFT_OUT: [&str; 3] = ["/api/v1/session", "/api/v1/tokens", "/api/v1/users"];
    operation.path != "/api/v1/events"
        && !(operation.method == Method::POST && LEFT_OUT.contains(&operation.path))
}

#[tokio::test]
async fn what_the_document_allows_is_taken_and_answered_as_it_says() {
    let master = Master::start();
    let whole = master.get("/api/openapi.json").await;
    let (document, schemas) = (Document::of(&whole), Schemas(&whole));
    let known = furnished(&master).await;
    let mut dice = Dice::new(7);
    let (mut asked, mut taken) = (0, BTreeSet::new());
    for operation in operations(document.whole).iter().filter(|one| is_asked(one)) {
        for _ in 0..ROUNDS {
            let path = filled(operation.path, &known, &mut dice);
            let request = master.request(operation.method.clone(), &path);
            let request = addressed(&schemas, operation, request, &mut dice);
            let content = operation.what["requestBody"]["content"].as_object();
            let body = operation.body().map(|schema| body_of(&schemas, schema, &mut dice));
            let (request, sent) = match (&body, content) {
                (Some(body), _) => {
                    let errors = document.validator(operation.body().unwrap()).iter_errors(body);
                    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
                    assert!(errors.is_empty(), "{body} was to be valid: {errors:?}");
                    (request.json(body), format!("{path} {body}"))
                }
                (None, Some(content)) => {
                    let (kind, media) = content.iter().next().unwrap();
                    let body = media["example"].as_str().unwrap_or("bytes").to_owned();
                    (request.header(CONTENT_TYPE, kind).body(body), path.clone())
                }
                (None, None) => (request, path.clone()),
            };
            let (status, problem) = ask(&document, operation, request, &sent).await;
            asked += 1;
            if status < 400 {
                taken.insert((operation.method.clone(), operation.path));
            }
            // Missing resources, conflicts and conditions that do not hold are answered with errors, although the
            // request itself is valid.
            let field = problem["field"].as_str().unwrap_or_default();
            let is_opaque = operation.body().is_none() && content.is_some();
            let beyond = status == 422 && BEYOND_SCHEMAS.iter().any(|place| field.starts_with(place));
            let no_name = status == 400 && path.contains("%ff");
            let fine = status < 400 || matches!(status, 404 | 409 | 412) || beyond || no_name || is_opaque;
            assert!(fine, "{} {sent}: {status} {problem}", operation.method);
        }
    }
    assert!(asked > 300, "{asked}");
    // Enough operations succeeded.
    assert!(taken.len() > 35, "{taken:?}");
}

#[tokio::test]
async fn what_the_document_does_not_allow_is_refused_with_a_problem() {
    let master = Master::start();
    let whole = master.get("/api/openapi.json").await;
    let (document, schemas) = (Document::of(&whole), Schemas(&whole));
    let known = furnished(&master).await;
    let mut dice = Dice::new(11);
    let mut refused = 0;
    for operation in operations(document.whole).iter().filter(|one| one.path != "/api/v1/events") {
        let known_path = |dice: &mut Dice| {
            let path = filled(operation.path, &known, dice);
            (master.request(operation.method.clone(), &path), path)
        };
        for parameter in operation.parameters("query").chain(operation.parameters("header")) {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let good = schemas.valid(schema, &mut dice);
            let checked = validator(&whole, schema);
            for bad in schemas.invalid(schema, &good) {
                let text = bad.as_str().map_or_else(|| bad.to_string(), str::to_owned);
                // A query is text, so a string that can be read as a valid value is valid. Headers cannot have
                // control characters.
                let reads = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
                if checked.is_valid(&bad) || checked.is_valid(&reads) || checked.is_valid(&json!(text)) {
                    continue;
                }
                let (request, path) = known_path(&mut dice);
                let request = match (parameter["in"].as_str(), text.contains('\u{7}')) {
                    (Some("query"), _) => request.query(&[(name, &text)]),
                    (_, true) => continue,
                    (_, false) => request.header(name, &text),
                };
                let request = if operation.body().is_some() { request.json(&json!({})) } else { request };
                let sent = format!("{path} {name}={text}");
                let (status, _) = ask(&document, operation, request, &sent).await;
                assert!((400..500).contains(&status), "{} {sent}: {status}", operation.method);
                refused += 1;
            }
        }
        let Some(schema) = operation.body() else { continue };
        for _ in 0..2 {
            let good = body_of(&schemas, schema, &mut dice);
            for bad in schemas.invalid(schema, &good) {
                if document.validator(schema).is_valid(&bad) {
                    continue;
                }
                let (request, path) = known_path(&mut dice);
                let sent: String = format!("{path} {bad}").chars().take(2_000).collect();
                let (status, _) = ask(&document, operation, request.json(&bad), &sent).await;
                assert!((400..500).contains(&status), "{} {sent}: {status}", operation.method);
                refused += 1;
            }
        }
    }
    assert!(refused > 400, "{refused}");
}

#[tokio::test]
async fn the_document_names_each_thing_once_and_nothing_that_is_not_there() {
    let master = Master::start();
    let whole = master.get("/api/openapi.json").await;
    let mut names = BTreeSet::new();
    for operation in operations(&whole) {
        let name = operation.what["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let named: BTreeSet<&str> =
            operation.parameters("path").map(|one| one["name"].as_str().unwrap()).collect();
        let pieces = operation.path.split('/');
        let wanted: BTreeSet<&str> =
            pieces.filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, wanted, "{}", operation.path);
    }
    let text = whole.to_string();
    for name in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(whole.pointer(name).is_some(), "there is no {name}");
    }
}
