//! Fog, a veil before the lens, washed-out pictures: judged by the contrast that is left far away,
//! and by the darkest and strongest parts of the whole picture.
//!
//! Fog takes the contrast of what is far and keeps black near the camera, so the far half of the picture
//! tells it, by two estimates of the air's transmission (see [`sight`]). A sky looks alike; below it, a
//! healthy picture is rich in contrast. A veil of stray light on lens or window adds the same to every
//! part: no black is left anywhere, and even the strongest contrasts are weak, so Michelson's contrast
//! counts, (bright − dark) / (bright + dark), not the span: a healthy night is narrow and has its blacks.
//! A plain wall has neither; it also has no structure, and there the picture cannot tell.
//!
//! A camera that is known is held against its own looks (see [`usual`]): a thinner veil shows beside
//! them, and a view that is narrow by nature does not alarm for ever.

mod sight;
mod usual;
mod words;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding, score,
};
use serde::Deserialize;

use sight::Sight;
use usual::{Margins, Usual};
use words::Seen;

/// Below this luma of the far half's brightest tile there is no light for fog to scatter: night.
const LEAST_AIRLIGHT: f64 = 60.0;
/// Deviation over mean of the strongest tenth of the tiles from which on the air is clear: under an
/// overcast sky, roofs and trees have that much, and near things in fog have not.
const CLEAR_TILES: f64 = 0.2;
/// Local contrast of the nearest quarter from which on the far half is a sky and no fog.
const CLEAR_NEAR: f64 = 0.055;
/// Fog is as bright as the sky and the ground is darker: the lower half has at most this share of the
/// upper half's luma. A road or a wall that fills the picture is about as bright below as above, with
/// dark cars on it somewhat less (.93); dense fog that leaves hardly anything but the nearest trees has .8.
const DARKER_BELOW: f64 = 0.87;
/// The same where hardly any outline is to be seen: walls are lit from above, too.
const PLAIN: f64 = 0.8;
/// White paint on asphalt has at least this Michelson contrast: a road that shows it has no veil over it.
const PAINT: f64 = 0.35;
/// Below this score next to nothing is to be seen.
const ERROR: f64 = 25.0;

/// When a picture lacks contrast.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Least share of the far parts' contrast that comes through the air: about 1 on a clear day. Less
    /// is fog. On the cameras of validation the default calls one clear picture in a hundred fog, of
    /// those whose far half low cloud hides, and tells all fog below 500 m of visibility.
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub least_transmission: f64,
    /// Least contrast (bright − dark) / (bright + dark) of a healthy picture: 0 for an even grey, 1 where
    /// there is black.
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub least_contrast: f64,
    /// The same within tiles, of the strongest tenth of them. A picture is washed out where less is left
    /// and its darkest tiles are brighter than `most_floor`.
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub least_tile_contrast: f64,
    /// Luma of the darkest tiles, as a share of the brightest, up to which a picture has its blacks.
    #[schemars(range(min = 0.0, max = 0.99), extend("unit" = "share"))]
    pub most_floor: f64,
    /// A picture whose strongest outlines (the strongest hundredth) rise by less than this is a plain
    /// surface, and its contrast tells nothing.
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    pub least_outline: f64,
    /// Stray light over what the camera usually shows, as a share of its bright parts, from which on a
    /// picture is washed out.
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
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
                    "The picture is foggy or washed out and has no blacks. Night, sky and plain walls pass; a \
                     view that is narrow by nature is remembered.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Fog and veils take detail and the far edges with them; to a network a picture without any looks
            // covered.
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

/// How far a picture lies from each threshold: 1 at the threshold, less beyond it.
fn margins(sight: &Sight, config: &Config) -> Margins {
    let fog = sight.transmission() / config.least_transmission.max(1e-6);
    // The sky is no fog, and where there is no light there is none to scatter.
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

/// What the camera's looks say of the present one.
struct Beside {
    veil: f64,
    thin_fog: bool,
    looks: usize,
}

fn judge(sight: &Sight, margins: &Margins, beside: &Beside, config: &Config) -> Finding {
    let &Beside { veil, thin_fog, looks } = beside;
    // A transmission is a share of a share: its cube keeps clear pictures near 100 and apart.
    let cube = sight.transmission().powi(3) / config.least_transmission.powi(3).max(1e-9);
    let by_fog = if thin_fog {
        // Thin: never worse than a warning.
        (50.0 * cube / (1.0 + cube)).max(ERROR)
    } else if margins.fog < 1.0 {
        50.0 * margins.fog.powi(3)
    } else {
        (100.0 * cube / (1.0 + cube)).max(50.0 + cube.min(1.0))
    };
    let least = config.least_contrast;
    // Its eighth power leaves healthy contrasts near 100, where the transmission ranks.
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
        // Black is left near the camera.
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
