//! The HTTP API. Every error is a problem document. The `OpenAPI` document is made from this code.

mod audit;
mod baselines;
mod blobs;
mod by;
mod cameras;
mod check;
mod docs;
mod document;
mod events;
mod filters;
mod guard;
mod overview;
mod parameters;
mod pictures;
mod plugins;
mod replay;
mod results;
mod runs;
mod schedules;
mod session;
mod shadows;
mod status;
mod submissions;
mod tasks;
mod tokens;
mod trends;
mod users;
mod versions;
mod welcome;
mod workers;

use std::time::Duration;

use axum::{Json, Router, extract::DefaultBodyLimit, http::StatusCode, middleware, routing::get};
use easysight_daemon::{problem::Error, requests};
use easysight_protocol::CameraHealth;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{master::Shared, principal::Need};

/// The longest time that a request may take. Uploads over slow links take longest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "EasySight",
        description = "Diagnoses surveillance cameras. Errors are problem details (RFC 9457); times are UTC; \
                       lists are paged: send `next` of a page as `after` to get the following page."
    ),
    // utoipa does not find schemas that only parameters use.
    components(schemas(CameraHealth))
)]
struct Document;

/// Makes the router with all routes.
///
/// # Errors
///
/// An error means that the document of the API cannot be written, which is a defect of this program.
pub(crate) fn router(master: &Shared) -> anyhow::Result<Router> {
    let guarded = |router: OpenApiRouter<Shared>, need: Need| {
        router.route_layer(middleware::from_fn_with_state((master.clone(), need), guard::check))
    };
    let view = OpenApiRouter::new()
        .routes(routes!(overview::now))
        .routes(routes!(overview::days))
        .routes(routes!(cameras::list))
        .routes(routes!(cameras::look_up))
        .routes(routes!(cameras::groups))
        .routes(routes!(baselines::list))
        // The filters of the caller.
        .routes(routes!(filters::list, filters::save))
        .routes(routes!(filters::change, filters::remove))
        .routes(routes!(trends::series))
        .routes(routes!(trends::timeline))
        .routes(routes!(replay::limits))
        .routes(routes!(replay::replay))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::look_up))
        .routes(routes!(schedules::next))
        .routes(routes!(runs::of_task))
        .routes(routes!(runs::list))
        .routes(routes!(runs::look_up))
        .routes(routes!(runs::jobs))
        .routes(routes!(runs::job))
        .routes(routes!(results::list))
        .routes(routes!(pictures::show))
        .routes(routes!(submissions::look_up))
        .routes(routes!(workers::distributed))
        .routes(routes!(status::workers_status))
        .routes(routes!(events::listen));
    let operate = OpenApiRouter::new()
        .routes(routes!(cameras::create))
        .routes(routes!(cameras::update))
        .routes(routes!(cameras::remove))
        .routes(routes!(cameras::import))
        .routes(routes!(baselines::reset))
        .routes(routes!(tasks::create))
        .routes(routes!(tasks::update))
        .routes(routes!(tasks::remove))
        .routes(routes!(tasks::pause))
        .routes(routes!(tasks::resume))
        .routes(routes!(tasks::submit))
        .routes(routes!(submissions::submit))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::retry));
    let work = OpenApiRouter::new()
        .routes(routes!(workers::register))
        .routes(routes!(workers::heartbeat))
        .routes(routes!(workers::lease))
        .routes(routes!(workers::results))
        .routes(routes!(pictures::take))
        .routes(routes!(submissions::upload))
        .routes(routes!(workers::unregister));
    let fetch = OpenApiRouter::new()
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::activations))
        .routes(routes!(plugins::look_up))
        .routes(routes!(plugins::component))
        .routes(routes!(plugins::signature))
        .routes(routes!(shadows::usage))
        .routes(routes!(session::about))
        .routes(routes!(session::close_all))
        .routes(routes!(session::change_password));
    let publish = OpenApiRouter::new()
        .routes(routes!(plugins::publish))
        .routes(routes!(plugins::activate))
        .routes(routes!(plugins::deactivate))
        .routes(routes!(plugins::roll_back))
        .routes(routes!(shadows::report, shadows::begin, shadows::end));
    let administer = OpenApiRouter::new()
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(users::list))
        .routes(routes!(users::create))
        .routes(routes!(users::change))
        .routes(routes!(users::remove))
        .routes(routes!(status::storage))
        .routes(routes!(workers::drain))
        .routes(routes!(workers::resume));
    let (api, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(guarded(view, Need::View))
        .merge(guarded(operate, Need::Operate))
        .merge(guarded(work, Need::Work))
        .merge(guarded(fetch, Need::Fetch))
        .merge(guarded(publish, Need::Publish))
        .merge(guarded(administer, Need::Administer))
        // These requests need no credentials: the first two bring their own, and the last can only close the session of
        // its own browser.
        .merge(OpenApiRouter::new().routes(routes!(session::open)))
        .merge(OpenApiRouter::new().routes(routes!(welcome::begin)))
        .merge(OpenApiRouter::new().routes(routes!(session::close)))
        .split_for_parts();
    let document = document::complete(&document)?;
    let router = Router::new()
        .merge(api)
        .merge(docs::router())
        .merge(easysight_console::router())
        .route("/api/openapi.json", get(move || async move { Json(document) }))
        .route("/metrics", get(status::metrics))
        .fallback(|| async {
            Error::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path")
        })
        .layer(middleware::from_fn_with_state(master.clone(), guard::own_host))
        // Health checks may use any name.
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .method_not_allowed_fallback(|| async {
            Error::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this path does not support this method",
            )
        })
        // Handlers limit bodies themselves, so that they can read a request to its end before they refuse it.
        .layer(DefaultBodyLimit::disable())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(middleware::from_fn(requests::name))
        .with_state(master.clone());
    Ok(router)
}
