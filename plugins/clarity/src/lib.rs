//! Unsharp pictures, judged by how steep their edges are: `clarity` and `focus_blur`.
//!
//! Both rest on one measurement, the radius of the blur that would make a step as soft as the
//! picture's edges are. `clarity` asks for the picture as a whole: half of it is softer than it should
//! be, for whatever reason: lens, compression, smear. `focus_blur` asks whether even the sharpest quarter
//! is soft, which leaves the optics: a background out of focus behind a sharp person, or a dirty part of
//! the lens, is none. Fog takes contrast from edges and leaves them steep; motion spreads edges one way
//! only; noise makes them steeper. None of the three is taken for blur.

mod radius;
mod sharpness;

use easysight_sdk::{
    Clip, Description, Failure, Finding, FindingBuilder, JsonSchema, Plugin, Report, Status, Text,
    descriptor, finding, score,
};
use serde::Deserialize;

use sharpness::{Sharpness, measure};

/// Radius below which a picture is as sharp as pictures are, and no score tells it apart.
const SHARP: f64 = 0.3;
/// So many times the threshold scores 0: lettering as tall as a 20th of the picture is no longer read.
const WORST: f64 = 4.0;
/// So many times the threshold is an error rather than a warning: faces and number plates are lost.
const ERROR: f64 = 1.75;

/// When a picture counts as unsharp. Radii are those of the Gaussian blur that would make a step as
/// soft, in pixels of a picture 640 wide.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// `clarity`: half of the picture may be as soft as this. Healthy cameras reach 0.77, those a little out of
    /// focus (a Gaussian of 1.5 px in a picture 640 wide) begin at 1.3.
    #[schemars(range(min = 0.4, max = 6.0), extend("unit" = "px"))]
    pub most_typical_radius: f64,
    /// `focus_blur`: the sharpest quarter of the picture may be as soft as this; 0.71 and 1.2 likewise.
    #[schemars(range(min = 0.4, max = 6.0), extend("unit" = "px"))]
    pub most_sharpest_radius: f64,
    /// Edges of less contrast than this are not looked at.
    #[schemars(range(min = 10.0, max = 200.0), extend("unit" = "grey level"))]
    pub least_contrast: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_typical_radius: 1.02, most_sharpest_radius: 0.94, least_contrast: 34.0 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Clarity;

impl Plugin for Clarity {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("clarity", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "clarity",
                Text::new("清晰度", "Clarity"),
                Text::new(
                    "画面整体模糊,细节丢失,不论原因。雾、噪声和平坦画面不会报警。",
                    "The picture as a whole lacks detail, whatever the reason. Fog, noise and plain surfaces \
                     pass.",
                ),
            )
            .diagnosis(
                "focus_blur",
                Text::new("虚焦", "Focus"),
                Text::new(
                    "镜头失焦:画面最清晰的部分也是模糊的。运动模糊和背景虚化不会报警。",
                    "The lens is out of focus: even the sharpest parts of the picture are soft. Motion blur \
                     and a soft background pass.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Defocus spreads each edge: less detail, less contrast, known edges are not found again. A
            // clock that goes with them was drawn before what blurs the picture.
            .explains("focus_blur", &["scene_change", "lens_dirty", "contrast", "clarity", "clock"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let sharpness = measure(clip, config.least_contrast)?;
        Ok(Report { findings: vec![clarity(&sharpness, &config), focus(&sharpness, &config)] })
    }
}

fn measured(diagnosis: &str, sharpness: &Sharpness) -> FindingBuilder {
    finding(diagnosis)
        .metric("typical_radius", sharpness.typical, "px")
        .metric("sharpest_radius", sharpness.sharpest, "px")
        .metric("tiles", sharpness.tiles as f64, "")
}

fn rated(finding: FindingBuilder, metric: &str, radius: f64, most: f64) -> FindingBuilder {
    finding.decided_by(metric, most).score(score(radius, SHARP.min(most / 2.0), most, WORST * most))
}

fn severity(radius: f64, most: f64) -> Status {
    if radius > ERROR * most { Status::Error } else { Status::Warning }
}

fn clarity(sharpness: &Sharpness, config: &Config) -> Finding {
    let (radius, most) = (sharpness.typical, config.most_typical_radius);
    let finding = rated(measured("clarity", sharpness), "typical_radius", radius, most);
    if radius <= most {
        return finding.judged(Status::Normal, Text::new("画面清晰。", "The picture is clear.")).into();
    }
    let unsharp = finding
        .judged(
            severity(radius, most),
            Text::new(
                format!("画面模糊:多数边缘的模糊半径达 {radius:.1} 像素(按 640 像素宽计)。"),
                format!(
                    "The picture is unclear: most edges are smeared over a radius of {radius:.1} px of 640."
                ),
            ),
        )
        .suggest(Text::new(
            "清洁并重新对焦镜头;检查码率、分辨率和降噪强度设置。",
            "Clean and refocus the lens; check bit rate, resolution and the strength of noise reduction.",
        ));
    sharpness
        .soft_parts(most, &Text::new("此处模糊", "Soft here"))
        .into_iter()
        .fold(unsharp, FindingBuilder::region)
        .into()
}

fn focus(sharpness: &Sharpness, config: &Config) -> Finding {
    let (radius, most) = (sharpness.sharpest, config.most_sharpest_radius);
    let finding = rated(measured("focus_blur", sharpness), "sharpest_radius", radius, most);
    if radius <= most {
        return finding.judged(Status::Normal, Text::new("对焦正常。", "The focus is fine.")).into();
    }
    finding
        .judged(
            severity(radius, most),
            Text::new(
                format!("镜头失焦:最清晰部分的模糊半径也达 {radius:.1} 像素(按 640 像素宽计)。"),
                format!(
                    "The lens is out of focus: even the sharpest parts are smeared over a radius of \
                     {radius:.1} px of 640."
                ),
            ),
        )
        .suggest(Text::new(
            "重新对焦并锁紧镜头;检查自动对焦、镜头起雾和护罩。",
            "Refocus the lens and lock it; check autofocus, a fogged lens and the housing's window.",
        ))
        .into()
}

easysight_sdk::export!(Clarity);

#[cfg(test)]
mod tests;
