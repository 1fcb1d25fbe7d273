//! Stripes and rolling bars that interference adds to the picture: from mains hum, a bad cable, or a lamp that
//! flickers against the shutter.
//!
//! Interference adds the same wave to the whole picture, at any angle. There are four measures.
//!
//! Narrow stripes are found as a frequency that stands alone in the Fourier spectra (Cooley and Tukey) of all
//! patches. The spectra are computed for the picture and for the change between two frames, in which everything
//! static cancels out ([`spectrum`]). A fence, blinds or a façade covers only some patches, and its frequency varies
//! with perspective. Broad rolling bars are found in the means of rows and of columns: the change between two frames
//! must be a wave with the same phase and about the same height in nearly all of fifteen fields of the picture
//! ([`wave`]). The row amplifiers of a sensor, or a bad supply, add noise to whole rows. This noise is found as steps
//! from row to row that all parts of the picture share and that differ in every frame. Columns that differ because of
//! the sensor's column amplifiers are counted separately ([`column`]).

mod column;
mod fourier;
mod spectrum;
mod wave;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, PlaneKind, Plugin, Region, Report, Status, Text,
    descriptor, finding, in_chinese,
};
use serde::Deserialize;

use column::hot_columns;
use spectrum::{Peak, peaks};
use wave::{Asked, Axis, Profiles, lasting};

/// The largest width, in pixels, of the picture in which broad bars are measured.
const WIDTH: u32 = 480;
/// The smallest number of waves across the picture that counts as moving vertical bars. Fewer waves may be walking
/// people, who are upright and also extend over the picture.
const UPRIGHT_WAVES: usize = 8;
/// The number of pairs of frames in which a rolling bar may be missing because it returned to the same place.
const MAY_MISS: usize = 1;
/// A wave counts as a rolling bar if its standard deviation is at least this share of the standard deviation of the
/// whole change along the wave's axis. A rolling bar causes a change that is almost only a wave. If hours pass between
/// two frames, the scene changes too, along both axes, and a wave is only a small part of that change.
const MOST_OF_CHANGE: f64 = 0.8;
/// A wave below [`MOST_OF_CHANGE`] counts only if the deviation of the change along the other axis is at most this
/// share of the wave's deviation.
const OTHER_WAY: f64 = 0.3;
/// The largest angle from the axes, in degrees, at which stripes are called horizontal or vertical.
const NEARLY: f64 = 3.0;

/// The thresholds from which waves count as interference.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The smallest amplitude of narrow stripes in a single picture that counts as interference. The stripes must
    /// be the only strong wave, in all parts of the picture.
    #[schemars(title = "Standing stripe limit", transform = in_chinese(
        "静止条纹幅度",
        "单幅画面中判为干扰的窄条纹的最小幅度。条纹必须在画面的所有部分都是唯一的强波。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "standing_amplitude", "side": "above"}))]
    pub standing_amplitude: f64,
    /// The smallest amplitude of narrow stripes, in the change from one frame to another, that counts as
    /// interference.
    #[schemars(title = "Moving stripe limit", transform = in_chinese(
        "移动条纹幅度",
        "逐帧变化中判为干扰的窄条纹的最小幅度。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "moving_amplitude", "side": "above"}))]
    pub moving_amplitude: f64,
    /// The smallest amplitude of broad bars, in the change from one frame to another, that counts as interference.
    /// Objects that pass close to the camera reach 3.5.
    #[schemars(title = "Rolling bar limit", transform = in_chinese(
        "滚动横条幅度",
        "逐帧变化中判为干扰的宽横条的最小幅度。在摄像机近处经过的物体可达 3.5。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "rolling_amplitude", "side": "above"}))]
    pub rolling_amplitude: f64,
    /// The smallest step from row to row, shared by all parts of the picture and different in every frame, that counts
    /// as noise of rows.
    #[schemars(title = "Row noise limit", transform = in_chinese(
        "行噪声台阶",
        "判为行噪声的最小行间台阶；这种台阶在画面的所有部分相同，在每一帧中不同。",
    ))]
    #[schemars(range(min = 0.2, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "row_step", "side": "above"}))]
    pub row_step: f64,
    /// The smallest difference between a column of single pixels and the columns beside it, from the top of the
    /// picture to the bottom, that counts as a defective column.
    #[schemars(title = "Defective column limit", transform = in_chinese(
        "坏列差值",
        "判为坏列的最小差值：单个像素宽的一列从画面顶部到底部与旁边各列的差。",
    ))]
    #[schemars(range(min = 2.0, max = 200.0), extend("unit" = "grey level"))]
    pub column_height: f64,
}

impl Default for Config {
    fn default() -> Self {
        // A wave of 2 grey levels is visible on a plain wall. Repetitive scenes reach 4, but their waves do not
        // stand alone.
        Self {
            standing_amplitude: 3.0,
            moving_amplitude: 2.5,
            rolling_amplitude: 5.0,
            row_step: 1.0,
            column_height: 12.0,
        }
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
                    "任意方向的干扰条纹、滚动横条和亮暗竖线。百叶窗、栅栏和建筑立面不会报警。",
                    "Stripes of interference at any angle, rolling bars, bright or dark columns. Blinds, fences \
                     and façades raise no alarm.",
                ),
            )
            .over_time(2, 200, 600)
            // Bars that roll through the picture look like movement of the camera.
            .explains("stripe", &["shake"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let last = clip.info().frames.saturating_sub(1);
        let mut looks = vec![0, last / 3, last / 2, last];
        looks.dedup();
        let peaks = peaks(clip, 0, looks.get(1).copied())?;
        let changes = changes(clip, &looks)?;
        let rolling = rolling(&changes);
        let rows = common_row_step(&changes);
        let columns = hot_columns(clip, 0, config.column_height)?;
        let found = Found { standing: peaks.standing, moving: peaks.changing, rolling, rows, columns };
        Ok(Report { findings: vec![judge(&found, &config)] })
    }
}

/// Returns the changes of the profiles from frame to frame.
fn changes(clip: &dyn Clip, looks: &[u32]) -> Result<Vec<Profiles>, Failure> {
    if looks.len() < 2 {
        return Ok(Vec::new());
    }
    let level = clip.level_within(WIDTH);
    let (width, _) = clip.size(PlaneKind::Luma, level)?;
    let mut frames = Vec::with_capacity(looks.len());
    for &frame in looks {
        frames.push(Profiles::of(&clip.luma(frame, level)?, width as usize));
    }
    Ok(frames.iter().zip(frames.iter().skip(1)).map(|(a, b)| b.minus(a)).collect())
}

/// Measures the common step from row to row in each change, leaves out the [`MAY_MISS`] smallest of these steps, and
/// returns the smallest of the others.
fn common_row_step(changes: &[Profiles]) -> f64 {
    let mut steps: Vec<f64> = changes.iter().map(Profiles::common_row_step).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(MAY_MISS.min(steps.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Finds the strongest broad bars that move, and their direction.
fn rolling(changes: &[Profiles]) -> Bars {
    if changes.is_empty() {
        return Bars::default();
    }
    let mut strongest = Bars::default();
    for (axis, other, least) in [(Axis::Rows, Axis::Columns, 1), (Axis::Columns, Axis::Rows, UPRIGHT_WAVES)] {
        let looks = changes.iter().collect();
        let [wave] = lasting(axis, [Asked { looks, least, lacking: MAY_MISS }]);
        let change = |axis| {
            let mut deviations: Vec<f64> = changes.iter().map(|change| change.deviation(axis)).collect();
            deviations.sort_by(f64::total_cmp);
            deviations.get(deviations.len() / 2).copied().unwrap_or_default()
        };
        let deviation = wave.amplitude * std::f64::consts::FRAC_1_SQRT_2;
        let is_all = deviation >= MOST_OF_CHANGE * change(axis);
        let amplitude = if is_all || change(other) <= OTHER_WAY * deviation { wave.amplitude } else { 0.0 };
        if amplitude > strongest.amplitude {
            strongest = Bars { amplitude, count: wave.count, axis };
        }
    }
    strongest
}

/// Broad bars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bars {
    amplitude: f64,
    count: f64,
    axis: Axis,
}

/// The measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    standing: Peak,
    moving: Peak,
    rolling: Bars,
    rows: f64,
    columns: usize,
}

/// A sign of interference: its measurement and its message.
struct Sign {
    metric: &'static str,
    value: f64,
    threshold: f64,
    words: Text,
}

fn judge(found: &Found, config: &Config) -> Finding {
    let Found { standing, moving, rolling, rows, columns } = found;
    let sign = |metric, value, threshold, words| Sign { metric, value, threshold, words };
    let signs = [
        sign("standing_amplitude", standing.amplitude, config.standing_amplitude, narrow(standing, false)),
        sign("moving_amplitude", moving.amplitude, config.moving_amplitude, narrow(moving, true)),
        sign("rolling_amplitude", rolling.amplitude, config.rolling_amplitude, broad(rolling)),
        sign("row_step", *rows, config.row_step, noisy_rows(*rows)),
        // One such column is enough.
        sign("hot_columns", *columns as f64, 0.5, hot(*columns)),
    ];
    let severity = |sign: &Sign| sign.value / sign.threshold;
    let mut finding = finding("stripe");
    for sign in &signs {
        let unit = if sign.metric == "hot_columns" { "" } else { "grey level" };
        finding = finding.metric(sign.metric, sign.value, unit);
    }
    let Some(worst) = signs.into_iter().max_by(|a, b| severity(a).total_cmp(&severity(b))) else {
        return finding.score(100.0).judged(Status::Normal, Text::new("", "")).into();
    };
    let severity = severity(&worst);
    // The score is 50 at the threshold, and halves whenever the severity doubles beyond it.
    let score = if severity < 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let finding = finding.decided_by(worst.metric, worst.threshold).score(score);
    if severity < 1.0 {
        let fine = Text::new("没有条纹干扰。", "No stripes of interference.");
        return finding.judged(Status::Normal, fine).into();
    }
    let status = if severity < 4.0 { Status::Warning } else { Status::Error };
    let whole = Text::new("条纹", "stripes");
    finding
        .judged(status, worst.words)
        .suggest(Text::new(
            "检查供电和接地、视频线屏蔽和接头，远离强电线路。",
            "Check power supply and earthing, the cable's shield and plugs, and keep away from mains cables.",
        ))
        .suggest(Text::new(
            "若由灯光闪烁引起，将快门设为电网频率（50/60 Hz）；若为固定竖线，传感器损坏，需更换摄像机。",
            "If lamps flicker, set the shutter to the mains frequency (50/60 Hz); if the columns never move, the \
             sensor is damaged: replace the camera.",
        ))
        .region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption: whole })
        .into()
}

fn narrow(peak: &Peak, moves: bool) -> Text {
    let Peak { amplitude, period, angle } = *peak;
    let level = angle.min(180.0 - angle) <= NEARLY;
    let (zh, en) = if level {
        ("横条纹", "horizontal stripes")
    } else if (angle - 90.0).abs() <= NEARLY {
        ("竖条纹", "vertical stripes")
    } else {
        ("斜条纹", "oblique stripes")
    };
    let (zh_by, en_by) = if moves {
        ("逐帧移动，依据多帧对比", "they move from frame to frame")
    } else {
        ("依据单帧画面", "judged by one picture alone")
    };
    Text::new(
        format!("全画面有{zh}干扰：间距约 {period:.0} 像素，幅度约 {amplitude:.0} 灰度级（{zh_by}）。"),
        format!(
            "Interference adds {en} to the whole picture, {period:.0} px apart and {amplitude:.0} grey \
             levels high ({en_by})."
        ),
    )
}

fn broad(bars: &Bars) -> Text {
    let (zh, en) = match bars.axis {
        Axis::Rows => ("滚动的横条", "rolling horizontal bars"),
        Axis::Columns => ("移动的竖条纹", "moving vertical stripes"),
    };
    Text::new(
        format!("画面有{zh}干扰（约 {:.0} 条，依据多帧对比）。", bars.count),
        format!(
            "Interference adds {en} to the picture (about {:.0}, judged by the change between frames).",
            bars.count
        ),
    )
}

fn noisy_rows(step: f64) -> Text {
    Text::new(
        format!("画面有行噪声：每一行整体明暗跳动，相邻行相差约 {step:.0} 灰度级以上（依据多帧对比）。"),
        format!(
            "Whole rows of the picture flicker: neighbouring rows differ by {step:.0} grey levels or more, and \
             the differences change in every frame (judged by the change between frames)."
        ),
    )
}

fn hot(columns: usize) -> Text {
    Text::new(
        format!("画面有 {columns} 条贯穿上下的亮线或暗线，传感器列损坏（依据单帧画面）。"),
        format!(
            "{columns} columns, each one pixel wide, are brighter or darker from top to bottom: the sensor \
             is damaged (judged by one picture alone)."
        ),
    )
}

easysight_sdk::export!(Stripe);

#[cfg(test)]
mod tests;
