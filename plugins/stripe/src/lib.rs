//! Stripes and rolling bars that interference lays over the picture: from mains hum, a bad cable, a
//! lamp that flickers against the shutter.
//!
//! Interference adds the same wave to the whole picture. So a wave must be there with the same phase
//! and about the same height in each of fifteen fields; a fence, blinds or a façade reach over some of
//! them and keep in step over fewer still. Bars that roll are told by what changes between two frames,
//! where all that stands cancels out.

mod wave;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, PlaneKind, Plugin, Region, Report, Status, Text,
    descriptor, finding,
};
use serde::Deserialize;

use wave::{Asked, Axis, Profiles, Wave, lasting};

/// Width of the picture that is judged: of one 640 wide, stripes of six pixels are still to be seen.
const WIDTH: u32 = 480;
/// Least number of waves over the picture for stripes that stand: broader ones are light and shade.
const STANDING_WAVES: usize = 8;

/// Pairs of frames between which a rolling bar may come to the same place again.
const MAY_MISS: usize = 1;

/// From where on waves count as interference.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Amplitude of a wave that is there in all parts of the picture. Railings and regular façades reach 3.
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    pub standing_amplitude: f64,
    /// Amplitude of what such a wave changes from one frame to another. What passes close by reaches 3.5.
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    pub rolling_amplitude: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { standing_amplitude: 3.0, rolling_amplitude: 5.0 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Stripe;

impl Plugin for Stripe {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("stripe", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "stripe",
                Text::new("条纹干扰", "Stripes"),
                Text::new(
                    "干扰条纹和滚动横条。百叶窗、栅栏和建筑立面不会报警。",
                    "Stripes and rolling bars of interference. Blinds, fences and façades pass.",
                ),
            )
            .over_time(2, 200, 600)
            // Bars that roll through the picture carry its measures along with them.
            .explains("stripe", &["shake"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let level = clip.level_within(WIDTH);
        let (width, _) = clip.size(PlaneKind::Luma, level)?;
        let last = clip.info().frames.saturating_sub(1);
        let mut looks = vec![0, last / 3, last / 2, last];
        looks.dedup();
        let mut frames = Vec::with_capacity(looks.len());
        for frame in looks {
            frames.push(Profiles::of(&clip.luma(frame, level)?, width as usize));
        }
        let changes: Vec<Profiles> =
            frames.iter().zip(frames.iter().skip(1)).map(|(a, b)| b.minus(a)).collect();
        let mut strongest = Found::default();
        for axis in [Axis::Rows, Axis::Columns] {
            let ends = frames.first().into_iter().chain(frames.last()).collect();
            let least = match axis {
                Axis::Rows => 1,
                // What walks upright reaches over the picture as well.
                Axis::Columns => STANDING_WAVES,
            };
            let [standing, rolling] = lasting(
                axis,
                [
                    Asked { looks: ends, least: STANDING_WAVES, lacking: 0 },
                    Asked { looks: changes.iter().collect(), least, lacking: MAY_MISS },
                ],
            );
            strongest.take(axis, false, standing, config.standing_amplitude);
            strongest.take(axis, true, rolling, config.rolling_amplitude);
        }
        Ok(Report { findings: vec![judge(&strongest, &config)] })
    }
}

/// The wave that exceeds its threshold most.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Found {
    severity: f64,
    axis: Axis,
    rolling: bool,
    wave: Wave,
    standing_amplitude: f64,
    rolling_amplitude: f64,
}

impl Found {
    fn take(&mut self, axis: Axis, rolling: bool, wave: Wave, threshold: f64) {
        let most = if rolling { &mut self.rolling_amplitude } else { &mut self.standing_amplitude };
        *most = most.max(wave.amplitude);
        if wave.amplitude / threshold > self.severity {
            (self.severity, self.axis, self.rolling, self.wave) =
                (wave.amplitude / threshold, axis, rolling, wave);
        }
    }
}

fn judge(found: &Found, config: &Config) -> Finding {
    let severity = found.severity;
    // 50 at the threshold, halved with every doubling beyond.
    let score = if severity < 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let (metric, threshold) = if found.rolling {
        ("rolling_amplitude", config.rolling_amplitude)
    } else {
        ("standing_amplitude", config.standing_amplitude)
    };
    let finding = finding("stripe")
        .metric("standing_amplitude", found.standing_amplitude, "grey level")
        .metric("rolling_amplitude", found.rolling_amplitude, "grey level")
        .metric("waves", found.wave.count, "")
        .decided_by(metric, threshold)
        .score(score);
    if severity < 1.0 {
        let fine = Text::new("没有条纹干扰。", "No stripes of interference.");
        return finding.judged(Status::Normal, fine).into();
    }
    let (zh, en) = match (found.axis, found.rolling) {
        (Axis::Rows, true) => ("滚动的横条", "rolling horizontal bars"),
        (Axis::Rows, false) => ("横条纹", "horizontal stripes"),
        (Axis::Columns, true) => ("移动的竖条纹", "moving vertical stripes"),
        (Axis::Columns, false) => ("竖条纹", "vertical stripes"),
    };
    let status = if severity < 4.0 { Status::Warning } else { Status::Error };
    let whole = Text::new("条纹", "stripes");
    finding
        .judged(
            status,
            Text::new(
                format!("画面有{zh}干扰(约 {:.0} 条)。", found.wave.count),
                format!("Interference lays {en} over the picture (about {:.0}).", found.wave.count),
            ),
        )
        .suggest(Text::new(
            "检查供电和接地、视频线屏蔽和接头,远离强电线路。",
            "Check power supply and earthing, the cable's shield and plugs, and keep away from mains cables.",
        ))
        .suggest(Text::new(
            "若由灯光闪烁引起,将快门设为电网频率(50/60 Hz)。",
            "Where lamps flicker, set the shutter to the mains frequency (50/60 Hz).",
        ))
        .region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption: whole })
        .into()
}

easysight_sdk::export!(Stripe);

#[cfg(test)]
mod tests;
