//! The camera was turned or moved: it looks elsewhere than it did.
//!
//! Light, weather, people, cars and seasons change a picture and leave most edges where they are; a
//! camera that moves leaves none. So the edges of a view are remembered, and found again cell by cell.
//! Where they are not in place they are searched all over the picture, and with the picture turned over, so
//! that the message can tell how far the view moved, or that the camera hangs upside down. A view that left stays missed until a person says that the new one is meant,
//! or until that one has been seen for as long. Of a camera that turns again and again none is missed.

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
    descriptor,
};
use serde::Deserialize;

use cells::{Cells, Fate, Place};
use field::PAD;
use flip::{Flip, turned_over};
use memory::{Memory, View};
use motion::Motion;
use picture::Picture;
use search::{Edges, LEAST_FOUND_SHARE, find};

/// Stretch of the clip that is asked for: what passes within it is no part of the view.
const SPAN_MS: u32 = 2_400;
/// Time between its frames: that of other diagnoses, so that frames are to be had at the same times
/// whoever asks for more.
const INTERVAL_MS: u32 = 200;
/// Share of the cells that must show something for a view to be known again.
const LEAST_SHOWN: f32 = 0.25;
/// Share of a view's cells that must not be hidden for a judgement.
const LEAST_VISIBLE: f32 = 0.3;
/// Where fewer cells than this share are in place the view is searched elsewhere too: one that is
/// turned a little has its middle in place.
const DOUBTFUL: f32 = 0.65;
/// Nor do they agree as well as those of a view that stayed, by 0.8 and more.
const DOUBTFUL_AGREEMENT: f32 = 0.75;
/// Cells that showed something, and do now, without which a view is not called gone: of fewer chance
/// leaves none in place.
const LEAST_MISSING: usize = 8;
/// So many cells that agree so well, in place, are no chance: the camera stands, and the rest is covered.
const LEAST_STANDING: usize = 3;
const STANDING_AGREEMENT: f32 = 0.7;
/// When a camera counts as moved.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Share of the picture's width by which the view may move: of its corners, where it turns.
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    pub max_shift_share: f64,
    /// Share of the known edges in sight, counted in cells, that must be in place: what parks before
    /// the camera hides the others.
    #[schemars(range(min = 0.1, max = 0.9), extend("unit" = "share"))]
    pub least_held_share: f64,
    /// Views that the camera has: its presets. So many are remembered by day, and by night, one after
    /// the other as they are seen; any other is an alarm.
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

/// What became of the view.
pub(crate) enum Verdict {
    /// It is remembered from now on: so many are, of so many.
    First(usize, u32),
    /// It is where it was, or nearly.
    InPlace(Motion),
    /// It moved within the picture.
    Moved(Motion),
    /// It moved within the clip.
    MovedNow(Motion),
    /// It is turned over; this share of its cells in sight is in place then.
    TurnedOver(Flip, f32),
    /// Another one has been seen for as long as it was, and takes its place.
    Believed,
    /// The camera turns by itself, from one to another of so many views.
    Turning(usize),
    /// It is not to be seen any more, for so many checks on end.
    Elsewhere(u8),
}

/// What is judged by.
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    /// Share of the known cells in sight that are in place.
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
                    "The camera was turned or moved, or its picture is upside down or mirrored: it shows another \
                     view than the one that is remembered, and how far that one moved. Light, rain and what \
                     passes or parks do not count. The first check only remembers the view.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // In another view everything that is held against the usual picture is off.
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
                "the picture has too few edges to know the view by: darkness, fog, a cover or a blank wall"
                    .into(),
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

/// What the clip shows.
enum Sight {
    /// One view, without what passes.
    View(Edges),
    /// The camera was moved within the clip, from one view to another.
    Moved(Motion, Place),
}

fn look(clip: &dyn Clip) -> Result<Sight, Failure> {
    let pictures = Picture::of(clip)?;
    let Some(median) = Picture::median(&pictures) else {
        return Err(Failure::UnsupportedClip("the clip has no frame".into()));
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
            "the camera is moving, or the whole picture is: there is no view to compare".into(),
        )
    })
}

/// The view that is seen, held against what is remembered; answers whether the memory changed too.
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

/// A view where none is known by this light.
fn first(
    edges: &Edges,
    cells: &Cells,
    light: Light,
    memory: &mut Memory,
    config: &Config,
) -> Result<(Verdict, f32, bool), Failure> {
    // A view that is found elsewhere in the picture moved, by whatever light it is known; one that is
    // not found may only be lit otherwise.
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
            "no view is known in this light, and the camera was found to look elsewhere before".into(),
        ));
    }
    memory.views.keep(light, None, View::of(edges, cells), most as usize);
    Ok((Verdict::First(1, most), 1.0, true))
}

/// What is seen beside the known view that it is most alike to.
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
            "most edges of the known view are hidden and no others are to be seen".into(),
        ));
    }
    let (right, down) = view.moved(&place);
    let motion = Motion::NONE.shifted(right / width as f32, down / width as f32);
    // A view that is off by more than is allowed is searched for, and so found by chance more easily.
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
    // One that is nearly its own mirror image has much in place.
    let over = (doubtful || !is_held).then(|| turned_over(&view.edges(), edges, &place)).flatten();
    let over = over.filter(|(_, over)| found.as_ref().is_none_or(|(_, there)| there.is_worse_than(over)));
    if let Some((flip, over)) = over {
        let believed = memory.elsewhere(light, view.looks(), edges, cells);
        let verdict = Verdict::TurnedOver(flip, over.held_share());
        return Ok((elsewhere(memory, believed, verdict), held_share, true));
    }
    if is_held && !better {
        // A view that only slid within the picture is the known one; it is not learnt anew.
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
            "something hides most of the known view; what is left of it is in place".into(),
        ));
    }
    if found.is_none() && place.visible() < LEAST_MISSING {
        return Err(Failure::Inconclusive(
            "too few edges of the known view could be seen to say that it is gone".into(),
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

/// What is told of a view that is not in place, for which `verdict` would be told of a camera that stands.
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
