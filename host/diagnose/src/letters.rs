//! Letters for pictures, in Latin and Chinese: GNU Unifont with the characters of GB 2312, 16 pixels high.

use std::convert::Infallible;

use embedded_graphics_core::{
    Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    pixelcolor::BinaryColor,
};
use u8g2_fonts::{
    FontRenderer,
    fonts::u8g2_font_unifont_t_gb2312,
    types::{FontColor, VerticalPosition},
};

static FONT: FontRenderer = FontRenderer::new::<u8g2_font_unifont_t_gb2312>();
/// The height of all letters and the width of the widest ones, in pixels.
pub(crate) const HEIGHT: u32 = 16;
/// The replacement for letters that the font does not contain.
const UNKNOWN: char = '?';

/// Returns the width of a letter in pixels, including the space after the letter.
pub(crate) fn width_of(letter: char) -> u32 {
    let width = |letter| FONT.get_rendered_dimensions(letter, Point::zero(), VerticalPosition::Top).ok();
    let found = width(letter).or_else(|| width(UNKNOWN));
    found.and_then(|found| u32::try_from(found.advance.x).ok()).unwrap_or(0)
}

/// Calls `dot` with the column and the row of each dot of a letter. Column and row begin at 0 in the upper left corner
/// and are below [`HEIGHT`].
pub(crate) fn dots_of(letter: char, dot: impl FnMut(u32, u32)) {
    let mut target = Dots(dot);
    let color = FontColor::Transparent(BinaryColor::On);
    let mut draw = |letter| FONT.render(letter, Point::zero(), VerticalPosition::Top, color, &mut target);
    if draw(letter).is_err() {
        // The font contains [`UNKNOWN`], and drawing itself never fails.
        draw(UNKNOWN).ok();
    }
}

/// Receives the dots of one letter.
struct Dots<F>(F);

impl<F> OriginDimensions for Dots<F> {
    fn size(&self) -> Size {
        Size::new(HEIGHT, HEIGHT)
    }
}

impl<F: FnMut(u32, u32)> DrawTarget for Dots<F> {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            if let (Ok(x @ 0..HEIGHT), Ok(y @ 0..HEIGHT)) = (u32::try_from(at.x), u32::try_from(at.y))
                && color.is_on()
            {
                (self.0)(x, y);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(letter: char) -> Vec<(u32, u32)> {
        let mut dots = Vec::new();
        dots_of(letter, |x, y| dots.push((x, y)));
        dots.sort_unstable();
        dots
    }

    #[test]
    fn latin_and_chinese_letters_are_known_and_differ() {
        let unknown = dots(UNKNOWN);
        for letter in "Az09%:.()-遮挡模糊画面破碎的宏块条纹污渍：，。（）".chars() {
            let found = dots(letter);
            assert!(!found.is_empty() && found != unknown, "{letter}");
            let widest = found.iter().map(|(x, _)| *x).max().unwrap();
            assert!(widest < width_of(letter), "{letter}");
        }
        assert_eq!((width_of('A'), width_of('遮')), (8, 16));
    }

    #[test]
    fn a_letter_that_the_font_lacks_is_a_question_mark() {
        assert_eq!(dots('\u{1F4F7}'), dots(UNKNOWN));
        assert_eq!(width_of('\u{1F4F7}'), width_of(UNKNOWN));
    }
}
