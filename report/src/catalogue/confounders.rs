//! Confounders: healthy clips that look like a fault.

use super::Recipe;
use crate::{
    effect::{
        Step, cover,
        exposure::Exposure,
        grain::Noise,
        interference::Interlaced,
        light::Infrared,
        motion::{Freeze, Pan, Ptz},
        text::{Clock, Logo},
        tone::Tone,
        traffic::{Headlights, Rain, Truck},
    },
    ffmpeg::Encoding,
    manifest::Role,
};

pub(super) fn all() -> Vec<Recipe> {
    [lights(), scenes(), streams()].concat()
}

fn confounder(kind: &str, variant: &str, steps: Vec<Step>) -> Recipe {
    Recipe::new(Role::Confounder, kind, variant, steps)
}

/// A scene in which nothing moves, neither now nor in earlier checks. The scene is made by repeating one frame. If
/// the healthy clip shows a clock, the clock stands still although the scene is healthy.
fn motionless(kind: &str, variant: &str, steps: Vec<Step>) -> Recipe {
    let steps = [vec![Step::of(Freeze { from: 0.0 })], steps].concat();
    let before = Some(steps.clone());
    Recipe { may: vec!["clock".to_owned()], before, ..confounder(kind, variant, steps) }
}

/// Night and infrared light.
fn lights() -> Vec<Recipe> {
    let night = |p95| Step::of(Tone::Night(p95));
    let noise = |sigma| Step::of(Noise(sigma));
    let infrared = || Step::of(Infrared);
    vec![
        confounder("night", "", vec![night(95.0), noise(3.0)]),
        confounder("night", "headlights", vec![night(90.0), Step::of(Headlights), noise(3.0)]),
        confounder("infrared", "", vec![infrared(), noise(3.0)]),
        motionless("infrared", "still", vec![infrared(), noise(2.0)]),
        // The encoder keeps little of this noise: neighbouring frames are nearly alike.
        motionless("infrared", "erased", vec![infrared(), noise(1.5)]).encoded(Encoding::h264(30, 0)),
    ]
}

/// Events in front of a camera, and motion of the camera.
fn scenes() -> Vec<Recipe> {
    let (still, clock) = (Step::of(Freeze { from: 0.0 }), Step::of(Clock { runs: true }));
    let noise = |sigma| Step::of(Noise(sigma));
    let seen_running = |steps| Recipe { before: Some(vec![Step::of(Clock { runs: true })]), ..steps };
    vec![
        confounder("pan", "", vec![Step::of(Pan)]),
        confounder("ptz", "", vec![Step::of(Ptz)]),
        confounder("truck", "", vec![Step::of(Truck)]),
        confounder("rain", "", vec![Step::of(Rain)]),
        confounder("sky", "", vec![Step::of(cover::Sky)]),
        motionless("static", "", vec![noise(2.0)]).encoded(Encoding::h264(23, 0)),
        motionless("static", "erased", vec![noise(1.5)]).encoded(Encoding::h264(28, 2)),
        seen_running(confounder("static", "clock", vec![still, noise(1.5), clock.clone()]))
            .encoded(Encoding::h264(28, 0)),
        seen_running(confounder("overlay", "clock", vec![clock])),
        confounder("overlay", "logo", vec![Step::of(Logo)]),
        confounder("interlaced", "", vec![Step::of(Interlaced)]),
        confounder("low_sun", "", vec![Step::of(Exposure::Sun(0.08))]),
        confounder("letterbox", "", vec![Step::of(cover::Letterbox)]),
    ]
}

/// Other codecs, qualities, sizes and rates.
fn streams() -> Vec<Recipe> {
    let as_it_is = |variant, encoding| confounder("codec", variant, Vec::new()).encoded(encoding);
    let sized = |variant, width| Recipe { width: Some(width), ..confounder("size", variant, Vec::new()) };
    let slowed = |variant, rate| Recipe { rate: Some(rate), ..confounder("rate", variant, Vec::new()) };
    vec![
        as_it_is("mpeg4", Encoding::new("-c:v mpeg4 -g 12 -q:v 5", "mp4")),
        as_it_is("mpeg4_avi", Encoding::new("-c:v mpeg4 -vtag XVID -g 50 -bf 0 -q:v 7", "avi")),
        as_it_is("mjpeg", Encoding::new("-c:v mjpeg -q:v 4 -pix_fmt yuvj420p", "avi")),
        as_it_is("mjpeg_coarse", Encoding::new("-c:v mjpeg -q:v 8 -pix_fmt yuvj420p", "avi")),
        as_it_is(
            "hevc",
            Encoding::new("-c:v libx265 -preset veryfast -crf 26 -x265-params log-level=error", "mp4"),
        ),
        as_it_is("h264_usual", Encoding::h264(28, 2)),
        as_it_is("h264_low", Encoding::h264(33, 0)),
        // A still picture that is requested again and again, as cameras serve it to browsers.
        as_it_is("stills", Encoding::new("-c:v mjpeg -q:v 6 -pix_fmt yuvj420p", "avi")),
        sized("320", 320),
        sized("1920", 1920),
        slowed("5", 5),
        slowed("12", 12),
    ]
}
