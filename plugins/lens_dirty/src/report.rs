//! Makes the finding. The measurement that exceeds its threshold most decides it. Its region is marked.

use easysight_sdk::{Region, Report, Status, Text, finding, score};

use crate::{
    Config,
    dirt::Dirt,
    learned::Learned,
    marks::{self, Marked, Marks},
    picture::Picture,
    words,
};

/// The values that rings, discs and mist of the border reach in scenes of healthy cameras. As long as no clean clips of
/// the camera are known, marks score 100 up to these values.
const IN_SCENES: [f64; 3] = [4.0, 3.2, 0.05];
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

/// The kind of measurement that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
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
pub(crate) struct Signs<'a> {
    pub(crate) dirt: &'a Dirt,
    pub(crate) learned: &'a Learned,
    pub(crate) marked: &'a Marked,
    /// The largest numbers of marks in the clean clips of all views, and the number of these clips. None if there are
    /// too few clips.
    pub(crate) usual: Option<(Marks, u32)>,
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
pub(crate) fn report(signs: &Signs<'_>, picture: &Picture, config: &Config) -> Report {
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
