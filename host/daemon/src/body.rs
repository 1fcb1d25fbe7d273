//! Bodies of requests: JSON of limited size. Errors point to the offending field.

use axum::{
    body::Body,
    extract::{FromRequest, Request, multipart::Field},
    http::{StatusCode, header},
};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::problem::Error;

/// The maximum number of bytes beyond the limit that are still read before the connection is closed. If the
/// connection is closed while the client is still sending, the client does not read the response with the reason.
pub const MAX_HEARD_BYTES: usize = 64 << 20;

/// A body that is being received. Bytes are kept only up to the limit `granted`.
struct Gathered {
    bytes: Vec<u8>,
    seen: usize,
    granted: usize,
}

impl Gathered {
    const fn up_to(granted: usize) -> Self {
        Self { bytes: Vec::new(), seen: 0, granted }
    }

    /// Adds received bytes. Returns an error as soon as the body exceeds the limit by more than [`MAX_HEARD_BYTES`].
    fn add(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(chunk.len());
        if self.seen <= self.granted {
            self.bytes.extend_from_slice(chunk);
        }
        if self.seen > self.granted.saturating_add(MAX_HEARD_BYTES) { Err(self.too_large()) } else { Ok(()) }
    }

    /// Returns the whole body, or an error if it exceeds the limit.
    fn complete(self) -> Result<Vec<u8>, Error> {
        if self.seen > self.granted { Err(self.too_large()) } else { Ok(self.bytes) }
    }

    fn too_large(&self) -> Error {
        let detail = format!("the body has {} bytes or more; the limit is {}", self.seen, self.granted);
        Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }
}

/// Reads a body to its end.
///
/// # Errors
///
/// 413 if the body is larger than `granted`, 400 if it cannot be read to its end.
pub async fn gather(body: Body, granted: usize) -> Result<Vec<u8>, Error> {
    let mut chunks = body.into_data_stream();
    let mut gathered = Gathered::up_to(granted);
    while let Some(chunk) = chunks.next().await {
        gathered.add(&chunk.map_err(|error| broken(&error))?)?;
    }
    gathered.complete()
}

/// Reads a part of a form to its end.
///
/// # Errors
///
/// The errors of [`gather`].
pub async fn gather_part(part: &mut Field<'_>, granted: usize) -> Result<Vec<u8>, Error> {
    let mut gathered = Gathered::up_to(granted);
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        gathered.add(&chunk)?;
    }
    gathered.complete()
}

/// Returns a 400 error for a body that cannot be read.
pub fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid-body", error.to_string())
}

/// Parses a JSON object.
///
/// # Errors
///
/// 400 with the path of the offending field.
pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    let invalid = |detail: String| Error::new(StatusCode::BAD_REQUEST, "invalid-json", detail);
    // Without this check, a list would be parsed as the values of the struct's fields, in their order.
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(invalid("expected an object, not a list".to_owned()).at(""));
    }
    // Tracking the path of the current field doubles the cost. So only a body with an error is parsed a second time,
    // with tracking.
    if let Ok(parsed) = serde_json::from_slice(json) {
        return Ok(parsed);
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer: String = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
        };
        invalid(without_value(&error.inner().to_string())).at(pointer)
    })?;
    reader.end().map_err(|error| invalid(error.to_string()))?;
    Ok(parsed)
}

/// Removes the value that was sent from a message of the parser: it may be a password, or an address with one, that was
/// sent in a wrong type or field. The messages are those of `serde::de::Error`.
fn without_value(message: &str) -> String {
    for problem in ["invalid type: ", "invalid value: "] {
        // A text may contain anything, even the words of the message.
        if let Some((found, expected)) =
            message.strip_prefix(problem).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
            return format!("{problem}{kind}, expected {expected}");
        }
    }
    match message.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("unknown word, expected {expected}"),
        None => message.to_owned(),
    }
}

/// A JSON body of at most `MAX` bytes. An empty body counts as `{}`.
#[derive(Debug)]
pub struct JsonBody<T, const MAX: usize = { 256 << 10 }>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_none_or(|text| {
            let essence = text.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        let said = content_type.is_some();
        let bytes = gather(request.into_body(), MAX).await?;
        // A request with an empty body does not need a media type.
        if !is_json || (!said && !bytes.is_empty()) {
            let detail = "send JSON, with Content-Type: application/json";
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        parse_json(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        _password: Option<String>,
        #[serde(default)]
        _cameras: Vec<String>,
        #[serde(default)]
        _count: Option<u8>,
        #[serde(default)]
        _kind: Option<Kind>,
    }

    /// Returns the detail of the problem of a body.
    fn detail(body: &Value) -> String {
        parse_json::<Asked>(body.to_string().as_bytes()).unwrap_err().detail().to_owned()
    }

    #[test]
    fn a_problem_says_what_is_expected_but_repeats_no_value() {
        for (body, expected) in [
            (json!({"_password": 7_391_846_250_u64}), "invalid type: integer, expected a string"),
            (json!({"_password": -7391.5}), "invalid type: floating point, expected a string"),
            (json!({"_password": true}), "invalid type: boolean, expected a string"),
            (json!({"_password": ["7391"]}), "invalid type: sequence, expected a string"),
            (json!({"_cameras": "rtsp://u:7391@h"}), "invalid type: string, expected a sequence"),
            (
                json!({"_cameras": "7391\", expected 7391, expected `7391`"}),
                "invalid type: string, expected a sequence",
            ),
            (json!({"_count": 7391}), "invalid value: integer, expected u8"),
            (json!({"_kind": "7391, expected `7391`"}), "unknown word, expected `plain`"),
        ] {
            let detail = detail(&body);
            assert!(detail.starts_with(expected), "{body}: {detail}");
            assert!(!detail.contains("7391") && !detail.contains("true"), "{body}: {detail}");
        }
        let detail = detail(&json!({"pasword": "7391"}));
        assert!(detail.contains("unknown field `pasword`") && !detail.contains("7391"), "{detail}");
    }
}
