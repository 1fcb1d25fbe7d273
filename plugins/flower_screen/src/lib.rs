//! Pictures that were decoded from damaged data: torn and displaced blocks, smears, areas of green or
//! grey.
//!
//! Decoders tell of some damage and are silent on other: an H.264 decoder counts the blocks that it
//! made up, an HEVC decoder draws garbage without a word, and none notices a packet that never came.
//! So complaints count where they are plain, and the picture is looked at for what only a decoder
//! draws: breaks along the grid of macroblocks, colours beyond what a camera can send, grey where a
//! reference was missing, and a smear that the next keyframe wipes away.

mod judge;
mod picture;

use easysight_sdk::{
    Clip, DecoderEvidence, Description, Failure, JsonSchema, Plugin, Report, Text, descriptor,
};
use serde::Deserialize;

use picture::Picture;

/// Stretch of the clip that is asked for: with a keyframe every two seconds, or every fifty frames of
/// 24 a second, as cameras send them, the second one lies within, and a frame after it.
const SPAN_MS: u32 = 2_400;
/// Time between its frames. Damage stays until the next keyframe, so it is not missed.
const INTERVAL_MS: u32 = 200;
/// Samples of a macroblock.
const BLOCK: f64 = 256.0;

/// From where on a picture counts as damaged. Shares are of the picture.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Blocks that the decoder made up in all of the clip, as a share of one picture.
    #[schemars(range(min = 0.001, max = 100.0), extend("unit" = "share"))]
    pub concealed_share: f64,
    /// Share of the borders between macroblocks that are torn, in the worst frame; those that are torn in
    /// every frame count only where the decoder complained.
    #[schemars(range(min = 0.001, max = 1.0), extend("unit" = "share"))]
    pub torn_share: f64,
    /// By how much that share exceeds twice the share in the cleanest frame.
    #[schemars(range(min = 0.001, max = 1.0), extend("unit" = "share"))]
    pub torn_rise: f64,
    /// Share of one frame in colours that no camera can send: saturated green almost without light.
    #[schemars(range(min = 0.0005, max = 1.0), extend("unit" = "share"))]
    pub impossible_share: f64,
    /// By how much the share of the very grey that stands in for missing pictures rises within the clip.
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    pub grey_rise: f64,
    /// Share of the picture that a keyframe repairs at one go.
    #[schemars(range(min = 0.005, max = 1.0), extend("unit" = "share"))]
    pub repaired_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        // Measured over damaged streams of four codecs, hard compression, pixelation, pans and cuts:
        // sound pictures reach 0.0065 torn, 0.003 torn rise, 0.008 impossible under a green tint, 0.1 grey, 0.014 repaired.
        Self {
            concealed_share: 0.05,
            torn_share: 0.009,
            torn_rise: 0.0045,
            impossible_share: 0.015,
            grey_rise: 0.25,
            repaired_share: 0.03,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct FlowerScreen;

impl Plugin for FlowerScreen {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("flower_screen", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "flower_screen",
                Text::new("花屏", "Corruption"),
                Text::new(
                    "码流损坏导致的花屏：块状错位、拖影、绿块或灰块。镜头切换、快速运动和马赛克不会报警。",
                    "Pictures decoded from damaged data: torn blocks, smears, green or grey areas. Cuts, fast \
                     motion and pixelation pass.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // Blocks of a wrong picture: edges on the grid, grey or green areas, smear where detail was,
            // torn rows, jumps, a stretch that repeats until the next keyframe.
            .explains(
                "flower_screen",
                &[
                    "mosaic", "brightness", "occlusion", "scene_change", "shake", "focus_blur", "lens_dirty",
                    "contrast", "clarity", "noise", "color_cast", "stripe", "freeze", "clock",
                ],
            )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let picture = Picture::of(clip)?;
        let complaints = Complaints::of(clip);
        Ok(Report { findings: vec![judge::judge(&picture, &complaints, &config)] })
    }
}

/// What the decoder said, and how far it can be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Complaints {
    /// Blocks made up in all of the clip, in pictures.
    concealed_share: f64,
    /// Frames decoded from damaged data.
    corrupt_frames: u32,
    /// References to pictures that never arrived.
    missing_references: u32,
    /// Packets that the transport reported missing or damaged.
    missed_packets: u32,
    /// The decoder hides nothing: what it calls damaged is damaged in the picture.
    plain: bool,
}

impl Complaints {
    fn of(clip: &dyn Clip) -> Self {
        let DecoderEvidence { missed_packets, corrupt_frames, concealed_blocks, missing_references } =
            clip.evidence();
        let info = clip.info();
        let blocks = (f64::from(info.width) * f64::from(info.height) / BLOCK).max(1.0);
        Self {
            concealed_share: f64::from(concealed_blocks) / blocks,
            corrupt_frames,
            missing_references,
            missed_packets,
            plain: matches!(info.codec.as_str(), "mjpeg" | "hevc"),
        }
    }

    /// Something is wrong with the data, though it may not show: cameras and recordings that are cut
    /// anywhere give rise to a few harmless complaints.
    const fn any(&self) -> bool {
        self.corrupt_frames > 0 || self.missing_references > 0 || self.missed_packets > 0
    }
}

easysight_sdk::export!(FlowerScreen);

#[cfg(test)]
mod tests;
