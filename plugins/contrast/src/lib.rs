//! Finds fog, a veil in front of the lens and washed-out pictures. The measures are the contrast of the distant parts,
//! and the darkest and the most contrasting parts of the whole picture.
//!
//! Fog reduces the contrast of distant parts and leaves black near the camera. So the far half of the picture is
//! judged, by two estimates of the air's transmission (Koschmieder 1924, Hautière et al. 2006, He et al. 2009; see
//! [`sight`]). A sky looks like fog, but below the sky a healthy picture is rich in contrast. A veil of stray
//! light on the lens or window adds the same light to every part: no black is left, and even the strongest
//! contrasts are weak. So a veil is judged by Michelson's contrast, (bright − dark) / (bright + dark). The span
//! (bright − dark) is not used, because a healthy picture at night has a narrow span, but contains black. A plain wall
//! has neither black nor contrast, and it has no structure; a picture of such a wall cannot be judged.
//!
//! If the camera is known, the picture is compared with the camera's earlier clips (see [`usual`]). The comparison also
//! finds a thinner veil, and it ends the alarms about a view that always has little contrast.

mod sight;
mod usual;
mod words;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    in_chinese, score,
};
use serde::Deserialize;

use sight::Sight;
use usual::{Margins, Usual};
use words::Seen;

/// If the luma of the far half's brightest tile is below this value, it is night, and there is no light for fog to
/// scatter.
const LEAST_AIRLIGHT: f64 = 60.0;
/// For each tile, the standard deviation of its luma is divided by its mean. The air is clear if the ratio that nine in
/// ten tiles do not exceed ([`Sight::strong_tile`]) is above this value. Roofs and trees exceed the value under an
/// overcast sky; near objects in fog do not.
const CLEAR_TILES: f64 = 0.2;
/// The far half is sky and not fog if the local contrast of the lowest, nearest quarter ([`Sight::near_detail`]) is
/// above this value.
const CLEAR_NEAR: f64 = 0.055;
/// The largest ratio of the lower half's luma to the upper half's luma in fog. Fog is as bright as the sky, and the
/// ground is darker. If a road or a wall fills the picture, the lower half is about as bright as the upper half; with
/// dark cars on the road, the ratio is 0.93. The ratio is 0.8 in dense fog that hides all but the nearest trees.
const DARKER_BELOW: f64 = 0.87;
/// If hardly any outline is visible, and the ratio of the lower half's luma to the upper half's luma is above this
/// value, the picture may be a plain surface, and its lack of contrast is not judged. The ratio of a wall is below 1,
/// because walls are lit from above.
const PLAIN: f64 = 0.8;
/// A road has no veil over it if the Michelson contrast of its white paint is above this value.
const PAINT: f64 = 0.35;
/// If the score is below this value, hardly anything is visible, and the finding is an error.
const ERROR: f64 = 25.0;

/// When a picture has too little contrast.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture shows fog if less than this share of the distant parts' contrast comes through the air. The share is
    /// about 1 on a clear day. On the validation cameras, the default finds all fog with a visibility below 500 m. It
    /// also reports fog in one clear picture in a hundred: pictures whose far half is hidden by low cloud.
    #[schemars(title = "Fog transmission limit", transform = in_chinese(
        "雾的透过率下限",
        "远处景物的对比度透过空气后剩下的比例低于此值，即判为起雾。晴天时该比例约为 1。在验证用的摄像机上，\
         默认值能发现能见度低于 500 米的所有雾；每一百幅晴朗的画面中也有一幅被判为起雾，即较远的一半被低云遮\
         住的画面。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "transmission", "side": "below"}))]
    pub least_transmission: f64,
    /// The smallest contrast of a healthy picture, (bright − dark) / (bright + dark): 0 for an even grey, 1 if the
    /// picture contains black.
    #[schemars(title = "Least overall contrast", transform = in_chinese(
        "整体对比度下限",
        "正常画面的最小对比度，即（亮 − 暗）÷（亮 + 暗）：均匀的灰色为 0，画面含有黑色时为 1。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "contrast", "side": "below"}))]
    pub least_contrast: f64,
    /// The smallest contrast, (bright − dark) / (bright + dark), within the tiles of a healthy picture. The contrast
    /// that nine in ten tiles do not exceed is compared with this value. A picture is washed out if the contrast is
    /// lower and the picture's darkest tiles are brighter than `most_floor`.
    #[schemars(title = "Least local contrast", transform = in_chinese(
        "局部对比度下限",
        "正常画面的图块内的最小对比度，即（亮 − 暗）÷（亮 + 暗）。与此值比较的，是十分之九的图块都不超过的那\
         个对比度。若它低于此值，且最暗的图块比“最暗处上限”（`most_floor`）更亮，即判为发灰。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "tile_contrast", "side": "below"}))]
    pub least_tile_contrast: f64,
    /// The picture contains black if the luma of its darkest tiles, as a share of the luma of its brightest tiles, is
    /// at most this value.
    #[schemars(title = "Black level limit", transform = in_chinese(
        "最暗处上限",
        "最暗图块的亮度与最亮图块的亮度之比不超过此值，即认为画面含有黑色。",
    ))]
    #[schemars(range(min = 0.0, max = 0.99), extend("unit" = "share"))]
    pub most_floor: f64,
    /// The differences of luma between pixels of a row that are two apart are measured. If the difference that only one
    /// in a hundred exceeds is below this value, the picture may be a plain surface, and its contrast can then not be
    /// judged.
    #[schemars(title = "Least outline strength", transform = in_chinese(
        "轮廓强度下限",
        "测量同一行中相距两个像素的两点的亮度差。若只有百分之一的亮度差能超过的那个数值低于此值，画面可能是\
         平坦的表面，其对比度无法判断。",
    ))]
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    pub least_outline: f64,
    /// The picture is washed out if at least this much stray light was added to the camera's usual picture. The light
    /// is measured as a share of the picture's bright parts.
    #[schemars(title = "Stray light limit", transform = in_chinese(
        "杂散光上限",
        "与该摄像机平时的画面相比，新增的杂散光达到此值，即判为发灰。杂散光以占画面亮部的比例计。",
    ))]
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "veil", "side": "above"}))]
    pub most_veil: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            least_transmission: 0.224,
            least_contrast: 0.42,
            least_tile_contrast: 0.26,
            most_floor: 0.4,
            least_outline: 5.0,
            most_veil: 0.2,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Contrast;

impl Plugin for Contrast {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("contrast", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "contrast",
                Text::new("对比度", "Contrast"),
                Text::new(
                    "画面起雾、发灰，没有暗部。夜间画面、天空和平坦墙面不会报警；本来就平淡的画面会被记住。",
                    "The picture is foggy or washed out and has no blacks. Night, sky and plain walls raise \
                     no alarm; a view that always has little contrast is remembered.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Fog and veils remove detail and the far edges. The trained network mistakes a pale picture for a
            // covered one.
            .explains("contrast", &["scene_change", "clarity", "occlusion:learned_odds"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let sight = Sight::of(clip)?;
        let usual = Usual::recall();
        let margins = margins(&sight, &config);
        let own = usual.beside_nature(&margins);
        let thin_fog = own.fog >= 1.0 && usual.has_fog(&sight);
        let veil = usual.veil(&sight);
        let plain = sight.outline < config.least_outline && sight.lower_share > PLAIN;
        if plain && worst_of(&margins) < 1.0 {
            return Err(Failure::Inconclusive(
                "the picture shows hardly any outline: a plain surface and thick fog look alike".into(),
            ));
        }
        let beside = Beside { veil, thin_fog, looks: usual.looks() };
        let finding = judge(&sight, &own, &beside, &config);
        usual.learn(&sight, &margins)?;
        Ok(Report { findings: vec![finding] })
    }
}

/// Returns the ratio of each measurement to its threshold: 1 at the threshold, less than 1 if the picture is
/// worse.
fn margins(sight: &Sight, config: &Config) -> Margins {
    let fog = sight.transmission() / config.least_transmission.max(1e-6);
    // A sky is not fog, and without light there is no fog to see.
    let clear = sight.airlight < LEAST_AIRLIGHT
        || sight.strong_tile > CLEAR_TILES
        || sight.near_detail > CLEAR_NEAR
        || sight.lower_share > DARKER_BELOW;
    let tiles = sight.tiles_left() / config.least_tile_contrast.max(1e-6);
    let tiles = if sight.paint_contrast > PAINT { tiles.max(1.0) } else { tiles };
    let floor = (1.0 - sight.floor) / (1.0 - config.most_floor).max(1e-6);
    Margins {
        fog: if clear { fog.max(1.0) } else { fog },
        contrast: sight.contrast() / config.least_contrast.max(1e-6),
        tiles: tiles.max(floor),
    }
}

fn worst_of(margins: &Margins) -> f64 {
    margins.fog.min(margins.contrast).min(margins.tiles)
}

/// The comparison of the picture with the camera's earlier clips.
struct Beside {
    veil: f64,
    thin_fog: bool,
    looks: usize,
}

fn judge(sight: &Sight, margins: &Margins, beside: &Beside, config: &Config) -> Finding {
    let &Beside { veil, thin_fog, looks } = beside;
    // The cube keeps the scores of clear pictures near 100.
    let cube = sight.transmission().powi(3) / config.least_transmission.powi(3).max(1e-9);
    let by_fog = if thin_fog {
        // Thin fog is never worse than a warning.
        (50.0 * cube / (1.0 + cube)).max(ERROR)
    } else if margins.fog < 1.0 {
        50.0 * margins.fog.powi(3)
    } else {
        (100.0 * cube / (1.0 + cube)).max(50.0 + cube.min(1.0))
    };
    let least = config.least_contrast;
    // The eighth power keeps healthy contrasts near 100, so that the transmission ranks the pictures.
    let by_contrast = if margins.contrast < 1.0 {
        50.0 * margins.contrast
    } else {
        100.0 / (1.0 + margins.contrast.powi(-8))
    };
    let by_veil = score(veil, 0.0, config.most_veil, 1.0);
    let by_usual = veil >= config.most_veil;
    let by_tiles = if margins.tiles < 1.0 { 50.0 * margins.tiles.max(0.0).powi(2) } else { 100.0 };
    let worst = by_fog.min(by_contrast).min(by_tiles).min(by_veil);
    let (seen, metric, threshold) = if margins.fog < 1.0 && margins.contrast >= 1.0 {
        // Fog near the threshold leaves black close to the camera.
        (Seen::Fog, "transmission", config.least_transmission)
    } else if margins.contrast < 1.0 {
        (Seen::Veil, "contrast", least)
    } else if margins.tiles < 1.0 {
        (Seen::Veil, "tile_contrast", config.least_tile_contrast)
    } else if by_usual {
        (Seen::Usual, "veil", config.most_veil)
    } else if thin_fog {
        (Seen::ThinFog, "transmission", config.least_transmission)
    } else {
        (Seen::Fog, "transmission", config.least_transmission)
    };
    let alarm = by_usual || thin_fog || worst_of(margins) < 1.0;
    let finding = finding("contrast")
        .metric("transmission", sight.transmission(), "share")
        .metric("contrast", sight.contrast(), "share")
        .metric("tile_contrast", sight.tiles_left(), "share")
        .metric("floor", sight.floor, "share")
        .metric("veil", veil, "share")
        .metric("haze", sight.haze, "share")
        .metric("far_detail", sight.far_detail, "share")
        .metric("dark", sight.dark, "grey level")
        .metric("bright", sight.bright, "grey level")
        .metric("span", sight.span, "grey level")
        .metric("outline", sight.outline, "grey level")
        .metric("looks", looks as f64, "")
        .decided_by(metric, threshold)
        .score(worst);
    if !alarm {
        return finding.judged(Status::Normal, words::fine()).into();
    }
    let severity = if worst < ERROR { Status::Error } else { Status::Warning };
    words::alarm(finding.judged(severity, seen.message(sight, veil, looks)), seen, sight)
}

easysight_sdk::export!(Contrast);

#[cfg(test)]
mod tests;
