//! Makes the cases of a set of healthy clips in parallel, and stores them. A case that was already made from the
//! same bytes by the same recipe is not made again.

mod piece;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, bail};

use piece::Piece;

use crate::{
    catalogue::{self, Recipe},
    ffmpeg::{self, Facts},
    manifest::{Case, Manifest, Role, Severity},
    scene,
    set::Set,
};

/// A healthy clip or still picture, and its camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// The name of the camera, which determines the set.
    pub camera: String,
    /// The file.
    pub file: PathBuf,
}

/// The version of the effects. It is a part of the hash in the name of each case: if an effect changes, increase
/// the version, and all cases are made again.
const GENERATION: u32 = 3;

/// A preliminary manifest is written each time that this number of cases has been made.
const EARLY: usize = 25;

/// What to make.
#[derive(Debug, Clone)]
pub struct Order {
    /// The healthy clips and still pictures.
    pub clips: Vec<Clip>,
    /// True if scenes are rendered too.
    pub scenes: bool,
    /// The directory of the cases.
    pub dir: PathBuf,
    /// The kinds to make. An empty list means all kinds.
    pub kinds: Vec<String>,
    /// The makers of faults. An empty list means all makers.
    pub makers: Vec<String>,
    /// The severities of faults to make. An empty list means all severities.
    pub severities: Vec<String>,
    /// The sets whose cases are made. A case whose camera and maker belong to different sets is never made.
    pub sets: Vec<Set>,
    /// For each recipe except the healthy one, the number of clips of each set to which the recipe is applied. The next
    /// recipe gets the next clips. None means all clips.
    pub clips_each: Option<usize>,
    /// True if each case gets earlier healthy checks, for plugins with baselines.
    pub past: bool,
    /// The length of each clip in seconds.
    pub seconds: f32,
    /// The seed of the random numbers.
    pub seed: u64,
    /// The number of cases that are made at the same time.
    pub jobs: usize,
}

/// A healthy clip with its properties.
#[derive(Debug)]
struct Origin {
    /// The camera, and the unique name of the clip.
    camera: String,
    name: String,
    file: PathBuf,
    digest: blake3::Hash,
    facts: Facts,
}

/// Makes all cases that do not exist yet, and the manifest. Calls `tell` for each case.
///
/// # Errors
///
/// Returns an error if a clip cannot be read or a case cannot be made.
pub fn make(order: &Order, tell: &(dyn Fn(usize, usize, &str) + Sync)) -> anyhow::Result<Manifest> {
    fs::create_dir_all(&order.dir).with_context(|| order.dir.display().to_string())?;
    let origins = origins(order)?;
    let mut recipes = catalogue::all();
    // The most informative cases are made first, for people who read the preliminary manifest.
    recipes.sort_by_key(|recipe| match (recipe.role, recipe.severity) {
        (Role::Healthy, _) => 0,
        (Role::Confounder, _) => 1,
        (_, Some(Severity::Mild)) => 2,
        (_, Some(Severity::Strong)) => 3,
        _ => 4,
    });
    let any = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == word);
    let wanted = |recipe: &&Recipe| {
        let severity = recipe.severity.map(Severity::as_str);
        any(&order.kinds, &recipe.kind)
            && (recipe.maker.is_empty() || any(&order.makers, &recipe.maker))
            && severity.is_none_or(|word| any(&order.severities, word))
    };
    let in_set = |piece: &Piece<'_>| {
        let set = Set::of_case(&piece.origin.camera, &piece.recipe.maker);
        set.is_some_and(|set| order.sets.contains(&set))
    };
    // All clips of one recipe are made before the next recipe, so that a preliminary manifest contains every clip.
    let pieces: Vec<Piece<'_>> = recipes
        .iter()
        .filter(wanted)
        .enumerate()
        .flat_map(|(number, recipe)| {
            let pieces = origins.iter().map(move |origin| Piece { origin, recipe });
            some_of(pieces.filter(in_set).collect(), order.clips_each, number)
        })
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new((Vec::new(), None)));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(number) else { return };
            let made = piece.make(order);
            let Ok(mut done) = done.lock() else { return };
            match made {
                Ok(case) => {
                    tell(done.0.len() + 1, pieces.len(), &case.title());
                    done.0.push((number, case));
                    // The preliminary manifest lets people judge the cases that exist already.
                    if done.0.len() % EARLY == 0 && early(&done.0).write(&order.dir).is_err() {
                        tell(done.0.len(), pieces.len(), "the manifest cannot be written yet");
                    }
                }
                Err(error) => {
                    done.1.get_or_insert(error);
                    next.store(pieces.len(), Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..order.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let Ok((cases, failed)) = done.into_inner() else { bail!("making a case was aborted") };
    if let Some(error) = failed {
        return Err(error);
    }
    let manifest = early(&cases);
    manifest.write(&order.dir)?;
    Ok(manifest)
}

/// Chooses at most `each` pieces of each set. All given pieces belong to one recipe, whose number is `turn`. The
/// choice begins at a place that depends on this number, so that different recipes get different clips. Returns
/// all pieces if the recipe is the healthy one or `each` is None.
fn some_of(pieces: Vec<Piece<'_>>, each: Option<usize>, turn: usize) -> Vec<Piece<'_>> {
    let Some(each) = each else { return pieces };
    let mut by_set: BTreeMap<Set, Vec<Piece<'_>>> = BTreeMap::new();
    for piece in pieces {
        by_set.entry(Set::of(&piece.origin.camera)).or_default().push(piece);
    }
    let some = by_set.into_values().flat_map(|mut pieces| {
        if pieces.iter().any(|piece| piece.recipe.role != Role::Healthy) && !pieces.is_empty() {
            let begin = turn * each % pieces.len();
            pieces.rotate_left(begin);
            pieces.truncate(each);
        }
        pieces
    });
    some.collect()
}

/// Returns the manifest of the cases that exist so far, in the order of the catalogue.
fn early(cases: &[(usize, Case)]) -> Manifest {
    let mut cases = cases.to_vec();
    cases.sort_by_key(|(number, _)| *number);
    Manifest { cases: cases.into_iter().map(|(_, case)| case).collect() }
}

/// Returns the given healthy clips, and the rendered ones.
fn origins(order: &Order) -> anyhow::Result<Vec<Origin>> {
    let mut clips = order.clips.clone();
    if order.scenes {
        let dir = order.dir.join("scenes");
        fs::create_dir_all(&dir)?;
        for scene in scene::all() {
            let key = key(&[&serde_json::to_string(&scene)?, &order.seconds.to_string()]);
            let file = dir.join(key).with_extension("mp4");
            let named = dir.join(&scene.name).with_extension("mp4");
            if !file.exists() {
                let beside = file.with_extension("part");
                scene.render(&beside, order.seconds)?;
                fs::rename(&beside, &file)?;
            }
            fs::copy(&file, &named)?;
            clips.push(Clip { camera: scene.name, file: named });
        }
    }
    let mut names = HashSet::new();
    let origin = |Clip { camera, file }: Clip| {
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        let mut name = camera.clone();
        let mut number = 1;
        while !names.insert(name.clone()) {
            number += 1;
            name = format!("{camera}-{number}");
        }
        let digest = blake3::hash(&bytes);
        Ok(Origin { camera, name, digest, facts: ffmpeg::probe(&file)?, file })
    };
    clips.into_iter().map(origin).collect()
}

/// Returns a short hash of some words and the version of the effects.
fn key(words: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in words.iter().copied().chain([GENERATION.to_string().as_str()]) {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    hash.chars().take(12).collect()
}
