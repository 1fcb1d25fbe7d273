//! The messages for too little or too much light, and the region that they concern.

use easysight_sdk::{Finding, FindingBuilder, Text};

use crate::{
    Verdict,
    light::{Layout, Light, region},
    usual::Said,
};

/// Parts with less luma than this show hardly anything.
const DARK_PART: u8 = 40;
/// Parts with more luma than this are overexposed.
const WHITE_PART: u8 = 235;

pub(crate) fn how_dark(light: &Light, verdict: &Verdict, looks: usize) -> Text {
    if verdict.metric == "exposure" {
        let share = 100.0 * verdict.exposure;
        return Text::new(
            format!("画面过暗：整个画面的亮度仅为平时的 {share:.0}%（与此前 {looks} 次检查相比）。"),
            format!(
                "The picture is too dark: it has {share:.0} % of its usual light (compared with {looks} \
                 earlier checks)."
            ),
        );
    }
    Text::new(
        format!("画面过暗：95% 的像素亮度低于 {:.0}（满值 255；仅凭本次画面判断）。", light.p95),
        format!(
            "The picture is too dark: 95 % of it is darker than {:.0} of 255 (judged by this picture alone).",
            light.p95
        ),
    )
}

pub(crate) fn how_bright(light: &Light, verdict: &Verdict, looks: usize) -> Text {
    match verdict.metric {
        "exposure" => {
            let times = verdict.exposure;
            Text::new(
                format!(
                    "画面过亮：整个画面的亮度为平时最亮时的 {times:.1} 倍（与此前 {looks} 次检查相比）。"
                ),
                format!(
                    "The picture is too bright: it has {times:.1} times as much light as in the brightest of \
                     {looks} earlier checks."
                ),
            )
        }
        "clipped_share" => {
            let share = 100.0 * light.clipped_share;
            Text::new(
                format!("画面过亮：{share:.0}% 的像素已饱和（仅凭本次画面判断）。"),
                format!(
                    "The picture is too bright: {share:.0} % of it is clipped at white (judged by this \
                     picture alone)."
                ),
            )
        }
        "white_ground" => {
            let share = 100.0 * light.white_ground;
            Text::new(
                format!("画面过亮：下半部 {share:.0}% 的像素接近纯白（仅凭本次画面判断）。"),
                format!(
                    "The picture is too bright: {share:.0} % of its lower half is nearly white (judged by \
                     this picture alone)."
                ),
            )
        }
        _ => Text::new(
            format!("画面过亮：95% 的像素亮度高于 {:.0}（满值 255；仅凭本次画面判断）。", light.p5),
            format!(
                "The picture is too bright: 95 % of it is brighter than {:.0} of 255 (judged by this picture \
                 alone).",
                light.p5
            ),
        ),
    }
}

/// Returns the message for a condition that occurred before and ended without intervention.
pub(crate) fn usual(said: Said, looks: usize) -> Text {
    match said {
        Said::Dark => Text::new(
            format!("画面很暗，但与该摄像机平时的夜间一样（此前 {looks} 次检查中多次出现并自行恢复）。"),
            format!(
                "The picture is dark. It was as dark before, and became light again by itself ({looks} \
                 earlier checks)."
            ),
        ),
        _ => Text::new(
            format!("画面很亮，但与该摄像机平时一样（此前 {looks} 次检查中多次出现并自行恢复）。"),
            format!(
                "The picture is bright. It was as bright before, and recovered by itself ({looks} earlier \
                 checks)."
            ),
        ),
    }
}

pub(crate) fn dark(finding: FindingBuilder, layout: &Layout) -> Finding {
    finding
        .region(region(layout, |luma| luma < DARK_PART, Text::new("过暗", "Too dark")))
        .suggest(Text::new(
            "检查现场照明和红外灯，检查光圈、曝光和日夜切换设置。",
            "Check the lighting on site and the infrared lamp, then iris, exposure and day/night switching.",
        ))
        .into()
}

pub(crate) fn bright(finding: FindingBuilder, layout: &Layout) -> Finding {
    finding
        .region(region(layout, |luma| luma > WHITE_PART, Text::new("过亮", "Too bright")))
        .suggest(Text::new(
            "检查曝光、增益和背光补偿设置，检查镜头前是否有强光直射。",
            "Check exposure, gain and backlight compensation, and whether a light shines into the lens.",
        ))
        .into()
}
