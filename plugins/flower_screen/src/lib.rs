//! Pictures decoded from damaged data: torn and displaced blocks, smears, areas of green or grey.
//!
//! Decoders report only some damage: an H.264 decoder counts the blocks that it concealed, an HEVC decoder draws
//! garbage without a message, and no decoder notices a packet that never arrived. So the decoder's error reports count
//! only if they are reliable, and the picture is searched for content that only a decoder draws. There are four such
//! signs: breaks along the grid of macroblocks that do not appear along a displaced grid, colours that no camera can
//! send, grey in place of a missing reference, and a smear that the next keyframe removes. The thresholds were measured
//! on damaged streams of four codecs.

mod judge;
mod picture;

use easysight_sdk::{
    Clip, DecoderEvidence, Description, Failure, JsonSchema, Plugin, Report, Text, descriptor, in_chinese,
};
use serde::Deserialize;

use picture::Picture;

/// The requested duration. Many cameras send a keyframe every two seconds, or every fifty frames at 24 frames per
/// second. For these cameras, the clip contains the second keyframe and a frame after it.
const SPAN_MS: u32 = 2_400;
/// The interval between frames. Damage stays visible until the next keyframe, so this interval is short enough to find
/// the damage.
const INTERVAL_MS: u32 = 200;
/// The number of samples in a macroblock.
const BLOCK: f64 = 256.0;

/// When a picture counts as damaged. Unless stated otherwise, each share is a share of one picture.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The clip is damaged if the number of blocks that the decoder concealed in the whole clip, divided by the number
    /// of blocks of one picture, is at least this value.
    #[schemars(title = "Concealed block limit", transform = in_chinese(
        "错误掩盖占比",
        "整个片段中由解码器掩盖错误的块数，除以一幅画面的块数，达到此值即判为损坏。",
    ))]
    #[schemars(range(min = 0.001, max = 100.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "concealed_share", "side": "above"}))]
    pub concealed_share: f64,
    /// The clip is damaged if at least this share of the borders between macroblocks is torn in the worst frame. A
    /// border is torn if the step of luma across it is much larger than the steps beside it. The share on a displaced
    /// grid is subtracted first, because edges of the scene lie on any grid. Borders that are torn in all examined
    /// frames count only if the decoder reported errors.
    #[schemars(title = "Torn border limit", transform = in_chinese(
        "断裂边界占比",
        "最差的一帧中，宏块之间的边界至少有这一比例断裂，即判为损坏。跨越边界的亮度台阶远大于其旁边的台阶，\
         即为断裂。因为景物的边缘会落在任何网格上，先减去错位网格上的比例。在所有检查的帧中都断裂的边界，仅\
         在解码器报告了错误时计入。",
    ))]
    #[schemars(range(min = 0.001, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "torn_share", "side": "above"}))]
    pub torn_share: f64,
    /// The clip is damaged if the share of torn borders in the worst frame exceeds twice the share in the cleanest
    /// frame by at least this value. The share on a displaced grid is subtracted from this excess first.
    #[schemars(title = "Torn border rise", transform = in_chinese(
        "断裂边界增量",
        "最差一帧的断裂边界占比，比最好一帧占比的两倍至少高出此值，即判为损坏。高出的部分先减去错位网格上的\
         比例。",
    ))]
    #[schemars(range(min = 0.001, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "torn_rise", "side": "above"}))]
    pub torn_rise: f64,
    /// A frame is damaged if at least this share of it has colours that no camera can send (saturated green almost
    /// without light).
    #[schemars(title = "Impossible colour share", transform = in_chinese(
        "异常颜色占比",
        "一帧中至少这一比例的部分为任何摄像机都不可能发出的颜色（几乎没有亮度的饱和绿色），该帧即判为损坏。",
    ))]
    #[schemars(range(min = 0.0005, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "impossible_share", "side": "above"}))]
    pub impossible_share: f64,
    /// The clip is damaged if the grey that replaces missing pictures fills a share of one frame that is larger than
    /// its share of another frame by at least this value.
    #[schemars(title = "Grey filling rise", transform = in_chinese(
        "填充灰增量",
        "代替缺失画面的灰色，在某一帧中的占比比在另一帧中至少高出此值，即判为损坏。",
    ))]
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "grey_rise", "side": "above"}))]
    pub grey_rise: f64,
    /// The clip is damaged if one keyframe repairs at least this share of the picture at once.
    #[schemars(title = "Keyframe repair share", transform = in_chinese(
        "关键帧修复占比",
        "一个关键帧一次就修复了至少这一比例的画面，即判为损坏。",
    ))]
    #[schemars(range(min = 0.005, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "repaired_share", "side": "above"}))]
    pub repaired_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        // The thresholds were measured on damaged streams of four codecs, and on extreme compression, pixelation, pans
        // and cuts. Healthy pictures reach 0.0065 for `torn_share`, 0.003 for `torn_rise`, 0.008 for `impossible_share`
        // (under a green tint), 0.1 for `grey_rise`, and 0.014 for `repaired_share`.
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
                     motion and pixelation raise no alarm.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // Damaged blocks cause edges on the grid, grey or green areas, smears in place of detail, torn rows, jumps,
            // and a picture that repeats until the next keyframe.
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

/// The errors that the decoder reported, and how reliable these reports are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Complaints {
    /// The number of blocks concealed in the whole clip, divided by the number of blocks of one picture.
    concealed_share: f64,
    /// The number of frames decoded from damaged data.
    corrupt_frames: u32,
    /// The number of references to pictures that never arrived.
    missing_references: u32,
    /// The number of packets that the transport reported missing or damaged.
    missed_packets: u32,
    /// True if the decoder conceals nothing. Damage that such a decoder reports is visible in the picture.
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

    /// True if the decoder or the transport reported errors. The damage may be invisible: some cameras cause a few
    /// harmless reports, and so do recordings that were cut at an arbitrary frame.
    const fn any(&self) -> bool {
        self.corrupt_frames > 0 || self.missing_references > 0 || self.missed_packets > 0
    }
}

easysight_sdk::export!(FlowerScreen);

#[cfg(test)]
mod tests;
