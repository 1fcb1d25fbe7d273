//! The web console. Its files are built from `web/` and embedded in the program, so that a master needs no further
//! files. Routes of the console are behind `#` in the address, so that the console also works below a path prefix: the
//! files refer to each other, and to the API, by relative addresses.

use std::{borrow::Cow, io::Read};

use axum::{
    Router,
    body::Body,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use easysight_daemon::problem::Error;
use flate2::read::GzDecoder;
use rust_embed::RustEmbed;

/// The built files. Scripts and styles are compressed with Brotli (`name.br`) and with gzip (`name.gz`).
#[derive(RustEmbed)]
#[folder = "dist"]
struct Files;

/// The page. `cargo xtask console` builds it; without this file, this crate does not compile.
const PAGE: &[u8] = include_bytes!("../dist/index.html");

/// The page may load and contact only the server that it comes from. Scripts and styles are files, so that the page
/// itself contains none. No other page may show the console in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::VARY, "accept-encoding"),
];

/// How long a browser may keep a file: for ever, because the name of the file contains a hash of its contents.
const KEPT: &str = "public, max-age=31536000, immutable";

/// A way in which a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
}

/// Returns a router that serves the console: the page at `/`, and its files below `/assets`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(page)).route("/assets/{name}", get(asset))
}

/// Answers with the page. A browser asks each time whether the page has changed.
async fn page(headers: HeaderMap) -> Response {
    let tag = Files::get("index.html").map(|file| tag(&file.metadata.sha256_hash())).unwrap_or_default();
    let caching = [(header::CACHE_CONTROL, "no-cache"), (header::ETAG, tag.as_str())];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if known.flat_map(|tags| tags.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, HEADERS, caching).into_response();
    }
    (HEADERS, caching, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// Returns the entity tag of a file with this hash.
fn tag(hash: &[u8]) -> String {
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Answers with a file whose name contains a hash of its contents.
async fn asset(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    let Ok(Path(name)) = name else { return missing() };
    let kind = [(header::CONTENT_TYPE, media_type(&name)), (header::CACHE_CONTROL, KEPT)];
    match find(&format!("assets/{name}"), accepted(&headers)) {
        Some((bytes, Some(coding))) => {
            let coding = [(header::CONTENT_ENCODING, coding.name())];
            (HEADERS, kind, coding, Body::from(bytes)).into_response()
        }
        Some((bytes, None)) => (HEADERS, kind, Body::from(bytes)).into_response(),
        None => missing(),
    }
}

/// Returns a file in the accepted coding. A client that accepts no coding gets the file uncompressed.
fn find(path: &str, accepted: Option<Coding>) -> Option<(Cow<'static, [u8]>, Option<Coding>)> {
    if let Some(file) = Files::get(path) {
        // A compressed file is not served under its own name.
        return [".br", ".gz"].iter().all(|ending| !path.ends_with(ending)).then_some((file.data, None));
    }
    let packed = Files::get(&format!("{path}.{}", accepted.unwrap_or(Coding::Gzip).ending()))?.data;
    match accepted {
        Some(coding) => Some((packed, Some(coding))),
        None => {
            let mut bytes = Vec::new();
            GzDecoder::new(&*packed).read_to_end(&mut bytes).ok()?;
            Some((bytes.into(), None))
        }
    }
}

/// Returns the best coding that a client accepts.
fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let all = all.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let accepted: Vec<&str> = all.split(',').filter_map(allowed).collect();
    [Coding::Brotli, Coding::Gzip].into_iter().find(|coding| accepted.contains(&coding.name()))
}

/// Returns the name of a coding in `Accept-Encoding`, such as `br;q=0.5`. None if the client refuses it (`q=0`).
fn allowed(item: &str) -> Option<&str> {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), |weight| weight.trim().parse::<f32>());
    weight.is_ok_and(|weight| weight > 0.0).then(|| name.trim())
}

/// Answers that there is no such file. If masters of different versions answer, another master may have the file, so no
/// cache may keep this answer.
fn missing() -> Response {
    let error = Error::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path");
    ([(header::CACHE_CONTROL, "no-store")], error).into_response()
}

impl Coding {
    /// The name in HTTP.
    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The ending of a compressed file's name.
    const fn ending(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }
}

/// Returns the media type of a file that is built from `web/`.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::Request};
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        router::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    /// Returns the paths of the scripts and styles that the page refers to.
    fn assets() -> Vec<String> {
        let page = std::str::from_utf8(PAGE).unwrap();
        let is_text = |part: &&str| part.ends_with(".js") || part.ends_with(".css");
        let parts = page.split('"').filter(|part| part.starts_with("./assets/")).filter(is_text);
        let assets: Vec<_> = parts.map(|part| part.trim_start_matches('.').to_owned()).collect();
        assert!(assets.len() >= 2, "a script and a style: {page}");
        assets
    }

    #[tokio::test]
    async fn the_page_is_asked_for_again_and_its_files_are_kept() {
        let page = ask("/", &[]).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(header(&page, "content-type").starts_with("text/html"), "{page:?}");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert!(header(&page, "content-security-policy").contains("script-src 'self';"), "{page:?}");
        let tag = header(&page, "etag").to_owned();
        for known in [tag.clone(), format!("\"other\", W/{tag}")] {
            let unchanged = ask("/", &[(header::IF_NONE_MATCH, &known)]).await;
            assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(ask("/", &[(header::IF_NONE_MATCH, "\"other\"")]).await.status(), StatusCode::OK);
        for path in assets() {
            let file = ask(&path, &[(header::ACCEPT_ENCODING, "gzip, deflate, br")]).await;
            assert_eq!(file.status(), StatusCode::OK, "{path}");
            assert!(header(&file, "cache-control").contains("immutable"), "{path}: {file:?}");
            assert_eq!(header(&file, "content-encoding"), "br", "{path}");
            assert_eq!(header(&file, "x-content-type-options"), "nosniff", "{path}");
        }
    }

    #[tokio::test]
    async fn a_client_gets_what_it_can_unpack() {
        let path = &assets()[0];
        let plain = ask(path, &[]).await;
        assert_eq!(header(&plain, "content-encoding"), "");
        let plain = body(plain).await;
        assert!(!plain.is_empty());
        for accepted in ["gzip", "gzip;q=0.5, br;q=0", "deflate, GZip;q=1.0"] {
            let packed = ask(path, &[(header::ACCEPT_ENCODING, accepted)]).await;
            assert_eq!(header(&packed, "content-encoding"), "gzip", "{accepted}");
            let mut unpacked = Vec::new();
            GzDecoder::new(&*body(packed).await).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, plain, "{accepted}");
        }
        for refused in ["gzip;q=0, identity", "GZIP;Q=0"] {
            let refused = ask(path, &[(header::ACCEPT_ENCODING, refused)]).await;
            assert_eq!(header(&refused, "content-encoding"), "");
        }
    }

    /// The browser tests of `web/` use a server of their own, which must send the same policy.
    #[test]
    fn the_console_is_tested_with_this_policy() {
        let server = std::fs::read_to_string("../../web/scripts/serve.mjs").unwrap();
        // In the test server's file, the policy is split into several strings.
        let server = server.split_whitespace().collect::<Vec<_>>().join(" ").replace("\" + \"", "");
        assert!(server.contains(POLICY), "{POLICY}");
    }

    #[tokio::test]
    async fn nothing_else_is_answered() {
        let packed = format!("{}.br", assets()[0]);
        let paths =
            ["/cameras", "/assets", "/assets/none.js", "/assets/..%2findex.html", "/assets/%ff", &packed];
        for path in paths {
            let answer = ask(path, &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            if path.starts_with("/assets/") {
                assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
                assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
            }
        }
    }
}
