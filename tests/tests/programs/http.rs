//! The HTTP client of the tests.

/// Makes an HTTP client. The TLS implementation is chosen by programs, and so by tests, not by libraries.
pub(crate) fn client() -> reqwest::Client {
    // An error means that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
