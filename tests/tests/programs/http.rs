//! How tests talk HTTP.

/// An HTTP client. What makes its TLS work is chosen by programs, and so by tests, not by libraries.
pub(crate) fn client() -> reqwest::Client {
    // An error means that it is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
