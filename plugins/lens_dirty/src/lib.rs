//! Dust, drops, smear and webs on the lens or the window of its housing.
//!
//! Dirt is far out of focus, is static in the picture and transmits a part of the light. If several clips of the
//! camera with a clean lens are known, the present picture is compared with these clips. Dirt is where contrast
//! is lost but the light is kept, and where soft spots or threads have appeared. A change counts only if none of
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
mod dirt;
mod disc;
mod learned;
mod marks;
mod picture;
mod reference;
mod report;
mod rim;
mod ring;
mod spot;
mod thread;
mod words;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, baseline, descriptor, in_chinese,
};
use serde::Deserialize;

use blur::Blur;
use dirt::Dirt;
use learned::Learned;
use marks::Marked;
use picture::Picture;
use reference::{Reference, Seen};
use report::{Signs, report};

/// The requested duration, in milliseconds. Dirt does not move in this time.
const SPAN_MS: u32 = 2_400;
/// The interval between frames, in milliseconds.
const INTERVAL_MS: u32 = 800;
/// The grey level of darkness. If nine tenths of the picture are darker, the picture cannot be judged.
const DARK: f32 = 36.0;
/// If a smaller share of the picture than this is near crisp edges, the whole picture is unsharp.
const LEAST_CRISP: f32 = 0.02;
/// The smallest share of the picture that must be unchanged. If less is unchanged, the camera shows another view.
const LEAST_ALIKE: f32 = 0.2;
/// A picture that shows no known view is stored as a clean picture only if, for each known view, it has at least this
/// share of the view's contrast. With less contrast, the picture may be a known view behind dirt.
const LEAST_LEFT: f32 = 0.7;
/// The smallest share of the picture whose light, corrected for exposure, must be unchanged. If less is unchanged,
/// other lamps are on.
const LEAST_STEADY: f32 = 0.4;
/// The number of clips that must have shown the view, in similar light, before the picture is compared with them. A
/// single clip may be in rain or in the light of a lorry.
const LEAST_LOOKS: u32 = 3;
/// A clip adds nothing new to the memory if at least this share of it is unchanged.
const SAME: f32 = 0.85;

/// The thresholds above which a lens counts as dirty.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest share of the picture that may be behind dirt, compared with clips of the camera with a clean
    /// lens. Smoke and low sun reach 0.032.
    #[schemars(title = "Dirty share limit", transform = in_chinese(
        "脏污占比上限",
        "与该摄像机镜头干净时的片段相比，画面中被脏污遮住的部分允许的最大占比。烟雾和低角度阳光可达 0.032。",
    ))]
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "dirty_share", "side": "above"}))]
    pub max_dirty_share: f64,
    /// The largest share of the picture that bright threads may take, compared with clips of the camera with a clean
    /// lens: a web, scratches. Clean lenses reach 0.0132 over days and nights.
    #[schemars(title = "Thread share limit", transform = in_chinese(
        "细亮线占比上限",
        "与该摄像机镜头干净时的片段相比，细亮线（蛛网、划痕）允许占画面的最大比例。干净的镜头在多个昼夜中最\
         高为 0.0132。",
    ))]
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "thread_share", "side": "above"}))]
    pub max_thread_share: f64,
    /// The largest share of the contrast that may be lost equally near the camera and far from it, as behind mist and
    /// grease. The picture is compared with clips of the camera with a clean lens.
    #[schemars(title = "Lens film limit", transform = in_chinese(
        "水雾油膜上限",
        "近处和远处的景物允许同等失去的对比度的最大比例；隔着水雾和油膜拍摄时就会这样失去对比度。与该摄像机\
         镜头干净时的片段比较。",
    ))]
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "film", "side": "above"}))]
    pub max_film: f64,
    /// The largest number of dark closed rings, which drops on the window cause. Scenes contain up to 4. If clean clips
    /// of the camera are known, the threshold is derived from these clips instead.
    #[schemars(title = "Drop ring limit", transform = in_chinese(
        "水滴暗环数上限",
        "护罩玻璃上的水滴造成的闭合暗环允许的最大数量。景物中最多有 4 个。若已有该摄像机镜头干净时的片段，则\
         改由这些片段得出阈值。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = ""))]
    #[schemars(extend("limits" = {"metric": "rings", "side": "above"}))]
    pub max_rings: f64,
    /// The largest number of small dark discs, which dust on the window causes, in a typical one of 24 parts of the
    /// picture. Scenes contain up to 3.2. If clean clips of the camera are known, the threshold is derived from these
    /// clips instead.
    #[schemars(title = "Dust disc limit", transform = in_chinese(
        "灰尘暗斑数上限",
        "护罩玻璃上的灰尘造成的小而圆的暗斑，在画面 24 个区域的典型区域中允许的最大数量。景物中最多\
         为 3.2 个。若已有该摄像机镜头干净时的片段，则改由这些片段得出阈值。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = ""))]
    #[schemars(extend("limits" = {"metric": "discs", "side": "above"}))]
    pub max_discs: f64,
    /// The largest share by which the sharpest edges all along the border may be less steep than those in the middle,
    /// as behind mist that begins at the border. Scenes reach 0.05. If clean clips of the camera are known, the
    /// threshold is derived from these clips instead.
    #[schemars(title = "Border mist limit", transform = in_chinese(
        "边缘起雾上限",
        "画面四周一整圈最锐利的轮廓，其陡度最多可以比中间的低这一比例；护罩玻璃从边缘起雾时，四周的轮廓会变\
         平缓。景物可达 0.05。若已有该摄像机镜头干净时的片段，则改由这些片段得出阈值。",
    ))]
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "border_mist", "side": "above"}))]
    pub max_border_mist: f64,
    /// The largest share of the picture that soft spots may take if the camera's clean picture is not known.
    /// Scenes without dirt reach 0.074: shadows, glows, boulders, round objects out of focus.
    #[schemars(title = "Soft spot limit", transform = in_chinese(
        "模糊斑点占比上限",
        "没有该摄像机的干净画面时，模糊斑点允许占画面的最大比例。没有脏污的景物可达 0.074：阴影、光晕、石\
         块、虚焦的圆形物体。",
    ))]
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "dirty_share", "side": "above"}))]
    pub max_spotted_share: f64,
    /// The largest share of the picture in which the light may change strongly but nowhere abruptly, as behind drops
    /// and smear, while the rest is sharp. If the camera's clean picture is known, only the share that is
    /// not in that picture counts. A clean motorway camera in 320 weather conditions reached 0.0126, because
    /// clouds, haze before hills and the shade under bridges look similar.
    #[schemars(title = "Blurred share limit", transform = in_chinese(
        "模糊部分占比上限",
        "光线变化很大却没有突变、而其余部分清晰的区域，允许占画面的最大比例；隔着水滴和污渍拍摄时就会出现这\
         种区域。若已有该摄像机的干净画面，只计其中没有的部分。一台镜头干净的高速公路摄像机在 320 种天气条件\
         下最高为 0.0126，因为云、山前的霾和桥下的阴影看起来与此相似。",
    ))]
    #[schemars(range(min = 0.0005, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "blurred_share", "side": "above"}))]
    pub max_blurred_share: f64,
    /// The largest log odds of dirt that the trained network may return for the parts of the picture with the
    /// strongest evidence. 16 switches the network off. If clean clips of the camera are known, the threshold
    /// moves towards the network's result for them.
    #[schemars(title = "Neural network limit", transform = in_chinese(
        "神经网络阈值",
        "训练得到的神经网络对证据最强的部分给出的脏污对数几率的最大允许值。设为 16 即关闭该网络。若已有该摄\
         像机镜头干净时的片段，阈值会向网络对这些片段的结果靠拢。",
    ))]
    #[schemars(range(min = -4.0, max = 16.0), extend("unit" = "log odds"))]
    #[schemars(extend("limits" = {"metric": "learned_odds", "side": "above"}))]
    pub max_learned_odds: f64,
    /// True to remember the clean picture of the camera, and to compare with it.
    #[schemars(title = "Remember clean picture", transform = in_chinese(
        "记住干净的画面",
        "开启后，记住该摄像机镜头干净时的画面，并与之比较。",
    ))]
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
                     Without them, dirt is only suspected, from obvious soft spots, blurred parts of a sharp \
                     picture, dark rings of drops, dust all over the picture, mist that begins at the \
                     border, and parts that a trained network takes for dirt. Webs are not found.",
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

easysight_sdk::export!(LensDirty);

#[cfg(test)]
mod tests;
