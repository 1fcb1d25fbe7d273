//! Fog with a visibility measured by an instrument: a table `vis.csv` (file, metres) beside the pictures.

use std::{collections::BTreeMap, path::Path};

use super::Judged;
use crate::{
    labels,
    statistics::{Share, rank_correlation},
};

/// The folder of these pictures. The names of their cameras begin with the same word.
pub(super) const FOLDER: &str = "visibility";
/// The diagnosis that detects fog.
const DIAGNOSIS: &str = "contrast";
/// Fog must be found if the visibility in metres is below this value. The WMO speaks of fog below 1,000 m. A
/// visibility of half that distance is a nuisance on a road.
const FOG_M: f64 = 500.0;
/// No fog may be found if the visibility in metres is above this value.
const CLEAR_M: f64 = 10_000.0;

/// Results for pictures with a measured visibility.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fog {
    /// The share of captures in fog (visibility below `FOG_M`) in which fog was found.
    pub told: Share,
    /// The share of captures in clear air (visibility above `CLEAR_M`) in which fog was found.
    pub clear: Share,
    /// The rank correlation between score and visibility.
    pub correlation: Option<f64>,
}

/// Returns the visibility in metres by file. The map is empty if nothing was measured.
pub(super) fn metres(dir: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let places = [dir.join("vis.csv"), dir.join(FOLDER).join("vis.csv")];
    let Some(file) = places.iter().find(|file| file.is_file()) else { return Ok(BTreeMap::new()) };
    let pair = |(file, metres): (String, f64)| Ok((file, metres));
    Ok(labels::rows(file, pair)?.into_iter().collect())
}

impl Fog {
    /// Evaluates captures with a measured visibility. Returns None if there are no such captures.
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
