//! A test bench of cameras. Each row is one habit in which real cameras deviate from the standards, with the
//! expected report. Tests compare the rows with the reports of captures, and the documents show the rows.

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

/// A text in English and Chinese.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The English text.
    pub en: &'static str,
    /// The Chinese text.
    pub zh: &'static str,
}

/// The expected report.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// The stream is judged, with these oddities.
    Judged(&'static [Quirk]),
    /// There is no picture, for this reason. The detail of the error contains these words.
    Reason(CaptureErrorKind, &'static str),
}

/// The kind of camera that has the habit.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An RTSP camera. The function changes the habits of a plain one.
    Rtsp(fn(&mut rtsp::Habits)),
    /// A web server.
    Http(http::Habit),
}

/// A habit of a camera.
#[derive(Clone, Copy)]
pub struct Row {
    /// The name of the row in tests.
    pub name: &'static str,
    /// A description of the habit.
    pub does: Words,
    /// The brands that are known for the habit. Empty if cameras of many brands have it.
    pub makes: &'static str,
    /// The expected report.
    pub told: Told,
    /// The camera that has the habit.
    pub kind: Kind,
    /// The time for which the camera must be watched, in seconds.
    pub seconds: u64,
    /// The part of the address after the host.
    pub path: &'static str,
    /// True if the address contains user and password.
    pub knows_password: bool,
}

/// A camera that runs until it is dropped.
pub struct Camera {
    /// The address of the camera.
    pub url: String,
    serving: JoinHandle<()>,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Row {
    /// Starts a camera with this habit on its own port.
    ///
    /// # Errors
    ///
    /// Returns an error if no port is available.
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
