//! Finds out whether the known view is turned over. A camera may be mounted upside down after service, or its settings
//! may mirror the picture.

use easysight_sdk::Text;

use crate::{
    cells::Place,
    motion::Motion,
    search::{Edges, among},
};

/// The rotations that are tried with each flip, in degrees, because a camera that was remounted is not exactly
/// level.
const TURNS: [f32; 3] = [0.0, -5.0, 5.0];

/// The way in which a picture is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flip {
    /// Turned by 180 degrees: top and bottom, and left and right, are exchanged.
    UpsideDown,
    /// Left and right are exchanged.
    Mirrored,
    /// Only top and bottom are exchanged.
    TopDown,
}

impl Flip {
    const ALL: [Self; 3] = [Self::UpsideDown, Self::Mirrored, Self::TopDown];

    /// Returns two values: whether left and right are exchanged, and whether top and bottom are exchanged.
    const fn sides(self) -> (bool, bool) {
        match self {
            Self::UpsideDown => (true, true),
            Self::Mirrored => (true, false),
            Self::TopDown => (false, true),
        }
    }

    /// Describes the flip in a sentence.
    pub(crate) fn words(self) -> Text {
        match self {
            Self::UpsideDown => Text::new(
                "画面上下颠倒：与记住的视野相比旋转了 180°。",
                "The picture is upside down: turned by 180° compared with the remembered view.",
            ),
            Self::Mirrored => Text::new(
                "画面左右镜像：与记住的视野相比左右互换。",
                "The picture is mirrored: left and right are exchanged compared with the remembered view.",
            ),
            Self::TopDown => Text::new(
                "画面上下翻转：与记住的视野相比上下互换，左右未变。",
                "The picture is flipped: top and bottom are exchanged compared with the remembered view, but \
                 left and right are not.",
            ),
        }
    }
}

/// Returns how the known view is turned over, and the place at which its cells are then found. `as_it_was` is the place
/// at which the cells are found without turning the view over. Returns none if the cells are not found, or if their
/// place is not clearly better than `as_it_was`. The comparison is needed because a corridor is nearly its own mirror
/// image.
pub(crate) fn turned_over(known: &Edges, now: &Edges, as_it_was: &Place) -> Option<(Flip, Place)> {
    let over = |flip: Flip| {
        let turned = TURNS.map(|degrees| Motion { degrees, ..Motion::NONE });
        among(&known.flipped(flip.sides()), now, turned.into_iter()).map(|(_, place)| (flip, place))
    };
    let found = Flip::ALL.into_iter().filter_map(over);
    let best = found.max_by(|(_, a), (_, b)| a.strength.total_cmp(&b.strength))?;
    as_it_was.is_worse_than(&best.1).then_some(best)
}
