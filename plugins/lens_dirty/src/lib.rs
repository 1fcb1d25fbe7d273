//! Dust and drops on the lens or its window: soft round spots that stand still in a sharp picture.
//!
//! A single clip cannot tell a soft spot of the scene (a lamp's glow on a wall, a shadow) from one on
//! the lens. So a few small ones pass, and with a baseline those that have been there from the
//! beginning.

mod field;
mod spot;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Region, Report, Status, Text,
    baseline::{self, Light, References, Remembered},
    descriptor, finding,
};
use serde::{Deserialize, Serialize};

use field::Field;
use spot::{Spot, spots};

/// Stretch of the clip that is asked for: dirt stands still in it.
const SPAN_MS: u32 = 2_400;
/// Time between its frames.
const INTERVAL_MS: u32 = 800;
/// Where nine tenths of the picture are darker than this, in grey levels, nothing can be told.
const DARK: f32 = 36.0;
/// A picture with fewer crisp tiles than this share is unsharp as a whole.
const LEAST_CRISP: f32 = 0.02;
/// Spots that are marked in the picture.
const MOST_MARKED: usize = 12;

/// When a lens counts as dirty.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Share of the picture that soft spots may take. Shadows and glows of healthy scenes take up to
    /// 0.11 of it, so by default only heavy dirt is found; a scene without them can do with 0.02.
    #[schemars(range(min = 0.005, max = 0.5), extend("unit" = "share"))]
    pub max_spotted_share: f64,
    /// Leave out spots that were there when the camera was first seen.
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_spotted_share: 0.2, use_baseline: true }
    }
}

/// Spots that belong to the scene: each its middle and radius in tiles.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Scene(Vec<(u16, u16, u16)>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen(References<Scene>);

impl Remembered for Seen {
    const LAYOUT: u16 = 1;
}

impl Scene {
    fn of(spots: &[Spot]) -> Self {
        Self(spots.iter().map(|spot| (spot.x as u16, spot.y as u16, spot.radius.ceil() as u16)).collect())
    }

    /// Whether a spot lies where one was before.
    fn holds(&self, spot: &Spot) -> bool {
        self.0.iter().any(|&(x, y, radius)| {
            (spot.x - f32::from(x)).hypot(spot.y - f32::from(y)) <= spot.radius.max(f32::from(radius))
        })
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
                    "镜头上的灰尘、水滴:清晰画面中静止不动的模糊斑点。均匀的薄雾状污渍和很细的蛛网不在此列。",
                    "Dust and drops on the lens: soft spots that stand still in a sharp picture. An even \
                     film and fine cobwebs are not found.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let field = Field::of(clip)?;
        let mut means = field.mean.clone();
        means.sort_by(f32::total_cmp);
        if means.get(means.len() * 9 / 10).is_none_or(|&bright| bright < DARK) {
            return Err(Failure::Inconclusive("the picture is too dark to see dirt".into()));
        }
        let crisp = field.crisp.iter().filter(|&&crisp| crisp).count() as f32;
        if crisp < LEAST_CRISP * field.crisp.len() as f32 {
            return Err(Failure::Inconclusive(
                "the picture has hardly a sharp edge: soft spots would not stand out".into(),
            ));
        }
        let all = spots(&field);
        let light = Light::of(clip)?;
        let seen = if config.use_baseline { baseline::load::<Seen>() } else { None };
        let known = seen.as_ref().and_then(|seen| seen.0.of(light).first());
        let spots: Vec<Spot> =
            all.iter().filter(|spot| known.is_none_or(|scene| !scene.holds(spot))).copied().collect();
        let area: f32 = spots.iter().map(|spot| std::f32::consts::PI * spot.radius * spot.radius).sum();
        let share = f64::from((area / field.mean.len() as f32).min(1.0));
        // Only a lens that was clean at the first look tells what belongs to the scene.
        if config.use_baseline && known.is_none() && share <= config.max_spotted_share {
            let mut seen = seen.unwrap_or_default();
            seen.0.keep(light, None, Scene::of(&all), 1);
            baseline::store(&seen).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(report(&field, &spots, share, &config))
    }
}

fn report(field: &Field, spots: &[Spot], share: f64, config: &Config) -> Report {
    let threshold = config.max_spotted_share;
    let score = if share <= threshold {
        100.0 - 50.0 * share / threshold
    } else {
        // The worst: five times as much.
        50.0 * (1.0 - (share - threshold) / (4.0 * threshold))
    };
    let mut finding = finding("lens_dirty")
        .metric("spotted_share", share, "share")
        .metric("spots", spots.len() as f64, "")
        .decided_by("spotted_share", threshold)
        .score(score);
    if share <= threshold {
        return finding.judged(Status::Normal, Text::new("镜头干净。", "The lens is clean.")).into();
    }
    let (columns, rows) = (field.columns as f32, field.rows as f32);
    for spot in spots.iter().take(MOST_MARKED) {
        let left = (spot.x - spot.radius).max(0.0) / columns;
        let top = (spot.y - spot.radius).max(0.0) / rows;
        finding = finding.region(Region {
            left,
            top,
            width: (2.0 * spot.radius / columns).min(1.0 - left),
            height: (2.0 * spot.radius / rows).min(1.0 - top),
            caption: Text::new("模糊斑点", "soft spot"),
        });
    }
    finding
        .judged(
            Status::Warning,
            Text::new(
                format!("镜头疑似脏污:{} 处静止的模糊斑点,占画面 {:.0}%。", spots.len(), 100.0 * share),
                format!(
                    "The lens seems dirty: {} soft spots that stand still take {:.0} % of the picture.",
                    spots.len(),
                    100.0 * share
                ),
            ),
        )
        .suggest(Text::new(
            "清洁镜头和护罩玻璃,查看是否有灰尘、水滴、油污或昆虫。",
            "Clean the lens and the window of its housing; look for dust, drops, grease and insects.",
        ))
        .into()
}

easysight_sdk::export!(LensDirty);

#[cfg(test)]
mod tests;
