//! Draws into a picture: boxes and a few words. The font is part of the program.

use crate::letters;

/// A colour: red, green, blue.
pub(crate) type Colour = [u8; 3];

/// The background colour of words.
const PAPER: Colour = [16, 16, 16];
/// The colour of words.
const INK: Colour = [255, 255, 255];

/// A picture to draw into, as interleaved RGB.
pub(crate) struct Canvas {
    pixels: Vec<u8>,
    width: u32,
    height: u32,
    /// The size of one pixel of a letter in pixels of the picture.
    scale: u32,
    /// The width of a line in pixels.
    line: u32,
}

/// A box in pixels. Parts outside the picture are not drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Canvas {
    /// Creates a canvas of this width and height. Missing pixels become black.
    pub(crate) fn new(mut pixels: Vec<u8>, width: u32, height: u32) -> Self {
        pixels.resize(3 * width as usize * height as usize, 0);
        // In a wide picture, lines and letters are twice as large, so that they stay visible from a distance.
        let scale = if width >= 1_280 { 2 } else { 1 };
        let line = if width >= 640 { 4 } else { 2 };
        Self { pixels, width, height, scale, line }
    }

    /// Returns the pixels.
    pub(crate) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    fn fill(&mut self, area: Area, colour: Colour) {
        let right = area.left.saturating_add(area.width).min(self.width);
        let bottom = area.top.saturating_add(area.height).min(self.height);
        let columns = 3 * area.left.min(right) as usize..3 * right as usize;
        let rows = self.pixels.chunks_exact_mut(3 * self.width.max(1) as usize);
        for row in rows.take(bottom as usize).skip(area.top as usize) {
            for pixel in row.get_mut(columns.clone()).unwrap_or_default().as_chunks_mut::<3>().0 {
                *pixel = colour;
            }
        }
    }

    /// Converts a box in shares (0 to 1) of the picture to pixels. Each side is at least one pixel.
    pub(crate) fn area_of(&self, left: f32, top: f32, width: f32, height: f32) -> Area {
        let pixel = |share: f32, whole: u32| (share.clamp(0.0, 1.0) * whole as f32).round() as u32;
        let (left_px, top_px) = (pixel(left, self.width), pixel(top, self.height));
        Area {
            left: left_px,
            top: top_px,
            width: pixel(left + width, self.width).saturating_sub(left_px).max(1),
            height: pixel(top + height, self.height).saturating_sub(top_px).max(1),
        }
    }

    /// Draws the edge of a box, inside the box.
    pub(crate) fn outline(&mut self, area: Area, colour: Colour) {
        let line = self.line.min(area.width).min(area.height);
        let (right, bottom) =
            (area.left.saturating_add(area.width - line), area.top.saturating_add(area.height - line));
        self.fill(Area { height: line, ..area }, colour);
        self.fill(Area { top: bottom, height: line, ..area }, colour);
        self.fill(Area { width: line, ..area }, colour);
        self.fill(Area { left: right, width: line, ..area }, colour);
    }

    /// Writes words above a box, or inside the box if there is no room above.
    pub(crate) fn caption(&mut self, area: Area, words: &str, colour: Colour) {
        let height = self.line_height();
        let top = area.top.checked_sub(height).unwrap_or(area.top);
        let width = self.width_of(words);
        let left = area.left.min(self.width.saturating_sub(width));
        self.write(left, top, words, colour);
    }

    /// Writes words along the lower edge.
    pub(crate) fn footer(&mut self, words: &str) {
        let top = self.height.saturating_sub(self.line_height());
        self.write(0, top, words, PAPER);
    }

    /// Writes words on a coloured strip. Parts outside the picture are cut off. Letters that the font does not
    /// contain become question marks.
    fn write(&mut self, left: u32, top: u32, words: &str, paper: Colour) {
        let scale = self.scale;
        let strip = Area { left, top, width: self.width_of(words), height: self.line_height() };
        self.fill(strip, paper);
        let mut x = left.saturating_add(scale);
        for letter in words.chars() {
            if x >= self.width {
                break;
            }
            letters::dots_of(letter, |column, row| {
                let (left, top) = (x + column * scale, top + (row + 1) * scale);
                self.fill(Area { left, top, width: scale, height: scale }, INK);
            });
            x = x.saturating_add(letters::width_of(letter) * scale);
        }
    }

    fn width_of(&self, words: &str) -> u32 {
        let letters = words.chars().map(letters::width_of).fold(2, u32::saturating_add);
        letters.saturating_mul(self.scale)
    }

    const fn line_height(&self) -> u32 {
        (letters::HEIGHT + 2) * self.scale
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RED: Colour = [255, 0, 0];

    fn pixel(canvas: &Canvas, x: u32, y: u32) -> Colour {
        let at = 3 * (y * canvas.width + x) as usize;
        canvas.pixels[at..at + 3].try_into().unwrap()
    }

    #[test]
    fn a_box_has_an_edge_and_leaves_what_is_in_it() {
        let mut canvas = Canvas::new(vec![9; 3 * 100 * 50], 100, 50);
        let area = canvas.area_of(0.1, 0.2, 0.5, 0.6);
        canvas.outline(area, RED);
        for (x, y, edge) in [
            (10, 10, true),
            (11, 11, true),
            (12, 12, false),
            (9, 9, false),
            (59, 39, true),
            (60, 40, false),
            (35, 25, false),
        ] {
            assert_eq!(pixel(&canvas, x, y) == RED, edge, "{x},{y}");
        }
    }

    #[test]
    fn words_are_letters_on_a_strip() {
        let mut canvas = Canvas::new(Vec::new(), 200, 60);
        let area = canvas.area_of(0.1, 0.5, 0.5, 0.4);
        canvas.caption(area, "I", RED);
        // This row crosses the letter's stem and the strip beside the letter.
        let row: Vec<_> = (20..31).map(|x| pixel(&canvas, x, 21)).collect();
        assert!(row.contains(&INK) && row.contains(&RED), "{row:?}");
        let red = (0..60)
            .flat_map(|y| (0..200).map(move |x| (x, y)))
            .filter(|(x, y)| pixel(&canvas, *x, *y) == RED);
        assert!(red.into_iter().all(|(x, y)| (20..30).contains(&x) && (12..30).contains(&y)));
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_beyond_the_picture(
            size in (1..40_u32, 1..40_u32), left in -1.0..2.0_f32, top in -1.0..2.0_f32,
            width in 0.0..9.0_f32, height in 0.0..9.0_f32, words in ".{0,9}"
        ) {
            let mut canvas = Canvas::new(Vec::new(), size.0, size.1);
            let area = canvas.area_of(left, top, width, height);
            canvas.outline(area, RED);
            canvas.caption(area, &words, RED);
            canvas.footer(&words);
            prop_assert_eq!(canvas.into_pixels().len(), 3 * (size.0 * size.1) as usize);
        }
    }
}
