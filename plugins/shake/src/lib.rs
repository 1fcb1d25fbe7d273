//! A camera that moves to and fro: a loose mount, a mast in the wind, a road beside it.
//!
//! Each frame is held against an earlier one by profiles of its parts, to a fraction of a pixel. Only
//! what nearly all parts do together is the camera's doing. The path that comes of it is judged by the
//! distance over which it turns around again and again: a pan goes far and does not turn, a truck does
//! not move the background, noise does not move anything.

mod path;
mod profile;
mod shift;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, PlaneKind, Plugin, Report, Status, Text, descriptor, finding,
};
use serde::Deserialize;

use path::{Place, swing, turns};
use profile::Profiles;
use shift::{Match, REACH, Shift};

/// Stretch of the clip that is asked for, every frame of it.
const SPAN_MS: u32 = 1_000;
/// The picture is looked at in the coarsest level that is at least so wide, in pixels.
const LEAST_WIDTH: u32 = 240;
/// Pixels are told as of a picture of this width.
const TOLD_WIDTH: f64 = 640.0;
/// Frames further apart than this do not show a fast to and fro.
const CLOSE_S: f64 = 0.13;
/// Reversals a second that make a fast shake, within frames that are close together.
const FAST_REVERSALS_PER_S: f64 = 3.0;
/// Turning around fewer times is a bump, a gesture or the end of a pan.
const LEAST_REVERSALS: usize = 3;
/// Frames that tell anything.
const LEAST_FRAMES: u32 = 4;
/// Shortest path that tells anything.
const LEAST_S: f64 = 0.6;

/// When a camera counts as shaking.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The camera shakes where the picture swings to and fro over at least this distance, from one
    /// side to the other, in pixels of a picture 640 pixels wide.
    #[schemars(range(min = 0.1, max = 20.0), extend("unit" = "px"))]
    pub swing_px: f64,
    /// It must turn around at least so often a second: a pole in the wind does twice as often as it
    /// sways.
    #[schemars(range(min = 1.0, max = 10.0), extend("unit" = "1/s"))]
    pub reversals_per_s: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { swing_px: 1.0, reversals_per_s: 1.6 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Shake;

impl Plugin for Shake {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("shake", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "shake",
                Text::new("画面抖动", "Shake"),
                Text::new(
                    "摄像机来回晃动。云台转动、车辆和行人经过、风吹树叶不会报警。",
                    "The camera moves to and fro. A pan, passing trucks and people, and leaves in the wind \
                     raise no alarm.",
                ),
            )
            .over_time(LEAST_FRAMES, 0, SPAN_MS)
            // A picture that moves while the shutter is open is smeared, and not where the known one was.
            .explains("shake", &["scene_change", "focus_blur", "clarity"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        if clip.info().frames < LEAST_FRAMES {
            return Err(Failure::UnsupportedClip(
                "a single picture cannot tell whether the camera moves; a stretch of video is needed".into(),
            ));
        }
        let paths = walk(clip)?;
        let Some(motion) = judge(&paths, &config) else {
            return Err(Failure::Inconclusive(
                "the picture changes too much, or too few frames follow each other, to tell whether the \
                 camera moves"
                    .into(),
            ));
        };
        let ratio = motion.swing_px / config.swing_px;
        // 50 at the threshold, 80 at half of it, 20 at twice as much.
        let finding = finding("shake")
            .metric("swing_px", motion.swing_px, "px")
            .metric("reversals_per_s", motion.reversals_per_s, "1/s")
            .metric("covered_s", motion.covered_s, "s")
            .decided_by("swing_px", config.swing_px)
            .score(100.0 / (1.0 + ratio * ratio));
        Ok(if ratio >= 1.0 {
            let status = if ratio >= 4.0 { Status::Error } else { Status::Warning };
            finding
                .judged(
                    status,
                    Text::new(
                        format!(
                            "摄像机在抖动:画面来回晃动 {:.1} 像素(按 640 像素宽计),每秒转向 {:.0} 次。",
                            motion.swing_px, motion.reversals_per_s
                        ),
                        format!(
                            "The camera shakes: the picture swings to and fro over {:.1} pixels (of 640 across), \
                             turning around {:.0} times a second.",
                            motion.swing_px, motion.reversals_per_s
                        ),
                    ),
                )
                .suggest(Text::new(
                    "检查支架、立柱和螺丝是否松动,附近是否有振动源;必要时加固或开启电子防抖。",
                    "Check bracket, pole and screws, and what may make them vibrate; stiffen the mount, or switch \
                     on image stabilisation.",
                ))
                .into()
        } else {
            finding.judged(Status::Normal, Text::new("画面稳定。", "The camera stands still.")).into()
        })
    }
}

/// What was found of the camera's motion.
struct Motion {
    swing_px: f64,
    reversals_per_s: f64,
    covered_s: f64,
}

/// The coarsest level that still shows small motion.
fn level(clip: &dyn Clip) -> u32 {
    let info = clip.info();
    (0..info.levels).rev().find(|level| info.width >> level >= LEAST_WIDTH).unwrap_or(0)
}

/// The camera's path, in pieces where it turned to something else.
fn walk(clip: &dyn Clip) -> Result<Vec<Vec<Place>>, Failure> {
    let frames = clip.frames();
    let level = level(clip);
    let (width, _) = clip.size(PlaneKind::Luma, level)?;
    let scale = TOLD_WIDTH / f64::from(width);
    let profiles = |frame: u32| -> Result<Profiles, Failure> {
        Ok(Profiles::of(&clip.luma(frame, level)?, width as usize))
    };
    let mut reference = profiles(0)?;
    let mut before = reference.clone();
    // Where the reference and the frame before stand, in samples.
    let (mut anchor, mut last) = (Shift::default(), Shift::default());
    let mut paths = vec![Vec::new()];
    let mut featureless = 0;
    for (at, frame) in (0_u32..).zip(&frames) {
        let now = if at == 0 { reference.clone() } else { profiles(at)? };
        let expected = |anchor: Shift| Shift { x: last.x - anchor.x, y: last.y - anchor.y };
        let mut found = shift::shift(&reference, &now, expected(anchor));
        let far = |found: &Match| match found {
            Match::Shifted(by) => by.x.abs().max(by.y.abs()) > REACH as f64 - 2.0,
            _ => true,
        };
        if far(&found) && at > 0 {
            // Out of reach of the reference: the frame before takes its place.
            (reference, anchor) = (before, last);
            found = shift::shift(&reference, &now, Shift::default());
        }
        let place = match found {
            Match::Shifted(by) => Shift { x: anchor.x + by.x, y: anchor.y + by.y },
            Match::Elsewhere | Match::Featureless => {
                featureless += usize::from(found == Match::Featureless);
                (reference, anchor) = (now.clone(), Shift::default());
                paths.push(Vec::new());
                anchor
            }
        };
        if let Some(path) = paths.last_mut() {
            let at_s = frame.timestamp_us as f64 / 1e6;
            path.push(Place { at_s, x: place.x * scale, y: place.y * scale });
        }
        (before, last) = (now, place);
    }
    if 2 * featureless > frames.len() {
        return Err(Failure::Inconclusive(
            "the picture has too few edges to tell whether the camera moves".into(),
        ));
    }
    Ok(paths)
}

/// The largest swing of all pieces: of the whole piece for slow swaying, of its close frames for fast
/// shaking. None where no piece is long enough.
fn judge(paths: &[Vec<Place>], config: &Config) -> Option<Motion> {
    let mut worst: Option<Motion> = None;
    let stretches = paths.iter().flat_map(|path| {
        let close = close_stretch(path);
        [(path.as_slice(), config.reversals_per_s), (close, config.reversals_per_s.max(FAST_REVERSALS_PER_S))]
    });
    for (path, rate) in stretches {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { continue };
        let covered_s = last.at_s - first.at_s;
        if covered_s < LEAST_S || path.len() < LEAST_FRAMES as usize {
            continue;
        }
        let swing_px = swing(path, ((rate * covered_s).ceil() as usize).max(LEAST_REVERSALS));
        if worst.as_ref().is_some_and(|worst| worst.swing_px >= swing_px) {
            continue;
        }
        let along = |pick: fn(&Place) -> f64| -> usize {
            // Turns as small as half the swing belong to it.
            turns(&path.iter().map(pick).collect::<Vec<_>>(), (swing_px / 2.0).max(0.05))
        };
        let reversals_per_s = along(|p| p.x).max(along(|p| p.y)) as f64 / covered_s;
        worst = Some(Motion { swing_px, reversals_per_s, covered_s });
    }
    worst
}

/// The longest part of a path whose places follow each other closely.
fn close_stretch(path: &[Place]) -> &[Place] {
    path.chunk_by(|a, b| b.at_s - a.at_s <= CLOSE_S).max_by_key(|part| part.len()).unwrap_or_default()
}

easysight_sdk::export!(Shake);

#[cfg(test)]
mod tests;
