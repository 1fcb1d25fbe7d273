//! Unsharp pictures: the diagnoses `clarity` and `focus_blur`, which measure the steepness of the picture's edges.
//!
//! The two diagnoses use the same measurement: the radius of the Gaussian blur that would make a step as soft as the
//! picture's edges. In each window of 12 × 12 samples, the steepest rise between two samples that are two apart is
//! divided by the window's range (the brightest sample minus the darkest). The inverse of the error function converts
//! this ratio to the radius (see [`radius`]). `clarity` judges the picture as a whole: it raises an alarm if half of
//! the picture is too soft, whether the lens, compression or smear is the reason. `focus_blur` raises an alarm if even
//! the sharpest quarter is soft, which only the optics can cause. A background out of focus behind a sharp person, or a
//! dirty part of the lens, does not raise this alarm.
//!
//! Fog, motion and noise do not count as blur: fog reduces the contrast of edges and leaves them steep, motion spreads
//! edges in one direction only, and noise makes edges steeper. A slight blur is within the variation between cameras,
//! so the plugin compares each part of the picture with the usual sharpness for this camera, or with the beginning of
//! the clip.

mod radius;
mod sharpness;
mod usual;

use easysight_sdk::{
    Clip, Description, Failure, Finding, FindingBuilder, JsonSchema, Plugin, Report, Status, Text,
    baseline::{self, Light},
    descriptor, finding, in_chinese, score,
};
use serde::Deserialize;

use sharpness::{Sharpness, measure};
use usual::{Seen, Usual};

/// The radius below which a picture is as sharp as healthy pictures are, so that the score is 100.
const SHARP: f64 = 0.3;
/// The multiple of the threshold that scores 0. At this blur, lettering with the height of a 20th of the picture is
/// unreadable.
const WORST: f64 = 4.0;
/// The multiple of the threshold above which the finding is an error, not a warning. At this blur, faces and
/// number plates are unrecognisable.
const ERROR: f64 = 1.75;

/// The thresholds above which a picture counts as unsharp. All radii are those of the Gaussian blur that would make a
/// step as soft as the picture's edges, in pixels of a picture 640 pixels wide.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// For `clarity`: at least half of the picture must have a blur radius of at most this value. If the sharpest
    /// quarter is much sharper than the rest, the measured radius is first reduced by up to 0.65. Two of a thousand
    /// clips of healthy cameras, including clips in fog, exceed 0.97.
    #[schemars(title = "Overall blur limit", transform = in_chinese(
        "整体模糊上限",
        "用于“清晰度”：至少一半画面的模糊半径不得超过此值。若最清晰的四分之一远比其余部分清晰，测得的半径先\
         减去至多 0.65。正常摄像机的片段（包括雾中的片段）每一千段中有两段超过 0.97。",
    ))]
    #[schemars(range(min = 0.4, max = 6.0), extend("unit" = "px"))]
    #[schemars(extend("limits" = {"metric": "unclear_radius", "side": "above", "diagnosis": "clarity"}))]
    pub most_typical_radius: f64,
    /// For `focus_blur`: the largest blur radius allowed in the sharpest quarter of the picture. Two of a thousand
    /// clips of healthy cameras exceed 0.88.
    #[schemars(title = "Focus blur limit", transform = in_chinese(
        "最清晰处模糊上限",
        "用于“虚焦”：画面最清晰的四分之一允许的最大模糊半径。正常摄像机的片段每一千段中有两段超过 0.88。",
    ))]
    #[schemars(range(min = 0.4, max = 6.0), extend("unit" = "px"))]
    #[schemars(extend("limits" = {"metric": "sharpest_radius", "side": "above", "diagnosis": "focus_blur"}))]
    pub most_sharpest_radius: f64,
    /// For `clarity` and `focus_blur`: the picture is unsharp if blur of more than this radius was added in at least
    /// three quarters of its parts. Each part is compared with its usual radius for this camera, or with the beginning
    /// of the clip. Rain, night and traffic add 0.15 in one clip of two hundred.
    #[schemars(title = "Added blur limit", transform = in_chinese(
        "新增模糊上限",
        "用于“清晰度”和“虚焦”：画面至少四分之三的区域新增的模糊半径超过此值，即判为模糊。每个区域与其在该摄\
         像机上平时的半径比较，或与片段开头比较。雨、夜间和车流造成的新增模糊，每两百段中有一段达到 0.15。",
    ))]
    #[schemars(range(min = 0.2, max = 6.0), extend("unit" = "px"))]
    #[schemars(extend("limits" = {"metric": "added_radius", "side": "above"}))]
    pub most_added_radius: f64,
    /// For `clarity`: the same limit for one half of the picture (left, right, upper or lower). It is exceeded if blur
    /// of more than this radius was added in at least three quarters of the parts of this half. Rain, night and traffic
    /// add 0.43 in one clip of two hundred.
    #[schemars(title = "Half-picture blur limit", transform = in_chinese(
        "半幅新增模糊上限",
        "用于“清晰度”：同样的限值，针对画面的一半（左、右、上或下）。这一半中至少四分之三的区域新增的模糊半\
         径超过此值，即为超限。雨、夜间和车流造成的新增模糊，每两百段中有一段达到 0.43。",
    ))]
    #[schemars(range(min = 0.2, max = 6.0), extend("unit" = "px"))]
    #[schemars(extend("limits" = {"metric": "added_in_half", "side": "above", "diagnosis": "clarity"}))]
    pub most_added_in_half: f64,
    /// The lowest contrast of an edge. Edges with less contrast are ignored.
    #[schemars(title = "Least edge contrast", transform = in_chinese(
        "边缘对比度下限",
        "边缘的最低对比度。对比度更低的边缘忽略不计。",
    ))]
    #[schemars(range(min = 10.0, max = 200.0), extend("unit" = "grey level"))]
    pub least_contrast: f64,
    /// True to remember how sharp this camera's picture usually is, and to compare each clip with that.
    #[schemars(title = "Remember usual sharpness", transform = in_chinese(
        "记住平时的清晰度",
        "开启后，记住该摄像机的画面平时有多清晰，并将每段视频与之比较。",
    ))]
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            most_typical_radius: 0.97,
            most_sharpest_radius: 0.88,
            most_added_radius: 0.44,
            most_added_in_half: 0.52,
            least_contrast: 34.0,
            use_baseline: true,
        }
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
                    "画面整体模糊，细节丢失，不论原因。雾、噪声和平坦画面不会报警。",
                    "The picture as a whole lacks detail, for any reason. Fog, noise and plain surfaces \
                     raise no alarm.",
                ),
            )
            .diagnosis(
                "focus_blur",
                Text::new("虚焦", "Focus"),
                Text::new(
                    "镜头失焦：画面最清晰的部分也是模糊的。运动模糊和背景虚化不会报警。",
                    "The lens is out of focus: even the sharpest parts of the picture are soft. Motion blur \
                     and a soft background raise no alarm.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Defocus spreads each edge, which causes less detail, less contrast, and known edges that are not found
            // again. The lens cannot blur the clock, which is drawn over its picture. If the clock is unreadable too,
            // the picture was blurred after the clock was drawn.
            // The trained network of `occlusion` mistakes a picture that is far out of focus for an object in front of
            // the lens.
            .explains(
                "focus_blur",
                &["scene_change", "lens_dirty", "contrast", "clarity", "clock", "occlusion:learned_odds"],
            )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let sharpness = measure(clip, config.least_contrast)?;
        let light = Light::of(clip)?;
        let mut seen = if config.use_baseline { baseline::load::<Seen>() } else { None }.unwrap_or_default();
        let usual = seen.0.of(light).first().cloned().unwrap_or_default();
        let change = Change::of(&sharpness, &usual);
        let findings = vec![clarity(&sharpness, &change, &config), focus(&sharpness, &change, &config)];
        let is_added = change.radius > config.most_added_radius || change.half > config.most_added_in_half;
        if config.use_baseline && !is_added {
            let soft = sharpness.unclear() > config.most_typical_radius;
            seen.0.keep(light, Some(0), usual.with(&sharpness, soft), 1);
            baseline::store(&seen).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(Report { findings })
    }
}

/// The blur that was added within the clip or since earlier clips.
struct Change {
    /// The radius over the whole picture.
    radius: f64,
    /// The radius over the half with the most added blur.
    half: f64,
    /// The number of earlier clips with which the picture is compared. 0 if the blur appeared within the clip.
    looks: u16,
    /// True if the camera is always soft. In this case, the softness of a single picture is no fault.
    by_nature: bool,
}

impl Change {
    fn of(sharpness: &Sharpness, usual: &Usual) -> Self {
        let within = sharpness.since_the_beginning.unwrap_or_default();
        match usual.added(sharpness) {
            Some(added) if added.whole.max(added.half) >= within.whole.max(within.half) => {
                Self { radius: added.whole, half: added.half, looks: usual.looks, by_nature: usual.is_soft() }
            }
            _ => Self { radius: within.whole, half: within.half, looks: 0, by_nature: usual.is_soft() },
        }
    }

    fn message_of_half(&self) -> Text {
        let Self { half, looks, .. } = self;
        let (chinese, english) = if *looks == 0 {
            ("片段开头".to_owned(), "the beginning of the clip".to_owned())
        } else {
            (format!("此前 {looks} 次画面"), format!("{looks} earlier checks"))
        };
        Text::new(
            format!(
                "画面有一半变模糊：与{chinese}相比，又模糊了约 {half:.1} 像素（按 640 像素宽计），另一半照旧。"
            ),
            format!(
                "One half of the picture became blurred: compared with {english}, its blur radius grew by \
                 {half:.1} px (in a picture 640 px wide). The other half did not change."
            ),
        )
    }

    fn message(&self) -> Text {
        let Self { radius, looks, .. } = self;
        if *looks == 0 {
            Text::new(
                format!(
                    "镜头在录像过程中失焦：与片段开头相比，画面各处又模糊了约 {radius:.1} 像素（按 640 像素宽计）。"
                ),
                format!(
                    "The lens went out of focus within this clip: compared with its beginning, the blur \
                     radius grew by {radius:.1} px (in a picture 640 px wide)."
                ),
            )
        } else {
            Text::new(
                format!(
                    "画面比平时模糊：与此前 {looks} 次画面相比，画面各处又模糊了约 {radius:.1} 像素（按 640 像素宽计）。"
                ),
                format!(
                    "The picture is softer than usual: compared with {looks} earlier checks, the blur radius \
                     grew by {radius:.1} px (in a picture 640 px wide)."
                ),
            )
        }
    }
}

fn measured(diagnosis: &str, sharpness: &Sharpness, change: &Change) -> FindingBuilder {
    finding(diagnosis)
        .metric("typical_radius", sharpness.typical, "px")
        .metric("sharpest_radius", sharpness.sharpest, "px")
        .metric("added_radius", change.radius, "px")
        .metric("added_in_half", change.half, "px")
        .metric("looks", change.looks.into(), "")
        .metric("tiles", sharpness.tiles as f64, "")
}

/// A value that can decide: a radius of this picture alone, or a radius added to what is usual.
struct Decision {
    metric: &'static str,
    radius: f64,
    most: f64,
}

impl Decision {
    /// Returns the decision that exceeds its limit by the largest factor.
    fn worst(decisions: impl IntoIterator<Item = Self>) -> Self {
        let ratio = |decision: &Self| decision.radius / decision.most;
        let worst = decisions.into_iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        worst.unwrap_or(Self { metric: "added_radius", radius: 0.0, most: 1.0 })
    }

    /// Decides by this picture alone. If the camera is always soft, the radius counts as at most the limit.
    fn alone(metric: &'static str, radius: f64, most: f64, change: &Change) -> Self {
        Self { metric, radius: if change.by_nature { radius.min(most) } else { radius }, most }
    }

    fn added(change: &Change, config: &Config) -> Self {
        Self { metric: "added_radius", radius: change.radius, most: config.most_added_radius }
    }

    fn in_half(change: &Change, config: &Config) -> Self {
        Self { metric: "added_in_half", radius: change.half, most: config.most_added_in_half }
    }

    fn rated(&self, finding: FindingBuilder) -> FindingBuilder {
        let score = score(self.radius, SHARP.min(self.most / 2.0), self.most, WORST * self.most);
        finding.decided_by(self.metric, self.most).score(score)
    }

    fn is_soft(&self) -> bool {
        self.radius > self.most
    }

    fn is_added(&self) -> bool {
        self.metric.starts_with("added")
    }

    fn severity(&self) -> Status {
        if self.radius > ERROR * self.most { Status::Error } else { Status::Warning }
    }
}

fn clarity(sharpness: &Sharpness, change: &Change, config: &Config) -> Finding {
    let (radius, most) = (sharpness.unclear(), config.most_typical_radius);
    let alone = Decision::alone("unclear_radius", radius, most, change);
    let decision =
        Decision::worst([Decision::in_half(change, config), Decision::added(change, config), alone]);
    let finding = measured("clarity", sharpness, change).metric("unclear_radius", radius, "px");
    let finding = decision.rated(finding);
    if !decision.is_soft() {
        return finding.judged(Status::Normal, Text::new("画面清晰。", "The picture is clear.")).into();
    }
    let message = if decision.metric == "added_in_half" {
        change.message_of_half()
    } else if decision.is_added() {
        change.message()
    } else {
        Text::new(
            format!(
                "画面模糊：多数边缘的模糊半径达 {radius:.1} 像素（按 640 像素宽计，仅凭这一次画面判断）。"
            ),
            format!(
                "The picture is blurred: most edges have a blur radius of {radius:.1} px (in a picture 640 \
                 px wide, judged by this picture alone)."
            ),
        )
    };
    let unsharp = finding.judged(decision.severity(), message).suggest(Text::new(
        "清洁并重新对焦镜头；检查码率、分辨率和降噪强度设置。",
        "Clean and refocus the lens; check bit rate, resolution and the strength of noise reduction.",
    ));
    sharpness
        .soft_parts(most, &Text::new("此处模糊", "Blurred here"))
        .into_iter()
        .fold(unsharp, FindingBuilder::region)
        .into()
}

fn focus(sharpness: &Sharpness, change: &Change, config: &Config) -> Finding {
    let (radius, most) = (sharpness.sharpest, config.most_sharpest_radius);
    let alone = Decision::alone("sharpest_radius", radius, most, change);
    let decision = Decision::worst([Decision::added(change, config), alone]);
    let finding = decision.rated(measured("focus_blur", sharpness, change));
    if !decision.is_soft() {
        return finding.judged(Status::Normal, Text::new("对焦正常。", "The focus is fine.")).into();
    }
    let message = if decision.is_added() {
        change.message()
    } else {
        Text::new(
            format!(
                "镜头失焦：最清晰部分的模糊半径也达 {radius:.1} 像素（按 640 像素宽计，仅凭这一次画面判断）。"
            ),
            format!(
                "The lens is out of focus: even the sharpest parts have a blur radius of {radius:.1} px (in \
                 a picture 640 px wide, judged by this picture alone)."
            ),
        )
    };
    finding
        .judged(decision.severity(), message)
        .suggest(Text::new(
            "重新对焦并锁紧镜头；检查自动对焦、镜头起雾和护罩。",
            "Refocus the lens and lock it; check autofocus, a fogged lens and the housing's window.",
        ))
        .into()
}

easysight_sdk::export!(Clarity);

#[cfg(test)]
mod tests;
