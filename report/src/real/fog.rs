//! Fog whose visibility an instrument measured: a table `vis.csv` (file, metres) beside the pictures.

use std::{collections::BTreeMap, path::Path};

use super::Judged;
use crate::{
    labels,
    statistics::{Share, rank_correlation},
};

/// The folder of such pictures, and what their camera's name begins with.
pub(super) const FOLDER: &str = "visibility";
/// The diagnosis that tells fog.
const DIAGNOSIS: &str = "contrast";
/// Below so many metres it must be told (WMO: fog is below 1,000; half of that is a nuisance on a road).
const FOG_M: f64 = 500.0;
/// Above so many it must not.
const CLEAR_M: f64 = 10_000.0;

/// What was said of measured air.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fog {
    /// Fog that was told.
    pub told: Share,
    /// Clear air that was called fog.
    pub clear: Share,
    /// Rank correlation of the score and the metres.
    pub correlation: Option<f64>,
}

/// Metres by file; none where nothing was measured.
pub(super) fn metres(dir: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let places = [dir.join("vis.csv"), dir.join(FOLDER).join("vis.csv")];
    let Some(file) = places.iter().find(|file| file.is_file()) else { return Ok(BTreeMap::new()) };
    let pair = |(file, metres): (String, f64)| Ok((file, metres));
    Ok(labels::rows(file, pair)?.into_iter().collect())
}

impl Fog {
    /// Of looks at measured air; none where there are none.
    pub(super) fn of(looks: &[&Judged], metres: &BTreeMap<String, f64>) -> Option<Self> {
        let mut fog = Self::default();
        let mut pairs = Vec::new();
        for judged in looks {
            let name = judged.label.file.rsplit('/').next().unwrap_or_default();
            let Some(&metres) = metres.get(&judged.label.file).or_else(|| metres.get(name)) else { continue };
            let Some(finding) = judged.seen.findings.iter().find(|one| one.diagnosis == DIAGNOSIS) else {
                continue;
            };
            pairs.extend(finding.score.map(|score| (metres, score)));
            if metres < FOG_M {
                fog.told.count(finding.is_abnormal());
            } else if metres > CLEAR_M {
                fog.clear.count(finding.is_abnormal());
            }
        }
        fog.correlation = rank_correlation(&pairs);
        (!pairs.is_empty()).then_some(fog)
    }
}
