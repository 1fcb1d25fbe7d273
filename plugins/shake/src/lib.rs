//! A camera that moves to and fro, because of a loose mount, a mast in the wind or traffic on a road nearby.
//!
//! Profiles of the parts of each frame are compared with the profiles of an earlier frame (see [`profile`]). A step of
//! least squares (Lucas and Kanade) finds shifts of a fraction of a pixel. If the camera moved beyond the reach of the
//! profiles, or turned, small pictures of the two frames are compared (see [`coarse`]). Only movement that nearly all
//! parts share counts as movement of the camera. The measure is the largest distance over which the resulting path
//! reverses again and again. A mast sways slowly, so the clip lasts 2.4 seconds, at half of the usual frame rate. A pan
//! goes far and does not reverse, a truck does not move the background, and noise does not move anything.

mod coarse;
mod path;
mod profile;
mod shift;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, PlaneKind, Plugin, Report, Status, Text, descriptor, finding,
    in_chinese,
};
use serde::Deserialize;

use coarse::Small;
use path::{Place, swing, turns};
use profile::Profiles;
use shift::{Match, REACH, Shift};

/// The requested duration of the clip. A mast that takes a second for each sway still sways twice in this time.
const SPAN_MS: u32 = 2_400;
/// The interval between frames. Vibration faster than half this frame rate still appears as swings to and fro.
const INTERVAL_MS: u32 = 80;
/// The smallest width of the measured level, in pixels. The coarsest level that is at least this wide is used.
const LEAST_WIDTH: u32 = 240;
/// Distances are reported in pixels of a picture of this width.
const TOLD_WIDTH: f64 = 640.0;
/// The largest width of the small picture in which large moves are searched for.
const SMALL_WIDTH: u32 = 100;
/// The largest error of a place that was found in the small picture, in samples of the small picture. A swing smaller
/// than this counts as 0.
const GRAIN: f64 = 0.75;
/// The search in the small picture is skipped once the failed searches outnumber the successful searches by this
/// number.
const MOST_MISSED: usize = 3;
/// The smallest rotation that is recognised in the small picture, in degrees.
const TURNED: f64 = 0.6;
/// A rotation counts as the distance by which it moves a point at this distance from the middle. The unit is pixels of
/// a picture 640 pixels wide. Half of the picture lies farther from the middle.
const TURNED_AT: f64 = 200.0;
/// The shortest interval between two compared frames. Closer frames are skipped, because a shaking camera moves a
/// few times a second.
const LEAST_INTERVAL_US: u64 = 30_000;
/// The longest interval between consecutive frames that can show fast shaking, in seconds.
const CLOSE_S: f64 = 0.13;
/// The smallest number of reversals per second that count as fast shaking. It applies to frames at most [`CLOSE_S`]
/// apart.
const FAST_REVERSALS_PER_S: f64 = 3.0;
/// The smallest number of reversals of a shaking camera, however short the path is. Fewer reversals are a bump, a
/// gesture or the end of a pan.
const LEAST_REVERSALS: usize = 3;
/// The smallest number of frames in a path that is measured.
const LEAST_FRAMES: u32 = 4;
/// The shortest duration of a path that is measured, in seconds.
const LEAST_S: f64 = 0.6;

/// When a camera counts as shaking.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The smallest swing of a shaking camera: the distance over which the picture moves to and fro, from one side
    /// to the other, in pixels of a picture 640 pixels wide.
    #[schemars(title = "Swing limit", transform = in_chinese(
        "晃动幅度阈值",
        "判为抖动的最小晃动幅度：画面来回移动时从一侧到另一侧的距离，按 640 像素宽的画面以像素计。",
    ))]
    #[schemars(range(min = 0.1, max = 20.0), extend("unit" = "px"))]
    #[schemars(extend("limits" = {"metric": "swing_px", "side": "above"}))]
    pub swing_px: f64,
    /// The smallest number of reversals per second of a shaking camera. A pole in the wind reverses twice in each
    /// period of its swaying.
    #[schemars(title = "Reversals per second", transform = in_chinese(
        "每秒转向次数",
        "判为抖动的每秒最少转向次数。风中的立杆每个摆动周期转向两次。",
    ))]
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
            .over_time(LEAST_FRAMES, INTERVAL_MS, SPAN_MS)
            // If the camera moves while the shutter is open, the picture is smeared and differs from the known picture.
            .explains("shake", &["scene_change", "focus_blur", "clarity"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        if clip.info().frames < LEAST_FRAMES {
            return Err(Failure::UnsupportedClip(
                "a single picture cannot show whether the camera moves; several frames are needed".into(),
            ));
        }
        let paths = walk(clip)?;
        let Some(motion) = judge(&paths, &config) else {
            return Err(Failure::Inconclusive(
                "the picture changes too much, or the clip has too few consecutive frames, to tell whether the \
                 camera moves"
                    .into(),
            ));
        };
        let ratio = motion.swing_px / config.swing_px;
        // The score is 50 at the threshold, 80 at half the threshold, and 20 at twice the threshold.
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
                            "摄像机在抖动：画面来回晃动 {:.1} 像素（按 640 像素宽计），每秒转向 {:.0} 次（仅凭这段画面）。",
                            motion.swing_px, motion.reversals_per_s
                        ),
                        format!(
                            "The camera shakes: the picture swings over {:.1} px (in a picture 640 px wide) \
                             and reverses {:.0} times a second (judged by this clip alone).",
                            motion.swing_px, motion.reversals_per_s
                        ),
                    ),
                )
                .suggest(Text::new(
                    "检查支架、立柱和螺丝是否松动，附近是否有振动源；必要时加固或开启电子防抖。",
                    "Check whether the bracket, the pole or the screws are loose, and whether something nearby \
                     vibrates; stiffen the mount, or switch on image stabilisation.",
                ))
                .into()
        } else {
            finding.judged(Status::Normal, Text::new("画面稳定。", "The camera stands still.")).into()
        })
    }
}

/// The measured motion of the camera.
struct Motion {
    swing_px: f64,
    reversals_per_s: f64,
    covered_s: f64,
}

/// Returns the coarsest level that still shows small motion.
fn level(clip: &dyn Clip) -> u32 {
    let info = clip.info();
    (0..info.levels).rev().find(|level| info.width >> level >= LEAST_WIDTH).unwrap_or(0)
}

/// The position of the camera: its shift in samples, and its rotation in degrees.
#[derive(Debug, Clone, Copy, Default)]
struct Stand {
    shift: Shift,
    degrees: f64,
    /// True if the position was found in the small picture.
    coarsely: bool,
}

impl Stand {
    fn shifted(self, by: Shift) -> Self {
        let shift = Shift { x: self.shift.x + by.x, y: self.shift.y + by.y };
        Self { shift, coarsely: false, ..self }
    }

    fn is_turned_from(self, other: Self) -> bool {
        (self.degrees - other.degrees).abs() >= TURNED
    }
}

/// The frames, and the levels at which they are compared.
struct Frames<'a> {
    clip: &'a dyn Clip,
    level: u32,
    width: u32,
    small_level: u32,
    small_width: u32,
}

impl<'a> Frames<'a> {
    fn of(clip: &'a dyn Clip) -> Result<Self, Failure> {
        let (level, small_level) = (level(clip), clip.level_within(SMALL_WIDTH));
        let (width, _) = clip.size(PlaneKind::Luma, level)?;
        let (small_width, _) = clip.size(PlaneKind::Luma, small_level)?;
        Ok(Self { clip, level, width, small_level, small_width })
    }

    fn profiles(&self, frame: u32) -> Result<Profiles, Failure> {
        Ok(Profiles::of(&self.clip.luma(frame, self.level)?, self.width as usize))
    }

    fn small(&self, frame: u32) -> Result<Small, Failure> {
        Ok(Small::of(self.clip.luma(frame, self.small_level)?, self.small_width as usize))
    }

    /// Finds the position of the frame `after` by comparing it with the frame `before`, whose position is `stand`. If
    /// the shift between the two frames is given, only the rotation and small corrections of this shift are searched
    /// for.
    fn far(
        &self,
        (before, stand): (u32, Stand),
        after: &Small,
        shift: Option<Shift>,
    ) -> Result<Option<Stand>, Failure> {
        let scale = f64::from(self.width) / f64::from(self.small_width.max(1));
        let before = self.small(before)?;
        let moved = match shift {
            Some(by) => before.turned(after, ((by.x / scale) as f32, (by.y / scale) as f32)),
            None => before.moved(after),
        };
        Ok(moved.map(|moved| Stand {
            shift: Shift {
                x: stand.shift.x + scale * f64::from(moved.x),
                y: stand.shift.y + scale * f64::from(moved.y),
            },
            degrees: stand.degrees + f64::from(moved.degrees),
            coarsely: true,
        }))
    }
}

/// Follows the camera's path, and returns the path in pieces. A new piece begins whenever the position of a frame
/// cannot be found. Frames less than [`LEAST_INTERVAL_US`] after the last compared frame are skipped, so that the
/// result does not depend on the frames that other diagnoses request.
fn walk(clip: &dyn Clip) -> Result<Vec<Vec<Place>>, Failure> {
    let infos = clip.frames();
    let frames = Frames::of(clip)?;
    let mut reference = frames.profiles(0)?;
    let mut before = reference.clone();
    // The index and position of the reference frame, and the index and position of the previous frame.
    let (mut anchor, mut last) = ((0, Stand::default()), (0, Stand::default()));
    let mut paths = vec![Vec::new()];
    let (mut featureless, mut count) = (0, 0);
    // The number of successful searches in the small picture, and the number of failed searches.
    let (mut found_far, mut missed_far) = (0, 0);
    let mut looked_us: Option<u64> = None;
    for (at, frame) in (0_u32..).zip(&infos) {
        if looked_us.is_some_and(|last_us| frame.timestamp_us - last_us < LEAST_INTERVAL_US) {
            continue;
        }
        looked_us = Some(frame.timestamp_us);
        count += 1;
        let now = if at == 0 { reference.clone() } else { frames.profiles(at)? };
        let (from, latest) = (anchor.1.shift, last.1.shift);
        let mut found = shift::shift(&reference, &now, Shift { x: latest.x - from.x, y: latest.y - from.y });
        let far = |found: &Match| match found {
            Match::Shifted(by) | Match::Perhaps(by) => by.x.abs().max(by.y.abs()) > REACH as f64 - 2.0,
            _ => true,
        };
        let mut base = anchor;
        if far(&found) && at > 0 {
            // The reference frame is out of reach, but the previous frame may be within reach.
            base = last;
            found = shift::shift(&before, &now, Shift::default());
        }
        let stand = match found {
            Match::Shifted(by) => Some(base.1.shifted(by)),
            Match::Perhaps(by) => {
                let small = frames.small(at)?;
                let turned = frames.far(base, &small, Some(by))?.filter(|stand| stand.is_turned_from(base.1));
                turned.or(Some(base.1.shifted(by)))
            }
            Match::Featureless => {
                featureless += 1;
                None
            }
            // If this many searches failed, traffic fills the picture, so no further search is made.
            Match::Elsewhere if missed_far >= MOST_MISSED + found_far => None,
            Match::Elsewhere => {
                let small = frames.small(at)?;
                base = anchor;
                let mut stand = frames.far(anchor, &small, None)?;
                if stand.is_none() {
                    base = last;
                    stand = frames.far(last, &small, None)?;
                }
                *if stand.is_some() { &mut found_far } else { &mut missed_far } += 1;
                stand
            }
        };
        if stand.is_some() && base.0 != anchor.0 {
            (reference, anchor) = (before, base);
        }
        let stand = stand.unwrap_or_else(|| {
            (reference, anchor) = (now.clone(), (at, Stand::default()));
            paths.push(Vec::new());
            anchor.1
        });
        if let Some(path) = paths.last_mut() {
            path.push(Place::of(frame.timestamp_us, stand, &frames));
        }
        (before, last) = (now, (at, stand));
    }
    if 2 * featureless > count {
        return Err(Failure::Inconclusive(
            "the picture has too few edges to tell whether the camera moves".into(),
        ));
    }
    Ok(paths)
}

impl Place {
    fn of(at_us: u64, stand: Stand, frames: &Frames<'_>) -> Self {
        let scale = TOLD_WIDTH / f64::from(frames.width);
        Self {
            at_s: at_us as f64 / 1e6,
            x: stand.shift.x * scale,
            y: stand.shift.y * scale,
            turned: stand.degrees.to_radians() * TURNED_AT,
            grain: if stand.coarsely { TOLD_WIDTH / f64::from(frames.small_width.max(1)) } else { 0.0 },
        }
    }
}

/// Returns the motion with the largest swing of all pieces. Slow swaying is measured over each whole piece. Fast
/// shaking is measured over the longest part of each piece with close frames. The result is None if no piece is long
/// enough.
fn judge(paths: &[Vec<Place>], config: &Config) -> Option<Motion> {
    let mut worst: Option<Motion> = None;
    // A place with a large error hides smaller swings. Therefore the stretches between such places are also measured
    // separately.
    let pieces = paths.iter().flat_map(|path| {
        let exact = path.split(|place| place.grain > 0.0);
        std::iter::once(path.as_slice()).chain(exact.filter(|piece| piece.len() < path.len()))
    });
    let stretches = pieces.flat_map(|piece| {
        let close = close_stretch(piece);
        [(piece, config.reversals_per_s), (close, config.reversals_per_s.max(FAST_REVERSALS_PER_S))]
    });
    for (path, rate) in stretches {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { continue };
        let covered_s = last.at_s - first.at_s;
        if covered_s < LEAST_S || path.len() < LEAST_FRAMES as usize {
            continue;
        }
        let swing_px = swing(path, ((rate * covered_s).ceil() as usize).max(LEAST_REVERSALS));
        // A swing smaller than the error of the places is no motion. During fast pans, errors reached 0.6 samples.
        let grain = path.iter().map(|place| place.grain).fold(0.0, f64::max);
        let swing_px = if swing_px < GRAIN * grain { 0.0 } else { swing_px };
        if worst.as_ref().is_some_and(|worst| worst.swing_px >= swing_px) {
            continue;
        }
        let along = |pick: fn(&Place) -> f64| -> usize {
            // Reversals as small as half the swing are counted too.
            turns(&path.iter().map(pick).collect::<Vec<_>>(), (swing_px / 2.0).max(0.05))
        };
        let reversals_per_s = along(|p| p.x).max(along(|p| p.y)).max(along(|p| p.turned)) as f64 / covered_s;
        worst = Some(Motion { swing_px, reversals_per_s, covered_s });
    }
    worst
}

/// Returns the longest part of a path whose consecutive places are at most [`CLOSE_S`] apart.
fn close_stretch(path: &[Place]) -> &[Place] {
    path.chunk_by(|a, b| b.at_s - a.at_s <= CLOSE_S).max_by_key(|part| part.len()).unwrap_or_default()
}

easysight_sdk::export!(Shake);

#[cfg(test)]
mod tests;
