//! Makes the pictures that train the learned part of a diagnosis. The pictures are parts of real pictures of
//! development cameras, scaled down to the network's input. They are healthy or have faults of development makers.
//! The places of each fault are stored too. Pictures of validation cameras and makers are used only to choose
//! thresholds.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use easysight_sdk::network::{CHROMA_HEIGHT, CHROMA_WIDTH, LUMA_HEIGHT, LUMA_WIDTH, shrunk};
use serde::Serialize;

use crate::{
    catalogue::{self, Recipe},
    effect::Moment,
    ffmpeg::{self, Part},
    frame::Frame,
    labels::{self, Label},
    manifest::Role,
    parallel,
    random::Random,
    set::Set,
};

/// The width of the pictures that faults are drawn on.
const WIDTH: usize = 640;
/// The side of a cell in samples. The luma plane, scaled down to the network's input, is divided into cells. The map
/// of a fault's places has one value for each cell.
const CELL: usize = 8;
/// The number of drawn faults, out of four on average, that belong to the trained diagnoses.
const WANTED_IN_FOUR: usize = 3;
/// The moment of the drawn frame. Faults that begin within a clip have begun by then.
const MOMENT: Moment = Moment { index: 75, seconds: 3.0 };
/// The seconds at the beginning of a clip from which pictures are taken.
const SECONDS: f32 = 2.0;

/// What to make.
#[derive(Debug, Clone)]
pub struct Order {
    /// The folders of real footage with labels.
    pub footage: Vec<PathBuf>,
    /// The output folder.
    pub out: PathBuf,
    /// The set of the cameras and makers.
    pub set: Set,
    /// The diagnoses that are trained.
    pub diagnoses: Vec<String>,
    /// The maximum number of healthy captures of each camera.
    pub looks: usize,
    /// The number of parts of each capture.
    pub parts: usize,
    /// The number of faults that are drawn on each part.
    pub faults: usize,
    /// The seed of the random numbers.
    pub seed: u64,
    /// The number of captures that are processed at the same time.
    pub jobs: usize,
}

/// One row of the table.
#[derive(Debug, Clone, Serialize)]
struct Row {
    camera: String,
    file: String,
    role: &'static str,
    kind: String,
    maker: String,
    severity: &'static str,
    must: String,
    may: String,
}

/// One picture.
struct Sample {
    row: Row,
    luma: Vec<u8>,
    cb: Vec<u8>,
    cr: Vec<u8>,
    /// The mean difference of each cell from the healthy picture, in grey levels.
    mask: Vec<u8>,
}

/// Makes the pictures. Writes `luma.bin`, `cb.bin`, `cr.bin` and `mask.bin`, picture by picture, and
/// `samples.csv`.
///
/// # Errors
///
/// Returns an error if there is no footage of the set, or a picture cannot be made.
pub fn make(order: &Order, tell: &(dyn Fn(usize, usize) + Sync)) -> anyhow::Result<usize> {
    let looks = looks(order)?;
    if looks.is_empty() {
        bail!("there is no footage of this set");
    }
    let recipes: Vec<Recipe> =
        catalogue::all().into_iter().filter(|recipe| is_drawn(recipe, order)).collect();
    fs::create_dir_all(&order.out).with_context(|| order.out.display().to_string())?;
    let create = |name: &str| -> anyhow::Result<BufWriter<File>> {
        let file = order.out.join(name);
        Ok(BufWriter::new(File::create(&file).with_context(|| file.display().to_string())?))
    };
    let mut planes = [create("luma.bin")?, create("cb.bin")?, create("cr.bin")?, create("mask.bin")?];
    let mut table = csv::Writer::from_path(order.out.join("samples.csv"))?;
    let mut count = 0;
    // All pictures together would not fit into memory.
    for (done, some) in looks.chunks(order.jobs.max(1) * 4).enumerate() {
        let made =
            parallel::each(some, order.jobs, &|_| {}, |(dir, label)| of_look(order, dir, label, &recipes))?;
        for sample in made.into_iter().flatten() {
            for (file, plane) in planes.iter_mut().zip([&sample.luma, &sample.cb, &sample.cr, &sample.mask]) {
                file.write_all(plane)?;
            }
            table.serialize(&sample.row)?;
            count += 1;
        }
        tell(((done + 1) * order.jobs.max(1) * 4).min(looks.len()), looks.len());
    }
    for mut plane in planes {
        plane.flush()?;
    }
    table.flush()?;
    Ok(count)
}

/// Returns the captures of the set's cameras: some healthy ones, spread over each camera's captures, and all
/// faulty ones.
fn looks(order: &Order) -> anyhow::Result<Vec<(PathBuf, Label)>> {
    let mut cameras: BTreeMap<String, Vec<(PathBuf, Label)>> = BTreeMap::new();
    let mut looks = Vec::new();
    for dir in &order.footage {
        for label in labels::read(dir)?.into_iter().filter(|label| label.set() == order.set) {
            if !dir.join(&label.file).is_file() {
                continue;
            }
            if label.is_healthy() {
                cameras.entry(label.camera.clone()).or_default().push((dir.clone(), label));
            } else {
                looks.push((dir.clone(), label));
            }
        }
    }
    for of_camera in cameras.into_values() {
        let each = of_camera.len().div_ceil(order.looks.max(1)).max(1);
        looks.extend(of_camera.into_iter().step_by(each));
    }
    Ok(looks)
}

/// True if a recipe belongs to the set and all of its changes are drawn on frames.
fn is_drawn(recipe: &Recipe, order: &Order) -> bool {
    let is_of_set = recipe.maker.is_empty() || Set::of_maker(&recipe.maker) == order.set;
    let is_plain = recipe.damage.is_none() && recipe.via.is_none() && recipe.width.is_none();
    is_of_set && is_plain && !recipe.steps.is_empty()
}

fn of_look(order: &Order, dir: &Path, label: &Label, recipes: &[Recipe]) -> anyhow::Result<Vec<Sample>> {
    let file = dir.join(&label.file);
    let seed = order.seed.to_string();
    let mut random = Random::new(Random::seed_of(&[&label.camera, &label.file, &seed]));
    let facts = ffmpeg::probe(&file)?;
    let height = (WIDTH * facts.height / facts.width.max(1)).next_multiple_of(2);
    let row = |role, must: &[String], may: &[String]| Row {
        camera: label.camera.clone(),
        file: label.file.clone(),
        role,
        kind: String::new(),
        maker: String::new(),
        severity: "",
        must: must.join(" "),
        may: may.join(" "),
    };
    let mut samples = Vec::new();
    for number in 0..order.parts {
        // The first part is the whole picture.
        let share = if number == 0 { 1.0 } else { random.between(0.5, 1.0) };
        let part = Part {
            share,
            x: random.unit() * (1.0 - share),
            y: random.unit() * (1.0 - share),
            mirrored: number % 2 == 1,
        };
        let seconds = if ffmpeg::is_still(&file) { 0.0 } else { random.between(0.0, SECONDS) };
        let Some(healthy) = ffmpeg::picture(&file, seconds, part, (WIDTH, height))? else { continue };
        if !label.is_healthy() {
            samples.push(sample(row("real", &label.find_one_of, &label.may), &healthy, None));
            // Only the whole picture of a faulty camera is used: another part might not contain the fault.
            break;
        }
        samples.push(sample(row("healthy", &[], &label.may), &healthy, None));
        for _ in 0..order.faults {
            let Some(recipe) = drawn(order, recipes, &mut random) else { continue };
            let mut frame = healthy.clone();
            for step in &recipe.steps {
                step.effect(Random::new(random.next())).apply(&mut frame, MOMENT);
            }
            let role = if recipe.role == Role::Fault { "fault" } else { "confounder" };
            let row = Row {
                kind: recipe.kind.clone(),
                maker: recipe.maker.clone(),
                severity: recipe.severity.map_or("", crate::manifest::Severity::as_str),
                ..row(role, &recipe.must, &recipe.may)
            };
            samples.push(sample(row, &frame, Some(&healthy)));
        }
    }
    Ok(samples)
}

/// Chooses a recipe. Three of four recipes on average belong to a trained diagnosis. The trained diagnoses are
/// equally frequent, and so are all pairs of maker and kind of a diagnosis.
fn drawn<'a>(order: &Order, recipes: &'a [Recipe], random: &mut Random) -> Option<&'a Recipe> {
    let is_wanted = random.below(4) < WANTED_IN_FOUR;
    let diagnosis = order.diagnoses.get(random.below(order.diagnoses.len()))?;
    let is_trained = |recipe: &Recipe| order.diagnoses.iter().any(|id| recipe.must.contains(id));
    let of_kind = |recipe: &&Recipe| {
        if is_wanted { recipe.must.contains(diagnosis) } else { !is_trained(recipe) }
    };
    let fitting: Vec<&Recipe> = recipes.iter().filter(of_kind).collect();
    let name = |recipe: &Recipe| [recipe.maker.clone(), recipe.kind.clone()];
    let mut names: Vec<[String; 2]> = fitting.iter().map(|recipe| name(recipe)).collect();
    names.sort();
    names.dedup();
    let chosen = names.get(random.below(names.len()))?;
    let of_name: Vec<&Recipe> = fitting.into_iter().filter(|recipe| name(recipe) == *chosen).collect();
    of_name.get(random.below(of_name.len())).copied()
}

fn sample(row: Row, frame: &Frame, healthy: Option<&Frame>) -> Sample {
    let [luma, cb, cr] = small(frame);
    let cells = (LUMA_WIDTH / CELL) * (LUMA_HEIGHT / CELL);
    let mut mask = vec![0; cells];
    if let Some(healthy) = healthy {
        let [before, ..] = small(healthy);
        for (at, cell) in mask.iter_mut().enumerate() {
            let (column, row) = (at % (LUMA_WIDTH / CELL), at / (LUMA_WIDTH / CELL));
            let places = (0..CELL * CELL)
                .map(|place| (row * CELL + place / CELL) * LUMA_WIDTH + column * CELL + place % CELL);
            let apart =
                places.filter_map(|place| Some(u32::from(before.get(place)?.abs_diff(*luma.get(place)?))));
            *cell = (apart.sum::<u32>() / (CELL * CELL) as u32) as u8;
        }
    }
    Sample { row, luma, cb, cr, mask }
}

/// Returns the planes in the size of the network's input, in full range.
fn small(frame: &Frame) -> [Vec<u8>; 3] {
    // ITU-R BT.601: black 16, white 235; chroma 16 to 240 around 128.
    let full = |from: i32, span: i32| {
        move |sample: &mut u8| *sample = ((i32::from(*sample) - from) * 255 / span).clamp(0, 255) as u8
    };
    let mut luma = shrunk(frame.luma.samples(), frame.luma.width(), LUMA_WIDTH, LUMA_HEIGHT);
    luma.iter_mut().for_each(full(16, 219));
    let chroma = [&frame.cb, &frame.cr].map(|plane| {
        let mut small = shrunk(plane.samples(), plane.width(), CHROMA_WIDTH, CHROMA_HEIGHT);
        small.iter_mut().for_each(full(16, 224));
        small
    });
    let [cb, cr] = chroma;
    [luma, cb, cr]
}
