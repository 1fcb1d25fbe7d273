//! The tables of the report, with the sets in columns.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Language, Sheet, Told,
    words::{self, share},
};
use crate::{
    set::{InSet, Set},
    statistics::{Share, Spread},
    tally::Figures,
};

/// A measure: its English name, its Chinese name, and the function that formats it.
type Measure = (&'static str, &'static str, fn(&Figures, Language) -> String);

/// The most important measures for an operator.
const OVERVIEW: [Measure; 7] = [
    ("macro AUC", "宏平均 AUC", |figures, _| words::area(figures.macro_area())),
    ("right kind found", "故障类型正确检出", |figures, language| {
        spread(&figures.found, false, language)
    }),
    ("healthy looks with an alarm", "正常画面误报", |figures, language| {
        spread(&figures.healthy, true, language)
    }),
    ("healthy cameras with an alarm", "出现误报的正常摄像机", |figures, _| {
        share(figures.alarmed_cameras())
    }),
    ("look-alikes with an alarm", "似是而非画面误报", |figures, language| {
        spread(&figures.confounders, true, language)
    }),
    ("root cause right, of all alarms", "告警中根因正确", |figures, language| {
        spread(&figures.roots, false, language)
    }),
    ("cameras / makers of faults", "摄像机数 / 故障制造方式数", |figures, _| {
        format!("{} / {}", figures.healthy.by_camera.len(), figures.makers.len())
    }),
];

/// Returns all tables of the passes.
#[must_use]
pub fn all(passes: &[Told], language: Language) -> Vec<Sheet> {
    let mut sheets = vec![overview(passes, language)];
    for told in passes {
        sheets.push(families(told, language));
        sheets.push(diagnoses(told, language));
    }
    if let Some(first) = passes.first() {
        sheets.push(makers(first, language));
        sheets.push(cameras(first, language));
    }
    sheets
}

/// Returns the heading of a set's column. No figure is shown without its set.
fn head(set: Set, language: Language) -> String {
    let words = match set {
        Set::Development => ("development", "开发集"),
        Set::Validation => ("validation", "验证集"),
        Set::LockBox => ("lock box", "封存集"),
    };
    language.of(words.0, words.1).to_owned()
}

fn heads(sets: &[InSet<Figures>], first: &[&str], language: Language) -> Vec<String> {
    let sets = sets.iter().map(|figures| head(figures.named().0, language));
    first.iter().map(|&word| word.to_owned()).chain(sets).collect()
}

/// Formats the share over all cameras with its interval, the share of the worst camera, and the share that a tenth
/// of the cameras does not reach ([`Spread::tenth`]).
#[must_use]
pub fn spread(spread: &Spread, less_is_better: bool, language: Language) -> String {
    let Some(value) = spread.all.value() else { return "–".to_owned() };
    let percent = |value: f64| format!("{:.0}", value * 100.0);
    let mut text = format!("{} % ({}/{})", words::percent(value), spread.all.part, spread.all.whole);
    if let Some((low, high)) = spread.interval() {
        text += &format!("; {}–{} %", percent(low), percent(high));
    }
    if let Some((camera, worst)) = spread.worst(less_is_better).filter(|_| spread.by_camera.len() > 1) {
        let tenth = spread.tenth(less_is_better).map_or_else(String::new, percent);
        let (worst_word, tenth_word) =
            (language.of("worst", "最差"), if less_is_better { "p90" } else { "p10" });
        text += &format!("; {worst_word} {camera} {} %, {tenth_word} {tenth} %", percent(worst));
    }
    text
}

fn overview(passes: &[Told], language: Language) -> Sheet {
    let sets = passes.first().map(|told| told.figures.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for told in passes {
        for (english, chinese, measure) in OVERVIEW {
            let cells = told.figures.iter().map(|figures| measure(figures.named().1, language));
            let label = [told.title(language), language.of(english, chinese).to_owned()];
            rows.push(label.into_iter().chain(cells).collect());
        }
    }
    Sheet {
        title: language.of("Overview", "总览").to_owned(),
        heads: heads(sets, &[language.of("look", "观察方式"), language.of("measure", "指标")], language),
        rows,
        note: language
            .of(
                "The share (as a fraction in brackets), its 95 % interval by bootstrap over cameras, the worst camera, \
                 and the share that a tenth of the cameras does not reach (p10). If less is better, p90 replaces \
                 p10: the share that a tenth of the cameras exceeds.",
                "比例（分子/分母）；按摄像机自助法重采样得到的 95 % 区间；最差的摄像机；\
                 p10：有一成摄像机达不到的比例，误报类指标则为 p90：有一成摄像机超过的比例。",
            )
            .to_owned(),
    }
}

/// Makes the table with the share of faults whose kind was found, by family.
fn families(told: &Told, language: Language) -> Sheet {
    let names: BTreeSet<&String> =
        told.figures.iter().flat_map(|figures| figures.named().1.families.keys()).collect();
    let row = |name: &&String| {
        let cells = told.figures.iter().map(|figures| match figures.named().1.families.get(*name) {
            None => {
                language.of("no makers or cameras in this set", "本集无对应的制造方式或摄像机").to_owned()
            }
            Some(family) => {
                let makers = family.makers.len();
                let word = language.of(if makers == 1 { "maker" } else { "makers" }, "种制造方式");
                format!("{}; {makers} {word}", spread(&family.found, false, language))
            }
        });
        std::iter::once((*name).clone()).chain(cells).collect()
    };
    let title = language.of("right kind found, by kind", "各类故障的正确检出");
    Sheet {
        title: format!("{}: {title}", told.title(language)),
        heads: heads(&told.figures, &[language.of("kind", "类型")], language),
        rows: names.iter().map(row).collect(),
        note: String::new(),
    }
}

/// Makes the table with the results of each diagnosis. There is one row for each set.
fn diagnoses(told: &Told, language: Language) -> Sheet {
    let mut rows: BTreeMap<(String, Set), Vec<String>> = BTreeMap::new();
    for figures in &told.figures {
        let (set, figures) = figures.named();
        for row in &figures.diagnoses {
            let [diagnosis, cells @ ..] = words::cells(row);
            let cells = [diagnosis.clone(), head(set, language)].into_iter().chain(cells).collect();
            rows.insert((diagnosis, set), cells);
        }
    }
    let title = language.of("diagnoses", "各诊断");
    let [first, rest @ ..] = words::heads(language);
    let set = language.of("set", "数据集").to_owned();
    Sheet {
        title: format!("{}: {title}", told.title(language)),
        heads: [first, set].into_iter().chain(rest).collect(),
        rows: rows.into_values().collect(),
        note: String::new(),
    }
}

/// Makes the table with the share of faults whose kind was found, by maker. A maker belongs to one set only.
fn makers(told: &Told, language: Language) -> Sheet {
    let row =
        |set: Set, maker: &String, found: &Share| vec![maker.clone(), head(set, language), share(*found)];
    let of_set = |figures: &InSet<Figures>| {
        let (set, figures) = figures.named();
        figures.makers.iter().map(|(maker, found)| row(set, maker, found)).collect::<Vec<_>>()
    };
    let title = language.of("right kind found, by maker", "按制造方式统计的正确检出");
    Sheet {
        title: format!("{}: {title}", told.title(language)),
        heads: ["maker", "set", "found"]
            .into_iter()
            .zip(["制造方式", "数据集", "检出"])
            .map(|(english, chinese)| language.of(english, chinese).to_owned())
            .collect(),
        rows: told.figures.iter().flat_map(of_set).collect(),
        note: String::new(),
    }
}

/// Makes the table with the faults found and the alarms of each camera.
fn cameras(told: &Told, language: Language) -> Sheet {
    let mut rows = Vec::new();
    for figures in &told.figures {
        let (set, figures) = figures.named();
        let spreads = [&figures.found, &figures.healthy, &figures.confounders];
        let names: BTreeSet<&String> = spreads.iter().flat_map(|spread| spread.by_camera.keys()).collect();
        for name in names {
            let cells =
                spreads.iter().map(|spread| share(spread.by_camera.get(name).copied().unwrap_or_default()));
            rows.push([name.clone(), head(set, language)].into_iter().chain(cells).collect());
        }
    }
    let title = language.of("cameras", "各摄像机");
    Sheet {
        title: format!("{}: {title}", told.title(language)),
        heads: ["camera", "set", "found", "healthy: alarms", "look-alikes: alarms"]
            .into_iter()
            .zip(["摄像机", "数据集", "检出", "正常画面误报", "似是而非画面误报"])
            .map(|(english, chinese)| language.of(english, chinese).to_owned())
            .collect(),
        rows,
        note: String::new(),
    }
}
