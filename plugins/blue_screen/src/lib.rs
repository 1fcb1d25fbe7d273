//! A picture that a recorder or encoder draws because it has no signal: a solid colour, a "no signal" card with a
//! few words on it, or colour bars.
//!
//! Such pictures are drawn and not taken by a camera. A solid colour is recognised by the share of the picture
//! that has one colour, to within three levels, and does not change from frame to frame. Bars are recognised by
//! the share of columns that have one colour each. Test cards are found by several strong colours that are exactly
//! flat (see [`palette`]), and notices by large letters over a darkened old picture (see [`lettered`]). Sky, sea
//! and walls raise no alarm, because they have gradients and the noise of a sensor. `signal_loss` judges black
//! pictures, and `brightness` judges white ones, so that exactly one diagnosis raises the alarm.

mod drawn;
mod lettered;
mod palette;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Region, Report, Status, Text, descriptor,
    finding, in_chinese,
};
use serde::Deserialize;

use drawn::Drawn;

/// The requested duration. Other diagnoses use the same value.
const SPAN_MS: u32 = 3_000;
/// The interval between frames. Other diagnoses use the same value.
const INTERVAL_MS: u32 = 200;

/// The number of colours of a card at which the score is lowest.
const MOST_COLOURS: f64 = 32.0;

/// When a picture counts as drawn.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is a solid colour if at least this share of it has one colour. The rest may contain words and a
    /// logo.
    #[schemars(title = "Solid colour share", transform = in_chinese(
        "纯色占比",
        "至少这一比例的画面为同一种颜色，即判为纯色画面；其余部分可以是文字和标志。",
    ))]
    #[schemars(range(min = 0.5, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "solid_share", "side": "above"}))]
    pub solid_share: f64,
    /// The picture shows colour bars if at least this share of its columns has one colour each, from the top
    /// downwards.
    #[schemars(title = "Colour bar share", transform = in_chinese(
        "彩条占比",
        "至少这一比例的列自上而下各为单一颜色，即判为彩条。",
    ))]
    #[schemars(range(min = 0.5, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "bar_share", "side": "above"}))]
    pub bar_share: f64,
    /// The picture is a notice over a darkened old picture if at least this share of the rows in the middle of the
    /// picture contains large letters of one strong colour.
    #[schemars(title = "Large lettering share", transform = in_chinese(
        "大字占比",
        "画面中部至少这一比例的行含有同一种鲜艳颜色的大字，即判为叠加在变暗的旧画面上的提示。",
    ))]
    #[schemars(range(min = 0.02, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "written_share", "side": "above"}))]
    pub written_share: f64,
    /// The picture is a test card of any layout if at least this number of strong colours has exactly flat areas.
    #[schemars(title = "Test card colours", transform = in_chinese(
        "测试图颜色数",
        "至少有这么多种鲜艳颜色形成完全平坦的色块，即判为测试图，不论布局如何。",
    ))]
    #[schemars(range(min = 2, max = 32), extend("unit" = ""))]
    #[schemars(extend("limits" = {"metric": "card_colours", "side": "above"}))]
    pub card_colours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { solid_share: 0.8, bar_share: 0.85, written_share: 0.1, card_colours: 4 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct BlueScreen;

impl Plugin for BlueScreen {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("blue_screen", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "blue_screen",
                Text::new("蓝屏", "Solid colour"),
                Text::new(
                    "纯色画面（蓝、绿、灰等）、“无信号”提示画面或彩条。天空、墙面和雾不会报警。",
                    "A solid colour of any hue, a \"no signal\" card or colour bars. Sky, walls and fog \
                     raise no alarm.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // A drawn picture has no motion, no detail, no contrast, no real colours and not the camera's bit
            // rate.
            .explains_everything("blue_screen")
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        Ok(Report { findings: vec![judge(&Drawn::of(clip)?, &config)] })
    }
}

fn judge(drawn: &Drawn, config: &Config) -> Finding {
    // Other diagnoses judge black and white.
    let solid = if drawn.is_black() || drawn.is_white() { 0.0 } else { drawn.solid_share };
    let kinds = [
        (Kind::Solid, "solid_share", solid, config.solid_share),
        (Kind::Bars, "bar_share", drawn.bar_share, config.bar_share),
        (
            Kind::Bars,
            "card_colours",
            f64::from(drawn.card_colours) / MOST_COLOURS,
            f64::from(config.card_colours) / MOST_COLOURS,
        ),
        (Kind::Written, "written_share", drawn.written_share, config.written_share),
    ];
    let mut kind = (Kind::Solid, "solid_share", config.solid_share, score(solid, config.solid_share));
    for (of, metric, share, threshold) in kinds {
        let score = score(share, threshold);
        if score < kind.3 {
            kind = (of, metric, threshold, score);
        }
    }
    let (kind, metric, threshold, worst) = kind;
    let finding = finding("blue_screen")
        .metric("solid_share", solid, "share")
        .metric("bar_share", drawn.bar_share, "share")
        .metric("written_share", drawn.written_share, "share")
        .metric("card_colours", drawn.card_colours.into(), "")
        .metric("luma", drawn.luma.into(), "grey level")
        .metric("cb", drawn.cb.into(), "Cb/Cr")
        .metric("cr", drawn.cr.into(), "Cb/Cr")
        .decided_by(metric, if metric == "card_colours" { MOST_COLOURS * threshold } else { threshold })
        .score(worst);
    if worst > 50.0 {
        let fine = if drawn.is_black() {
            Text::new(
                "画面不是纯色提示画面；黑屏由“信号丢失”诊断。",
                "The picture is not a card; `signal_loss` judges black pictures.",
            )
        } else {
            Text::new("画面不是纯色或提示画面。", "The picture is neither a solid colour nor a card.")
        };
        return finding.judged(Status::Normal, fine).into();
    }
    let message = said(kind, solid, drawn);
    let whole = Text::new("纯色或测试图", "Solid colour or test card");
    finding
        .judged(Status::Critical, message)
        .suggest(Text::new(
            "检查录像机或编码器对应通道的视频输入：线缆、接头、摄像机供电。",
            "Check the video input of this channel at the recorder or encoder: cable, plugs and the camera's \
             power supply.",
        ))
        .suggest(Text::new(
            "检查通道配置是否指向正确的摄像机和视频制式。",
            "Check that the channel is set to the right camera and video standard.",
        ))
        .region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption: whole })
        .into()
}

/// The kind of drawn picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Solid,
    Bars,
    Written,
}

fn said(kind: Kind, solid: f64, drawn: &Drawn) -> Text {
    let (mut zh, mut en) = match kind {
        Kind::Bars => (
            "无画面信号：画面是测试图（彩条等）".to_owned(),
            "No picture: a test card, for example colour bars".to_owned(),
        ),
        Kind::Written => (
            "无画面信号：画面中部是大字提示，不是摄像机图像".to_owned(),
            "No picture: the middle shows a notice in large letters, not the camera's picture".to_owned(),
        ),
        Kind::Solid => {
            let ((zh, en), share) = (drawn.colour_name(), 100.0 * solid);
            (
                format!("无画面信号：画面为纯{zh}色（{share:.0}% 同色）"),
                format!("No picture: solid {en} ({share:.0} % of one colour)"),
            )
        }
    };
    if let Some(lost) = drawn.picture_until_s {
        zh.push_str(&format!("，画面在 {lost:.1} 秒后丢失"));
        en.push_str(&format!("; the picture was lost after {lost:.1} s"));
    }
    Text::new(format!("{zh}。"), format!("{en}."))
}

/// Computes the score: 100 at a share of 0, 50 at the threshold, 0 at a share of 1.
fn score(share: f64, threshold: f64) -> f64 {
    if share < threshold {
        100.0 - 50.0 * share / threshold
    } else {
        50.0 - 50.0 * (share - threshold) / (1.0 - threshold).max(1e-9)
    }
}

easysight_sdk::export!(BlueScreen);

#[cfg(test)]
mod tests;
