//! Pictures that recorders and servers send instead of a camera's picture: a colour gradient, a sign, a
//! crossed-out camera. This module also draws pictures that are nearly black.

use super::{Effect, Physics, drawn, signal, text};
use crate::{
    frame::{BLACK, Colour, Frame, GREY, sample},
    random::{Grain, Random},
};

/// The picture that is shown.
#[derive(Debug, Clone)]
pub(crate) enum Board {
    /// A gradient between two colours, with text and a line below it.
    Slope(Colour, Colour, String),
    /// A crossed-out camera with text.
    CrossedCamera(Colour, String),
    /// A logo on one colour: rings and a name.
    Sign(Colour, String),
    /// Colour bars from an analogue cable: soft borders between colours, crawling dots, noise.
    CableBars,
    /// Grey tiles with text in each, such as a server shows if its cameras are not connected.
    Tiles(String),
}

impl Physics for Board {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        let board = self.clone();
        let mut grain = Grain::new(2.5, random);
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let size = height / 70 + 1;
            let middle = |words: &str, size: usize| width.saturating_sub(text::width_of(words, size)) / 2;
            match &board {
                Board::Slope(top, bottom, words) => {
                    *frame = slope(width, height, *top, *bottom);
                    let size = (width * 4 / 5 / (text::width_of(words, 1).max(1))).clamp(1, size);
                    text::write(frame, words, middle(words, size), height * 2 / 5, size);
                    put(
                        frame,
                        width / 5,
                        height * 3 / 5,
                        width * 3 / 5,
                        (height / 90).max(2),
                        [210, 128, 128],
                    );
                }
                Board::CrossedCamera(ground, words) => {
                    *frame = Frame::filled(width, height, *ground);
                    crossed(frame);
                    text::write(frame, words, middle(words, size / 2 + 1), height * 3 / 4, size / 2 + 1);
                }
                Board::Sign(ground, words) => {
                    *frame = Frame::filled(width, height, *ground);
                    let (cx, cy, radius) = (width as f32 / 2.0, height as f32 * 0.4, height as f32 * 0.22);
                    paint(frame, [220, 90, 150], |x, y| {
                        let away = (x - cx).hypot(y - cy) / radius;
                        (0.75..1.0).contains(&away) || away < 0.35
                    });
                    text::write(frame, words, middle(words, size), height * 3 / 4, size);
                }
                Board::CableBars => {
                    signal::bars(frame);
                    cable(frame, moment.index, &mut grain);
                }
                Board::Tiles(words) => {
                    *frame = Frame::filled(width, height, [44, 128, 128]);
                    for tile in 0..9 {
                        let (w, h) = (width / 3, height / 3);
                        let (x, y) = (tile % 3 * w, tile / 3 * h);
                        put(frame, x + w / 12, y + h / 12, w * 5 / 6, h * 5 / 6, [70, 130, 127]);
                        text::write(frame, words, x + w / 6, y + h / 2, (size / 4).max(1));
                    }
                }
            }
        })
    }
}

/// Pictures that are nearly black.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dark {
    /// A covered or dead sensor at full gain: noise of this deviation, with a running clock.
    Noisy(f32),
    /// The black level is wrong by this many grey values, with mains hum.
    Pedestal(f32),
    /// A lens cap: black, with a dim light leak at the border.
    Cap,
    /// Black after this many seconds, with a text that the recorder writes. The black pictures are encoded as
    /// video.
    Lost(f32),
}

impl Physics for Dark {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        let dark = *self;
        let mut grain = Grain::new(if let Dark::Noisy(sigma) = dark { sigma } else { 1.2 }, random);
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let time = text::time(moment.seconds);
            let empty = Frame::filled(width, height, [BLACK, GREY, GREY]);
            match dark {
                Dark::Noisy(_) => {
                    *frame = empty;
                    // Half of the noise is below black, and is clipped.
                    grain.add_to(frame.luma.samples_mut());
                    frame.luma.map(|_, _, old| old.max(BLACK));
                    text::write(frame, &time, width / 2, height - height / 12, (height / 200).max(1));
                }
                Dark::Pedestal(level) => {
                    *frame = empty;
                    frame.luma.map(|_, y, _| {
                        let hum =
                            (std::f32::consts::TAU * (y as f32 / height as f32 + 0.5 * moment.seconds)).sin();
                        sample(f32::from(BLACK) + level * (1.0 + 0.15 * hum))
                    });
                    grain.add_to(frame.luma.samples_mut());
                }
                Dark::Cap => {
                    *frame = empty;
                    frame.luma.map(|x, y, _| {
                        let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
                        sample(
                            f32::from(BLACK)
                                + 3.0
                                + 14.0 * (x - 0.02).hypot(y - 0.95).mul_add(-6.0, 1.0).max(0.0),
                        )
                    });
                    grain.add_to(frame.luma.samples_mut());
                }
                Dark::Lost(from) => {
                    if moment.seconds + 1e-3 >= from {
                        *frame = empty;
                        let size = (height / 120).max(1);
                        text::write(frame, "VIDEO LOSS", width / 30, height / 20, size);
                    }
                }
            }
        })
    }
}

fn slope(width: usize, height: usize, top: Colour, bottom: Colour) -> Frame {
    let mut frame = Frame::filled(width, height, top);
    for ((plane, step), (top, bottom)) in frame.planes_mut().into_iter().zip(top.into_iter().zip(bottom)) {
        plane.map(|_, y, _| {
            let share = (y * step) as f32 / height as f32;
            sample(f32::from(top) + (f32::from(bottom) - f32::from(top)) * share)
        });
    }
    frame
}

/// Fills the places for which `is_in` returns true with one colour. Places are in luma samples.
fn paint(frame: &mut Frame, colour: Colour, is_in: impl Fn(f32, f32) -> bool) {
    for ((plane, step), value) in frame.planes_mut().into_iter().zip(colour) {
        plane.map(|x, y, old| if is_in((x * step) as f32, (y * step) as f32) { value } else { old });
    }
}

fn put(frame: &mut Frame, left: usize, top: usize, width: usize, height: usize, colour: Colour) {
    let (left, top, right, bottom) = (left as f32, top as f32, (left + width) as f32, (top + height) as f32);
    paint(frame, colour, |x, y| (left..right).contains(&x) && (top..bottom).contains(&y));
}

fn crossed(frame: &mut Frame) {
    let (w, h) = (frame.luma.width(), frame.luma.height());
    let grey = [150, 128, 128];
    put(frame, w * 2 / 5, h * 3 / 10, w / 6, h / 5, grey);
    put(frame, w * 17 / 30 + w / 60, h * 7 / 20, w / 18, h / 10, grey);
    let (cx, cy, reach) = (w as f32 * 0.5, h as f32 * 0.4, h as f32 * 0.25);
    let thick = h as f32 * 0.018;
    paint(frame, [90, 100, 210], |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        (dx.hypot(dy) - reach).abs() < thick || (dx.hypot(dy) < reach && (dx - dy).abs() < 1.4 * thick)
    });
}

/// Blurs the picture along rows. Then adds dots that crawl along the borders between colours, and noise.
fn cable(frame: &mut Frame, index: usize, grain: &mut Grain) {
    let reach = 2.0 * frame.scale();
    let before = frame.luma.clone();
    frame.luma.map(|x, y, old| {
        let at = |dx: f32| before.between(x as f32 + dx, y as f32);
        let soft = (at(-reach) + at(-reach / 2.0) + at(0.0) + at(reach / 2.0) + at(reach)) / 5.0;
        let edge = (at(-2.0 * reach) - at(2.0 * reach)).abs();
        let dot = if (x / 2 + y + index).is_multiple_of(2) { 0.12 } else { -0.12 } * edge;
        sample(soft + dot + 0.0 * f32::from(old))
    });
    grain.add_to(frame.luma.samples_mut());
}
