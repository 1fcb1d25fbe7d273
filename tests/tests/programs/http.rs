//! The HTTP client of the tests.

/// Makes an HTTP client. Programs choose the TLS implementation, not libraries, so the tests must choose it
/// too.
pub(crate) fn client() -> reqwest::Client {
    // An error means that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
