//! Encoders with too few bits, enlarged small streams, and packets damaged by a network.

use super::{Recipe, SEVERITIES, Told, Via};
use crate::{
    damage::{Damage, Loss},
    effect::blocks::Blocks,
    ffmpeg::Encoding,
};

pub(super) fn all() -> Vec<Recipe> {
    [blocks(), starved(), broken()].concat()
}

const BESIDE_BLOCKS: &[&str] = &["clarity", "focus_blur", "flower_screen", "noise"];

fn blocks() -> Vec<Recipe> {
    let blocks = Told { kind: "blocks", must: &["mosaic"], may: BESIDE_BLOCKS };
    [
        blocks.by("substream", [132, 88, 54].map(Blocks::Substream)),
        blocks.by("slopes", [8, 14, 22].map(Blocks::Slopes)),
        blocks.by("part_in_blocks", [0.25, 0.45, 0.7].map(Blocks::Part)),
    ]
    .concat()
}

fn starved() -> Vec<Recipe> {
    let starved = Told { kind: "starved", must: &["mosaic"], may: BESIDE_BLOCKS };
    let mut recipes = Vec::new();
    for (number, severity) in SEVERITIES.into_iter().enumerate() {
        let pick = |list: [u8; 3]| list.get(number).copied().unwrap_or(0);
        let mut last = |maker: &str, options: &str, suffix: &str| {
            recipes.push(starved.one(maker, severity, Vec::new()).encoded(Encoding::new(options, suffix)));
        };
        last("mjpeg_starved", &format!("-c:v mjpeg -q:v {} -pix_fmt yuvj420p", pick([20, 26, 31])), "avi");
        last("mpeg2_starved", &format!("-c:v mpeg2video -g 12 -q:v {}", pick([22, 27, 31])), "ts");
        let smoothed = "-c:v libx264 -preset superfast -bf 0 -g 50 -x264-params deblock=3,3 -crf";
        last("deblocked", &format!("{smoothed} {}", pick([44, 48, 51])), "mp4");
        // A camera's small stream is recorded as a large one, so the grid of blocks is enlarged too.
        let upscaled = [
            ("upscaled_mpeg4", format!("-c:v mpeg4 -g 25 -q:v {}", pick([14, 22, 31])), "bilinear", 0.5),
            ("upscaled_h264", format!("{smoothed} {} ", pick([38, 43, 48])), "neighbor", 1.0 / 3.0),
            (
                "upscaled_mjpeg",
                format!("-c:v mjpeg -q:v {} -pix_fmt yuvj420p", pick([14, 22, 31])),
                "bicubic",
                0.4,
            ),
        ];
        for (maker, options, scaler, share) in upscaled {
            let suffix = if maker == "upscaled_mjpeg" { "avi" } else { "mp4" };
            let via = Via { encoding: Encoding::new(&options, suffix), share, scaler };
            recipes.push(Recipe { via: Some(via), ..starved.one(maker, severity, Vec::new()) });
        }
    }
    recipes
}

fn broken() -> Vec<Recipe> {
    let broken = Told {
        kind: "lost",
        must: &["flower_screen"],
        may: &["mosaic", "stream", "noise", "clarity", "freeze", "color_cast"],
    };
    let h264 = |crf: u8, slices: u8, suffix: &str| {
        let options =
            format!("-c:v libx264 -preset veryfast -bf 0 -g 50 -x264-params slices={slices} -crf {crf}");
        Encoding::new(&options, suffix)
    };
    let mut recipes = Vec::new();
    for (severity, share) in SEVERITIES.into_iter().zip([0.01_f32, 0.03, 0.1]) {
        let ways = [
            ("rtp_loss", Damage::Packets { loss: Loss { share, burst: 1.0 } }, h264(23, 1, "mp4"), false),
            ("rtp_bursts", Damage::Packets { loss: Loss { share, burst: 6.0 } }, h264(21, 1, "mp4"), true),
            ("ts_loss", Damage::TsPackets { loss: Loss { share, burst: 3.0 } }, h264(23, 1, "ts"), false),
            ("ts_bits", Damage::TsBits { share: share / 6.0 }, h264(22, 2, "ts"), true),
            ("lost_references", Damage::Pictures { share: 4.0 * share }, h264(23, 1, "mp4"), true),
            (
                "mpeg4_bits",
                Damage::Bits { format: "m4v".into(), share: share / 25.0 },
                Encoding::new("-c:v mpeg4 -g 40 -q:v 5", "avi"),
                false,
            ),
            (
                "mjpeg_bits",
                Damage::Bits { format: "mjpeg".into(), share: share / 10.0 },
                Encoding::new("-c:v mjpeg -q:v 6 -pix_fmt yuvj420p", "avi"),
                true,
            ),
            (
                "mpeg2_bits",
                Damage::Bits { format: "mpeg2video".into(), share: share / 25.0 },
                Encoding::new("-c:v mpeg2video -g 15 -q:v 5", "avi"),
                true,
            ),
        ];
        for (maker, damage, encoding, recorded) in ways {
            let recipe = broken.one(maker, severity, Vec::new()).encoded(encoding);
            recipes.push(Recipe { damage: Some(damage), recorded, ..recipe });
        }
    }
    recipes
}
