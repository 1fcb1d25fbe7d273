//! The arguments of commands that read sources on this machine.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use easysight_capture::{CaptureConfig, RtspTransport};

/// The arguments for reading sources.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// The ffmpeg program.
    #[arg(long, value_name = "PROGRAM", env = "EASYSIGHT_FFMPEG", default_value = "ffmpeg")]
    ffmpeg: PathBuf,
    /// Seconds that one capture may take, in addition to the requested length of video.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Transport of RTSP video: tcp, udp, or auto (TCP first, then UDP if the camera refuses TCP).
    #[arg(long, value_enum, value_name = "WAY", default_value = "auto")]
    rtsp_transport: Transport,
}

/// The transport of RTSP video.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Auto,
    Tcp,
    Udp,
}

impl From<Transport> for RtspTransport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
        }
    }
}

impl Reading {
    /// Returns the configuration of a capture.
    pub(crate) fn config(&self) -> CaptureConfig {
        let mut config = CaptureConfig { ffmpeg: self.ffmpeg.clone(), ..CaptureConfig::default() };
        config.deadline = Duration::from_secs(self.timeout);
        config.rtsp_transport = self.rtsp_transport.into();
        config.connect_timeout = config.connect_timeout.min(config.deadline);
        config
    }
}
