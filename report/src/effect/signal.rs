//! Pictures that a recorder shows instead of a camera's picture: a card, colour bars, black.

use super::{Effect, Moment, Physics, drawn, text};
use crate::{
    frame::{BLACK, Colour, Frame, GREY},
    random::{Grain, Random},
};

/// White, yellow, cyan, green, magenta, red, blue at 75 % (SMPTE EG 1).
const BARS: [Colour; 7] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
];

/// The card that a recorder shows if no camera is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Card {
    /// One colour.
    Plain(Colour),
    /// One colour with words on it.
    Words(Colour, String),
    /// Colour bars, with text if it is not empty.
    Bars(String),
}

impl Physics for Card {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        // An analogue input always has a little noise.
        Box::new(Shown { card: self.clone(), grain: Grain::new(0.7, random) })
    }
}

#[derive(Debug)]
struct Shown {
    card: Card,
    grain: Grain,
}

impl Effect for Shown {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let (width, height) = frame.size();
        let words = match &self.card {
            Card::Plain(colour) => {
                *frame = Frame::filled(width, height, *colour);
                ""
            }
            Card::Words(colour, words) => {
                *frame = Frame::filled(width, height, *colour);
                words.as_str()
            }
            Card::Bars(words) => {
                bars(frame);
                words.as_str()
            }
        };
        if !words.is_empty() {
            let size = height / 80 + 1;
            let left = width.saturating_sub(text::width_of(words, size)) / 2;
            text::write(frame, words, left, height * 2 / 5, size);
            text::write(frame, &text::time(moment.seconds), width / 40, height / 30, height / 200 + 1);
        }
        self.grain.add_to(frame.luma.samples_mut());
    }
}

pub(super) fn bars(frame: &mut Frame) {
    let (width, height) = frame.size();
    let colours = |x: usize, y: usize| -> Colour {
        let bar = (x * BARS.len() / width).min(BARS.len() - 1);
        if y * 3 < height * 2 {
            return BARS.get(bar).copied().unwrap_or([BLACK, GREY, GREY]);
        }
        // Below the bars: every other bar shows the colour of the bar on the opposite side, and the rest is
        // black.
        if y * 4 < height * 3 {
            let mirrored = BARS.get(BARS.len() - 1 - bar).copied();
            return if bar.is_multiple_of(2) { mirrored.unwrap_or_default() } else { [BLACK, GREY, GREY] };
        }
        match x * 6 / width {
            0 => [57, 156, 97],
            1 => [235, 128, 128],
            2 => [44, 171, 147],
            _ => [BLACK, GREY, GREY],
        }
    };
    for (number, (plane, step)) in frame.planes_mut().into_iter().enumerate() {
        plane.map(|x, y, old| colours(x * step, y * step).get(number).copied().unwrap_or(old));
    }
}

/// A black picture from a given time on.
#[derive(Debug)]
pub(crate) struct Black {
    /// The time in seconds from which the picture is black.
    pub(crate) from: f32,
}

impl Physics for Black {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let from = self.from;
        drawn(move |frame, moment| {
            if moment.seconds + 1e-3 >= from {
                let (width, height) = frame.size();
                *frame = Frame::filled(width, height, [BLACK, GREY, GREY]);
            }
        })
    }
}
