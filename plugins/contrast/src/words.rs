//! The messages about a picture without contrast. A message names fog, a veil or glare if the cause is known.

use easysight_sdk::{Finding, FindingBuilder, Region, Text};

use crate::Sight;

/// A light shines into the lens if the brightest parts have at least this luma.
const GLARE: f64 = 250.0;

/// The kind of contrast that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The far parts are pale, and the near parts are not.
    Fog,
    /// The far parts are paler than in the camera's earlier clips.
    ThinFog,
    /// The whole picture is pale.
    Veil,
    /// The whole picture is paler than in the camera's earlier clips.
    Usual,
}

impl Seen {
    pub(crate) fn message(self, sight: &Sight, veil: f64, looks: usize) -> Text {
        let (zh, en) = match self {
            Self::Fog | Self::ThinFog => (
                format!("画面起雾：远处景物的对比度仅剩晴朗时的 {:.0}%", 100.0 * sight.transmission()),
                format!(
                    "Fog: the far parts show {:.0} % of the contrast that they have in clear air",
                    100.0 * sight.transmission()
                ),
            ),
            Self::Veil => (
                format!(
                    "画面发灰：最暗处亮度为 {:.0}，最亮处为 {:.0}（满值 255），各处对比度都很弱",
                    sight.dark, sight.bright
                ),
                format!(
                    "The picture is washed out: its darkest parts are at {:.0}, its brightest at {:.0} of 255, \
                     and contrast is weak everywhere",
                    sight.dark, sight.bright
                ),
            ),
            Self::Usual => (
                format!("画面发灰：与平时相比，蒙上了一层约占亮部 {:.0}% 的杂散光", 100.0 * veil),
                format!(
                    "The picture is washed out: stray light was added, {:.0} % as bright as the picture's \
                     bright parts",
                    100.0 * veil
                ),
            ),
        };
        match self {
            Self::Usual | Self::ThinFog => Text::new(
                format!("{zh}（与此前 {looks} 次检查相比）。"),
                format!("{en} (compared with {looks} earlier checks)."),
            ),
            _ => Text::new(
                format!("{zh}（仅凭本次画面判断）。"),
                format!("{en} (judged by this picture alone)."),
            ),
        }
    }
}

pub(crate) fn fine() -> Text {
    Text::new("对比度正常。", "The contrast is fine.")
}

/// Adds suggestions and the region to examine.
pub(crate) fn alarm(finding: FindingBuilder, seen: Seen, sight: &Sight) -> Finding {
    let region = |height: f32, caption: Text| Region { left: 0.0, top: 0.1, width: 1.0, height, caption };
    if matches!(seen, Seen::Fog | Seen::ThinFog) {
        return finding
            .region(region(0.4, Text::new("远处景物模糊发白", "Far parts are pale")))
            .suggest(Text::new(
                "确认现场是否有雾、霾或扬尘；若天气晴朗，擦拭镜头和护罩。",
                "Check whether there is fog, haze or dust on site; if the weather is clear, wipe lens and \
                 housing.",
            ))
            .into();
    }
    let finding = finding.region(region(0.8, Text::new("整个画面发灰", "The whole picture is pale")));
    if sight.bright >= GLARE {
        return finding
            .suggest(Text::new(
                "检查是否有阳光或灯光直射镜头；擦拭镜头和护罩，检查护罩内是否结露。",
                "Check whether the sun or a lamp shines into the lens; wipe lens and housing, and look for \
                 condensation behind the window.",
            ))
            .into();
    }
    finding
        .suggest(Text::new(
            "检查现场是否有雾；擦拭镜头和护罩，检查护罩内是否结露；检查红外灯反光和逆光。",
            "Check whether there is fog on site; wipe lens and housing, look for condensation behind the \
             window, for infrared light that the window reflects, and for light that shines into the lens.",
        ))
        .into()
}
