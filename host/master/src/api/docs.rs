//! The page on which people browse the API: Swagger UI, which is embedded in the program.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    middleware,
    response::Response,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page may load and contact only the master that it comes from. Swagger UI shows its icons, and the pictures of
/// its styles, as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Returns a router that serves the page at `/docs`.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // The address of the document is relative, so that the page also works below a path prefix. Without `none`, the page
    // would send this address to a server on the internet that checks documents.
    let config = Config::from("../api/openapi.json").validator_url("none");
    Router::from(SwaggerUi::new("/docs").config(config)).layer(middleware::map_response(strict))
}

/// Adds the headers to an answer.
async fn strict(mut answer: Response) -> Response {
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
