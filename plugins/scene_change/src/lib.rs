//! Finds a camera that was turned or moved, so that it shows another view.
//!
//! Light, weather, people, cars and seasons change a picture, but leave most edges in place. If the camera moves, no
//! edges remain in place. So the plugin remembers the edges of a view and searches for them cell by cell. If the edges
//! are not in place, the plugin searches the whole picture, and the picture turned over. The message can then state how
//! far the view moved, or that the camera is upside down. The alarm continues until a person resets the memory, or
//! until the new view has been seen as often as the known view. A camera that turns repeatedly raises no alarm.

mod cells;
mod field;
mod flip;
mod memory;
mod motion;
mod picture;
mod report;
mod search;
mod steady;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Text,
    baseline::{self, Light},
    descriptor, in_chinese,
};
use serde::Deserialize;

use cells::{Cells, Fate, Place};
use field::PAD;
use flip::{Flip, turned_over};
use memory::{Memory, View};
use motion::Motion;
use picture::Picture;
use search::{Edges, LEAST_FOUND_SHARE, find};

/// The requested duration. Objects that pass within this duration are not part of the view.
const SPAN_MS: u32 = 2_400;
/// The interval between frames. Other diagnoses use the same interval, so that frames at the same times are
/// available.
const INTERVAL_MS: u32 = 200;
/// A view can be recognised if at least this share of the cells has enough edges.
const LEAST_SHOWN: f32 = 0.25;
/// The smallest share of a view's cells that must be visible for a judgement.
const LEAST_VISIBLE: f32 = 0.3;
/// If less than this share of the visible cells is in place, the plugin also searches for the view elsewhere in the
/// picture. If a view is turned a little, its middle is still in place.
const DOUBTFUL: f32 = 0.65;
/// If the mean agreement of the cells in place is below this value, the plugin also searches for the view elsewhere in
/// the picture. The agreement is 1 if the edges of a cell are as before, and about 0 by chance (see
/// [`field::Field::agreement`]). The cells of a view that did not move have an agreement of at least 0.8.
const DOUBTFUL_AGREEMENT: f32 = 0.75;
/// A view is called gone only if at least this number of cells is visible. If fewer cells are visible, it may be chance
/// that none of them is in place.
const LEAST_MISSING: usize = 8;
/// The smallest number of cells in place that is not chance, if these cells have [`STANDING_AGREEMENT`]. The camera
/// then did not move, and the other cells are covered.
const LEAST_STANDING: usize = 3;
/// The smallest mean agreement of the cells in place for [`LEAST_STANDING`].
const STANDING_AGREEMENT: f32 = 0.7;

/// The settings: when a camera counts as moved, and how many views it has.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest distance by which the view may move, as a share of the picture's width. If the view turns, the
    /// distance is the one by which the farthest-moving corner moves.
    #[schemars(title = "View shift limit", transform = in_chinese(
        "视野偏移上限",
        "视野允许移动的最大距离，以占画面宽度的比例表示。若视野旋转，以移动最远的一角移动的距离计。",
    ))]
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "shift_share", "side": "above"}))]
    pub max_shift_share: f64,
    /// The view is in place if the edges of at least this share of its visible cells are in place. Objects that park in
    /// front of the camera cover the other cells.
    #[schemars(title = "Least unchanged share", transform = in_chinese(
        "视野保持占比下限",
        "可见的图块中至少有这一比例的边缘仍在原位，即认为视野未变。其余图块被停放在摄像机前的物体遮住。",
    ))]
    #[schemars(range(min = 0.1, max = 0.9), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "held_share", "side": "below"}))]
    pub least_held_share: f64,
    /// The number of the camera's views, such as presets. The plugin remembers the first views that it sees: this
    /// number by day, and the same number by night. Any other view raises an alarm.
    #[schemars(title = "Number of views", transform = in_chinese(
        "视野数量",
        "该摄像机的视野（如预置位）的数量。插件记住最先看到的视野：白天记住这么多个，夜间也记住这么多个。其\
         他任何视野都会报警。",
    ))]
    #[schemars(range(min = 1, max = 4), extend("unit" = ""))]
    pub presets: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_shift_share: 0.03, least_held_share: 0.3, presets: 1 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct SceneChange;

/// The judgement of the view.
pub(crate) enum Verdict {
    /// The view is new and is remembered. The numbers are the number of known views, including the new one, and the
    /// largest allowed number.
    First(usize, u32),
    /// The view is in place, or nearly in place.
    InPlace(Motion),
    /// The view moved within the picture.
    Moved(Motion),
    /// The view moved during the clip.
    MovedNow(Motion),
    /// The view is turned over. If the picture is turned back, this share of the view's visible cells is in place.
    TurnedOver(Flip, f32),
    /// Another view has been seen as often as the known view, and replaces it.
    Believed,
    /// The camera turns by itself, between this many views.
    Turning(usize),
    /// The view was not found in this many consecutive checks.
    Elsewhere(u8),
}

/// The judgement, with its measurements.
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    /// The share of the visible known cells that are in place.
    pub(crate) held_share: f32,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Plugin for SceneChange {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("scene_change", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "scene_change",
                Text::new("场景变更", "Scene change"),
                Text::new(
                    "摄像机被转动或移位，或画面上下颠倒、左右镜像：画面与记住的视野不再一致，并说明移动了\
                     多少。光线变化、下雨、经过或停放的车辆不会报警。首次检查只记住视野。",
                    "The camera was turned or moved, or its picture is upside down or mirrored. The picture \
                     then differs from the remembered view. The finding states how far the view moved. \
                     Changes of light, rain, and passing or parked vehicles raise no alarm. The first check \
                     only remembers the view.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // In another view, every comparison with the usual picture is meaningless.
            .explains("scene_change", &["lens_dirty", "clarity", "color_cast"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let mut memory = baseline::load::<Memory>().unwrap_or_default();
        let (width, height) = Picture::size(clip)?;
        let seen = |verdict, held_share| Seen { verdict, held_share, width, height };
        let edges = match look(clip)? {
            Sight::View(edges) => edges,
            Sight::Moved(..) if memory.turns_by_itself() => {
                return Ok(report::report(&seen(Verdict::Turning(memory.views_seen()), 1.0), &config));
            }
            Sight::Moved(motion, place) => {
                return Ok(report::report(
                    &seen(Verdict::MovedNow(motion), 1.0 - place.held_share()),
                    &config,
                ));
            }
        };
        let cells = Cells::fine(&edges.fine);
        if (cells.shown(&edges.fine) as f32) < LEAST_SHOWN * cells.areas.len() as f32 {
            return Err(Failure::Inconclusive(
                "the picture has too few edges to recognise a view: dark, foggy, covered or blank".into(),
            ));
        }
        let light = Light::of(clip)?;
        let (verdict, held_share, changed) = judge(&edges, &cells, light, &mut memory, &config)?;
        if changed {
            baseline::store(&memory).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(report::report(&seen(verdict, held_share), &config))
    }
}

/// The content of the clip.
enum Sight {
    /// One view, without passing objects.
    View(Edges),
    /// The camera was moved within the clip, from one view to another.
    Moved(Motion, Place),
}

fn look(clip: &dyn Clip) -> Result<Sight, Failure> {
    let pictures = Picture::of(clip)?;
    let Some(median) = Picture::median(&pictures) else {
        return Err(Failure::UnsupportedClip("the clip has no frames".into()));
    };
    let frames: Vec<Edges> = pictures.iter().map(Edges::of).collect();
    let view = Edges::of(&median);
    if steady::stands_still(&frames, &view) {
        return Ok(Sight::View(view));
    }
    let ends: Vec<Edges> = Picture::of_ends(clip)?.iter().map(Edges::of).collect();
    let moved = steady::before_and_after(&ends).and_then(|(before, after)| find(before, after));
    moved.map(|(motion, place)| Sight::Moved(motion, place)).ok_or_else(|| {
        Failure::Inconclusive(
            "the camera or the whole picture is moving, so there is no view to compare".into(),
        )
    })
}

/// Compares the present view with the memory. Returns the judgement, the share of the visible cells that are in place,
/// and whether the memory changed.
fn judge(
    edges: &Edges,
    cells: &Cells,
    light: Light,
    memory: &mut Memory,
    config: &Config,
) -> Result<(Verdict, f32, bool), Failure> {
    let views = memory.views.of(light);
    let fitting = views.iter().enumerate().filter(|(_, view)| view.fits(edges, cells));
    let placed =
        fitting.map(|(at, view)| (at, view.clone(), cells.place(&view.edges().fine, &edges.fine, PAD)));
    let Some(best) = placed.max_by_key(|(_, _, place)| place.count(Fate::Held)) else {
        return first(edges, cells, light, memory, config);
    };
    hold_against(best, edges, cells, light, memory, config)
}

/// Judges a view if no view is known in this light.
fn first(
    edges: &Edges,
    cells: &Cells,
    light: Light,
    memory: &mut Memory,
    config: &Config,
) -> Result<(Verdict, f32, bool), Failure> {
    // If the known view of the other light is found elsewhere in the picture, the camera moved. If that view is not
    // found, the difference in light may be the reason.
    let most = config.presets.max(1);
    let other = memory.views.of(other(light)).first().filter(|view| view.fits(edges, cells)).cloned();
    let other = other.filter(|_| most == 1);
    let found = other.as_ref().and_then(|view| Some((view.looks(), find(&view.edges(), edges)?)));
    if let Some((known, (motion, there))) = found.clone()
        && is_far(&motion, edges, config)
    {
        let believed = memory.elsewhere(light, known, edges, cells);
        let verdict = elsewhere(memory, believed, Verdict::Moved(motion));
        return Ok((verdict, 1.0 - there.held_share(), true));
    }
    if let Some(view) = other.filter(|_| found.is_none()) {
        let place = cells.place(&view.edges().fine, &edges.fine, PAD);
        if let Some((flip, over)) = turned_over(&view.edges(), edges, &place) {
            let believed = memory.elsewhere(light, view.looks(), edges, cells);
            let verdict = Verdict::TurnedOver(flip, over.held_share());
            return Ok((elsewhere(memory, believed, verdict), place.held_share(), true));
        }
    }
    if memory.elsewhere > 0 && !memory.turns_by_itself() {
        return Err(Failure::Inconclusive(
            "no view is known in this light, and the last check found that the camera had been moved".into(),
        ));
    }
    memory.views.keep(light, None, View::of(edges, cells), most as usize);
    Ok((Verdict::First(1, most), 1.0, true))
}

/// Compares the present view with the most similar known view.
fn hold_against(
    (at, view, place): (usize, View, Place),
    edges: &Edges,
    cells: &Cells,
    light: Light,
    memory: &mut Memory,
    config: &Config,
) -> Result<(Verdict, f32, bool), Failure> {
    let (width, height) = (edges.fine.width, edges.fine.height);
    let (most, views) = (config.presets.max(1) as usize, memory.views.of(light).len());
    let known = place.fates.iter().filter(|&&fate| fate != Fate::Plain).count();
    let held_share = place.held_share();
    if !enough(&place, known) {
        return Err(Failure::Inconclusive(
            "most edges of the known view are hidden, and no other edges are visible".into(),
        ));
    }
    let (right, down) = view.moved(&place);
    let motion = Motion::NONE.shifted(right / width as f32, down / width as f32);
    // If the view moved by more than is allowed, it was found within a larger range, so a chance match is more likely.
    // The required share is then larger.
    let is_off = is_far(&motion, edges, config);
    let least_share = config.least_held_share.max(if is_off { LEAST_FOUND_SHARE.into() } else { 0.0 });
    let is_held = f64::from(held_share) >= least_share;
    let doubtful = held_share < DOUBTFUL
        || place.agreement < DOUBTFUL_AGREEMENT
        || 2.0 * f64::from(motion.reach(width, height)) > config.max_shift_share;
    let found = if doubtful && views >= most { find(&view.edges(), edges) } else { None };
    let better = found
        .as_ref()
        .is_some_and(|(motion, there)| is_far(motion, edges, config) && place.is_worse_than(there));
    // A view that is nearly its own mirror image has many cells in place even when it is turned over. So a doubtful
    // view is tested too, not only one that is not held.
    let over = (doubtful || !is_held).then(|| turned_over(&view.edges(), edges, &place)).flatten();
    let over = over.filter(|(_, over)| found.as_ref().is_none_or(|(_, there)| there.is_worse_than(over)));
    if let Some((flip, over)) = over {
        let believed = memory.elsewhere(light, view.looks(), edges, cells);
        let verdict = Verdict::TurnedOver(flip, over.held_share());
        return Ok((elsewhere(memory, believed, verdict), held_share, true));
    }
    if is_held && !better {
        // A view that moved within the picture is still the known view, so it does not count as another view.
        let changed = !is_off && memory.at_home();
        let after = view.after(edges, cells, &place);
        let changed = changed || after.is_some();
        memory.views.keep(light, Some(at), after.unwrap_or(view), most);
        return Ok((Verdict::InPlace(motion), held_share, changed));
    }
    let near = cells.place(&view.edges().fine, &edges.fine, 1);
    let stands = near.count(Fate::Held) >= LEAST_STANDING && near.agreement >= STANDING_AGREEMENT;
    if stands && !better {
        return Err(Failure::Inconclusive(
            "something hides most of the known view; its visible part is in place".into(),
        ));
    }
    if found.is_none() && place.visible() < LEAST_MISSING {
        return Err(Failure::Inconclusive(
            "too few edges are visible to conclude that the known view is gone".into(),
        ));
    }
    if views < most {
        memory.views.keep(light, None, View::of(edges, cells), most);
        return Ok((Verdict::First(memory.views.of(light).len(), config.presets), held_share, true));
    }
    let believed = memory.elsewhere(light, view.looks(), edges, cells);
    let verdict = found.map_or(Verdict::Elsewhere(memory.elsewhere), |(motion, _)| Verdict::Moved(motion));
    Ok((elsewhere(memory, believed, verdict), held_share, true))
}

/// Returns the judgement of a view that is not in place. `verdict` is the judgement if the camera does not turn by
/// itself and the new view does not replace the known view.
fn elsewhere(memory: &Memory, believed: bool, verdict: Verdict) -> Verdict {
    if memory.turns_by_itself() {
        Verdict::Turning(memory.views_seen())
    } else if believed {
        Verdict::Believed
    } else {
        verdict
    }
}

fn is_far(motion: &Motion, edges: &Edges, config: &Config) -> bool {
    f64::from(motion.reach(edges.fine.width, edges.fine.height)) > config.max_shift_share
}

const fn other(light: Light) -> Light {
    match light {
        Light::Day => Light::Night,
        Light::Night => Light::Day,
    }
}

fn enough(place: &Place, known: usize) -> bool {
    place.visible() as f32 >= LEAST_VISIBLE * known as f32
}

easysight_sdk::export!(SceneChange);

#[cfg(test)]
mod tests;
