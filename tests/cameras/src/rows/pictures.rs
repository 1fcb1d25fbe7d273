//! Habits in encoding and packing.

use easysight_capture::CaptureErrorKind as Reason;

use super::{JUDGED, none, rtsp};
use crate::{Packing, Row, rtsp::Video};

pub(super) fn rows() -> Vec<Row> {
    [sets(), packings(), codecs()].concat()
}

fn sets() -> Vec<Row> {
    vec![
        rtsp(
            "sets-in-band",
            "describes no parameter sets, but sends them with keyframes",
            "描述中没有参数集，随关键帧发送",
            JUDGED,
            |habits| habits.describes = without_sets,
        ),
        rtsp(
            "sets-described",
            "describes the parameter sets, but never sends them",
            "参数集只在描述中，从不随流发送",
            JUDGED,
            |habits| habits.sets_in_band = false,
        ),
        rtsp(
            "odd-sets",
            "ends its list of parameter sets in a comma and a semicolon",
            "参数集列表以逗号和分号结尾",
            JUDGED,
            |habits| {
                habits.sets_in_band = false;
                habits.describes = |text, _| {
                    let lines = text.lines().map(|line| {
                        let odd = line.contains("sprop");
                        format!("{line}{}\r\n", if odd { ",;" } else { "" })
                    });
                    lines.collect()
                };
            },
        )
        .of("VLC"),
        rtsp(
            "no-sets",
            "never provides its parameter sets",
            "从不给出参数集",
            none(Reason::NothingDecodes, ""),
            |habits| {
                habits.sets_in_band = false;
                habits.describes = without_sets;
            },
        ),
    ]
}

fn without_sets(text: &str, _: &str) -> String {
    text.lines().filter(|line| !line.starts_with("a=fmtp")).map(|line| format!("{line}\r\n")).collect()
}

fn packings() -> Vec<Row> {
    vec![
        rtsp(
            "together",
            "puts several units into a packet (STAP-A)",
            "一个包中放多个单元（STAP-A）",
            JUDGED,
            |habits| habits.packing = Packing::Together,
        ),
        rtsp(
            "start-codes",
            "leaves the start codes of files in its packets",
            "包中留有文件用的起始码",
            JUDGED,
            |habits| habits.packing = Packing::StartCodes,
        ),
        rtsp(
            "whole-picture",
            "sends a keyframe and its parameter sets as one unit, with start codes between them",
            "把关键帧和参数集当作一个单元发送，其间是起始码",
            JUDGED,
            |habits| {
                habits.packing = Packing::WholePicture;
                habits.describes = without_sets;
            },
        ),
        rtsp("no-marks", "never marks the end of a picture", "从不标记画面结尾", JUDGED, |habits| {
            habits.marks = |_| false;
        }),
        rtsp(
            "all-marks",
            "marks every packet as the end of a picture",
            "每个包都标记为画面结尾",
            JUDGED,
            |habits| {
                habits.marks = |_| true;
            },
        ),
        rtsp(
            "other-number",
            "sends another payload type than it describes",
            "负载类型与描述不符",
            JUDGED,
            |habits| habits.describes = |text, _| text.replace("AVP 96", "AVP 99").replace(":96 ", ":99 "),
        ),
    ]
}

fn codecs() -> Vec<Row> {
    vec![
        rtsp("h265", "sends H.265", "发送 H.265", JUDGED, |habits| habits.video = Video::H265),
        rtsp(
            "h265-together",
            "sends H.265 with several units in a packet, and describes no parameter sets",
            "发送 H.265，一个包中有多个单元，描述中没有参数集",
            JUDGED,
            |habits| {
                habits.video = Video::H265;
                habits.packing = Packing::Together;
                habits.describes = without_sets;
            },
        ),
        rtsp(
            "b-frames",
            "sends pictures in an order that differs from the display order",
            "画面的发送次序与显示次序不同",
            JUDGED,
            |habits| {
                habits.video = Video::Reordered;
            },
        ),
        rtsp("jpeg", "sends JPEG over RTSP", "通过 RTSP 发送 JPEG", JUDGED, |habits| {
            habits.video = Video::Jpeg;
        })
        .of("Axis, Mobotix"),
    ]
}
