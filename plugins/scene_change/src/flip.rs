//! Whether the known view is there, but turned over: a camera that hangs the other way up after service, or
//! whose settings mirror the picture.

use easysight_sdk::Text;

use crate::{
    cells::Place,
    motion::Motion,
    search::{Edges, among},
};

/// Turns that are tried beside each flip, in degrees: who mounts a camera anew does not hit the horizon.
const TURNS: [f32; 3] = [0.0, -5.0, 5.0];

/// How a picture is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flip {
    /// By 180 degrees: up is down and left is right.
    UpsideDown,
    /// Left is right.
    Mirrored,
    /// Up is down, but left is left.
    TopDown,
}

impl Flip {
    const ALL: [Self; 3] = [Self::UpsideDown, Self::Mirrored, Self::TopDown];

    /// Whether left and right, and whether top and bottom change places.
    const fn sides(self) -> (bool, bool) {
        match self {
            Self::UpsideDown => (true, true),
            Self::Mirrored => (true, false),
            Self::TopDown => (false, true),
        }
    }

    /// In words: what became of the picture.
    pub(crate) fn words(self) -> Text {
        match self {
            Self::UpsideDown => Text::new(
                "画面上下颠倒：与记住的视野相比旋转了 180°。",
                "The picture is upside down: turned by 180° compared with the view that is remembered.",
            ),
            Self::Mirrored => Text::new(
                "画面左右镜像：与记住的视野相比左右互换。",
                "The picture is mirrored: left and right have changed places compared with the view that is \
                 remembered.",
            ),
            Self::TopDown => Text::new(
                "画面上下翻转：与记住的视野相比上下互换，左右未变。",
                "The picture is flipped: top and bottom have changed places compared with the view that is \
                 remembered, left and right have not.",
            ),
        }
    }
}

/// How the known view is turned over now, and how its cells are found then. None where it is not found, or
/// not clearly better than `as_it_was`: a corridor is nearly its own mirror image.
pub(crate) fn turned_over(known: &Edges, now: &Edges, as_it_was: &Place) -> Option<(Flip, Place)> {
    let over = |flip: Flip| {
        let turned = TURNS.map(|degrees| Motion { degrees, ..Motion::NONE });
        among(&known.flipped(flip.sides()), now, turned.into_iter()).map(|(_, place)| (flip, place))
    };
    let found = Flip::ALL.into_iter().filter_map(over);
    let best = found.max_by(|(_, a), (_, b)| a.strength.total_cmp(&b.strength))?;
    as_it_was.is_worse_than(&best.1).then_some(best)
}
