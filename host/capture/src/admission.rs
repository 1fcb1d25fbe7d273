//! Who may decode, and when. Waiting for a camera costs next to nothing, decoding its pictures does: whoever counts
//! what is at work may let a capture wait between the two.

use std::{fmt, pin::Pin, sync::Arc};

/// Answers once a capture may begin to decode.
type Gate = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Asked once by every capture: when there is something to decode, before anything is.
#[derive(Clone)]
pub struct Admission(Arc<Gate>);

impl Admission {
    /// Whoever is let in waits for what this gives.
    #[must_use]
    pub fn new<F: Future<Output = ()> + Send + 'static>(
        gate: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || Box::pin(gate())))
    }

    pub(crate) async fn wait(&self) {
        (self.0)().await;
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}
