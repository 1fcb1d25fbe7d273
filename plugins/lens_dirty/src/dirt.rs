//! The dirt of a picture, by comparison of the picture with clean clips of the camera or, without them, by suspicion.

use crate::{
    LEAST_CRISP,
    blur::Blur,
    picture::{Picture, Plane},
    reference::{Change, Reference, veiled},
    spot::{Outlines, Spot},
    thread::Threads,
};

/// The light changes across the outline of a soft spot. At most this share of the change may lie within two pixels;
/// with a larger share, the outline is crisp and belongs to the scene. The first value is for the fine picture. The
/// second value is for the difference between the picture and a clean picture. This difference has half the resolution,
/// and contains no edges of the scene.
const STEEPEST: (f32, f32) = (0.42, 0.6);
/// The weight of the share of cells that lost contrast. Fog, rain and traffic also remove the contrast of some cells,
/// up to one in twelve of the cells with contrast. With this weight, one in twelve counts as 0.033, which is below the
/// default of [`Config::max_dirty_share`](crate::Config::max_dirty_share).
const VEIL_COUNTS: f64 = 0.4;
/// The smallest share of the cells whose light must be the same in a clean clip as in the picture. If the share is
/// smaller, spots and threads are not searched for by comparison with this clip, because lamps that went on, and wet
/// roads, cause bright spots and lines of their own.
const SAME_LIGHT: f32 = 0.7;
/// The largest share of a spot in which something may move. Dirt is static.
const MOST_MOVED: f32 = 0.2;
/// If the share of contrast that far objects keep, divided by that of near objects, is less than this, there is fog,
/// which hides far objects most; a film does not (see [`Passing`](crate::reference::Passing)).
const FOGGY: f32 = 0.6;
/// The share of the contrast between large parts that remains behind a film. With less remaining contrast, the picture
/// is washed out. With more, the lens is out of focus.
const SPREADING: std::ops::Range<f32> = 0.55..0.88;
/// A film reduces the contrast of edges more than the contrast between large parts: the remaining share of edges,
/// divided by that of large parts, is at most this. Glare and smoke reduce both equally, so their ratio is near 1.
const SCATTERED: f32 = 0.7;

/// The measured dirt.
#[derive(Debug, Default)]
pub(crate) struct Dirt {
    /// The share of the picture in cells that lost contrast.
    pub(crate) veiled: f64,
    /// The share of the picture in soft spots.
    pub(crate) spotted: f64,
    /// The share of the picture under threads.
    pub(crate) threaded: f64,
    /// The share of the picture in which the light changes strongly, but nowhere abruptly.
    pub(crate) blurred: f64,
    /// The share of the contrast that a film takes.
    pub(crate) film: f64,
    /// The marked boxes: left, top, width and height as shares of the picture.
    pub(crate) boxes: Vec<[f32; 4]>,
    /// True if the picture was compared with clean clips.
    pub(crate) certain: bool,
    /// The share of the picture that is unchanged, and the share in the same light, compared with the nearest
    /// clean clip.
    pub(crate) nearest: [f64; 2],
    /// The number of clean clips that were compared.
    pub(crate) looks: u32,
    /// The network's largest result for one of these clips.
    pub(crate) usual_odds: Option<f64>,
}

impl Dirt {
    /// Returns the share of the picture that decides. Cells that lost contrast have a reduced weight.
    pub(crate) fn share(&self) -> f64 {
        (VEIL_COUNTS * self.veiled).max(self.spotted)
    }

    /// Returns the share of the picture behind dirt.
    pub(crate) fn extent(&self) -> f64 {
        self.veiled.max(self.spotted).max(self.threaded)
    }

    /// Measures soft spots and blurred parts in a picture whose clean picture is not known.
    pub(crate) fn suspected(picture: &Picture, blur: &Blur) -> Self {
        let outlines = Outlines {
            coarse: &picture.coarse.smoothed(),
            fine: &picture.fine.smoothed(),
            steepest: STEEPEST.0,
        };
        let mut spots = outlines.spots();
        spots.retain(|spot| picture.moved_share(spot.x, spot.y, spot.radius) <= MOST_MOVED);
        let mut boxes = boxes(picture, &spots);
        boxes.extend(patches(picture, &blur.regions));
        Self { spotted: spotted(picture, &spots), blurred: blur.share.into(), boxes, ..Self::default() }
    }

    /// Measures the change from each of the clean clips that show the same view in similar light. A change that
    /// one of these clips explains is caused by light, rain or traffic.
    pub(crate) fn measured(picture: &Picture, blur: &Blur, looks: &[&Reference], changes: &[Change]) -> Self {
        let columns = picture.columns;
        let same_light: Vec<(&Reference, Plane)> = (looks.iter().zip(changes))
            .filter(|(_, change)| change.steady >= SAME_LIGHT)
            .map(|(look, change)| (*look, change.difference.smoothed()))
            .collect();
        let threads = (same_light.iter())
            .map(|(look, plane)| Threads::of(plane, look.pixels(), columns, picture.moved.len()))
            .reduce(|all, next| all.and(&next));
        let spots = same_light
            .iter()
            .map(|(_, plane)| Outlines { coarse: plane, fine: plane, steepest: STEEPEST.1 }.spots());
        let spots = spots.min_by(|a, b| spotted(picture, a).total_cmp(&spotted(picture, b)));
        let spots = spots.unwrap_or_default();
        let nearest = changes.iter().max_by(|a, b| a.steady.total_cmp(&b.steady));
        let (veiled, veiled_share) = veiled(changes, columns);
        let mut boxes = boxes(picture, &spots);
        boxes.extend(patches(picture, &veiled));
        // A picture that is unsharp as a whole is not dirty.
        let usual = looks.iter().map(|look| look.blurred()).fold(0.0, f32::max);
        let blurred = if blur.crisp < LEAST_CRISP { 0.0 } else { blur.share - usual };
        if blurred > 0.0 {
            boxes.extend(patches(picture, &blur.regions));
        }
        Self {
            veiled: f64::from(veiled_share),
            spotted: spotted(picture, &spots),
            threaded: threads.map_or(0.0, |threads| f64::from(threads.share())),
            film: film(changes),
            blurred: blurred.max(0.0).into(),
            boxes,
            certain: true,
            nearest: nearest.map_or([0.0; 2], |change| [change.alike.into(), change.steady.into()]),
            looks: looks.iter().map(|look| u32::from(look.looks)).sum(),
            usual_odds: looks.iter().map(|look| look.odds()).reduce(f64::max),
        }
    }
}

/// Returns the share of the contrast that a film on the glass takes, compared with the clean clip for which that share
/// is smallest. The result is 0 if the contrast is lost in another way.
fn film(changes: &[Change]) -> f64 {
    let clearest = changes.iter().map(|change| change.passing).max_by(|a, b| a.near.total_cmp(&b.near));
    let film = clearest.filter(|passing| {
        passing.far >= FOGGY * passing.near
            && SPREADING.contains(&passing.coarse)
            && passing.near <= SCATTERED * passing.coarse
    });
    film.map_or(0.0, |passing| f64::from(1.0 - passing.near).max(0.0))
}

fn spotted(picture: &Picture, spots: &[Spot]) -> f64 {
    let area: f32 = spots.iter().map(|spot| spot.area() * spot.likeness()).sum();
    f64::from((area / picture.coarse.values.len().max(1) as f32).min(1.0))
}

/// Returns boxes around regions of cells, the largest first.
fn patches(picture: &Picture, regions: &[Vec<usize>]) -> Vec<[f32; 4]> {
    let mut regions: Vec<&Vec<usize>> = regions.iter().collect();
    regions.sort_by_key(|region| std::cmp::Reverse(region.len()));
    let rows = picture.moved.len() / picture.columns.max(1);
    let around = |region: &Vec<usize>| {
        let columns = || region.iter().map(|at| at % picture.columns);
        let (left, right) = (columns().min()?, columns().max()?);
        let (top, bottom) = (region.iter().min()? / picture.columns, region.iter().max()? / picture.columns);
        let share =
            |first: usize, count: usize, all: usize| [first, count].map(|cells| cells as f32 / all as f32);
        let [left, width] = share(left, right + 1 - left, picture.columns);
        let [top, height] = share(top, bottom + 1 - top, rows);
        Some([left, top, width, height])
    };
    regions.into_iter().filter_map(around).collect()
}

fn boxes(picture: &Picture, spots: &[Spot]) -> Vec<[f32; 4]> {
    let (width, height) = (picture.coarse.width as f32, picture.coarse.height() as f32);
    let around = |spot: &Spot| {
        let (left, top) = ((spot.x - spot.radius).max(0.0) / width, (spot.y - spot.radius).max(0.0) / height);
        let (across, down) = (2.0 * spot.radius / width, 2.0 * spot.radius / height);
        [left, top, across.min(1.0 - left), down.min(1.0 - top)]
    };
    spots.iter().map(around).collect()
}
