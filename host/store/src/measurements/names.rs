//! The names that most chunks contain, as a dictionary for zstd. A name in the dictionary adds almost nothing to the
//! size of a chunk.

use std::sync::LazyLock;

use super::bits::Writer;

/// The dictionary of format 1. It never changes, because chunks can be read only with the dictionary with which they
/// were written. New common names require a new dictionary and a new format.
pub(super) static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut writer = Writer::default();
    for word in WORDS {
        writer.text(word);
    }
    for (diagnosis, metrics) in DIAGNOSES {
        writer.text(diagnosis);
        writer.count(metrics.len());
        for (name, unit) in *metrics {
            writer.text(name);
            writer.text(unit);
        }
    }
    writer.0
});

const WORDS: &[&str] = &["unsupported-clip", "inconclusive", "critical", "error", "warning", "normal"];

/// The standard diagnoses and their metrics, in the order in which a chunk has them.
const DIAGNOSES: &[(&str, &[(&str, &str)])] = &[
    (
        "blue_screen",
        &[
            ("bar_share", "share"),
            ("card_colours", ""),
            ("cb", "Cb/Cr"),
            ("cr", "Cb/Cr"),
            ("luma", "grey level"),
            ("solid_share", "share"),
            ("written_share", "share"),
        ],
    ),
    (
        "brightness",
        &[
            ("black_share", "share"),
            ("clipped_share", "share"),
            ("exposure", ""),
            ("looks", ""),
            ("luma_mean", "grey level"),
            ("luma_p5", "grey level"),
            ("luma_p50", "grey level"),
            ("luma_p95", "grey level"),
            ("white_ground", "share"),
        ],
    ),
    (
        "clarity",
        &[
            ("added_in_half", "px"),
            ("added_radius", "px"),
            ("looks", ""),
            ("sharpest_radius", "px"),
            ("tiles", ""),
            ("typical_radius", "px"),
            ("unclear_radius", "px"),
        ],
    ),
    ("clock", &[("covered_s", "s"), ("still_share", "share"), ("writing_share", "share")]),
    (
        "color_cast",
        &[
            ("agreement", "share"),
            ("cast", "Cb/Cr"),
            ("change", "Cb/Cr"),
            ("colourful", "Cb/Cr"),
            ("everywhere", "Cb/Cr"),
            ("grey_share", "share"),
            ("highlights", "Cb/Cr"),
            ("peak_cb", "Cb/Cr"),
            ("peak_cr", "Cb/Cr"),
        ],
    ),
    (
        "contrast",
        &[
            ("bright", "grey level"),
            ("contrast", "share"),
            ("dark", "grey level"),
            ("far_detail", "share"),
            ("floor", "share"),
            ("haze", "share"),
            ("looks", ""),
            ("outline", "grey level"),
            ("span", "grey level"),
            ("tile_contrast", "share"),
            ("transmission", "share"),
            ("veil", "share"),
        ],
    ),
    (
        "flower_screen",
        &[
            ("concealed_share", "share"),
            ("corrupt_frames", ""),
            ("grey_rise", "share"),
            ("impossible_share", "share"),
            ("missed_packets", ""),
            ("missing_references", ""),
            ("repaired_share", "share"),
            ("torn_rise", "share"),
            ("torn_share", "share"),
        ],
    ),
    (
        "freeze",
        &[
            ("alike_checks", ""),
            ("change_energy", "grey level²"),
            ("covered_s", "s"),
            ("fineness", "grey level²"),
            ("grain", "grey level²"),
            ("still_s", "s"),
            ("undone_share", "share"),
        ],
    ),
    (
        "lens_dirty",
        &[
            ("alike_share", "share"),
            ("blurred_share", "share"),
            ("border_mist", "share"),
            ("clean_looks", ""),
            ("compared_with_baseline", ""),
            ("dirty_share", "share"),
            ("discs", ""),
            ("film", "share"),
            ("learned_odds", "log odds"),
            ("learned_share", "share"),
            ("rings", ""),
            ("same_light_share", "share"),
            ("spotted_share", "share"),
            ("thread_share", "share"),
            ("veiled_share", "share"),
        ],
    ),
    (
        "mosaic",
        &[
            ("block_side", "px"),
            ("block_step", "grey level"),
            ("plateaus", "share"),
            ("seen_step", "grey level"),
        ],
    ),
    (
        "noise",
        &[
            ("change", "grey level"),
            ("colour_noise", "grey level"),
            ("grain", "grey level"),
            ("lone_pixels", "share"),
            ("noise", "grey level"),
        ],
    ),
    (
        "occlusion",
        &[
            ("compared_with_baseline", ""),
            ("covered_share", "share"),
            ("found_beyond_share", "share"),
            ("learned_odds", "log odds"),
            ("learned_share", "share"),
            ("lively_share", "share"),
            ("looks", ""),
            ("same_light", ""),
            ("solidity", "share"),
        ],
    ),
    (
        "scene_change",
        &[
            ("flipped_share", "share"),
            ("held_share", "share"),
            ("shift_down", "%"),
            ("shift_right", "%"),
            ("shift_share", "share"),
            ("turn", "°"),
            ("views_seen", ""),
            ("zoom", ""),
        ],
    ),
    ("shake", &[("covered_s", "s"), ("reversals_per_s", "1/s"), ("swing_px", "px")]),
    ("signal_loss", &[("blank_share", "share"), ("covered_share", "share")]),
    (
        "stream",
        &[
            ("clock_jumps", ""),
            ("clock_speed", ""),
            ("declared_frame_rate", "frames/s"),
            ("frame_rate", "frames/s"),
            ("height", "px"),
            ("irregularity", ""),
            ("keyframe_interval_s", "s"),
            ("longest_gap_s", "s"),
            ("missed_packets", ""),
            ("width", "px"),
        ],
    ),
    (
        "stripe",
        &[
            ("hot_columns", ""),
            ("moving_amplitude", "grey level"),
            ("rolling_amplitude", "grey level"),
            ("row_step", "grey level"),
            ("standing_amplitude", "grey level"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_never_changes() {
        let hash = DICTIONARY.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!((DICTIONARY.len(), hash), (2_309, 0x08ef_7ab3_0496_072c));
    }
}
