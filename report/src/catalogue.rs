//! All recipes of cases that are made from one healthy clip, with the findings that the diagnoses must and may
//! report.

mod air;
mod boards;
mod confounders;
mod covers;
mod faults;
mod glass;
mod sensors;
mod streams;
mod times;

use serde::Serialize;

use crate::{
    damage::Damage,
    effect::{
        Physics, Step,
        balance::Balance,
        exposure::Exposure,
        grain::Noise,
        tone::Tone,
        traffic::{Headlights, Rain},
    },
    ffmpeg::Encoding,
    manifest::{Role, Severity},
};

/// The severities, in the order of a recipe's steps.
const SEVERITIES: [Severity; 3] = [Severity::Mild, Severity::Middle, Severity::Strong];

/// An encoder before the last one: the encoder of a camera whose stream a recorder encodes again, or the encoder
/// of a smaller stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Via {
    /// The options of the encoder.
    pub encoding: Encoding,
    /// The width and height of its stream, as a share of the clip's width and height.
    pub share: f32,
    /// The scaler that ffmpeg uses to enlarge the stream again.
    pub scaler: &'static str,
}

/// A kind of fault, and the diagnoses that must or may find it.
#[derive(Clone, Copy)]
struct Told {
    kind: &'static str,
    /// Diagnoses that must find the fault. One of them is enough to count the kind of the fault as found.
    must: &'static [&'static str],
    may: &'static [&'static str],
}

impl Told {
    /// Makes one recipe for each severity.
    fn graded(self, variant: &str, steps: [Vec<Step>; 3]) -> Vec<Recipe> {
        let pairs = SEVERITIES.into_iter().zip(steps);
        pairs.map(|(severity, steps)| self.one(variant, severity, steps)).collect()
    }

    /// Makes one recipe for each severity. `strengths` has one kind of [`Physics`] in three strengths.
    fn by(self, maker: &str, strengths: [impl Physics + 'static; 3]) -> Vec<Recipe> {
        self.graded(maker, strengths.map(|physics| vec![Step::of(physics)]))
    }

    /// Makes one recipe. The maker has the same name as the variant.
    fn one(self, variant: &str, severity: Severity, steps: Vec<Step>) -> Recipe {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Recipe {
            severity: Some(severity),
            maker: variant.to_owned(),
            must: words(self.must),
            may: words(self.may),
            ..Recipe::new(Role::Fault, self.kind, variant, steps)
        }
    }
}

/// A recipe for one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The purpose of the case.
    pub role: Role,
    /// The kind of change.
    pub kind: String,
    /// The variant of this kind.
    pub variant: String,
    /// The maker of the fault: the name of one way to make it, such as `disk` for one shape of blur. The name
    /// determines the set of cases (see `Set::of_maker`). Empty if there is no fault.
    pub maker: String,
    /// The severity of the fault.
    pub severity: Option<Severity>,
    /// The changes to the frames, in this order.
    pub steps: Vec<Step>,
    /// The width to which the clip is scaled first. None keeps the clip's own width.
    pub width: Option<usize>,
    /// The frames per second that are kept. None keeps all frames.
    pub rate: Option<u32>,
    /// The encoding before the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// The last encoding.
    pub encoding: Encoding,
    /// The damage to the encoded stream.
    pub damage: Option<Damage>,
    /// True if the decoded picture of the damaged stream is encoded again: the damage is visible, but the stream
    /// is valid.
    pub recorded: bool,
    /// Diagnoses that must find a fault.
    pub must: Vec<String>,
    /// Diagnoses that may also find a fault.
    pub may: Vec<String>,
    /// The steps of earlier healthy clips of the same camera. None if these clips are made like the healthy case.
    pub before: Option<Vec<Step>>,
    /// The number of the camera's earlier check. None for the case itself. A camera never sends the same clip
    /// twice: at each check other objects pass, and the sensor's noise differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take: Option<u8>,
}

impl Recipe {
    fn new(role: Role, kind: &str, variant: &str, steps: Vec<Step>) -> Self {
        Self {
            role,
            kind: kind.to_owned(),
            variant: variant.to_owned(),
            maker: String::new(),
            severity: None,
            steps,
            width: None,
            rate: None,
            via: None,
            encoding: Encoding::h264(20, 0),
            damage: None,
            recorded: false,
            must: Vec::new(),
            may: Vec::new(),
            before: None,
            take: None,
        }
    }

    /// True if nothing moves, from the first frame on.
    #[must_use]
    pub fn is_motionless(&self) -> bool {
        self.steps.iter().any(Step::is_motionless)
    }

    fn encoded(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }
}

/// Returns the recipe of an unchanged clip.
#[must_use]
pub fn healthy() -> Recipe {
    Recipe::new(Role::Healthy, "healthy", "", Vec::new())
}

/// Returns the light and weather of an earlier check of a camera: unchanged, cloud, rain, sun, warm evening, night
/// with noise, headlights, and unchanged again.
#[must_use]
pub fn light_of_take(take: u8) -> Vec<Step> {
    match take {
        2 => vec![Step::of(Exposure::Stops(0.6))],
        3 => vec![Step::of(Exposure::Stops(0.3)), Step::of(Rain)],
        4 => vec![Step::of(Exposure::Stops(-0.4))],
        5 => vec![Step::of(Exposure::Stops(0.8)), Step::of(Balance::Kelvin(5000.0))],
        6 => vec![Step::of(Tone::Night(100.0)), Step::of(Noise(2.0))],
        7 => vec![Step::of(Tone::Night(105.0)), Step::of(Headlights)],
        _ => Vec::new(),
    }
}

/// Returns all recipes.
#[must_use]
pub fn all() -> Vec<Recipe> {
    let mut recipes = vec![healthy()];
    recipes.extend(faults::all());
    recipes.extend([air::all(), glass::all(), covers::all(), sensors::all()].concat());
    recipes.extend([streams::all(), times::all(), boards::all()].concat());
    recipes.extend(confounders::all());
    // Some cameras send B-frames, and others do not. Every third recipe has B-frames.
    for recipe in recipes.iter_mut().skip(1).step_by(3) {
        if recipe.encoding == Encoding::h264(20, 0) {
            recipe.encoding = Encoding::h264(20, 2);
        }
    }
    recipes
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn every_fault_must_be_found_by_somebody_and_nothing_else_by_anybody() {
        for recipe in all() {
            let title = format!("{} {} {:?}", recipe.kind, recipe.variant, recipe.severity);
            let is_fault = recipe.role == Role::Fault;
            assert_eq!(is_fault, !recipe.must.is_empty(), "{title}");
            assert_eq!(is_fault, recipe.severity.is_some(), "{title}");
            assert!(recipe.must.iter().all(|id| !recipe.may.contains(id)), "{title}");
        }
    }

    #[test]
    fn every_fault_has_a_maker_and_nothing_else_has_one() {
        for recipe in all() {
            let title = format!("{} {}", recipe.kind, recipe.variant);
            assert_eq!(recipe.role == Role::Fault, !recipe.maker.is_empty(), "{title}");
        }
    }

    #[test]
    fn every_kind_that_is_found_in_one_look_has_three_makers_besides_the_first() {
        let mut makers: HashMap<String, HashSet<String>> = HashMap::new();
        for recipe in all().into_iter().filter(|recipe| !recipe.maker.starts_with("first_")) {
            for diagnosis in recipe.must {
                makers.entry(diagnosis).or_default().insert(recipe.maker.clone());
            }
        }
        for (diagnosis, makers) in makers {
            assert!(makers.len() >= 3, "{diagnosis}: {makers:?}");
        }
    }

    #[test]
    fn no_two_recipes_have_one_name() {
        let names = all().into_iter().map(|recipe| (recipe.kind, recipe.variant, recipe.severity));
        let mut seen = HashSet::new();
        for name in names {
            assert!(seen.insert(name.clone()), "{name:?}");
        }
    }
}
