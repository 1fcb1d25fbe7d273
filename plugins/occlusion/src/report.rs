//! Makes the finding: the evidence that decides, the message and the marked part.

use easysight_sdk::{FindingBuilder, Region, Status, Text, finding, score};

use crate::{By, Config, Cover, MORE_THAN_USUAL, USUAL_LOOKS, learned::Learned};

/// The covered share of the picture that scores 0: hardly anything is visible.
const WORST_SHARE: f64 = 0.6;
/// The smallest covered share of the picture at which a suspicion is an error.
const SEVERE_SHARE: f64 = 0.45;
/// The distance from the threshold to a score of 0, in log odds.
const BEYOND: f64 = 8.0;

pub(crate) fn report(cover: &Cover, learned: &Learned, most_odds: f64, config: &Config) -> FindingBuilder {
    let (share, threshold) = (cover.share, cover.most(config));
    let is_learned = matches!(cover.by, By::Learned(_));
    let by_odds = score(learned.odds, most_odds - MORE_THAN_USUAL, most_odds, most_odds + BEYOND);
    let by_share = if share <= threshold {
        100.0 - 50.0 * share / threshold
    } else {
        50.0 * (1.0 - (share - threshold) / (WORST_SHARE - threshold).max(0.05))
    };
    let looks = match cover.by {
        By::Looks(looks) | By::Learned(looks) => looks,
        By::Shape | By::Beginning => 0,
    };
    let (decides, threshold) =
        if is_learned { ("learned_odds", most_odds) } else { ("covered_share", threshold) };
    let finding = finding("occlusion")
        .metric("covered_share", share, "share")
        .metric("compared_with_baseline", f64::from(u8::from(looks > 0)), "")
        .metric("looks", looks.into(), "")
        .metric("found_beyond_share", cover.lost.beyond.into(), "share")
        .metric("solidity", cover.lost.solidity.into(), "share")
        .metric("lively_share", cover.lost.lively.into(), "share")
        .metric("same_light", cover.lost.light.into(), "")
        .metric("learned_odds", learned.odds, "log odds")
        .metric("learned_share", learned.evidence.share(), "share")
        .decided_by(decides, threshold)
        .score(if is_learned { by_odds } else { by_share.min(by_odds) });
    if share <= threshold && !is_learned {
        return finding.judged(Status::Normal, Text::new("没有遮挡。", "Nothing covers the picture."));
    }
    let size = 100.0 * cover.size;
    let (status, message) = match cover.by {
        By::Looks(looks) => (
            Status::Error,
            Text::new(
                format!(
                    "画面被遮挡：与此前 {looks} 次画面相比，约 {size:.0}% 的画面里原有的景物一样也看不到了，其余部分则不然。"
                ),
                format!(
                    "The picture is covered: {size:.0} % of it shows nothing of the pictures of {looks} \
                     earlier checks, unlike the rest."
                ),
            ),
        ),
        By::Beginning => (
            Status::Error,
            Text::new(
                format!("画面在录像过程中被遮挡：约 {size:.0}% 的画面与片段开头不同，原有的景物看不到了。"),
                format!(
                    "The picture was covered within this clip: {size:.0} % of it shows nothing of the clip's \
                     beginning."
                ),
            ),
        ),
        By::Learned(looks) => (
            if share >= SEVERE_SHARE { Status::Error } else { Status::Warning },
            if looks >= USUAL_LOOKS {
                Text::new(
                    format!(
                        "疑似遮挡：约 {size:.0}% 的画面像被镜头前的物体挡住，此前 {looks} 次画面并非如此。"
                    ),
                    format!(
                        "The picture seems to be covered: {size:.0} % of it looks like an object in front of \
                         the lens, unlike in {looks} earlier checks."
                    ),
                )
            } else {
                Text::new(
                    format!("疑似遮挡：约 {size:.0}% 的画面像被镜头前的物体挡住（仅凭这一次画面判断）。"),
                    format!(
                        "The picture seems to be covered: {size:.0} % of it looks like an object in front of \
                         the lens (judged by this picture alone; earlier checks would make the result more \
                         certain)."
                    ),
                )
            },
        ),
        By::Shape => (
            if share >= SEVERE_SHARE { Status::Error } else { Status::Warning },
            Text::new(
                format!(
                    "疑似遮挡：约 {size:.0}% 的画面没有任何细节，轮廓像镜头前的物体（仅凭这一次画面判断）。"
                ),
                format!(
                    "The picture seems to be covered: {size:.0} % of it has no detail and has the outline of \
                     an object in front of the lens (judged by this picture alone; earlier checks would make \
                     the result more certain)."
                ),
            ),
        ),
    };
    let [left, top, width, height] = cover.bounds;
    let caption = Text::new("被遮挡的部分", "the covered part");
    finding
        .judged(status, message)
        .region(Region { left, top, width, height, caption })
        .suggest(Text::new(
            "查看镜头前是否有手、袋子、树叶、喷漆或贴纸，清除遮挡物。",
            "Look for a hand, a bag, a leaf, paint or tape in front of the lens and remove it.",
        ))
        .suggest(Text::new(
            "若这里本来就是空白的墙面或天空，提高该摄像机的阈值。",
            "If a plain wall or the sky is normal there, raise this camera's threshold.",
        ))
}
