//! Everything that is made of one healthy clip, and what the diagnoses have to say of it.

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

/// Severities in the order of a recipe's steps.
const SEVERITIES: [Severity; 3] = [Severity::Mild, Severity::Middle, Severity::Strong];

/// An encoder before the last one: a camera's, where a recorder encodes again, or that of a smaller stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Via {
    /// How it encodes.
    pub encoding: Encoding,
    /// Width and height of its stream beside the clip's.
    pub share: f32,
    /// How ffmpeg makes it larger again.
    pub scaler: &'static str,
}

/// What has to be said of a kind of fault.
#[derive(Clone, Copy)]
struct Told {
    kind: &'static str,
    /// Each must find it; of a kind any is right.
    must: &'static [&'static str],
    may: &'static [&'static str],
}

impl Told {
    /// One recipe a severity.
    fn graded(self, variant: &str, steps: [Vec<Step>; 3]) -> Vec<Recipe> {
        let pairs = SEVERITIES.into_iter().zip(steps);
        pairs.map(|(severity, steps)| self.one(variant, severity, steps)).collect()
    }

    /// One physics in three strengths.
    fn by(self, maker: &str, strengths: [impl Physics + 'static; 3]) -> Vec<Recipe> {
        self.graded(maker, strengths.map(|physics| vec![Step::of(physics)]))
    }

    /// Of the maker that the variant is named for.
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

/// How to make one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// What it is there for.
    pub role: Role,
    /// What is done.
    pub kind: String,
    /// Which of several ways of doing it.
    pub variant: String,
    /// Who made the fault: a name for one physics, by which it belongs to a set. Empty where there is no
    /// fault.
    pub maker: String,
    /// How much of it.
    pub severity: Option<Severity>,
    /// What is done to the frames, in this order.
    pub steps: Vec<Step>,
    /// Width that the clip is scaled to before; its own where none.
    pub width: Option<usize>,
    /// Frames a second that are kept; all where none.
    pub rate: Option<u32>,
    /// What it went through before it was encoded for the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// How it is encoded.
    pub encoding: Encoding,
    /// What happens to the encoded stream.
    pub damage: Option<Damage>,
    /// The decoder's picture of the damaged stream is encoded once more: damage without evidence.
    pub recorded: bool,
    /// Diagnoses that must find something.
    pub must: Vec<String>,
    /// Diagnoses that may find something too.
    pub may: Vec<String>,
    /// What healthy clips of the same camera are made by, where they are not made as the healthy case is.
    pub before: Option<Vec<Step>>,
    /// Which of the camera's earlier checks it is; none for the case itself. A camera never sends the
    /// same clip twice: at each check other things pass, and the sensor's noise is another.
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

    /// Whether nothing moves in it, from its first frame on.
    #[must_use]
    pub fn is_motionless(&self) -> bool {
        self.steps.iter().any(Step::is_motionless)
    }

    fn encoded(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }
}

/// A clip as it came.
#[must_use]
pub fn healthy() -> Recipe {
    Recipe::new(Role::Healthy, "healthy", "", Vec::new())
}

/// What the light and the weather were at an earlier look at a camera: as it is, a cloud, rain, sun, warm
/// evening, night with its noise, headlights, and as it is once more.
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

/// All recipes.
#[must_use]
pub fn all() -> Vec<Recipe> {
    let mut recipes = vec![healthy()];
    recipes.extend(faults::all());
    recipes.extend([air::all(), glass::all(), covers::all(), sensors::all()].concat());
    recipes.extend([streams::all(), times::all(), boards::all()].concat());
    recipes.extend(confounders::all());
    // Cameras send streams with and without B frames: every third has them.
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
