//! One root cause: of several findings that are not normal, which follows from which. A covered lens
//! is dark, flat and unsharp as well; the person who drives out to it wants to hear of the cover.

use easysight_protocol::Finding;

/// What a fault does to the measures of other diagnoses.
enum Explains {
    /// There is no scene in the picture; whatever is measured is measured on nothing.
    Everything,
    /// These, by id.
    These(&'static [&'static str]),
}

use Explains::{Everything, These};

/// A finding that others follow from.
struct Cause {
    diagnosis: &'static str,
    /// Only where this metric decided: `brightness` tells of too much light and of too little.
    metric: Option<&'static str>,
    explains: Explains,
}

impl Cause {
    const fn of(diagnosis: &'static str, explains: Explains) -> Self {
        Self { diagnosis, metric: None, explains }
    }

    const fn decided_by(diagnosis: &'static str, metric: &'static str, explains: Explains) -> Self {
        Self { diagnosis, metric: Some(metric), explains }
    }

    fn is_found(&self, findings: &[Finding]) -> bool {
        findings.iter().any(|finding| {
            let decided = finding.decision.as_ref().map(|decision| decision.metric.as_str());
            finding.diagnosis == self.diagnosis
                && finding.is_abnormal()
                && self.metric.is_none_or(|metric| decided == Some(metric))
        })
    }
}

/// Causes, strongest first, and why others follow from them. Nothing explains what stands above it.
/// What is in no list stands for itself: packets that the stream loses are no consequence of the
/// corruption that they bring about, and a tint is none of blur or noise.
const CAUSES: &[Cause] = &[
    // No picture, or a black one, if only from the middle on.
    Cause::of("signal_loss", Everything),
    // One colour, a card or bars in place of the scene: it neither moves nor has detail, contrast,
    // honest colours or the camera's bit rate.
    Cause::of("blue_screen", Everything),
    // Blocks of a wrong picture: edges on the grid, grey or green areas, smear where detail was, torn
    // rows, jumps, a stretch that repeats until the next keyframe.
    Cause::of(
        "flower_screen",
        These(&[
            "mosaic",
            "occlusion",
            "scene_change",
            "shake",
            "focus_blur",
            "lens_dirty",
            "contrast",
            "clarity",
            "noise",
            "color_cast",
            "stripe",
            "freeze",
            "clock",
        ]),
    ),
    // In far too much light there is nothing to see where all is white, as if it were covered. Too
    // little light may come of a cover, and stands below it, with what follows from either.
    Cause::decided_by("brightness", "clipped_share", These(&["occlusion"])),
    // What covers the lens is near, so out of focus and even; it takes light and colour, does not
    // move, and hides the scene that is known. In its dark the sensor's gain goes up. White figures of
    // a clock drown on what is bright.
    Cause::of(
        "occlusion",
        These(&[
            "brightness",
            "scene_change",
            "focus_blur",
            "lens_dirty",
            "contrast",
            "clarity",
            "noise",
            "color_cast",
            "freeze",
            "clock",
        ]),
    ),
    // In the dark the gain brings noise and takes colour, and the shutter stays open, which smears;
    // in too much light everything is one white. Either way edges that are known vanish.
    Cause::of(
        "brightness",
        These(&["scene_change", "focus_blur", "lens_dirty", "contrast", "clarity", "noise", "color_cast"]),
    ),
    // Too few bits: each block is a flat area, detail is gone, and figures with it.
    Cause::of("mosaic", These(&["focus_blur", "lens_dirty", "clarity", "clock"])),
    // Bars that roll through the picture carry its measures along with them.
    Cause::of("stripe", These(&["shake"])),
    // A picture that moves while the shutter is open is smeared, and not where the known one was.
    Cause::of("shake", These(&["scene_change", "focus_blur", "clarity"])),
    // Defocus spreads each edge: less detail, less contrast, known edges are not found again. A clock
    // that goes with them was drawn before what blurs the picture.
    Cause::of("focus_blur", These(&["scene_change", "lens_dirty", "contrast", "clarity", "clock"])),
    // Fog and veils take detail and the far edges with them.
    Cause::of("contrast", These(&["scene_change", "clarity"])),
    // Snow hides detail.
    Cause::of("noise", These(&["clarity"])),
    // In another view everything that is held against the usual picture is off.
    Cause::of("scene_change", These(&["lens_dirty", "clarity", "color_cast"])),
    // Drops and dust blur what lies behind them.
    Cause::of("lens_dirty", These(&["clarity"])),
    // The clock that is drawn into a picture stands still with it.
    Cause::of("freeze", These(&["clock"])),
];

/// Marks findings that follow from another one with the id of their cause, which follows from none.
pub(crate) fn mark_consequences(findings: &mut [Finding]) {
    // A cause may itself follow from a stronger one, which then stands for both.
    let mut roots: Vec<(&str, &Explains, &str)> = Vec::new();
    for Cause { diagnosis, explains, .. } in CAUSES.iter().filter(|cause| cause.is_found(findings)) {
        let root = cause_of(&roots, diagnosis).unwrap_or(diagnosis);
        roots.push((diagnosis, explains, root));
    }
    for finding in findings.iter_mut().filter(|finding| finding.is_abnormal()) {
        let before = roots.iter().position(|(id, ..)| *id == finding.diagnosis).unwrap_or(roots.len());
        let stronger = roots.get(..before).unwrap_or_default();
        finding.consequence_of = cause_of(stronger, &finding.diagnosis).map(str::to_owned);
    }
}

/// The root of the strongest of these causes that explains the diagnosis.
fn cause_of<'a>(causes: &[(&str, &Explains, &'a str)], diagnosis: &str) -> Option<&'a str> {
    let explained = |explains: &Explains| match explains {
        Everything => true,
        These(ids) => ids.contains(&diagnosis),
    };
    causes.iter().find(|(_, explains, _)| explained(explains)).map(|(.., root)| *root)
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Decision, Failure, Status};
    use proptest::prelude::*;

    use super::*;
    use crate::examination::blank;

    const ALL: &[&str] = &[
        "brightness",
        "contrast",
        "clarity",
        "focus_blur",
        "blue_screen",
        "signal_loss",
        "color_cast",
        "noise",
        "occlusion",
        "mosaic",
        "flower_screen",
        "freeze",
        "shake",
        "lens_dirty",
        "scene_change",
        "stripe",
        "clock",
        "stream",
        "of_somebody_else",
    ];

    fn finding(id: &str, status: Status) -> Finding {
        Finding { status: Some(status), ..blank(id) }
    }

    /// What these follow from, all of them worth a warning.
    fn causes<'a>(ids: &[&'a str]) -> Vec<(&'a str, Option<String>)> {
        let mut findings: Vec<_> = ids.iter().map(|id| finding(id, Status::Warning)).collect();
        mark_consequences(&mut findings);
        ids.iter().copied().zip(findings.into_iter().map(|finding| finding.consequence_of)).collect()
    }

    #[test]
    fn a_picture_of_one_colour_is_the_cause_of_all_else() {
        let found = causes(&["contrast", "freeze", "blue_screen", "color_cast", "of_somebody_else"]);
        for (id, cause) in found {
            assert_eq!(cause.as_deref(), (id != "blue_screen").then_some("blue_screen"), "{id}");
        }
    }

    #[test]
    fn a_cover_explains_the_dark_and_what_the_dark_explains() {
        let found = causes(&["noise", "brightness", "occlusion", "clarity"]);
        let cover = Some("occlusion".to_owned());
        let expected = [("noise", &cover), ("brightness", &cover), ("occlusion", &None), ("clarity", &cover)];
        assert_eq!(found.iter().map(|(id, cause)| (*id, cause)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn too_much_light_hides_the_scene_and_too_little_may_come_of_a_cover() {
        let roots = |metric: &str| {
            let decision = Some(Decision { metric: metric.into(), threshold: 1.0 });
            let light = Finding { decision, ..finding("brightness", Status::Error) };
            let mut findings = [finding("occlusion", Status::Warning), light];
            mark_consequences(&mut findings);
            findings.map(|finding| finding.consequence_of)
        };
        assert_eq!(roots("clipped_share"), [Some("brightness".into()), None]);
        assert_eq!(roots("luma_p95"), [None, Some("occlusion".into())]);
    }

    #[test]
    fn rolling_bars_only_seem_to_shake_the_camera() {
        assert_eq!(causes(&["shake", "stripe"])[0].1.as_deref(), Some("stripe"));
    }

    #[test]
    fn what_a_consequence_explains_leads_to_the_root() {
        // The cover is why the picture seems to stand still, and with it the clock.
        let found = causes(&["clock", "freeze", "occlusion"]);
        assert_eq!(found[0].1.as_deref(), Some("occlusion"));
        assert_eq!(found[1].1.as_deref(), Some("occlusion"));
    }

    #[test]
    fn faults_that_have_nothing_to_do_with_each_other_stay_two() {
        assert!(causes(&["color_cast", "shake", "freeze"]).iter().all(|(_, cause)| cause.is_none()));
        assert!(causes(&["flower_screen", "stream"]).iter().all(|(_, cause)| cause.is_none()));
    }

    #[test]
    fn what_is_normal_or_unknown_neither_causes_nor_follows() {
        let unknown = Failure { kind: Failure::INCONCLUSIVE.into(), detail: "dark".into() };
        let mut findings = [
            finding("occlusion", Status::Normal),
            finding("clarity", Status::Error),
            finding("freeze", Status::Normal),
            Finding { failure: Some(unknown), ..blank("focus_blur") },
        ];
        mark_consequences(&mut findings);
        assert!(findings.iter().all(|finding| finding.consequence_of.is_none()));
    }

    #[test]
    fn nothing_explains_what_stands_above_it() {
        for (index, Cause { diagnosis: id, explains, .. }) in CAUSES.iter().enumerate() {
            let These(ids) = explains else { continue };
            for explained in *ids {
                assert!(ALL.contains(explained), "{explained} is no diagnosis");
                let place = CAUSES.iter().rposition(|cause| cause.diagnosis == *explained);
                assert!(place.is_none_or(|place| place > index), "{id} explains {explained}");
            }
        }
    }

    proptest! {
        #[test]
        fn there_is_always_a_cause_and_it_follows_from_none(
            ids in prop::sample::subsequence(ALL.to_vec(), 1..=ALL.len()).prop_shuffle()
        ) {
            let found = causes(&ids);
            prop_assert!(found.iter().any(|(_, cause)| cause.is_none()));
            for (id, cause) in &found {
                let Some(cause) = cause else { continue };
                prop_assert_ne!(id, cause);
                prop_assert!(found.iter().any(|(other, of)| other == cause && of.is_none()));
            }
        }
    }
}
