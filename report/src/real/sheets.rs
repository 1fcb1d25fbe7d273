//! The tables of real footage, with the sets in columns, and lists of mistakes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Figures, Footage};
use crate::{
    document::{Language, Sheet, sheets::spread},
    set::{InSet, Set},
    statistics::Share,
};

/// Makes the tables of the figures.
#[must_use]
pub fn sheets(figures: &[InSet<Figures>], language: Language) -> Vec<Sheet> {
    let sets = figures.iter().map(|one| one.named().0.to_string());
    let heads: Vec<String> = std::iter::once(language.of("measure", "指标").to_owned()).chain(sets).collect();
    let row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        let cells = figures.iter().map(|one| cell(one.named().1));
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let mut rows = vec![
        row(language.of("faults found", "检出的故障"), &|one| spread(&one.found, false, language)),
        row(language.of("healthy looks with an alarm", "正常画面误报"), &|one| {
            spread(&one.healthy, true, language)
        }),
        row(language.of("healthy cameras with an alarm", "出现误报的正常摄像机"), &|one| {
            cameras(&one.healthy.by_camera)
        }),
        row(language.of("… by diagnosis", "……按诊断"), &|one| counts(&one.by_diagnosis)),
        row(
            language.of("with a memory: healthy looks with an alarm", "有记忆时正常画面误报"),
            &|one| spread(&one.sequence, true, language),
        ),
        row(language.of("… by diagnosis", "……按诊断"), &|one| counts(&one.sequence_by_diagnosis)),
    ];
    let fog = |cell: fn(&super::Fog) -> String| {
        move |one: &Figures| one.fog.as_ref().map_or_else(|| "–".to_owned(), cell)
    };
    rows.push(row(language.of("fog below 500 m found", "检出 500 米以下的雾"), &fog(|fog| share(fog.told))));
    rows.push(row(language.of("clear air reported as fog", "晴朗误判为雾"), &fog(|fog| share(fog.clear))));
    rows.push(row(
        language.of("rank correlation of score and visibility", "得分与能见度的秩相关"),
        &fog(|fog| fog.correlation.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))),
    ));
    let kinds: BTreeSet<&String> = figures.iter().flat_map(|one| one.named().1.by_kind.keys()).collect();
    let by_kind = kinds.into_iter().map(|kind| {
        row(kind, &|one| {
            let none = language.of("no such fault in this set", "本集无此类故障");
            one.by_kind.get(kind).map_or_else(|| none.to_owned(), |found| share(*found))
        })
    });
    let title = |english: &str, chinese: &str| language.of(english, chinese).to_owned();
    vec![
        Sheet {
            title: title("Real footage", "真实画面"), heads: heads.clone(), rows, note: String::new()
        },
        Sheet {
            title: title("Real faults found, by kind", "各类真实故障的检出"),
            heads,
            rows: by_kind.collect(),
            note: String::new(),
        },
    ]
}

/// Lists the missed faults and the false alarms, one on each line, for sets whose files may be named.
#[must_use]
pub fn lines(footage: &Footage, shown: &[Set]) -> Vec<String> {
    let mut lines = Vec::new();
    for judged in &footage.singles {
        let label = &judged.label;
        if !shown.contains(&label.set()) || judged.is_fog() {
            continue;
        }
        if !label.is_healthy() && !judged.is_found() {
            let (wanted, said) = (label.find_one_of.join(" "), judged.said().join(" "));
            lines.push(format!(
                "{}: missed {}: {wanted}; found {said}; {}",
                label.set(),
                label.file,
                label.seen
            ));
        }
        if !judged.wrong().is_empty() {
            let wrong = judged.wrong().join(" ");
            lines.push(format!("{}: false {}: {wrong}; {}", label.set(), label.file, label.seen));
        }
    }
    for judged in footage.sequence.iter().filter(|judged| shown.contains(&judged.label.set())) {
        if !judged.wrong().is_empty() {
            let (label, wrong) = (&judged.label, judged.wrong().join(" "));
            lines.push(format!(
                "{}: false with a memory {}: {wrong}; {}",
                label.set(),
                label.file,
                label.seen
            ));
        }
    }
    lines
}

fn cameras(by_camera: &BTreeMap<String, Share>) -> String {
    let mut sum = Share::default();
    for share in by_camera.values() {
        sum.count(share.part > 0);
    }
    share(sum)
}

fn share(share: Share) -> String {
    share.value().map_or_else(
        || "–".to_owned(),
        |value| format!("{:.1} % ({}/{})", value * 100.0, share.part, share.whole),
    )
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    if counts.is_empty() {
        return "–".to_owned();
    }
    let mut sorted: Vec<(&String, &usize)> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    sorted.into_iter().map(|(id, count)| format!("{id} {count}")).collect::<Vec<_>>().join(", ")
}
