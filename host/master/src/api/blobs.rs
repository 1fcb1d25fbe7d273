//! Answers with blobs. A digest always names the same bytes, so a client may cache them and resume a download at any
//! time.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use easysight_sandbox::Digest;

/// Answers with a blob of this media type, or with the range of the blob that the client requests. If the client has
/// the blob already, the answer is 304 without a body.
pub(super) fn answer(
    blob: &Bytes,
    digest: Digest,
    request: &HeaderMap,
    kind: &'static str,
    cache: &'static str,
) -> Response {
    let tag = format!("\"{digest}\"");
    let text = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_NONE_MATCH) == Some(tag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let length = blob.len();
    let mut response = match text(header::RANGE).map(|range| part(range, length)) {
        None | Some(Part::Whole) => blob.clone().into_response(),
        Some(Part::Range(from, to)) => {
            let range = format!("bytes {from}-{}/{length}", to - 1);
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], blob.slice(from..to))
                .into_response()
        }
        Some(Part::Outside) => {
            let range = format!("bytes */{length}");
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response();
        }
    };
    let headers = response.headers_mut();
    let facts = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        (header::ACCEPT_RANGES, "bytes"),
        // Browsers must not treat a blob as a page, even if its bytes look like one.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in facts {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The part of a blob that a client requests.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The bytes from the first offset up to the second offset, which is not included.
    Range(usize, usize),
    /// The range is outside the blob, or is not valid.
    Outside,
}

/// Parses the header `Range` (RFC 9110, section 14.2). The answer to several ranges is the whole blob, which the RFC
/// allows.
fn part(range: &str, length: usize) -> Part {
    // A range in another unit is ignored, as RFC 9110 requires.
    if !range.trim_start().starts_with("bytes") {
        return Part::Whole;
    }
    let Ok(parsed) = http_range_header::parse_range_header(range) else { return Part::Outside };
    match parsed.validate(length as u64).as_deref() {
        Ok([one]) => match (usize::try_from(*one.start()), usize::try_from(*one.end())) {
            (Ok(from), Ok(last)) if from <= last && last < length => Part::Range(from, last + 1),
            _ => Part::Outside,
        },
        Ok(_) => Part::Whole,
        Err(_) => Part::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (range, wanted) in [
            ("bytes=0-3", Part::Range(0, 4)),
            ("bytes=4-", Part::Range(4, 10)),
            ("bytes=-3", Part::Range(7, 10)),
            ("bytes=4-99", Part::Range(4, 10)),
            ("bytes=10-", Part::Outside),
            ("bytes=5-4", Part::Outside),
            ("lines=1-2", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
        ] {
            assert_eq!(part(range, 10), wanted, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Outside);
    }

    #[test]
    fn an_answer_is_whole_or_in_part_or_known() {
        let (blob, digest) = (Bytes::from_static(b"0123456789"), Digest::of(b"0123456789"));
        let tag = format!("\"{digest}\"");
        for (name, value, status, content_range) in [
            (header::ACCEPT, "*/*", 200, None),
            (header::RANGE, "bytes=2-", 206, Some("bytes 2-9/10")),
            (header::RANGE, "bytes=20-", 416, Some("bytes */10")),
            (header::IF_NONE_MATCH, tag.as_str(), 304, None),
        ] {
            let request = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            let response = answer(&blob, digest, &request, "image/jpeg", "private");
            let found = response.headers().get(header::CONTENT_RANGE).map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), found), (status, content_range), "{value}");
            let kinds: Vec<_> = response.headers().get_all(header::CONTENT_TYPE).iter().collect();
            assert_eq!(kinds, if status < 300 { vec!["image/jpeg"] } else { vec![] }, "{value}");
        }
    }
}
