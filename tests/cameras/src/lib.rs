//! A bench of cameras: what real ones do otherwise than the standards say, each habit one row with what must be said
//! of it. Tests hold the rows against what captures say; the documents show them.

mod auth;
mod docs;
pub mod http;
mod media;
mod packing;
pub mod rows;
pub mod rtsp;

use std::{io, sync::Arc};

use easysight_capture::{CaptureErrorKind, Quirk};
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    auth::{PASSWORD, USER, Way},
    docs::{Language, table},
    media::{Media, Picture, RATE, Stream},
    packing::Packing,
};

/// A text in both languages of the documents.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// What must be said.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// It is judged, and this is odd about it.
    Judged(&'static [Quirk]),
    /// There is no picture, for this reason, with these words among what is said of it.
    Reason(CaptureErrorKind, &'static str),
}

/// What does it.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A camera over RTSP, from a plain one.
    Rtsp(fn(&mut rtsp::Habits)),
    /// A web server.
    Http(http::Habit),
}

/// A habit.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name among tests.
    pub name: &'static str,
    /// What the camera does.
    pub does: Words,
    /// Who is known for it; empty where that is told of many.
    pub makes: &'static str,
    /// What must be said.
    pub told: Told,
    /// What does it.
    pub kind: Kind,
    /// Seconds of it that must be looked at.
    pub seconds: u64,
    /// What the address has behind the host.
    pub path: &'static str,
    /// User and password stand in the address.
    pub knows_password: bool,
}

/// A camera that is there until it is dropped.
pub struct Camera {
    /// Its address.
    pub url: String,
    serving: JoinHandle<()>,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Row {
    /// Starts such a camera on a port of its own.
    ///
    /// # Errors
    ///
    /// Where there is no port.
    pub async fn start(&self, media: &Arc<Media>) -> io::Result<Camera> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?;
        let media = Arc::clone(media);
        let who = if self.knows_password { format!("{USER}:{PASSWORD}@") } else { String::new() };
        let (scheme, serving) = match self.kind {
            Kind::Rtsp(change) => {
                let mut habits = rtsp::Habits::default();
                change(&mut habits);
                ("rtsp", tokio::spawn(rtsp::serve(listener, media, habits)))
            }
            Kind::Http(habit) => ("http", tokio::spawn(http::serve(listener, media, habit))),
        };
        Ok(Camera { url: format!("{scheme}://{who}{own}{}", self.path), serving })
    }
}
