//! The permission to decode. Waiting for a camera costs almost nothing, but decoding its pictures is expensive. A
//! caller that limits concurrent work may therefore let a capture wait before it decodes.

use std::{fmt, pin::Pin, sync::Arc};

/// A function that returns a future. The future completes when a capture may begin to decode.
type Gate = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A gate before each start of a decoder. A capture requests admission only when there is something to decode.
#[derive(Clone)]
pub struct Admission(Arc<Gate>);

impl Admission {
    /// Makes an admission. A capture waits for the future that `gate` returns before it decodes.
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
