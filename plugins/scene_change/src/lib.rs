//! The camera was turned or moved: it looks elsewhere than it did.
//!
//! Light, weather, people, cars and seasons change a picture and leave most edges where they are; a
//! camera that moves leaves none. So the edges of a view are remembered, and found again cell by cell.
//! Where they are not in place they are searched all over the picture, so that the message can tell
//! how far the view moved. A view that left stays missed, whatever takes its place, until a person
//! says that the new one is meant.

mod cells;
mod field;
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
use memory::{Memory, View};
use motion::Motion;
use picture::Picture;
use search::{Edges, LEAST_FOUND_SHARE, find};

/// Stretch of the clip that is asked for: what passes within it is no part of the view.
const SPAN_MS: u32 = 2_400;
/// Time between its frames.
const INTERVAL_MS: u32 = 600;
/// Share of the cells that must show something for a view to be known again.
const LEAST_SHOWN: f32 = 0.25;
/// Share of a view's cells that must not be hidden for a judgement.
const LEAST_VISIBLE: f32 = 0.3;
/// Where fewer cells than this share are in place the view is searched elsewhere too: one that is
/// turned a little has its middle in place.
const DOUBTFUL: f32 = 0.65;
/// Nor do they agree as well as those of a view that stayed, by 0.8 and more.
const DOUBTFUL_AGREEMENT: f32 = 0.75;
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
                    "摄像机被转动或移位:画面与记住的视野不再一致,并说明移动了多少。光线变化、下雨、\
                     经过或停放的车辆不会报警。首次检查只记住视野。",
                    "The camera was turned or moved: it shows another view than the one that is remembered, and \
                     how far that one moved. Light, rain and what passes or parks do not count. The first \
                     check only remembers the view.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // In another view everything that is held against the usual picture is off.
            .explains("scene_change", &["lens_dirty", "clarity", "color_cast"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let edges = look(clip)?;
        let cells = Cells::fine(&edges.fine);
        if (cells.shown(&edges.fine) as f32) < LEAST_SHOWN * cells.areas.len() as f32 {
            return Err(Failure::Inconclusive(
                "the picture has too few edges to know the view by: darkness, fog, a cover or a blank wall"
                    .into(),
            ));
        }
        let light = Light::of(clip)?;
        let mut memory = baseline::load::<Memory>().unwrap_or_default();
        let (seen, changed) = judge(&edges, &cells, light, &mut memory, &config)?;
        if changed {
            baseline::store(&memory).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(report::report(&seen, &config))
    }
}

/// What the clip shows, without what passes.
fn look(clip: &dyn Clip) -> Result<Edges, Failure> {
    let pictures = Picture::of(clip)?;
    let Some(median) = Picture::median(&pictures) else {
        return Err(Failure::UnsupportedClip("the clip has no frame".into()));
    };
    let frames: Vec<Edges> = pictures.iter().map(Edges::of).collect();
    let view = Edges::of(&median);
    if !steady::stands_still(&frames, &view) {
        return Err(Failure::Inconclusive(
            "the camera is moving, or the whole picture is: there is no view to compare".into(),
        ));
    }
    Ok(view)
}

/// Holds what is seen against what is remembered; answers whether the memory changed too.
fn judge(
    edges: &Edges,
    cells: &Cells,
    light: Light,
    memory: &mut Memory,
    config: &Config,
) -> Result<(Seen, bool), Failure> {
    let (width, height) = (edges.fine.width, edges.fine.height);
    let seen = |verdict, held_share| Seen { verdict, held_share, width, height };
    let views = memory.views.of(light);
    let fitting = views.iter().enumerate().filter(|(_, view)| view.fits(edges, cells));
    let placed =
        fitting.map(|(at, view)| (at, view.clone(), cells.place(&view.edges().fine, &edges.fine, PAD)));
    let best = placed.max_by_key(|(_, _, place)| place.count(Fate::Held));
    let most = config.presets.max(1);
    let Some((at, view, place)) = best else {
        // A view that is found elsewhere in the picture moved, by whatever light it is known; one that is
        // not found may only be lit otherwise.
        let other = memory.views.of(other(light)).first().filter(|view| view.fits(edges, cells));
        let found = other.filter(|_| most == 1).and_then(|view| find(&view.edges(), edges));
        if let Some((motion, there)) = found
            && f64::from(motion.reach(width, height)) > config.max_shift_share
        {
            memory.elsewhere = memory.elsewhere.saturating_add(1);
            return Ok((seen(Verdict::Moved(motion), 1.0 - there.held_share()), true));
        }
        if memory.elsewhere > 0 {
            return Err(Failure::Inconclusive(
                "no view is known in this light, and the camera was found to look elsewhere before".into(),
            ));
        }
        memory.views.keep(light, None, View::of(edges, cells), most as usize);
        return Ok((seen(Verdict::First(1, most), 1.0), true));
    };
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
    let is_off = f64::from(motion.reach(width, height)) > config.max_shift_share;
    let least_share = config.least_held_share.max(if is_off { LEAST_FOUND_SHARE.into() } else { 0.0 });
    let is_held = f64::from(held_share) >= least_share;
    let doubtful = held_share < DOUBTFUL
        || place.agreement < DOUBTFUL_AGREEMENT
        || 2.0 * f64::from(motion.reach(width, height)) > config.max_shift_share;
    let found = if doubtful && views.len() >= most as usize { find(&view.edges(), edges) } else { None };
    let better = found.as_ref().is_some_and(|(motion, there)| {
        f64::from(motion.reach(width, height)) > config.max_shift_share && place.is_worse_than(there)
    });
    if is_held && !better {
        let changed = std::mem::take(&mut memory.elsewhere) > 0;
        let after = view.after(edges, cells, &place);
        let changed = changed || after.is_some();
        memory.views.keep(light, Some(at), after.unwrap_or(view), most as usize);
        return Ok((seen(Verdict::InPlace(motion), held_share), changed));
    }
    let near = cells.place(&view.edges().fine, &edges.fine, 1);
    let stands = near.count(Fate::Held) >= LEAST_STANDING && near.agreement >= STANDING_AGREEMENT;
    if stands && !better {
        return Err(Failure::Inconclusive(
            "something hides most of the known view; what is left of it is in place".into(),
        ));
    }
    if views.len() < most as usize {
        memory.views.keep(light, None, View::of(edges, cells), most as usize);
        let count = memory.views.of(light).len();
        return Ok((seen(Verdict::First(count, most), held_share), true));
    }
    memory.elsewhere = memory.elsewhere.saturating_add(1);
    let verdict = found.map_or(Verdict::Elsewhere(memory.elsewhere), |(motion, _)| Verdict::Moved(motion));
    Ok((seen(verdict, held_share), true))
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
