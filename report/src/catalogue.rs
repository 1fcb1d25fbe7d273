//! Everything that is made of one healthy clip, and what the diagnoses have to say of it.

mod confounders;
mod faults;

use serde::{Deserialize, Serialize};

use crate::{
    damage::Damage,
    effect::Step,
    ffmpeg::Encoding,
    manifest::{Role, Severity},
};

/// How to make one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// What it is there for.
    pub role: Role,
    /// What is done.
    pub kind: String,
    /// Which of several ways of doing it.
    pub variant: String,
    /// How much of it.
    pub severity: Option<Severity>,
    /// What is done to the frames, in this order.
    pub steps: Vec<Step>,
    /// Width that the clip is scaled to before; its own where none.
    pub width: Option<usize>,
    /// Frames a second that are kept; all where none.
    pub rate: Option<u32>,
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
            severity: None,
            steps,
            width: None,
            rate: None,
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
        self.steps.iter().any(|step| matches!(step, Step::Freeze { from } if *from == 0.0))
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

/// All recipes.
#[must_use]
pub fn all() -> Vec<Recipe> {
    let mut recipes = vec![healthy()];
    recipes.extend(faults::all());
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
    use std::collections::HashSet;

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
    fn no_two_recipes_have_one_name() {
        let names = all().into_iter().map(|recipe| (recipe.kind, recipe.variant, recipe.severity));
        let mut seen = HashSet::new();
        for name in names {
            assert!(seen.insert(name.clone()), "{name:?}");
        }
    }
}
