//! The finding, with its messages: the view is in place, has moved, or is gone.

use easysight_sdk::{FindingBuilder, Region, Report, Status, Text, finding, score};

use crate::{Config, Seen, Verdict, flip::Flip, motion::Motion, search::LEAST_FOUND_SHARE};

/// The share of the cells in place in healthy pictures, even with parked vehicles.
const GOOD_SHARE: f64 = 0.75;
/// The score of a view that moved within the picture just beyond the threshold.
const MOVED_SCORE: f64 = 30.0;
/// The score of a camera that turns by itself. No action is needed, but the camera is not judged either.
const TURNING_SCORE: f64 = 70.0;
/// The score in the first check that does not find the view.
const UNSURE_SCORE: f64 = 40.0;

pub(crate) fn report(seen: &Seen, config: &Config) -> Report {
    let held_share = f64::from(seen.held_share);
    let share =
        |held: f64| score(held, GOOD_SHARE.max(config.least_held_share), config.least_held_share, 0.0);
    let begun = finding("scene_change").metric("held_share", held_share, "share");
    let shift = |motion: &Motion| f64::from(motion.reach(seen.width, seen.height));
    match &seen.verdict {
        Verdict::First(count, most) => begun
            .decided_by("held_share", config.least_held_share)
            .score(100.0)
            .judged(Status::Normal, first(*count, *most))
            .into(),
        Verdict::InPlace(motion) => {
            let finding = with_motion(begun, motion, shift(motion));
            let shifted = score(shift(motion), 0.0, config.max_shift_share, 3.0 * config.max_shift_share);
            if shift(motion) > config.max_shift_share {
                return moved(finding, motion, seen, config).score(shifted.min(MOVED_SCORE)).into();
            }
            let decided = if shifted < share(held_share) {
                finding.decided_by("shift_share", config.max_shift_share)
            } else {
                finding.decided_by("held_share", config.least_held_share)
            };
            decided
                .score(shifted.min(share(held_share)))
                .judged(Status::Normal, Text::new("视野未变。", "The view has not changed."))
                .into()
        }
        Verdict::Moved(motion) if shift(motion) <= config.max_shift_share => {
            // The view is turned so little that the middle of the picture is in place.
            let shifted = score(shift(motion), 0.0, config.max_shift_share, 3.0 * config.max_shift_share);
            with_motion(begun, motion, shift(motion))
                .decided_by("shift_share", config.max_shift_share)
                .score(shifted)
                .judged(
                    Status::Normal,
                    Text::new("视野略有偏移，仍在允许范围内。", "The view moved by less than is allowed."),
                )
                .into()
        }
        Verdict::Moved(motion) => {
            let finding = with_motion(begun, motion, shift(motion));
            moved(finding, motion, seen, config).score(MOVED_SCORE.min(share(held_share))).into()
        }
        Verdict::MovedNow(motion) if shift(motion) <= config.max_shift_share => {
            with_motion(begun, motion, shift(motion))
                .decided_by("shift_share", config.max_shift_share)
                .score(score(shift(motion), 0.0, config.max_shift_share, 3.0 * config.max_shift_share))
                .judged(
                    Status::Normal,
                    Text::new("视野略有偏移，仍在允许范围内。", "The view moved by less than is allowed."),
                )
                .into()
        }
        Verdict::TurnedOver(flip, flipped_share) => {
            let finding = begun.metric("flipped_share", f64::from(*flipped_share), "share");
            turned_over(finding, *flip).score(MOVED_SCORE.min(share(held_share))).into()
        }
        Verdict::MovedNow(motion) => {
            moved_now(with_motion(begun, motion, shift(motion)), motion, config).into()
        }
        Verdict::Believed => begun
            .decided_by("held_share", config.least_held_share)
            .score(100.0)
            .judged(
                Status::Normal,
                Text::new(
                    "新的视野已持续出现，次数不少于原视野，今后以它为准。",
                    "The new view has been seen as often as the former one; later checks are compared with \
                     it.",
                ),
            )
            .into(),
        Verdict::Turning(views) => begun
            .metric("views_seen", *views as f64, "")
            .decided_by("held_share", config.least_held_share)
            .score(TURNING_SCORE)
            .judged(
                Status::Normal,
                Text::new(
                    format!("摄像机经常转到别的视野（已见过 {views} 个），应为云台摄像机，不判断场景变更。"),
                    format!(
                        "The camera often turns to another view ({views} seen so far), so it seems to pan \
                         and tilt by itself. Changes of scene are not judged."
                    ),
                ),
            )
            .into(),
        Verdict::Elsewhere(checks) => elsewhere(begun, *checks)
            .decided_by("held_share", config.least_held_share)
            .score(if *checks > 1 { MOVED_SCORE } else { UNSURE_SCORE }.min(share(held_share)))
            .into(),
    }
}

fn first(count: usize, most: u32) -> Text {
    if most == 1 {
        return Text::new(
            "已记住当前视野，之后的检查将与它比较。",
            "The view is now remembered; later checks are compared with it.",
        );
    }
    Text::new(
        format!("已记住第 {count} 个视野（共 {most} 个）。"),
        format!("This view is now remembered: number {count} of {most}."),
    )
}

fn with_motion(finding: FindingBuilder, motion: &Motion, shift: f64) -> FindingBuilder {
    finding
        .metric("shift_share", shift, "share")
        .metric("shift_right", 100.0 * f64::from(motion.right), "%")
        .metric("shift_down", 100.0 * f64::from(motion.down), "%")
        .metric("turn", f64::from(motion.degrees), "°")
        .metric("zoom", f64::from(motion.zoom), "")
}

fn moved(finding: FindingBuilder, motion: &Motion, seen: &Seen, config: &Config) -> FindingBuilder {
    let words = motion.words();
    let message = Text::new(
        format!("摄像机已转动或移位：原来的视野在画面中{}。", words.zh),
        format!("The camera was turned or moved: its former view is now {}.", words.en),
    );
    let finding = finding.decided_by("shift_share", config.max_shift_share).judged(Status::Error, message);
    // The part of the picture that still shows the former view.
    let aspect = seen.height as f32 / seen.width.max(1) as f32;
    let span = |by: f32| (by.clamp(0.0, 1.0), (by + 1.0).clamp(0.0, 1.0) - by.clamp(0.0, 1.0));
    let ((left, width), (top, height)) = (span(motion.right), span(motion.down / aspect.max(1e-3)));
    let finding = if width > 0.0 && height > 0.0 {
        let caption = Text::new("原视野仍可见的部分", "the visible part of the former view");
        finding.region(Region { left, top, width, height, caption })
    } else {
        finding
    };
    suggested(finding)
}

fn turned_over(finding: FindingBuilder, flip: Flip) -> FindingBuilder {
    let caption = Text::new("翻转后与记住的视野一致", "the remembered view, turned over");
    finding
        .decided_by("flipped_share", LEAST_FOUND_SHARE.into())
        .judged(Status::Error, flip.words())
        .region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption })
        .suggest(Text::new(
            "检查摄像机的图像翻转、镜像或旋转设置；维护后重新安装的，检查安装方向。",
            "Check whether the camera's settings turn or mirror the picture. If the camera was remounted, \
             check that it is not upside down.",
        ))
        .suggest(Text::new(
            "若翻转是有意的，用 `easysight camera reset-baseline` 重新记住视野。",
            "If the change is intended, run `easysight camera reset-baseline`, so that the view is learnt \
             anew.",
        ))
}

fn moved_now(finding: FindingBuilder, motion: &Motion, config: &Config) -> FindingBuilder {
    let words = motion.words();
    let whole = Text::new("片段中移动了", "moved within the clip");
    let finding = finding
        .decided_by("shift_share", config.max_shift_share)
        .score(UNSURE_SCORE)
        .judged(
            Status::Warning,
            Text::new(
                format!("摄像机在这段画面中被移动：开始时的视野到结束时{}（仅凭这段画面）。", words.zh),
                format!(
                    "The camera was moved within this clip: its first view is {} at the end (judged by this \
                     clip alone).",
                    words.en
                ),
            ),
        )
        .region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption: whole });
    suggested(finding)
}

fn elsewhere(finding: FindingBuilder, checks: u8) -> FindingBuilder {
    let caption = Text::new("与记住的视野不同", "not the remembered view");
    let finding = finding.region(Region { left: 0.0, top: 0.0, width: 1.0, height: 1.0, caption });
    if checks > 1 {
        return suggested(finding.judged(
            Status::Error,
            Text::new(
                format!("摄像机朝向别处：连续 {checks} 次检查都找不到记住的视野。"),
                format!(
                    "The camera shows another view: {checks} consecutive checks did not find the \
                     remembered view."
                ),
            ),
        ));
    }
    suggested(finding.judged(
        Status::Warning,
        Text::new(
            "找不到记住的视野：摄像机可能被转动，或有大型物体挡在前面。",
            "The remembered view is not found: the camera was turned, or a large object is in front of it.",
        ),
    ))
}

fn suggested(finding: FindingBuilder) -> FindingBuilder {
    finding
        .suggest(Text::new(
            "检查摄像机的支架和朝向，转回原位。",
            "Check the camera's mount and turn it back.",
        ))
        .suggest(Text::new(
            "若新视野是有意的，用 `easysight camera reset-baseline` 重新记住；云台摄像机请把 `presets` 设为预置位数量。",
            "If the new view is intended, run `easysight camera reset-baseline`, so that it is learnt. For a \
             camera with presets, set `presets` to the number of presets.",
        ))
}
