//! Makes the cases of a set of healthy clips, side by side, and keeps them: what was made of the same
//! bytes by the same recipe is there already.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, bail};

use crate::{
    catalogue::{self, Recipe},
    damage::{self, Damage},
    effect::{Effect, Moment, Step},
    ffmpeg::{self, Decoder, Encoder, Encoding, Facts, Stretch},
    manifest::{Case, Manifest, Role, Severity},
    random::Random,
    scene,
};

/// Goes into the name of what is made. To be raised when an effect is changed.
const GENERATION: u32 = 2;

/// Healthy clips of the same camera that precede a case: some plugins trust what they saw more than
/// once.
const TAKES: u8 = 3;

/// Noise of an earlier check beside that of the clip, in grey levels: less than any sensor makes.
const OTHER_NOISE: f32 = 1.0;

/// Share of the macroblocks that damage must change in a frame at the least, within so many seconds.
const LEAST_SHOWN: f32 = 0.01;
const SHOWN_WITHIN_S: f32 = 2.0;
/// Each time there is twice as much damage.
const MOST_TRIES: usize = 6;

/// Kinds that show something else than the healthy clip: it tells nothing of what they should look like.
const OTHER_VIEWS: [&str; 5] = ["pan", "ptz", "sky", "letterbox", "size"];

/// After so many cases the manifest is written before its time.
const EARLY: usize = 25;

/// What to make.
#[derive(Debug, Clone)]
pub struct Order {
    /// Healthy clips.
    pub clips: Vec<PathBuf>,
    /// Whether to render scenes too.
    pub scenes: bool,
    /// Where the cases go.
    pub dir: PathBuf,
    /// Kinds to make; all where empty.
    pub kinds: Vec<String>,
    /// Severities of faults to make; all where empty.
    pub severities: Vec<String>,
    /// Seconds of each clip.
    pub seconds: f32,
    /// Where numbers that look random begin.
    pub seed: u64,
    /// How many to make at a time.
    pub jobs: usize,
}

/// A healthy clip that is known.
#[derive(Debug)]
struct Origin {
    name: String,
    file: PathBuf,
    digest: blake3::Hash,
    facts: Facts,
}

/// One case to make.
struct Piece<'a> {
    origin: &'a Origin,
    recipe: &'a Recipe,
}

/// Makes what is not there yet, and the manifest. `tell` hears of each case.
///
/// # Errors
///
/// Where a clip cannot be read or a case cannot be made.
pub fn make(order: &Order, tell: &(dyn Fn(usize, usize, &str) + Sync)) -> anyhow::Result<Manifest> {
    fs::create_dir_all(&order.dir).with_context(|| order.dir.display().to_string())?;
    let origins = origins(order)?;
    let mut recipes = catalogue::all();
    // What is most telling comes first, for whoever looks early.
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
        any(&order.kinds, &recipe.kind) && severity.is_none_or(|word| any(&order.severities, word))
    };
    // Recipe by recipe: whoever looks early finds every clip.
    let pieces: Vec<Piece<'_>> = recipes
        .iter()
        .filter(wanted)
        .flat_map(|recipe| origins.iter().map(move |origin| Piece { origin, recipe }))
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
                    // Whoever cannot wait may judge what is there.
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
    let Ok((cases, failed)) = done.into_inner() else { bail!("a case broke off") };
    if let Some(error) = failed {
        return Err(error);
    }
    let manifest = early(&cases);
    manifest.write(&order.dir)?;
    Ok(manifest)
}

/// The manifest of what is made so far, in the order of the catalogue.
fn early(cases: &[(usize, Case)]) -> Manifest {
    let mut cases = cases.to_vec();
    cases.sort_by_key(|(number, _)| *number);
    Manifest { cases: cases.into_iter().map(|(_, case)| case).collect() }
}

/// The healthy clips that were given, and rendered ones.
fn origins(order: &Order) -> anyhow::Result<Vec<Origin>> {
    let mut files = order.clips.clone();
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
            files.push(named);
        }
    }
    let mut names = HashSet::new();
    let origin = |file: PathBuf| {
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut name = stem.clone();
        let mut number = 1;
        while !names.insert(name.clone()) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        Ok(Origin { name, digest: blake3::hash(&bytes), facts: ffmpeg::probe(&file)?, file })
    };
    files.into_iter().map(origin).collect()
}

/// A short name of some words and what makes them what they are.
fn key(words: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in words.iter().copied().chain([GENERATION.to_string().as_str()]) {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    hash.chars().take(12).collect()
}

impl Piece<'_> {
    fn make(&self, order: &Order) -> anyhow::Result<Case> {
        let Self { origin, recipe } = self;
        let file = self.file(order, recipe)?;
        Ok(Case {
            file,
            source: origin.name.clone(),
            role: recipe.role,
            kind: recipe.kind.clone(),
            variant: recipe.variant.clone(),
            severity: recipe.severity,
            must: recipe.must.clone(),
            may: recipe.may.clone(),
            past: self.past(order)?,
        })
    }

    /// Healthy clips of the same camera as it was before.
    fn past(&self, order: &Order) -> anyhow::Result<Vec<String>> {
        let recipe = self.recipe;
        let earlier = match &recipe.before {
            None if OTHER_VIEWS.contains(&recipe.kind.as_str()) => return Ok(Vec::new()),
            None => catalogue::healthy(),
            Some(steps) => Recipe {
                role: Role::Healthy,
                kind: format!("before_{}", recipe.kind),
                variant: String::new(),
                severity: None,
                steps: steps.clone(),
                must: Vec::new(),
                may: Vec::new(),
                before: None,
                ..recipe.clone()
            },
        };
        (1..=TAKES).map(|take| self.file(order, &Recipe { take: Some(take), ..earlier.clone() })).collect()
    }

    /// Where the case of a recipe is, from the directory of all; made where it is not there.
    fn file(&self, order: &Order, recipe: &Recipe) -> anyhow::Result<String> {
        let origin = self.origin;
        let severity = recipe.severity.map_or("", Severity::as_str);
        let words = [recipe.kind.as_str(), &recipe.variant, severity];
        let title = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        let key = key(&[
            origin.digest.to_hex().as_str(),
            &origin.name,
            &serde_json::to_string(recipe)?,
            &order.seconds.to_string(),
            &order.seed.to_string(),
        ]);
        let name = format!("{}/{title}-{key}.{}", origin.name, recipe.encoding.suffix);
        let file = order.dir.join(&name);
        if !file.exists() {
            if let Some(dir) = file.parent() {
                fs::create_dir_all(dir)?;
            }
            // Two may make the same baseline at a time.
            let thread = format!("{:?}", std::thread::current().id());
            let number: String = thread.chars().filter(char::is_ascii_digit).collect();
            let beside = file.with_extension(format!("{number}.part"));
            self.encode(order, recipe, &beside)
                .with_context(|| format!("making {name} of {}", origin.file.display()))?;
            fs::rename(&beside, &file)?;
        }
        Ok(name)
    }

    fn encode(&self, order: &Order, recipe: &Recipe, file: &Path) -> anyhow::Result<()> {
        let seed = format!("{}", order.seed);
        let severity = recipe.severity.map_or("", Severity::as_str);
        let mut words = vec![self.origin.name.as_str(), &recipe.kind, &recipe.variant, severity, &seed];
        let take = recipe.take.map(|take| take.to_string());
        words.extend(take.as_deref());
        let random = Random::new(Random::seed_of(&words));
        let format = match recipe.encoding.suffix.as_str() {
            "ts" => "mpegts",
            suffix => suffix,
        };
        let Some(kind) = &recipe.damage else {
            return self.transcode(order, recipe, file, format, random);
        };
        let (raw, hurt) = (file.with_extension("sound.h264"), file.with_extension("hurt.h264"));
        self.transcode(order, recipe, &raw, "h264", random.clone())?;
        self.hurt(recipe, kind, [&raw, &hurt], random)?;
        let (from, to) = (hurt.to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
        let rate = self.rate(recipe);
        if recipe.recorded {
            let whole = Encoding::h264(18, 0);
            let mut arguments = vec!["-r", &rate, "-f", "h264", "-i", &from];
            arguments.extend(whole.options.iter().map(String::as_str));
            arguments.extend(["-threads", "1", "-pix_fmt", "yuv420p", "-f", format, &to]);
            ffmpeg::convert(&arguments)?;
        } else {
            ffmpeg::convert(&["-r", &rate, "-f", "h264", "-i", &from, "-c", "copy", "-f", format, &to])?;
        }
        fs::remove_file(raw)?;
        fs::remove_file(hurt)?;
        Ok(())
    }

    /// Damages a stream. Where the decoder's picture is all that is left of the damage, it must be seen
    /// there: a decoder conceals some of it so well, where nothing moves, that the picture is healthy.
    fn hurt(
        &self,
        recipe: &Recipe,
        kind: &Damage,
        [raw, hurt]: [&Path; 2],
        mut random: Random,
    ) -> anyhow::Result<()> {
        let whole = fs::read(raw)?;
        let mut kind = kind.clone();
        for _ in 0..MOST_TRIES {
            fs::write(hurt, damage::damage(&whole, &kind, random.clone()))?;
            if !recipe.recorded || self.shown(recipe, raw, hurt)? >= LEAST_SHOWN {
                return Ok(());
            }
            random.next();
            kind = kind.doubled();
        }
        // By now every slice is hit.
        Ok(())
    }

    /// The largest share of the macroblocks of a frame that damage changes plainly, of frames early enough
    /// to be judged.
    fn shown(&self, recipe: &Recipe, raw: &Path, hurt: &Path) -> anyhow::Result<f32> {
        let Facts { width, height, .. } = self.origin.facts;
        let (size, rate) = ((width & !1, height & !1), self.rate(recipe));
        let open = |file| Decoder::open(file, size, &rate, SHOWN_WITHIN_S, Stretch::Beginning);
        let (mut sound, mut damaged) = (open(raw)?, open(hurt)?);
        let mut most = 0.0_f32;
        while let (Some(sound), Some(damaged)) = (sound.next_frame()?, damaged.next_frame()?) {
            most = most.max(damage::changed_share(&sound.luma, &damaged.luma));
        }
        Ok(most)
    }

    fn rate(&self, recipe: &Recipe) -> String {
        recipe.rate.map_or_else(|| self.origin.facts.rate.clone(), |rate| format!("{rate}/1"))
    }

    fn transcode(
        &self,
        order: &Order,
        recipe: &Recipe,
        file: &Path,
        format: &str,
        mut random: Random,
    ) -> anyhow::Result<()> {
        let Facts { width, height, .. } = self.origin.facts;
        let scaled = recipe.width.map_or((width, height), |to| (to, (height * to).div_ceil(width)));
        let size = (scaled.0 & !1, scaled.1 & !1);
        let rate = self.rate(recipe);
        let per_second = ffmpeg::rate_of(&rate).context("no frame rate")?;
        // Where nothing moves, the scene was the same at an earlier check, but for its noise.
        let is_other = recipe.take.is_some() && !recipe.is_motionless();
        let stretch = if is_other { Stretch::EndBackwards } else { Stretch::Beginning };
        let mut decoder = Decoder::open(&self.origin.file, size, &rate, order.seconds, stretch)?;
        let mut effects: Vec<Box<dyn Effect>> =
            recipe.steps.iter().map(|step| step.effect(Random::new(random.next()))).collect();
        if is_other {
            // Below what is drawn over the picture.
            effects.insert(0, Step::Noise(OTHER_NOISE).effect(Random::new(random.next())));
        }
        let mut encoder = None;
        let mut index = 0;
        while let Some(mut frame) = decoder.next_frame()? {
            let moment = Moment { index, seconds: index as f32 / per_second };
            for effect in &mut effects {
                effect.apply(&mut frame, moment);
            }
            let encoder = match &mut encoder {
                Some(encoder) => encoder,
                none => none.insert(Encoder::create(file, format, frame.size(), &rate, &recipe.encoding)?),
            };
            encoder.write(&frame)?;
            index += 1;
        }
        encoder.context("no frame can be decoded")?.finish()
    }
}
