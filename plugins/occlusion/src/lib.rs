//! An object covers a part of the picture: a hand, a bag, a leaf, paint.
//!
//! If earlier clips of the camera are known, a cover is a region with a simple outline that reaches the border, in
//! which no known edges are found although known edges are found elsewhere (gradient orientation correlation, A. Fitch
//! and others, 2002; see [`view`]). The cover's appearance does not matter. A cover that appears within the clip is
//! found in the same way, by comparison with the clip's beginning.
//!
//! Without earlier clips a cover is only suspected. An object on a lens is out of focus, so its picture is often
//! empty. The object is in front of everything else, so the scene ends all along its outline. Walls, roads and skies
//! are empty as well, but objects stand in front of these parts, and the light on them varies. A small trained network
//! finds other covers, of any material (see [`learned`]). An object that the network finds in many clips
//! of the same view belongs to the scene.

mod grid;
mod known;
mod learned;
mod patch;
mod planes;
mod report;
mod veil;
mod view;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Text, baseline, descriptor, in_chinese,
};
use serde::Deserialize;

use grid::Grid;
use known::{Known, Lost, Match, Seen, lost};
use learned::Learned;
use planes::Planes;
use report::report;
use view::View;

/// The requested duration, in milliseconds. A region in which something moves during this time is not a
/// cover.
const SPAN_MS: u32 = 2_400;
/// The interval between frames, in milliseconds.
const INTERVAL_MS: u32 = 800;
/// The grey level of darkness. If nine tenths of the picture are darker, the picture cannot be judged.
const DARK: f32 = 36.0;
/// The smallest number of known clips of the same view for which the comparison with these clips decides.
const LEAST_LOOKS: u32 = 3;
/// The number of clips after which content of all these clips belongs to the scene, regardless of its appearance.
const USUAL_LOOKS: u32 = 20;
/// If a part is covered, at least this share of the rest of the picture must have detail. In dense fog, a third
/// has detail.
const LEAST_DETAILED: f32 = 0.4;
/// The smallest share of the picture that must have changed from the clip's beginning to its end for a cover that
/// appeared within the clip.
const LEAST_CHANGED: f32 = 0.06;
/// The memory decides whether a part of the picture is covered only if at least this share of the part's cells has
/// edges in the known views.
const KNOWN_BEFORE: f32 = 0.2;
/// The share of the known edges of a part that must be lost for the memory to confirm that the part is covered.
const LOST_WITHIN: f32 = 0.8;
/// The log odds by which the network's result must exceed its results for the usual clips of a view.
const MORE_THAN_USUAL: f64 = 2.0;
/// The largest amounts, in log odds, by which usual clips may move the threshold of the network's result down and up.
const MOVES: (f64, f64) = (1.0, 2.0);
/// The setting that switches the network off. Its results stay below this.
const OFF: f64 = 16.0;
/// The amount, in log odds, by which the threshold of the network's result is lower if the whole picture is empty,
/// because two independent signs then agree.
const EMPTY_TOO: f64 = 0.4;
/// The share of the picture above which a patch leaves nothing of the scene to compare with.
const NOTHING_ELSE: f32 = 0.9;

/// The thresholds above which a picture counts as covered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest share of the picture that may seem to be covered. The more the outline of an empty
    /// patch looks like the outline of an object in front of the lens, the more the patch counts. Healthy pictures
    /// reach 0.125.
    #[schemars(title = "Covered share limit", transform = in_chinese(
        "遮挡占比上限",
        "画面中看似被遮挡的部分允许的最大占比。空白区域的轮廓越像镜头前物体的轮廓，计入得越多。正常画面可\
         达 0.125。",
    ))]
    #[schemars(range(min = 0.05, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "covered_share", "side": "above"}))]
    pub max_covered_share: f64,
    /// The largest share of the picture in which nothing of the camera's earlier pictures is found. Lorries, and
    /// low sun in trees, reach 0.11.
    #[schemars(title = "Lost scene limit", transform = in_chinese(
        "景物消失占比上限",
        "画面中完全找不到该摄像机以前画面内容的部分，允许的最大占比。卡车以及树木间的低角度阳光可达 0.11。",
    ))]
    #[schemars(range(min = 0.05, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "covered_share", "side": "above"}))]
    pub max_lost_share: f64,
    /// The largest log odds of a cover that the trained network may return for the parts of the picture with the
    /// strongest evidence. 16 switches the network off. If many clips of the same view are known, the threshold
    /// moves towards the network's result for them. If the whole picture is empty, the threshold is lower by 0.4.
    /// Healthy pictures reach 3.4.
    #[schemars(title = "Neural network limit", transform = in_chinese(
        "神经网络阈值",
        "训练得到的神经网络对证据最强的部分给出的遮挡对数几率的最大允许值。设为 16 即关闭该网络。若已有同一\
         视野的许多片段，阈值会向网络对这些片段的结果靠拢。若整个画面都是空白，阈值降低 0.4。正常画面可\
         达 3.4。",
    ))]
    #[schemars(range(min = -4.0, max = 16.0), extend("unit" = "log odds"))]
    #[schemars(extend("limits" = {"metric": "learned_odds", "side": "above"}))]
    pub max_learned_odds: f64,
    /// True to remember the camera's pictures, and to compare each clip with them.
    #[schemars(title = "Remember earlier pictures", transform = in_chinese(
        "记住以前的画面",
        "开启后，记住该摄像机的画面，并将每段视频与之比较。",
    ))]
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_covered_share: 0.13, max_lost_share: 0.12, max_learned_odds: 3.6, use_baseline: true }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Occlusion;

/// The evidence for a cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The shape of an empty patch, in this picture alone.
    Shape,
    /// The comparison with the beginning of the clip.
    Beginning,
    /// The comparison with this number of earlier clips.
    Looks(u32),
    /// The network's result, in this picture alone or compared with this number of usual clips.
    Learned(u32),
}

/// The covered part of the picture.
struct Cover {
    /// The share of the picture that is compared with the threshold.
    share: f64,
    /// Left, top, width and height, as shares of the picture.
    bounds: [f32; 4],
    /// The share of the picture that the message reports.
    size: f64,
    by: By,
    lost: Lost,
}

impl Plugin for Occlusion {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("occlusion", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "occlusion",
                Text::new("画面遮挡", "Occlusion"),
                Text::new(
                    "镜头前有物体遮住部分画面。记住该摄像机以前的画面后，按原有景物是否还在判断；没有记忆时与片段开头比较，\
                     或按形状判断为疑似。天空、墙面、路面、雾和暗处不会报警。",
                    "An object in front of the lens covers a part of the picture. The finding is certain if \
                     that part shows nothing of the camera's earlier pictures, or of the clip's beginning. \
                     Otherwise, a cover is suspected by its shape. Sky, walls, roads, fog and dark places \
                     raise no alarm.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // An object on the lens is near, so it is out of focus and even. It removes light and colour, does not
            // move, and hides the known scene. In the dark behind it the sensor's gain rises. The white digits of
            // a clock are invisible on a bright object.
            .explains(
                "occlusion",
                &[
                    "brightness:luma_p95",
                    "scene_change",
                    "focus_blur",
                    "lens_dirty",
                    "contrast",
                    "clarity",
                    "noise",
                    "color_cast",
                    "freeze",
                    "clock",
                ],
            )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let planes = Planes::of(clip)?;
        let grid = Grid::of(&planes).without_bars();
        let is_dark = grid.nine_tenths().is_none_or(|bright| bright < DARK);
        let views = Views::of(&planes);
        let mut seen = if config.use_baseline { baseline::load::<Seen>() } else { None }.unwrap_or_default();
        let matches = views.beside(&seen);
        let known = known_looks(&matches);
        let mut worst =
            Cover { share: 0.0, bounds: [0.0; 4], size: 0.0, by: By::Shape, lost: Lost::default() };
        if let Some(lost) = views.lost_since_the_beginning() {
            worst = Cover::of(&views.last, &lost, By::Beginning);
        }
        if known >= LEAST_LOOKS {
            let lost = lost_beside(&views.last, &matches).unwrap_or_default();
            let lost = Cover::of(&views.last, &lost, By::Looks(known));
            if lost.share >= worst.share {
                worst = lost;
            }
        }
        let learned = Learned::of(clip)?;
        let mut most = most_odds(&seen, &matches, &config);
        let mut inconclusive = None;
        if known < USUAL_LOOKS && worst.share <= worst.most(&config) {
            match suspected(&grid, is_dark) {
                Ok(cover) if cover.share > worst.share => match Within::of(&views.last, &matches, &cover) {
                    None => worst = cover,
                    // If the memory has content for this part of the picture, the memory decides.
                    Some(within) if within.is_covered() => worst = Cover { by: By::Looks(known), ..cover },
                    Some(_) => {}
                },
                Ok(_) => {}
                Err(failure) => {
                    inconclusive = Some(failure);
                    most -= if is_dark { 0.0 } else { EMPTY_TOO };
                }
            }
        }
        let covered = worst.share > worst.most(&config);
        // In the dark everything looks like an object in front of the lens.
        let is_on = config.max_learned_odds < OFF;
        let alarms = is_on && learned.odds > most && !is_dark;
        if config.use_baseline && !(covered && worst.by != By::Shape) {
            seen.learn(&views.whole, &matches, learned.odds, alarms);
            baseline::store(&seen).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        match inconclusive {
            Some(failure) if !covered && !alarms && known < LEAST_LOOKS => Err(failure),
            _ if alarms && !covered => {
                worst = Cover::learned(&learned, known);
                Ok(report(&worst, &learned, most, &config).into())
            }
            _ => Ok(report(&worst, &learned, most, &config).into()),
        }
    }
}

/// Returns the largest log odds of the network's result without an alarm: the configured value, moved towards the
/// results for the usual clips of this view, if such clips are known.
fn most_odds(seen: &Seen, matches: &[Match], config: &Config) -> f64 {
    let same = matches.iter().filter(|seen| seen.is_same_view() && u32::from(seen.looks) >= USUAL_LOOKS);
    let known = same.filter_map(|beside| seen.0.get(beside.at?));
    let usual = known.map(|known| known.odds()).reduce(f64::max);
    let most = config.max_learned_odds;
    usual.map_or(most, |usual| (usual + MORE_THAN_USUAL).clamp(most - MOVES.0, most + MOVES.1))
}

/// The clip as views: the whole clip, its first two frames if there are more, and its end.
struct Views {
    whole: View,
    beginning: Vec<View>,
    last: View,
}

impl Views {
    fn of(planes: &Planes) -> Self {
        let one = |frame: &Vec<u8>| View::of(planes, std::slice::from_ref(frame));
        let beginning = match planes.frames.as_slice() {
            [first, second, _, ..] => vec![one(first), one(second)],
            _ => Vec::new(),
        };
        let whole = View::of(planes, &planes.frames);
        let last = planes.frames.last().map_or_else(|| whole.clone(), one);
        Self { whole, beginning, last }
    }

    fn beside(&self, seen: &Seen) -> Vec<Match> {
        if seen.0.is_empty() {
            return Vec::new();
        }
        let gradients = self.last.gradients();
        (seen.0.iter().enumerate())
            .filter_map(|(at, known)| known.beside(Some(at), &self.last, &gradients))
            .collect()
    }

    fn lost_since_the_beginning(&self) -> Option<Lost> {
        let [first, second] = self.beginning.as_slice() else { return None };
        // Most clips end as they began.
        if first.changed(&self.last) < LEAST_CHANGED {
            return None;
        }
        let first = Known::of(first).with(second);
        let seen = first.beside(None, &self.last, &self.last.gradients())?;
        lost_beside(&self.last, &[seen])
    }
}

/// The memory's content for the part within the bounds of a suspected cover.
struct Within {
    /// The share of the known edges that are lost.
    lost: f32,
    /// True if the part is dark and the rest of the picture has lost its light too, as at night.
    is_night: bool,
}

impl Within {
    /// Compares the part with the memory. None if too few clips of the same view had edges there.
    fn of(view: &View, matches: &[Match], cover: &Cover) -> Option<Self> {
        let same: Vec<&Match> = matches.iter().filter(|seen| seen.is_same_view()).collect();
        if same.iter().map(|seen| u32::from(seen.looks)).sum::<u32>() < LEAST_LOOKS {
            return None;
        }
        let (columns, rows) = view.cells();
        let [left, top, width, height] = cover.bounds;
        let within = |at: usize, from: f32, size: f32, all: usize| {
            let middle = (at as f32 + 0.5) / all.max(1) as f32;
            from <= middle && middle <= from + size
        };
        let inside: Vec<bool> = (0..columns * rows)
            .map(|at| {
                within(at % columns.max(1), left, width, columns)
                    && within(at / columns.max(1), top, height, rows)
            })
            .collect();
        let cells: Vec<usize> = (0..columns * rows).filter(|&at| inside.get(at) == Some(&true)).collect();
        let told: Vec<f32> = cells.iter().filter_map(|&at| known::best(&same, at)).collect();
        if (told.len() as f32) < KNOWN_BEFORE * cells.len() as f32 {
            return None;
        }
        let lost = told.iter().filter(|&&best| best < known::LOST).count();
        let nearest = same.iter().max_by(|a, b| a.share.total_cmp(&b.share))?;
        Some(Self {
            lost: lost as f32 / told.len().max(1) as f32,
            is_night: veil::is_night(nearest, &inside),
        })
    }

    fn is_covered(&self) -> bool {
        self.lost >= LOST_WITHIN && !self.is_night
    }
}

/// Counts the clips that showed the same view.
fn known_looks(matches: &[Match]) -> u32 {
    matches.iter().filter(|seen| seen.is_same_view()).map(|seen| u32::from(seen.looks)).sum()
}

/// Returns the part of the picture in which the matching views are lost. None if no cover hides them there.
fn lost_beside(view: &View, matches: &[Match]) -> Option<Lost> {
    let same: Vec<&Match> = matches.iter().filter(|seen| seen.is_same_view()).collect();
    let lost = lost(view, &same);
    veil::is_cover(view, &same, &lost).then_some(lost)
}

impl Cover {
    /// Returns the threshold for the share.
    fn most(&self, config: &Config) -> f64 {
        if self.by == By::Shape { config.max_covered_share } else { config.max_lost_share }
    }

    /// Makes a cover from the network's result. Its bounds are those of the largest region.
    fn learned(learned: &Learned, looks: u32) -> Self {
        let bounds = learned.evidence.regions().first().copied().unwrap_or_default();
        let share = learned.evidence.share();
        Self { share, bounds, size: share, by: By::Learned(looks), lost: Lost::default() }
    }

    fn of(view: &View, lost: &Lost, by: By) -> Self {
        let (columns, rows) = view.cells();
        let set = || lost.cells.iter().enumerate().filter(|&(_, &set)| set).map(|(at, _)| at);
        let span = |place: &dyn Fn(usize) -> usize, all: usize| {
            let first = set().map(place).min().unwrap_or(0);
            let end = set().map(place).max().map_or(0, |last| last + 1);
            (first as f32 / all.max(1) as f32, end.saturating_sub(first) as f32 / all.max(1) as f32)
        };
        let (left, width) = span(&|at| at % columns.max(1), columns);
        let (top, height) = span(&|at| at / columns.max(1), rows);
        let share = f64::from(lost.share);
        Self { share, bounds: [left, top, width, height], size: share, by, lost: lost.clone() }
    }
}

/// Finds the patch that looks most like a cover, in this picture alone.
fn suspected(grid: &Grid, is_dark: bool) -> Result<Cover, Failure> {
    if is_dark {
        return Err(Failure::Inconclusive("the picture is too dark to distinguish a cover".into()));
    }
    let mut worst = Cover { share: 0.0, bounds: [0.0; 4], size: 0.0, by: By::Shape, lost: Lost::default() };
    let mut largest = 0.0_f32;
    for patch in patch::patches(grid) {
        largest = largest.max(patch.share);
        // In fog most of the rest is empty too.
        let rest = grid.detailed_beyond(&patch.tiles);
        let share = if rest < LEAST_DETAILED { 0.0 } else { f64::from(patch.share * patch.likeness()) };
        if share > worst.share {
            let size = patch.tiles.iter().filter(|&&tile| tile).count() as f64 / grid.len().max(1) as f64;
            worst = Cover {
                share,
                bounds: grid.around(&patch.tiles),
                size,
                by: By::Shape,
                lost: Lost::default(),
            };
        }
    }
    if largest > NOTHING_ELSE {
        return Err(Failure::Inconclusive(
            "the whole picture is empty, so a cover looks like a plain scene".into(),
        ));
    }
    Ok(worst)
}

easysight_sdk::export!(Occlusion);

#[cfg(test)]
mod tests;
