//! The standard plugins, compiled natively. They allow a comparison between a plugin's findings in the sandbox and the
//! findings of the same code outside the sandbox, and a measurement of the cost of the sandbox. Cameras are never
//! diagnosed this way.

use easysight_capture as capture;
use easysight_sdk::{
    CameraClock, Clip, ClipInfo, DecoderEvidence, Descriptor, Failure, FrameInfo, PixelError, PlaneKind,
    Rect, Report, SampleRange, full_descriptor, native,
};

/// Lists the standard plugins by name, and makes the functions that reach each of them.
macro_rules! standard_plugins {
    ($($name:literal: $plugin:ty,)+) => {
        /// Runs the standard plugin with this name on a clip. `None` if no standard plugin has this name.
        #[must_use]
        pub fn diagnose(plugin: &str, clip: &capture::Clip, config: &str) -> Option<Result<Report, Failure>> {
            let clip = NativeClip(clip);
            match plugin {
                $($name => Some(native::<$plugin>(&clip, config)),)+
                _ => None,
            }
        }

        /// Returns the descriptors of the standard plugins.
        #[must_use]
        pub fn descriptors() -> Vec<Descriptor> {
            vec![$(full_descriptor::<$plugin>()),+]
        }
    };
}

standard_plugins! {
    "blue_screen": blue_screen::BlueScreen,
    "brightness": brightness::Brightness,
    "clarity": clarity::Clarity,
    "clock": clock::Clock,
    "color_cast": color_cast::ColorCast,
    "contrast": contrast::Contrast,
    "flower_screen": flower_screen::FlowerScreen,
    "freeze": freeze::Freeze,
    "lens_dirty": lens_dirty::LensDirty,
    "mosaic": mosaic::Mosaic,
    "noise": noise::NoisePlugin,
    "occlusion": occlusion::Occlusion,
    "scene_change": scene_change::SceneChange,
    "shake": shake::Shake,
    "signal_loss": signal_loss::SignalLoss,
    "stream": stream::Stream,
    "stripe": stripe::Stripe,
}

/// The host's clip as a plugin sees it.
struct NativeClip<'a>(&'a capture::Clip);

impl Clip for NativeClip<'_> {
    fn info(&self) -> ClipInfo {
        let info = self.0.info();
        ClipInfo {
            width: info.width,
            height: info.height,
            frames: u32::try_from(self.0.frames().len()).unwrap_or(u32::MAX),
            levels: self.0.levels(),
            range: match info.range {
                capture::SampleRange::Limited => SampleRange::Limited,
                capture::SampleRange::Full => SampleRange::Full,
            },
            #[expect(clippy::cast_possible_truncation, reason = "a frame rate needs no more digits")]
            frame_rate: info.frame_rate.unwrap_or(0.0) as f32,
            codec: info.codec.clone().unwrap_or_default(),
            live: info.live,
        }
    }

    fn evidence(&self) -> DecoderEvidence {
        let evidence = self.0.evidence();
        DecoderEvidence {
            missed_packets: evidence.missed_packets,
            corrupt_frames: evidence.corrupt_frames,
            concealed_blocks: evidence.concealed_blocks,
            missing_references: evidence.missing_references,
        }
    }

    fn clock(&self) -> Option<CameraClock> {
        self.0.info().clock.map(|clock| match clock {
            capture::CameraClock::Right => CameraClock::Right,
            capture::CameraClock::Jumps(times) => CameraClock::Jumps(times),
            capture::CameraClock::StandsStill => CameraClock::StandsStill,
            #[expect(clippy::cast_possible_truncation, reason = "a speed needs no more digits")]
            capture::CameraClock::Runs(speed) => CameraClock::Runs(speed as f32),
        })
    }

    fn frames(&self) -> Vec<FrameInfo> {
        let frame = |frame: &std::sync::Arc<capture::Frame>| FrameInfo {
            timestamp_us: u64::try_from(frame.timestamp.as_micros()).unwrap_or(u64::MAX),
            keyframe: frame.keyframe,
        };
        self.0.frames().iter().map(frame).collect()
    }

    fn size(&self, plane: PlaneKind, level: u32) -> Result<(u32, u32), PixelError> {
        self.0.size(plane_kind(plane), level).ok_or(PixelError::NoSuchLevel)
    }

    fn plane(&self, frame: u32, plane: PlaneKind, level: u32) -> Result<Vec<u8>, PixelError> {
        self.0.plane(frame, plane_kind(plane), level).map(Into::into).map_err(refused)
    }

    fn crop(&self, frame: u32, plane: PlaneKind, level: u32, area: Rect) -> Result<Vec<u8>, PixelError> {
        let area = capture::Rect { x: area.x, y: area.y, width: area.width, height: area.height };
        self.0.crop(frame, plane_kind(plane), level, area).map(Into::into).map_err(refused)
    }

    fn rgb(&self, frame: u32, level: u32) -> Result<Vec<u8>, PixelError> {
        self.0.rgb(frame, level).map(Into::into).map_err(refused)
    }
}

const fn plane_kind(plane: PlaneKind) -> capture::PlaneKind {
    match plane {
        PlaneKind::Luma => capture::PlaneKind::Luma,
        PlaneKind::Cb => capture::PlaneKind::Cb,
        PlaneKind::Cr => capture::PlaneKind::Cr,
    }
}

const fn refused(error: capture::PixelError) -> PixelError {
    match error {
        capture::PixelError::NoSuchFrame => PixelError::NoSuchFrame,
        capture::PixelError::NoSuchLevel => PixelError::NoSuchLevel,
        capture::PixelError::OutOfBounds => PixelError::OutOfBounds,
    }
}
