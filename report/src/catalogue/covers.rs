//! Objects in front of the lens. They are there from the beginning, or appear during the clip.

use super::{Recipe, SEVERITIES, Told};
use crate::effect::{
    Step,
    cloth::{Before, Coming, Material},
};

/// The shares of the picture that an object hides, one for each severity.
const SHARES: [f32; 3] = [0.3, 0.55, 0.85];

pub(super) fn all() -> Vec<Recipe> {
    let makers = [
        ("woven", Material::Woven),
        ("hand", Material::Hand),
        ("plastic_sheet", Material::Plastic),
        ("leaves", Material::Leaves),
        ("spray_paint", Material::Paint),
        ("printed_card", Material::Printed),
        ("bag", Material::Bag),
        ("glowing", Material::Glowing),
        ("paper", Material::Paper),
    ];
    let mut recipes = Vec::new();
    for (maker, material) in makers {
        let may: &[&str] = match material {
            Material::Leaves | Material::Paint => &["lens_dirty", "clarity", "focus_blur", "contrast"],
            Material::Plastic => &["contrast", "clarity", "focus_blur", "lens_dirty", "brightness"],
            Material::Bag => &["brightness", "signal_loss", "contrast", "clarity", "focus_blur"],
            Material::Woven | Material::Printed => &["scene_change", "stripe", "color_cast", "brightness"],
            Material::Hand | Material::Glowing | Material::Paper => {
                &["brightness", "contrast", "clarity", "focus_blur", "color_cast", "lens_dirty"]
            }
        };
        let cover = Told { kind: "covered", must: &["occlusion"], may };
        let with_change = Told { kind: "covering", must: &["occlusion"], may };
        let put = |share, coming| vec![Step::of(Before { material, share, coming })];
        for (severity, share) in SEVERITIES.into_iter().zip(SHARES) {
            recipes.push(cover.one(maker, severity, put(share, Coming::There)));
        }
        // Within the clip: the object appears suddenly or slides in, depending on the material.
        let coming = match material {
            Material::Hand | Material::Plastic | Material::Bag | Material::Woven => Coming::Sliding(0.9),
            _ => Coming::After(1.5),
        };
        for (severity, share) in SEVERITIES.into_iter().zip(SHARES).skip(1) {
            recipes.push(with_change.one(maker, severity, put(share, coming)));
        }
    }
    for recipe in &mut recipes {
        // An object that hides enough of the view also changes the scene.
        if !recipe.may.iter().any(|id| id == "scene_change") {
            recipe.may.push("scene_change".to_owned());
        }
    }
    recipes
}
