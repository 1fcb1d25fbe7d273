//! Damage as a decoder shows it for a damaged stream. The damage is drawn directly, so its visibility does not
//! depend on chance.

use super::{Effect, Moment, Physics};
use crate::{
    frame::{Frame, Plane},
    random::Random,
};

/// Width and height of a macroblock.
const BLOCK: usize = 16;

/// What is shown in place of a lost run of macroblocks.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// Copied from this many blocks to the side.
    Aside(i64),
    /// Grey, like an empty prediction without residual.
    Grey,
    /// All zero, which is green.
    Green,
    /// One block, repeated.
    Smeared,
}

/// A run of macroblocks within one row of macroblocks.
#[derive(Debug, Clone, Copy)]
struct Run {
    left: usize,
    top: usize,
    length: usize,
    loss: Loss,
}

/// Tears frames: runs of macroblocks are shifted aside, grey, green or smeared. The damage lasts for a while, as
/// real damage lasts until the next keyframe.
#[derive(Debug)]
pub(crate) struct Torn {
    /// The share of the macroblocks that are damaged.
    pub(crate) share: f32,
}

impl Physics for Torn {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(Tearing { share: self.share, random, runs: Vec::new(), renewed: None })
    }
}

#[derive(Debug)]
struct Tearing {
    share: f32,
    random: Random,
    runs: Vec<Run>,
    renewed: Option<usize>,
}

impl Tearing {
    fn renew(&mut self, frame: &Frame) {
        let (width, height) = frame.size();
        let (across, down) = (width / BLOCK, height / BLOCK);
        let wanted = ((across * down) as f32 * self.share) as usize;
        let mut torn = 0;
        self.runs.clear();
        while torn < wanted.max(4) {
            let length = (across / 4 + self.random.below(across)).min(across).min(wanted.max(4));
            let loss = match self.random.below(5) {
                0 => Loss::Grey,
                1 => Loss::Green,
                2 => Loss::Smeared,
                _ => Loss::Aside(if self.random.unit() < 0.5 { -3 } else { 2 }),
            };
            let left = self.random.below(across - length + 1) * BLOCK;
            self.runs.push(Run { left, top: self.random.below(down) * BLOCK, length, loss });
            torn += length;
        }
    }
}

impl Effect for Tearing {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        // The damage is renewed four times a second. Every fourth time there is no damage.
        let quarter = (moment.seconds * 4.0) as usize;
        if self.renewed != Some(quarter) {
            self.renewed = Some(quarter);
            self.renew(frame);
            if quarter % 4 == 3 {
                self.runs.clear();
            }
        }
        for run in &self.runs {
            for (number, (plane, step)) in frame.planes_mut().into_iter().enumerate() {
                lose(plane, run, step, if number == 0 { 130 } else { 128 });
            }
        }
    }
}

fn lose(plane: &mut Plane, run: &Run, step: usize, grey: u8) {
    let block = BLOCK / step;
    let (left, top) = (run.left / step, run.top / step);
    let (right, bottom) = (left + run.length * block, top + block);
    let before = plane.clone();
    plane.map(|x, y, old| {
        if x < left || x >= right || y < top || y >= bottom {
            return old;
        }
        match run.loss {
            Loss::Aside(blocks) => before.at(x as i64 + blocks * block as i64, y as i64),
            Loss::Grey => grey,
            Loss::Green => 0,
            Loss::Smeared => before.at((left + (x - left) % block) as i64, y as i64),
        }
    });
}
