//! Finds out whether the clock that the camera or the recorder writes into the picture has stopped or disappeared.
//!
//! A running clock is found by its last digit. This digit changes once a second and not in between, and it is in a
//! line of lettering that does not change (see [`running`]). A stopped clock looks like any other lettering. So the
//! plugin remembers the places of running clocks, and reports a clock that no longer runs at its known place. An
//! operator can also give the place in the settings.

mod memory;
mod report;
mod running;
mod strip;
mod ticks;

use easysight_sdk::{
    Clip, Description, Failure, FrameInfo, JsonSchema, Plugin, Rect, Report, Text, baseline, descriptor,
    in_chinese,
};
use serde::Deserialize;

use memory::{Clock as Known, Memory};
use strip::{FAINT_STROKE, Place, STROKE, Strip, Strokes};
use ticks::Rhythm;

/// The requested duration: three ticks.
const SPAN_MS: u32 = 3_000;
/// The interval between frames.
const INTERVAL_MS: u32 = 200;
/// The shortest interval between compared frames. It is slightly below [`INTERVAL_MS`]. So the same frames are
/// compared if another diagnosis requests additional frames.
const LEAST_INTERVAL_US: u64 = 180_000;
/// The longest interval between compared frames. At longer intervals, no frame would show the pause between two ticks.
const MOST_INTERVAL_US: u64 = 420_000;
/// The largest number of frames that are compared.
const MOST_LOOKS: usize = 24;
/// The smallest width of the measured picture, if the clip is wide enough.
const WIDTH: u32 = 640;
/// The share of the height, at the top and at the bottom, in which clocks are searched for.
const STRIP: f32 = 0.2;
/// The lettering is gone if less than this share of the known number of stroke sides is visible. Stroke sides are the
/// edges of the strokes of letters and digits; see [`STROKE`].
const GONE: f32 = 0.3;
/// A missing clock is reported only if the grey levels of the picture span at least this range.
const LEAST_SPREAD: u8 = 40;

/// A part of the picture, as shares of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Part {
    /// The left edge, as a share of the picture's width.
    #[schemars(title = "Left edge", transform = in_chinese(
        "左边缘",
        "方框左边缘的位置，以占画面宽度的比例表示。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub left: f32,
    /// The upper edge, as a share of the picture's height.
    #[schemars(title = "Upper edge", transform = in_chinese(
        "上边缘",
        "方框上边缘的位置，以占画面高度的比例表示。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub top: f32,
    /// The width, as a share of the picture's width.
    #[schemars(title = "Box width", transform = in_chinese(
        "方框宽度",
        "方框的宽度，以占画面宽度的比例表示。",
    ))]
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    pub width: f32,
    /// The height, as a share of the picture's height.
    #[schemars(title = "Box height", transform = in_chinese(
        "方框高度",
        "方框的高度，以占画面高度的比例表示。",
    ))]
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    pub height: f32,
}

/// When a clock counts as stopped.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The time without a change after which a clock counts as stopped.
    #[schemars(title = "Standstill time", transform = in_chinese(
        "停走时间",
        "时钟在这段时间内没有变化，即判为停走。",
    ))]
    #[schemars(range(min = 1.2, max = 2.8), extend("unit" = "s"))]
    pub still_s: f64,
    /// A clock counts as stopped if at least this share of the edges of its lettering stays the same.
    #[schemars(title = "Unchanged lettering share", transform = in_chinese(
        "字迹不变占比",
        "时钟字迹的边缘至少有这一比例保持不变，即判为停走。",
    ))]
    #[schemars(range(min = 0.6, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "still_share", "side": "above"}))]
    pub least_still_share: f64,
    /// The place of the clock, as a box tightly around the clock. With this setting, the clock is judged at the first
    /// check, and may be anywhere in the picture. Without this setting, clocks are found automatically in the upper
    /// and lower fifth of the picture.
    #[schemars(title = "Clock position", transform = in_chinese(
        "时钟位置",
        "时钟的位置，为紧贴时钟的方框。设置后，首次检查即判断该时钟，时钟可以在画面的任何位置。不设置时，在\
         画面的上五分之一和下五分之一内自动查找时钟。",
    ))]
    pub region: Option<Part>,
}

impl Default for Config {
    fn default() -> Self {
        Self { still_s: 2.2, least_still_share: 0.85, region: None }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Clock;

/// The state of the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// The clock runs.
    Runs,
    /// The clock has stopped.
    Stands,
    /// There is no lettering at the clock's place.
    Gone,
}

/// The verdict, with the measurements on which it is based.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    /// The place, as shares of the picture: left, top, width, height.
    pub(crate) region: [f32; 4],
    /// The share of the stroke sides that stay the same in all frames.
    pub(crate) still_share: f64,
    /// The number of visible stroke sides, divided by the number that was there when the clock ran.
    pub(crate) writing_share: f64,
    pub(crate) covered_s: f64,
}

impl Plugin for Clock {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("clock", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "clock",
                Text::new("时钟停走", "Stalled clock"),
                Text::new(
                    "画面上叠加的时钟停走，或从原处消失。需先见过它走动（记住位置），或在配置中指明位置；只显示到分钟的时钟不判断。",
                    "The clock that is written into the picture has stopped, or has disappeared from its \
                     place. It must have run in an earlier check, or its place must be given in the \
                     settings. A clock without seconds is not judged.",
                ),
            )
            .over_time(2, INTERVAL_MS, SPAN_MS)
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let looks = choose(&clip.frames())?;
        let times: Vec<u64> = looks.iter().map(|&(_, at_us)| at_us).collect();
        let frames: Vec<u32> = looks.iter().map(|&(index, _)| index).collect();
        let covered_s = covered(&times);
        let level = clip.level_not_below(WIDTH);
        let size = clip.size(easysight_sdk::PlaneKind::Luma, level)?;
        let rhythm = Rhythm::of(&times);
        let memory = baseline::load::<Memory>().unwrap_or_default();
        let mut running = Vec::new();
        for area in areas(size, config.region).into_iter().filter(|_| rhythm.is_long_enough()) {
            let strip = Strip::pull(clip, &frames, level, area)?;
            for place in running::find(&strip, &rhythm) {
                let strokes = strip.strokes(place, STROKE);
                running.push((Known::of(place, area, size, strokes.shown), strokes));
            }
        }
        let (clocks, strokes): (Vec<Known>, Vec<Strokes>) = running.into_iter().unzip();
        let view = View { clip, frames: &frames, level, size, covered_s };
        let missed = missed(&view, &memory, &clocks, &config);
        if let (Some(first), Some(strokes)) = (clocks.first(), strokes.first()) {
            // If another clock runs, a clock that is gone was moved or switched off, and is deleted from the memory.
            let gone = !matches!(missed, Ok(Seen { verdict: Verdict::Stands, .. }));
            let mut memory = memory;
            if gone {
                let missed: Vec<Known> = memory.trusted_beside(&clocks).copied().collect();
                memory.0.retain(|clock| !missed.contains(clock));
            }
            baseline::store(&memory.with_running(&clocks))
                .map_err(|error| Failure::Internal(error.to_string()))?;
            let runs = seen(Verdict::Runs, first.region(), *strokes, 1.0, covered_s);
            return Ok(report::report(&if gone { runs } else { missed? }, &config));
        }
        Ok(report::report(&missed?, &config))
    }
}

/// The frames and the level that are measured.
struct View<'a> {
    clip: &'a dyn Clip,
    frames: &'a [u32],
    level: u32,
    size: (u32, u32),
    covered_s: f64,
}

/// Judges the known clocks that do not run. A stopped clock has precedence over a clock that is gone.
fn missed(view: &View<'_>, memory: &Memory, running: &[Known], config: &Config) -> Result<Seen, Failure> {
    if view.covered_s < config.still_s {
        return Err(Failure::Inconclusive(format!(
            "no running clock is visible, and a clip of {:.1} s is too short to call a clock stopped",
            view.covered_s
        )));
    }
    let places: Vec<([f32; 4], Option<f32>)> = match config.region {
        Some(_) if !running.is_empty() => Vec::new(),
        Some(told) => vec![([told.left, told.top, told.width, told.height], None)],
        None => memory.trusted_beside(running).map(|clock| (clock.region(), Some(clock.strokes))).collect(),
    };
    let mut found = Err(Failure::Inconclusive(
        "no clock with seconds runs in the picture, and none is known from earlier checks".into(),
    ));
    for (region, known) in places {
        let seen = look_at(view, region, known, config);
        if matches!(seen, Ok(Seen { verdict: Verdict::Stands, .. })) {
            return seen;
        }
        if found.is_err() {
            found = seen;
        }
    }
    found
}

/// Judges the place where a clock should run. `known` is the clock's number of stroke sides, as a share of the
/// samples at the place.
fn look_at(view: &View<'_>, region: [f32; 4], known: Option<f32>, config: &Config) -> Result<Seen, Failure> {
    let Some(area) = place_of(region, view.size) else {
        return Err(Failure::Inconclusive("the picture is too small for a readable clock".into()));
    };
    let strip = Strip::pull(view.clip, view.frames, view.level, area)?;
    let whole = Place { left: 0, top: 0, width: area.width as usize, height: area.height as usize };
    let strokes = strip.strokes(whole, STROKE);
    let density = strokes.shown / (area.width * area.height) as f32;
    // If the place comes from the settings, the number of stroke sides is unknown. The smallest number that a digit has
    // is then used.
    let writing = density / known.unwrap_or(running::LEAST_STROKES).max(1e-6);
    let verdict = if writing < GONE {
        let faint = strip.strokes(whole, FAINT_STROKE).shown / (area.width * area.height) as f32;
        let is_dim = faint >= GONE * known.unwrap_or(running::LEAST_STROKES);
        if is_dim || spread(view.clip, view.frames)? < LEAST_SPREAD {
            return Err(Failure::Inconclusive(
                "the picture is too flat or too dim to conclude that the clock is gone".into(),
            ));
        }
        Verdict::Gone
    } else if f64::from(strokes.lasting) >= config.least_still_share * f64::from(strokes.shown) {
        Verdict::Stands
    } else {
        return Err(Failure::Inconclusive(
            "the lettering at the clock's place changes, but not once a second".into(),
        ));
    };
    Ok(seen(verdict, region, strokes, writing, view.covered_s))
}

fn seen(verdict: Verdict, region: [f32; 4], strokes: Strokes, writing: f32, covered_s: f64) -> Seen {
    let still_share = f64::from(strokes.lasting / strokes.shown.max(1.0));
    Seen { verdict, region, still_share, writing_share: f64::from(writing), covered_s }
}

/// Chooses the frames to compare, and returns their indices and times. If there are more than [`MOST_LOOKS`], the
/// earliest frames are left out.
fn choose(frames: &[FrameInfo]) -> Result<Vec<(u32, u64)>, Failure> {
    let mut looks: Vec<(u32, u64)> = Vec::new();
    for (frame, index) in frames.iter().zip(0_u32..) {
        if looks.last().is_none_or(|&(_, at_us)| frame.timestamp_us - at_us >= LEAST_INTERVAL_US) {
            looks.push((index, frame.timestamp_us));
        }
    }
    looks.drain(..looks.len().saturating_sub(MOST_LOOKS));
    let gaps = looks.iter().zip(looks.iter().skip(1)).map(|(&(_, from), &(_, to))| to - from);
    if looks.len() < 3 || gaps.max().is_none_or(|widest| widest > MOST_INTERVAL_US) {
        return Err(Failure::UnsupportedClip(
            "there are too few frames, or they are too far apart, to see seconds change; three seconds of \
             video are needed"
                .into(),
        ));
    }
    Ok(looks)
}

fn covered(times_us: &[u64]) -> f64 {
    let (first, last) = (times_us.first().copied().unwrap_or(0), times_us.last().copied().unwrap_or(0));
    // Exact up to 2^53 µs, which is 285 years.
    (last - first) as f64 / 1e6
}

/// Returns the areas in which running clocks are searched for.
fn areas((width, height): (u32, u32), region: Option<Part>) -> Vec<Rect> {
    if let Some(told) = region {
        return place_of([told.left, told.top, told.width, told.height], (width, height))
            .into_iter()
            .collect();
    }
    let strip = ((height as f32 * STRIP) as u32).max(1);
    let upper = Rect { x: 0, y: 0, width, height: strip };
    vec![upper, Rect { y: height - strip, ..upper }]
}

/// Converts a part of the picture to samples. Returns none if the part is too small to show a digit.
fn place_of([left, top, width, height]: [f32; 4], size: (u32, u32)) -> Option<Rect> {
    let share = |share: f32, length: u32| (share.clamp(0.0, 1.0) * length as f32).round() as u32;
    let (x, y) = (share(left, size.0), share(top, size.1));
    let width = share(width, size.0).min(size.0.saturating_sub(x));
    let height = share(height, size.1).min(size.1.saturating_sub(y));
    (width >= 4 && height >= 4).then_some(Rect { x, y, width, height })
}

/// Returns the distance from the 5 % to the 95 % percentile of luma in the middle frame.
fn spread(clip: &dyn Clip, frames: &[u32]) -> Result<u8, Failure> {
    let level = clip.level_within(160);
    let middle = frames.get(frames.len() / 2).copied().unwrap_or(0);
    let histogram = easysight_sdk::image::Histogram::of(&clip.luma(middle, level)?);
    Ok(histogram.percentile(0.95).saturating_sub(histogram.percentile(0.05)))
}

easysight_sdk::export!(Clock);

#[cfg(test)]
mod tests;
