//! Effects, which change the frames of a healthy clip. Each file implements one kind of physics, such as fog or
//! snow. The catalogue lists the physics and the strength of each fault.

pub(crate) mod aperture;
pub(crate) mod balance;
pub(crate) mod blocks;
pub(crate) mod card;
pub(crate) mod cloth;
pub(crate) mod cover;
pub(crate) mod dirt;
pub(crate) mod drops;
pub(crate) mod exposure;
pub(crate) mod film;
pub(crate) mod fog;
mod glyphs;
pub(crate) mod grain;
pub(crate) mod interference;
pub(crate) mod knock;
pub(crate) mod light;
pub(crate) mod mast;
pub(crate) mod motion;
mod noise_field;
pub(crate) mod sensor;
pub(crate) mod signal;
pub(crate) mod snow;
pub(crate) mod stripe;
pub(crate) mod text;
pub(crate) mod tone;
pub(crate) mod torn;
pub(crate) mod traffic;

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use crate::{frame::Frame, random::Random};

/// The time at which a frame is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The number of frames before this one.
    pub index: usize,
    /// Seconds since the first frame.
    pub seconds: f32,
}

/// Changes frames, in the order in which they are shown.
pub trait Effect {
    /// Changes one frame. The frame may get another size, which must be the same for all frames.
    fn apply(&mut self, frame: &mut Frame, moment: Moment);
}

/// An effect that calls a function for each frame.
struct Drawn<F>(F);

impl<F: FnMut(&mut Frame, Moment)> Effect for Drawn<F> {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        (self.0)(frame, moment);
    }
}

/// Makes an effect from a function.
fn drawn(change: impl FnMut(&mut Frame, Moment) + 'static) -> Box<dyn Effect> {
    Box::new(Drawn(change))
}

/// A kind of change to a clip, with its strength. Unless stated otherwise, lengths are in samples of a picture that
/// is 640 samples wide. Grey values have the full range of 0 to 255.
pub trait Physics: fmt::Debug + Send + Sync {
    /// Makes the effect for one clip.
    fn effect(&self, random: Random) -> Box<dyn Effect>;

    /// True if nothing moves from the first frame on.
    fn is_motionless(&self) -> bool {
        false
    }
}

/// One change to a clip. Two steps are equal if they have the same physics with the same parameters.
#[derive(Clone)]
pub struct Step(Arc<dyn Physics>);

impl Step {
    /// Makes a step from a kind of physics.
    #[must_use]
    pub fn of(physics: impl Physics + 'static) -> Self {
        Self(Arc::new(physics))
    }

    /// Makes the effect for one clip.
    #[must_use]
    pub fn effect(&self, random: Random) -> Box<dyn Effect> {
        self.0.effect(random)
    }

    /// True if nothing moves from the first frame on.
    #[must_use]
    pub fn is_motionless(&self) -> bool {
        self.0.is_motionless()
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

#[cfg(test)]
mod tests;
