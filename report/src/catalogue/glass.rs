//! Faults of the lens and its glass: defocus, motion blur, water, films and dirt.

use super::{Recipe, Told};
use crate::effect::{
    aperture::{Defocus, Shape, Smeared},
    drops::Water,
    film::Film,
};

pub(super) fn all() -> Vec<Recipe> {
    [blur(), water(), films()].concat()
}

fn blur() -> Vec<Recipe> {
    let blur = Told { kind: "blur", must: &["clarity", "focus_blur"], may: &["lens_dirty", "contrast"] };
    let motion = Told { kind: "smeared", must: &["clarity"], may: &["focus_blur", "shake"] };
    let defocus = |shape| [2.5, 4.0, 7.0].map(|radius| Defocus { shape, radius });
    [
        blur.by("disk", defocus(Shape::Disk)),
        blur.by("iris_of_six", defocus(Shape::Blades(6))),
        blur.by("mirror_lens", defocus(Shape::Ring(0.5))),
        blur.by("cats_eye", [3.2, 5.0, 8.0].map(|radius| Defocus { shape: Shape::CatsEye, radius })),
        blur.by("tilted_lens", [3.5, 5.5, 9.0].map(|radius| Defocus { shape: Shape::Tilted, radius })),
        motion.by("camera_motion", [7.0, 12.0, 20.0].map(|length| Smeared { length })),
    ]
    .concat()
}

/// Other diagnoses that may report a deposit on the glass too.
const BESIDE_DIRT: &[&str] = &["occlusion", "clarity", "focus_blur", "contrast", "brightness"];

fn water() -> Vec<Recipe> {
    let wet = Told { kind: "wet", must: &["lens_dirty"], may: BESIDE_DIRT };
    [
        wet.by("drops_on_window", [0.08, 0.18, 0.32].map(Water::OnWindow)),
        wet.by("drops_on_lens", [0.12, 0.22, 0.38].map(Water::OnLens)),
        wet.by("running_water", [0.1, 0.22, 0.4].map(Water::Running)),
        wet.by("mist", [0.6, 0.8, 1.0].map(Water::Mist)),
        wet.by("misted_border", [0.7, 0.5, 0.3].map(Water::MistedBorder)),
    ]
    .concat()
}

fn films() -> Vec<Recipe> {
    let dirt = Told { kind: "dirt", must: &["lens_dirty"], may: BESIDE_DIRT };
    let lines = Told { may: &["stripe", "brightness", "contrast"], ..dirt };
    [
        dirt.by("grease", [0.3, 0.5, 0.8].map(Film::Grease)),
        lines.by("scratches", [0.5, 0.75, 1.0].map(Film::Scratches)),
        dirt.by("dust_dark", [0.06, 0.12, 0.22].map(Film::DustDark)),
        dirt.by("dust_lit", [0.06, 0.12, 0.22].map(Film::DustLit)),
        dirt.by("mud", [0.08, 0.15, 0.25].map(Film::Mud)),
        dirt.by("bird", [0.05, 0.09, 0.15].map(Film::Bird)),
        lines.by("lit_web", [0.35, 0.6, 1.0].map(Film::LitWeb)),
        dirt.by("finger", [0.08, 0.14, 0.22].map(Film::Finger)),
    ]
    .concat()
}
