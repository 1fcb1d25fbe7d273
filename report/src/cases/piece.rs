//! Makes one case: decodes the healthy clip, draws the fault, encodes the result and damages the stream.

use std::{fs, path::Path};

use anyhow::Context;

use super::{Order, Origin, key};
use crate::{
    catalogue::{self, Recipe, Via},
    damage::{self, Damage},
    effect::{Effect, Moment, Step, grain::Noise},
    ffmpeg::{self, Decoder, Encoder, Encoding, Facts, Stretch},
    manifest::{Case, Role, Severity},
    random::Random,
};

/// The number of healthy checks of the same camera before a case, in changing light. Some plugins rely only on
/// observations that were repeated, and no plugin may mistake dusk for a fault.
const TAKES: u8 = 8;
/// The number of healthy checks before a case whose recipe defines these checks itself.
const OWN_TAKES: u8 = 4;

/// Noise in grey levels that a still picture gets when it becomes a clip.
const STILL_NOISE: f32 = 1.5;

/// Noise in grey levels that an earlier check gets in addition to the noise of the clip. This noise is weaker than
/// the noise of any sensor.
const OTHER_NOISE: f32 = 1.0;

/// Damage must change at least this share of the macroblocks of a frame.
const LEAST_SHOWN: f32 = 0.01;
/// The length, in seconds from the beginning of the clip, of the part in which the damage must be visible.
const SHOWN_WITHIN_S: f32 = 2.0;
/// The maximum number of tries to make damage visible. Each try has twice as much damage as the one before.
const MOST_TRIES: usize = 6;

/// Kinds whose pictures show another view than the healthy clip. Their cases get no earlier checks, because the
/// healthy clip does not show this view.
const OTHER_VIEWS: [&str; 5] = ["pan", "ptz", "sky", "letterbox", "size"];

/// One case to make.
pub(super) struct Piece<'a> {
    pub(super) origin: &'a Origin,
    pub(super) recipe: &'a Recipe,
}

impl Piece<'_> {
    pub(super) fn make(&self, order: &Order) -> anyhow::Result<Case> {
        let Self { origin, recipe } = self;
        let file = self.file(order, recipe)?;
        Ok(Case {
            file,
            source: origin.camera.clone(),
            role: recipe.role,
            kind: recipe.kind.clone(),
            variant: recipe.variant.clone(),
            maker: recipe.maker.clone(),
            severity: recipe.severity,
            must: recipe.must.clone(),
            may: recipe.may.clone(),
            past: self.past(order)?,
        })
    }

    /// Returns the healthy clips of earlier checks of the same camera.
    fn past(&self, order: &Order) -> anyhow::Result<Vec<String>> {
        let recipe = self.recipe;
        if !order.past {
            return Ok(Vec::new());
        }
        let earlier = match &recipe.before {
            None if OTHER_VIEWS.contains(&recipe.kind.as_str()) => return Ok(Vec::new()),
            None => catalogue::healthy(),
            Some(steps) => Recipe {
                role: Role::Healthy,
                kind: format!("before_{}", recipe.kind),
                variant: String::new(),
                maker: String::new(),
                severity: None,
                steps: steps.clone(),
                must: Vec::new(),
                may: Vec::new(),
                before: None,
                damage: None,
                recorded: false,
                ..recipe.clone()
            },
        };
        let takes = if recipe.before.is_some() { OWN_TAKES } else { TAKES };
        (1..=takes).map(|take| self.file(order, &Recipe { take: Some(take), ..earlier.clone() })).collect()
    }

    /// Returns the file of a recipe's case, relative to the directory of all cases. Makes the file if it does not
    /// exist.
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
            // Two threads may make the same file at the same time.
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
            return match &recipe.via {
                None => self.transcode(order, recipe, file, format, random),
                Some(via) => self.twice(order, recipe, via, [file, &file.with_extension("via")], random),
            };
        };
        let damaged = kind.format();
        let [raw, hurt] = ["sound", "hurt"].map(|name| file.with_extension(format!("{name}.{damaged}")));
        self.transcode(order, recipe, &raw, damaged, random.clone())?;
        self.hurt(recipe, kind, [&raw, &hurt], random)?;
        let (from, to) = (hurt.to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
        let rate = self.rate(recipe);
        // A transport stream has timestamps of its own.
        let timed = ["-r", &rate, "-f", damaged, "-i", &from];
        let input = if damaged == "mpegts" { &timed[2..] } else { &timed[..] };
        if damaged == "mpegts" && !recipe.recorded {
            fs::rename(&hurt, file)?;
            return Ok(fs::remove_file(raw)?);
        }
        if recipe.recorded {
            let whole = Encoding::h264(18, 0);
            let mut arguments = input.to_vec();
            arguments.extend(whole.options.iter().map(String::as_str));
            arguments.extend(["-threads", "1", "-pix_fmt", "yuv420p", "-f", format, &to]);
            ffmpeg::convert(&arguments)?;
        } else {
            ffmpeg::convert(&[input, &["-c", "copy", "-f", format, &to]].concat())?;
        }
        fs::remove_file(raw)?;
        fs::remove_file(hurt)?;
        Ok(())
    }

    /// Encodes the clip as `via` states, and then encodes the result again.
    fn twice(
        &self,
        order: &Order,
        recipe: &Recipe,
        via: &Via,
        [file, between]: [&Path; 2],
        random: Random,
    ) -> anyhow::Result<()> {
        let (width, height) = self.size(recipe);
        let part = |length: usize| ((length as f32 * via.share) as usize).next_multiple_of(2);
        let mut first = via.encoding.clone();
        let small = format!("scale={}:{}:flags=area", part(width), part(height));
        first.options.extend(["-vf".to_owned(), small]);
        let format = first.suffix.clone();
        let before = Recipe { encoding: first, via: None, ..recipe.clone() };
        self.transcode(order, &before, between, &format, random)?;
        let (from, to) = (between.to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
        let large = format!("scale={width}:{height}:flags={}:out_range=tv", via.scaler);
        let last = &recipe.encoding;
        let mut arguments = vec!["-i", &from, "-vf", &large];
        arguments.extend(last.options.iter().map(String::as_str));
        arguments.extend(["-threads", "1", "-pix_fmt", "yuv420p", "-fflags", "+bitexact"]);
        arguments.extend(["-f", &last.suffix, &to]);
        ffmpeg::convert(&arguments)?;
        Ok(fs::remove_file(between)?)
    }

    /// Damages a stream until the damage is visible. If nothing moves, a decoder conceals some damage so well that
    /// the picture is healthy.
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
            if self.shown(recipe, raw, hurt)? >= LEAST_SHOWN {
                return Ok(());
            }
            random.next();
            kind = kind.doubled();
        }
        // The last try is used even if its damage is hardly visible.
        Ok(())
    }

    /// Returns the share of the macroblocks that the damage changes visibly, in the frame with the largest
    /// share. Only the frames that are early enough to be judged are compared.
    fn shown(&self, recipe: &Recipe, raw: &Path, hurt: &Path) -> anyhow::Result<f32> {
        let (size, rate) = (self.size(recipe), self.rate(recipe));
        let open = |file| Decoder::open(file, size, &rate, SHOWN_WITHIN_S, Stretch::Beginning);
        let (mut sound, mut damaged) = (open(raw)?, open(hurt)?);
        let mut most = 0.0_f32;
        while let (Some(sound), Some(damaged)) = (sound.next_frame()?, damaged.next_frame()?) {
            most = most.max(damage::changed_share(&sound.luma, &damaged.luma));
        }
        Ok(most)
    }

    /// Returns the width and height of the frames that the effects change.
    const fn size(&self, recipe: &Recipe) -> (usize, usize) {
        let Facts { width, height, .. } = self.origin.facts;
        let (width, height) = match recipe.width {
            Some(to) => (to, (height * to).div_ceil(width)),
            None => (width, height),
        };
        (width & !1, height & !1)
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
        let size = self.size(recipe);
        let rate = self.rate(recipe);
        let per_second = ffmpeg::rate_of(&rate).context("no frame rate")?;
        // An earlier check shows other objects and other light. If nothing moves, it shows the same frames, and only
        // the noise differs.
        let is_other = recipe.take.is_some() && !recipe.is_motionless();
        let stretch = if is_other { Stretch::EndBackwards } else { Stretch::Beginning };
        let mut decoder = Decoder::open(&self.origin.file, size, &rate, order.seconds, stretch)?;
        let mut effects: Vec<Box<dyn Effect>> =
            recipe.steps.iter().map(|step| step.effect(Random::new(random.next()))).collect();
        if is_other {
            // These effects come first, so that the recipe's effects are drawn over them.
            let mut light = catalogue::light_of_take(recipe.take.unwrap_or(0));
            light.push(Step::of(Noise(OTHER_NOISE)));
            let below: Vec<_> = light.iter().map(|step| step.effect(Random::new(random.next()))).collect();
            effects.splice(0..0, below);
        }
        if ffmpeg::is_still(&self.origin.file) {
            // A still picture would repeat its noise in each frame, but a camera's noise differs from frame to frame.
            effects.insert(0, Step::of(Noise(STILL_NOISE)).effect(Random::new(random.next())));
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
