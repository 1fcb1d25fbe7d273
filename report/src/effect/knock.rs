//! A camera that points elsewhere than before: pushed aside within the clip, sagging slowly, turned about two
//! axes (which changes the perspective, unlike a shift), with another zoom, upside down, or mirrored after
//! service. The camera shows only a part of the clip's picture, so the clip also contains the surroundings of this
//! part.

use super::{Effect, Physics, drawn, motion::part, noise_field::smoothly};
use crate::{frame::Frame, random::Random};

/// The visible part: its share of the width and of the height of the clip's picture. The rest is the free border,
/// over which the visible part moves.
pub(crate) const SEEN: f32 = 0.7;

/// How the camera's view changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Knock {
    /// The camera points where it should.
    Straight,
    /// Pushed aside by this share of the free border. The push begins at 0.9 s and lasts for a third of a second.
    Pushed(f32),
    /// Sagging slowly, from the upper to the lower border: by this share of the whole way in the first 3 s.
    Sagging(f32),
    /// Turned sideways by this many degrees, and down by a third of them, before the clip.
    Turned(f32),
    /// Zoomed in by this factor.
    Zoomed(f32),
    /// Upside down.
    UpsideDown,
    /// Left and right are swapped.
    Mirrored,
    /// Pushed, and rolled by this many degrees, within the clip.
    Rolled(f32),
}

impl Physics for Knock {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let knock = *self;
        let side = if random.unit() < 0.5 { -1.0 } else { 1.0 };
        drawn(move |frame, moment| {
            let time = moment.seconds;
            *frame = match knock {
                Knock::Straight => part(frame, SEEN, 0.0, 0.0),
                Knock::Pushed(share) => {
                    let way = share * smoothly(0.9, 1.25, time);
                    part(frame, SEEN, side * way, 0.6 * way)
                }
                Knock::Sagging(share) => part(frame, SEEN, 0.0, -1.0 + 2.0 * (share * time / 3.0).min(1.0)),
                Knock::Turned(degrees) => part(&turned(frame, side * degrees), SEEN, 0.0, 0.0),
                Knock::Zoomed(factor) => {
                    let (mx, my) = (frame.luma.width() as f32 / 2.0, frame.luma.height() as f32 / 2.0);
                    let closer = frame.drawn_from(|x, y| (mx + (x - mx) / factor, my + (y - my) / factor));
                    part(&closer, SEEN, 0.0, 0.0)
                }
                Knock::UpsideDown => {
                    let (right, bottom) = (frame.luma.width() as f32 - 1.0, frame.luma.height() as f32 - 1.0);
                    part(&frame.drawn_from(|x, y| (right - x, bottom - y)), SEEN, 0.0, 0.0)
                }
                Knock::Mirrored => {
                    let right = frame.luma.width() as f32 - 1.0;
                    part(&frame.drawn_from(|x, y| (right - x, y)), SEEN, 0.0, 0.0)
                }
                Knock::Rolled(degrees) => {
                    let way = smoothly(0.9, 1.2, time);
                    let (mx, my) = (frame.luma.width() as f32 / 2.0, frame.luma.height() as f32 / 2.0);
                    let (sin, cos) = (side * degrees.to_radians() * way).sin_cos();
                    let rolled = frame.drawn_from(|x, y| {
                        let (x, y) = (x - mx, y - my);
                        (mx + x * cos - y * sin, my + x * sin + y * cos)
                    });
                    part(&rolled, SEEN, 0.5 * side * way, 0.3 * way)
                }
            };
        })
    }
}

/// Returns the view of a camera with a field of view of 60 degrees after it was turned. The scene is treated as
/// a distant plane.
fn turned(frame: &Frame, degrees: f32) -> Frame {
    let (width, height) = (frame.luma.width() as f32, frame.luma.height() as f32);
    let focal = width / 2.0 / 30.0_f32.to_radians().tan();
    let ((sy, cy), (sp, cp)) = (degrees.to_radians().sin_cos(), (degrees / 3.0).to_radians().sin_cos());
    frame.drawn_from(move |x, y| {
        let (x, y) = ((x - width / 2.0) / focal, (y - height / 2.0) / focal);
        // The camera turns about the vertical axis, then about the horizontal axis.
        let (x, z) = (x * cy + sy, cy - x * sy);
        let (y, z) = (y * cp + z * sp, z * cp - y * sp);
        let depth = z.max(0.05);
        (width / 2.0 + focal * x / depth, height / 2.0 + focal * y / depth)
    })
}
