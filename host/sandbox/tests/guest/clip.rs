//! The clip that guests judge.

use std::{sync::Arc, time::Duration};

use easysight_capture::{Clip, ClipInfo, DecoderEvidence, Frame, SampleRange};

/// Returns a small grey clip of two frames.
pub(crate) fn clip() -> Arc<Clip> {
    let (width, height) = (320, 180);
    let samples = vec![100; Frame::bytes_of((width, height)).unwrap()].into();
    let frame = |ms| Frame::new(Duration::from_millis(ms), ms == 0, (width, height), &samples).unwrap();
    let info = ClipInfo {
        width,
        height,
        range: SampleRange::Full,
        frame_rate: Some(25.0),
        codec: Some("h264".into()),
        clock: None,
        live: false,
    };
    Arc::new(Clip::new(info, DecoderEvidence::default(), vec![frame(0), frame(40)]).unwrap())
}
