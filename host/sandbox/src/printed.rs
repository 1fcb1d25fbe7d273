//! Standard output and standard error of a plugin. Only the end of the output is kept, because it contains the
//! message of a panic. Printing never fails, and its memory is bounded.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::debt::Debt;

/// The maximum number of bytes that are kept.
const KEPT_BYTES: usize = 1 << 10;
/// The number of bytes that are accepted at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The end of the output. All clones share one buffer: the streams write to the buffer, and the host reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Printed {
    kept: Arc<Mutex<VecDeque<u8>>>,
    debt: Debt,
}

impl Printed {
    /// Returns an empty output that adds the fuel for every printed byte to `debt`.
    pub(crate) fn on(debt: &Debt) -> Self {
        Self { kept: Arc::default(), debt: debt.clone() }
    }

    /// Returns the kept text. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.kept.lock().make_contiguous()).into_owned()
    }

    fn print(&self, bytes: &[u8]) {
        self.debt.add_bytes(bytes.len());
        let mut kept = self.kept.lock();
        let last = bytes.get(bytes.len().saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        let surplus = (kept.len() + last.len()).saturating_sub(KEPT_BYTES);
        kept.drain(..surplus);
        kept.extend(last);
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_what_is_printed_is_kept() {
        let printed = Printed::default();
        printed.print(b"first ");
        assert_eq!(printed.text(), "first ");
        printed.print(&[b'x'; 10_000]);
        printed.print(b"last words");
        let text = printed.text();
        assert_eq!(text.len(), KEPT_BYTES);
        assert!(text.ends_with("xlast words"));
    }
}
