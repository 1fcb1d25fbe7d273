//! Dust, drops, smear and webs on the lens or the window of its housing.
//!
//! Dirt is far out of focus, is static in the picture and transmits a part of the light. If several clips of the
//! camera with a clean lens are known, the present picture is compared with these clips. Dirt is where contrast
//! is lost although the light is not, and where soft spots or threads have appeared. A change counts only if none of
//! these clips explains it. The clips show different light and weather: a wet road, lamps and headlights also cause
//! bright lines and reduce contrast, but earlier clips show the same effects.
//!
//! Without such clips, dirt is only suspected, by three signs. The first is closed soft spots that stand out from
//! their surroundings (a scene can contain a few itself). The second is parts of a sharp picture in which the light
//! changes strongly but nowhere abruptly, as behind drops and smear. The third is the marks of drops, dust and mist
//! (see [`marks`]).
//!
//! With and without such clips, a small trained network also finds parts that look like dirt (see [`learned`]). If
//! clean clips of the camera are known, the network's result is compared with its results for these clips.

mod blur;
mod disc;
mod learned;
mod marks;
mod picture;
mod reference;
mod rim;
mod ring;
mod spot;
mod thread;
mod words;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Region, Report, Status, Text, baseline, descriptor,
    finding, score,
};
use serde::Deserialize;

use blur::Blur;
use learned::Learned;
use marks::{Marked, Marks};
use picture::{Picture, Plane};
use reference::{Change, Reference, Seen, veiled};
use spot::{Outlines, Spot};
use thread::Threads;

/// The requested duration, in milliseconds. Dirt does not move in this time.
const SPAN_MS: u32 = 2_400;
/// The interval between frames, in milliseconds.
const INTERVAL_MS: u32 = 800;
/// The grey level of darkness. If nine tenths of the picture are darker, the picture cannot be judged.
const DARK: f32 = 36.0;
/// The share of the picture near crisp edges below which the whole picture is unsharp.
const LEAST_CRISP: f32 = 0.02;
/// The largest share of the change across the outline of a soft spot that may happen within two pixels. With a larger
/// share the outline is crisp and belongs to the scene. The first value is for the fine picture. The second value is
/// for the difference between the picture and a clean picture. This difference has half the resolution, and contains no
/// edges of the scene.
const STEEPEST: (f32, f32) = (0.42, 0.6);
/// The smallest share of the picture that must be unchanged. If less is unchanged, the camera shows another view.
const LEAST_ALIKE: f32 = 0.2;
/// A picture that shows none of the known views is stored as a clean picture only if it has at least this share of the
/// contrast of each of them. With less contrast, the picture may be a known view behind dirt.
const LEAST_LEFT: f32 = 0.7;
/// The smallest share of the picture whose light, corrected for exposure, must be unchanged. If less is unchanged,
/// other lamps are on.
const LEAST_STEADY: f32 = 0.4;
/// The number of clips that must have shown the view, in similar light, before the picture is compared with them. A
/// single clip may be in rain or in the light of a lorry.
const LEAST_LOOKS: u32 = 3;
/// A clip adds nothing new to the memory if at least this share of it is unchanged.
const SAME: f32 = 0.85;
/// The weight of the share of cells that lost contrast. Fog, rain and traffic also remove the contrast of some cells,
/// up to one in twelve of the cells with contrast. With this weight, one in twelve counts as 0.033, which is below the
/// default of [`Config::max_dirty_share`].
const VEIL_COUNTS: f64 = 0.4;
/// The smallest share of the cells whose light must be the same in a clean clip as in the picture. If the share is
/// smaller, spots and threads are not searched for by comparison with this clip, because lamps that went on, and wet
/// roads, cause bright spots and lines of their own.
const SAME_LIGHT: f32 = 0.7;
/// The largest share of a spot in which something may move. Dirt is static.
const MOST_MOVED: f32 = 0.2;
/// The amounts by which the number of rings, the number of discs and the mist of the border must exceed the largest
/// values of the camera's clean clips for an alarm. Over days, nights and presets of healthy cameras, these values rose
/// by at most 1, 0.75 and 0.02.
const MORE_MARKS: [f64; 3] = [2.5, 1.1, 0.08];
/// The number of rings, the number of discs and the mist of the border that scenes of healthy cameras reach. Up to
/// these values the marks score 100, as long as no clean clips of the camera are known.
const IN_SCENES: [f64; 3] = [4.0, 3.2, 0.05];
/// The smallest ratio, behind a film, of the remaining contrast of far objects to the remaining contrast of near
/// objects (see [`reference::Passing`]). Below this ratio there is fog, which hides far objects most.
const FOGGY: f32 = 0.6;
/// The share of the contrast between large parts that remains behind a film. With less remaining contrast, the picture
/// is washed out. With more, the lens is out of focus.
const SPREADING: std::ops::Range<f32> = 0.55..0.88;
/// The largest ratio, behind a film, of the remaining contrast of edges to the remaining contrast between large parts.
/// Glare and smoke reduce the contrast of edges and of large parts equally, so their ratio is near 1.
const SCATTERED: f32 = 0.7;
/// The multiple of the threshold that scores 0.
const WORST: f64 = 8.0;
/// The log odds by which the network's result must exceed its results for the camera's clean clips.
const MORE_THAN_USUAL: f64 = 1.2;
/// The largest amounts, in log odds, by which clean clips may move the threshold of the network's result down and up.
const MOVES: (f64, f64) = (0.8, 2.0);
/// The distance from the threshold to a score of 0, in log odds.
const BEYOND: f64 = 8.0;
/// The strips along the border: left, top, width and height as shares of the picture.
const BORDERS: [[f32; 4]; 4] =
    [[0.0, 0.0, 1.0, 0.12], [0.0, 0.88, 1.0, 0.12], [0.0, 0.12, 0.12, 0.76], [0.88, 0.12, 0.12, 0.76]];
/// The largest number of regions that are marked in the picture.
const MOST_MARKED: usize = 12;

/// The thresholds above which a lens counts as dirty.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest share of the picture that may be behind dirt, compared with clips of the camera with a clean
    /// lens. Smoke and low sun reach 0.032.
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    pub max_dirty_share: f64,
    /// The largest share of the picture that bright threads may take, compared with clips of the camera with a clean
    /// lens: a web, scratches. Healthy looks over days and nights reach 0.0132.
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    pub max_thread_share: f64,
    /// The largest share of the contrast that may be lost equally near the camera and far from it, as behind mist and
    /// grease. The picture is compared with clips of the camera with a clean lens.
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    pub max_film: f64,
    /// The largest number of dark closed rings, which drops on the window cause. Scenes contain up to 4. If clean clips
    /// of the camera are known, the threshold is derived from these clips instead.
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = ""))]
    pub max_rings: f64,
    /// The largest number of small dark discs, which dust on the window causes, in a typical one of 24 parts of the
    /// picture. Scenes contain up to 3.2. If clean clips of the camera are known, the threshold is derived from these
    /// clips instead.
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = ""))]
    pub max_discs: f64,
    /// The largest share by which the sharpest edges all along the border may be less steep than those in the middle,
    /// as behind mist that begins at the border. Scenes reach 0.05. If clean clips of the camera are known, the
    /// threshold is derived from these clips instead.
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    pub max_border_mist: f64,
    /// The largest share of the picture that soft spots may take if the camera's clean picture is not known.
    /// Scenes without dirt reach 0.074: shadows, glows, boulders, round objects out of focus.
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    pub max_spotted_share: f64,
    /// The largest share of the picture in which the light may change strongly but nowhere abruptly, as behind drops
    /// and smear, while the rest is sharp. If the camera's clean picture is known, only the share that was
    /// added since then counts. A healthy motorway in 320 different states of the air reached 0.0126, because
    /// clouds, haze before hills and the shade under bridges look similar.
    #[schemars(range(min = 0.0005, max = 0.5), extend("unit" = "share"))]
    pub max_blurred_share: f64,
    /// The largest log odds of dirt that the trained network may return for the parts of the picture with the
    /// strongest evidence. 16 switches the network off. If clean clips of the camera are known, the threshold
    /// moves towards the network's result for them.
    #[schemars(range(min = -4.0, max = 16.0), extend("unit" = "log odds"))]
    pub max_learned_odds: f64,
    /// True to remember the clean picture of the camera, and to compare with it.
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_dirty_share: 0.034,
            max_thread_share: 0.017,
            max_film: 0.3,
            max_rings: 5.5,
            max_discs: 4.0,
            max_border_mist: 0.2,
            max_spotted_share: 0.08,
            max_blurred_share: 0.013,
            max_learned_odds: 2.5,
            use_baseline: true,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct LensDirty;

/// The measured dirt.
#[derive(Debug, Default)]
struct Dirt {
    /// The share of the picture in cells that lost contrast.
    veiled: f64,
    /// The share of the picture in soft spots.
    spotted: f64,
    /// The share of the picture under threads.
    threaded: f64,
    /// The share of the picture in which the light changes strongly, but nowhere abruptly.
    blurred: f64,
    /// The share of the contrast that a film takes.
    film: f64,
    /// The marked boxes: left, top, width and height as shares of the picture.
    boxes: Vec<[f32; 4]>,
    /// True if the picture was compared with clean clips.
    certain: bool,
    /// The share of the picture that is unchanged, and the share in the same light, compared with the nearest
    /// clean clip.
    nearest: [f64; 2],
    /// The number of clean clips that were compared.
    looks: u32,
    /// The network's largest result for one of these clips.
    usual_odds: Option<f64>,
}

impl Dirt {
    /// Returns the share of the picture that decides. Cells that lost contrast have a reduced weight.
    fn share(&self) -> f64 {
        (VEIL_COUNTS * self.veiled).max(self.spotted)
    }

    /// Returns the share of the picture behind dirt.
    fn extent(&self) -> f64 {
        self.veiled.max(self.spotted).max(self.threaded)
    }

    /// Measures soft spots and blurred parts in a picture whose clean picture is not known.
    fn suspected(picture: &Picture, blur: &Blur) -> Self {
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
    fn measured(picture: &Picture, blur: &Blur, looks: &[&Reference], changes: &[Change]) -> Self {
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

impl Plugin for LensDirty {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("lens_dirty", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "lens_dirty",
                Text::new("镜头脏污", "Dirty lens"),
                Text::new(
                    "镜头或护罩上的灰尘、水滴、水雾、油污和蛛网。记住镜头干净时的画面后，能发现失去对比度的部分、\
                     水雾和油膜、模糊斑点、蛛丝和划痕；没有记忆时，可以怀疑明显的模糊斑点、模糊部分、水滴的暗环、遍布画面的\
                     灰尘、从边缘开始的水雾，以及训练得到的网络认为脏污的部分，蛛网不会被发现。",
                    "Dust, drops, mist, smear and webs on the lens or its window. If pictures with a clean \
                     lens are remembered, lost contrast, films, soft spots, webs and scratches are found. \
                     Without them, clear soft spots, blurred parts of a sharp picture, dark rings of drops, \
                     dust all over the picture, mist that begins at the border, and parts that a trained \
                     network takes for dirt are only suspected, and webs are not found.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // Drops and dust blur the scene behind them.
            .explains("lens_dirty", &["clarity"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let picture = Picture::of(clip)?;
        if picture.percentile(0.9) < DARK {
            return Err(Failure::Inconclusive("the picture is too dark to see dirt".into()));
        }
        let blur = Blur::of(&picture);
        let learned = Learned::of(clip)?;
        let marked = Marked::of(&picture, &blur);
        let mut seen = if config.use_baseline { baseline::load::<Seen>() } else { None }.unwrap_or_default();
        let mut looks = Vec::new();
        let mut changes = Vec::new();
        let mut elsewhere_lively = true;
        for (at, look) in seen.0.iter().enumerate().filter(|(_, look)| look.fits(&picture)) {
            let change = look.change(&picture);
            if change.alike < LEAST_ALIKE || change.steady < LEAST_STEADY {
                elsewhere_lively &= change.left >= LEAST_LEFT;
            } else {
                looks.push((at, look));
                changes.push(change);
            }
        }
        let known: u32 = looks.iter().map(|(_, look)| u32::from(look.looks)).sum();
        let nearest = (looks.iter().zip(&changes))
            .map(|((at, look), change)| (*at, *look, change.alike.min(change.steady)))
            .max_by(|a, b| a.2.total_cmp(&b.2))
            .map(|(at, look, near)| (at, look.again(learned.odds, marked.marks), near));
        let references: Vec<&Reference> = looks.iter().map(|(_, look)| *look).collect();
        let usual = seen.marks();
        let is_marked = marked.marks.exceed(usual.map(|(marks, _)| marks), &config);
        let dirt = if known >= LEAST_LOOKS {
            Dirt::measured(&picture, &blur, &references, &changes)
        } else if blur.crisp < LEAST_CRISP && learned.odds <= config.max_learned_odds && !is_marked {
            return Err(Failure::Inconclusive(
                "the picture has hardly any sharp edge, so soft spots would not stand out".into(),
            ));
        } else {
            Dirt::suspected(&picture, &blur)
        };
        let signs = Signs { dirt: &dirt, learned: &learned, marked: &marked, usual };
        let report = report(&signs, &picture, &config);
        let is_clean = report.findings.iter().all(|finding| finding.status == Status::Normal);
        // Dirt that removes most of the contrast must not be stored as a clean picture.
        if config.use_baseline && is_clean && (nearest.is_some() || elsewhere_lively) {
            match nearest {
                Some((at, same, near)) if near >= SAME => seen.keep(Some(at), same),
                _ => seen.keep(None, Reference::of(&picture, &blur, learned.odds, marked.marks)),
            }
            baseline::store(&seen).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(report)
    }
}

/// The kind of measurement that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The share of the picture behind dirt.
    Share,
    /// The share of the picture under threads.
    Threads,
    /// The share of the contrast that a film takes.
    Film,
    /// The share of the picture that is blurred.
    Blurred,
    /// The network's result.
    Learned,
    /// The number of dark rings.
    Rings,
    /// The number of dark discs.
    Discs,
    /// The mist that begins at the border.
    Border,
}

/// Everything that was measured.
struct Signs<'a> {
    dirt: &'a Dirt,
    learned: &'a Learned,
    marked: &'a Marked,
    /// The largest numbers of marks in the clean clips of all views, and the number of these clips. None if there are
    /// too few clips.
    usual: Option<(Marks, u32)>,
}

/// A measurement with its threshold and its score. Every measurement scores 50 at its threshold.
#[derive(Debug, Clone, Copy)]
struct Sign {
    by: By,
    metric: &'static str,
    value: f64,
    most: f64,
    score: f64,
}

impl Sign {
    /// Rates a value. The value `usual` scores 100.
    fn of(by: By, metric: &'static str, value: f64, usual: f64, most: f64) -> Self {
        Self { by, metric, value, most, score: score(value, usual, most, WORST * most) }
    }
}

impl Signs<'_> {
    /// Returns the measurement that exceeds its threshold most.
    fn deciding(&self, config: &Config) -> Sign {
        let dirt = self.dirt;
        let max_share = if dirt.certain { config.max_dirty_share } else { config.max_spotted_share };
        let most = match dirt.usual_odds {
            Some(usual) => {
                let (down, up) = (config.max_learned_odds - MOVES.0, config.max_learned_odds + MOVES.1);
                (usual + MORE_THAN_USUAL).clamp(down, up)
            }
            None => config.max_learned_odds,
        };
        let odds = self.learned.odds;
        let learned = Sign {
            by: By::Learned,
            metric: "learned_odds",
            value: odds,
            most,
            score: score(odds, most - MORE_THAN_USUAL, most, most + BEYOND),
        };
        let [rings, discs, border] = self.marked.marks.numbers();
        let usual = self.usual.map_or(IN_SCENES, |(marks, _)| marks.numbers());
        let [usual_rings, usual_discs, usual_border] = usual;
        let [most_rings, most_discs, most_border] = marks::most(self.usual.map(|(marks, _)| marks), config);
        let signs = [
            Sign::of(By::Share, "dirty_share", dirt.share(), 0.0, max_share),
            Sign::of(By::Threads, "thread_share", dirt.threaded, 0.0, config.max_thread_share),
            Sign::of(By::Film, "film", dirt.film, 0.0, config.max_film),
            Sign::of(By::Blurred, "blurred_share", dirt.blurred, 0.0, config.max_blurred_share),
            Sign::of(By::Rings, "rings", rings, usual_rings, most_rings),
            Sign::of(By::Discs, "discs", discs, usual_discs, most_discs),
            Sign::of(By::Border, "border_mist", border, usual_border, most_border),
            learned,
        ];
        signs.into_iter().min_by(|a, b| a.score.total_cmp(&b.score)).unwrap_or(learned)
    }
}

/// Judges by the measurement that exceeds its threshold most.
fn report(signs: &Signs<'_>, picture: &Picture, config: &Config) -> Report {
    let Signs { dirt, learned, marked, usual } = signs;
    let sign = signs.deciding(config);
    let [rings, discs, border] = marked.marks.numbers();
    let mut finding = finding("lens_dirty")
        .metric("dirty_share", dirt.share(), "share")
        .metric("veiled_share", dirt.veiled, "share")
        .metric("spotted_share", dirt.spotted, "share")
        .metric("thread_share", dirt.threaded, "share")
        .metric("film", dirt.film, "share")
        .metric("blurred_share", dirt.blurred, "share")
        .metric("rings", rings, "")
        .metric("discs", discs, "")
        .metric("border_mist", border, "share")
        .metric("learned_odds", learned.odds, "log odds")
        .metric("learned_share", learned.evidence.share(), "share")
        .metric("compared_with_baseline", f64::from(u8::from(dirt.certain)), "")
        .metric("alike_share", dirt.nearest[0], "share")
        .metric("same_light_share", dirt.nearest[1], "share")
        .metric("clean_looks", dirt.looks.into(), "")
        .decided_by(sign.metric, sign.most)
        .score(sign.score);
    if sign.value <= sign.most {
        return finding.judged(Status::Normal, Text::new("镜头干净。", "The lens is clean.")).into();
    }
    let boxes = match sign.by {
        By::Learned => learned.evidence.regions(),
        By::Rings => marked.ring_boxes(picture),
        By::Discs => marked.disc_boxes(picture),
        By::Border => BORDERS.to_vec(),
        By::Film => vec![[0.0, 0.0, 1.0, 1.0]],
        By::Share | By::Threads | By::Blurred => dirt.boxes.clone(),
    };
    for &[left, top, width, height] in boxes.iter().take(MOST_MARKED) {
        let caption = Text::new("脏污", "dirt");
        finding = finding.region(Region { left, top, width, height, caption });
    }
    let looks = match sign.by {
        By::Rings | By::Discs | By::Border => usual.map_or(0, |(_, looks)| looks),
        _ if dirt.certain => dirt.looks,
        _ => 0,
    };
    let extent = 100.0 * if sign.by == By::Learned { learned.evidence.share() } else { dirt.extent() };
    finding
        .judged(Status::Warning, words::message(sign.by, extent, looks))
        .suggest(Text::new(
            "清洁镜头和护罩玻璃，查看是否有灰尘、水滴、油污、蛛网或昆虫。",
            "Clean the lens and the window of its housing; look for dust, drops, grease, webs and insects.",
        ))
        .into()
}

easysight_sdk::export!(LensDirty);

#[cfg(test)]
mod tests;
