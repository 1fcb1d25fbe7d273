//! The HTTP client of the tests.

/// Makes an HTTP client. Libraries leave the choice of the TLS implementation to the program, so the tests must choose
/// one too.
pub(crate) fn client() -> reqwest::Client {
    // An error means that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
