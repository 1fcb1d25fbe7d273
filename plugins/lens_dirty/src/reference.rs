//! The camera's pictures with a clean lens, and how the present picture differs from them.
//!
//! Dirt transmits a smaller share of the contrast than of the light. The transmission is the remaining contrast
//! relative to the remaining light. A shadow, or a change of exposure, reduces both equally, so it does not change the
//! transmission. A new object in the scene has contrast of its own.

use easysight_sdk::{
    baseline::Remembered,
    image::{beside, connected},
};
use serde::{Deserialize, Serialize};

use crate::{
    LEAST_LOOKS,
    blur::Blur,
    marks::Marks,
    picture::{CELL, Picture, Plane},
};

/// The smallest difference of neighbouring pixels (root mean square, in grey levels) in a cell with enough
/// contrast.
const CONTRAST: f32 = 3.0;
/// A cell may be behind dirt if its transmission is below this share of the usual transmission of the rows around it
/// (see [`usual_by_row`]). Only contrast that was there before counts.
const TRANSMITTED: f32 = 0.55;
/// A cell may be behind dirt only if its whole present contrast, old and new, is small too. Its ratio to the earlier
/// contrast, divided by the ratio of the light, must be below this share of the usual transmission of the rows around
/// it. Otherwise another object is there.
const REPLACED: f32 = 0.66;
/// The grey level below which the light is not compared.
const BLACK: f32 = 4.0;
/// The correlation of the light around a cell, before and now, above which the scene is visible through the
/// dirt.
const THROUGH: f32 = 0.5;
/// The largest difference, in grey levels, at which the light of a cell agrees with the reference.
const STEADY: f32 = 6.0;
/// The number of veiled cells is divided by the number of cells with contrast, but at least by this share of all cells.
/// So a few veiled cells are no large share of a picture with little contrast.
const LEAST_TELLING: f32 = 0.1;
/// The number of rows of cells, above and below a row, that are at about the same distance from the camera.
const ROWS_AROUND: usize = 2;
/// The smallest number of cells with contrast from which a usual transmission is computed.
const LEAST_AROUND: usize = 8;
/// The smallest number of cells of a veiled region.
const LEAST_CELLS: usize = 3;
/// The smallest correlation of the present edges of a veiled region with its earlier edges. With a smaller correlation,
/// an object left or came.
const LEFT_OVER: f32 = 0.25;
/// The correlation of two cells above which they have the same content.
const ALIKE: f32 = 0.7;

/// The largest size of a camera's memory, in bytes. The host allows 256 KiB.
const MOST_BYTES: usize = 230 * 1024;
/// A lamp or the sun is new where the present grey level is at least the first value and the earlier grey level was
/// below the second value.
const LAMP: (f32, f32) = (248.0, 235.0);
/// The smallest number of cells that a new light fills.
const LEAST_LIT: usize = 3;
/// The grey levels by which the light of a cell must rise to count as glare of a new light.
const GLARE: f32 = 25.0;

/// The factor by which shares are stored as integers.
const MILLION: f32 = 1e6;
/// The factor by which log odds are stored as integers.
const THOUSAND: f64 = 1e3;

/// A clean picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    width: u16,
    pixels: Vec<u8>,
    /// True for each cell in which something moved. Its pixels say nothing about the scene.
    moved: Vec<bool>,
    /// The blurred share of the picture, in millionths.
    blurred: u32,
    /// The number of clips that showed the same picture.
    pub(crate) looks: u16,
    /// The network's largest result for one of these clips, in thousandths of log odds.
    odds: i32,
    /// The largest numbers of marks in these clips.
    pub(crate) marks: Marks,
}

/// The clean pictures of a camera, by day, at dusk, at night, in rain, and of each preset. The picture that was
/// seen last comes first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) Vec<Reference>);

impl Remembered for Seen {
    const LAYOUT: u16 = 6;
}

impl Seen {
    /// Returns the largest numbers of marks in all clean clips, and the number of clips. None if there are too few
    /// clips.
    pub(crate) fn marks(&self) -> Option<(Marks, u32)> {
        let looks: u32 = self.0.iter().map(|look| u32::from(look.looks)).sum();
        let most = self.0.iter().map(|look| look.marks).reduce(Marks::most)?;
        (looks >= LEAST_LOOKS).then_some((most, looks))
    }

    /// Puts a picture first, and removes the picture at `replacing`. If there is no more room, the pictures that were
    /// seen longest ago are dropped.
    pub(crate) fn keep(&mut self, replacing: Option<usize>, reference: Reference) {
        if let Some(at) = replacing.filter(|&at| at < self.0.len()) {
            self.0.remove(at);
        }
        self.0.insert(0, reference);
        let mut bytes = 0;
        self.0.retain(|look| {
            bytes += look.pixels.len() + look.moved.len();
            bytes <= MOST_BYTES
        });
    }
}

/// The change from a clean picture to the present one.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The share of the cells with contrast that are unchanged.
    pub(crate) alike: f32,
    /// The remaining contrast of the whole picture, as a share of the earlier contrast.
    pub(crate) left: f32,
    /// The share of the cells whose light agrees with the reference.
    pub(crate) steady: f32,
    /// The picture minus what the reference predicts.
    pub(crate) difference: Plane,
    /// The shares of the contrast that pass, near the camera and far from it.
    pub(crate) passing: Passing,
    /// True for each cell that had contrast.
    tells: Vec<bool>,
    /// True for each cell that had contrast and lost it.
    lost: Vec<bool>,
    cells: Vec<Sums>,
}

/// The contrast that passes, as a share of the contrast before.
///
/// A film of mist or grease lies on the glass, so it takes the same share of the contrast from a kerb near the camera
/// as from the hills. Fog takes more, the farther away things are (Koschmieder 1924), and leaves the kerb clear. A
/// film scatters most of the light by a few pixels and some of it over the whole picture. So edges lose much, and the
/// differences between large parts lose a little. If the lens is out of focus, the differences between large parts
/// lose nothing; if the picture is washed out by glare or a wrong setting, they lose as much as edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Passing {
    /// The share in the lowest third of the picture.
    pub(crate) near: f32,
    /// The share in the highest third.
    pub(crate) far: f32,
    /// The share for the contrast between large parts of the picture.
    pub(crate) coarse: f32,
}

impl Passing {
    fn of(
        cells: &[Sums],
        columns: usize,
        tells: &impl Fn(usize, &Sums) -> bool,
        transmission: &impl Fn(&Sums) -> f32,
    ) -> Self {
        let third = cells.len() / columns.max(1) / 3 * columns;
        let of = |from: usize, to: usize| {
            let part = cells.iter().enumerate().take(to).skip(from);
            let mut shares: Vec<f32> =
                part.filter(|(at, cell)| tells(*at, cell)).map(|(_, cell)| transmission(cell)).collect();
            let clearest = shares.len() * 7 / 10;
            if shares.len() < LEAST_AROUND {
                return 1.0;
            }
            *shares.select_nth_unstable_by(clearest, f32::total_cmp).1
        };
        let spread = |light: &dyn Fn(&Sums) -> f32| {
            let count = cells.len().max(1) as f32;
            let mean = cells.iter().map(light).sum::<f32>() / count;
            let square = cells.iter().map(|cell| (light(cell) - mean).powi(2)).sum::<f32>() / count;
            square.sqrt() / mean.max(1.0)
        };
        let before = spread(&|cell| cell.light_before);
        Self {
            near: of(cells.len() - third.min(cells.len()), cells.len()),
            far: of(0, third),
            coarse: spread(&|cell| cell.light_now) / before.max(0.01),
        }
    }
}

/// True if a lamp or the sun shines into the lens now and did not before. The glare of a new light reduces the
/// contrast around it.
fn is_lit(cells: &[Sums], count: f32) -> bool {
    let lit = |cell: &&Sums| cell.light_now >= LAMP.0 * count && cell.light_before < LAMP.1 * count;
    cells.iter().filter(lit).count() >= LEAST_LIT
}

/// The sums over a cell: of the squared differences of neighbouring pixels before and now, of the products of these
/// differences, and of the pixels before and now.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    before: f32,
    both: f32,
    now: f32,
    light_before: f32,
    light_now: f32,
}

impl Reference {
    pub(crate) fn of(picture: &Picture, blur: &Blur, odds: f64, marks: Marks) -> Self {
        Self {
            blurred: (blur.share * MILLION) as u32,
            width: picture.coarse.width as u16,
            pixels: picture.coarse.values.iter().map(|&value| value.clamp(0.0, 255.0) as u8).collect(),
            moved: picture.moved.clone(),
            looks: 1,
            odds: (THOUSAND * odds) as i32,
            marks,
        }
    }

    /// True if the picture has the same size.
    pub(crate) fn fits(&self, picture: &Picture) -> bool {
        usize::from(self.width) == picture.coarse.width
            && self.pixels.len() == picture.coarse.values.len()
            && self.moved.len() == picture.moved.len()
    }

    /// Returns this picture with one more clip counted.
    pub(crate) fn again(&self, odds: f64, marks: Marks) -> Self {
        let odds = self.odds.max((THOUSAND * odds) as i32);
        let marks = self.marks.most(marks);
        Self { looks: self.looks.saturating_add(1), odds, marks, ..self.clone() }
    }

    /// Returns the network's largest result for this picture.
    pub(crate) fn odds(&self) -> f64 {
        f64::from(self.odds) / THOUSAND
    }

    /// Returns the picture's grey levels.
    pub(crate) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Returns the share of the picture that was blurred.
    pub(crate) fn blurred(&self) -> f32 {
        self.blurred as f32 / MILLION
    }

    /// Computes the change from this picture to the present one. The two pictures must have the same size.
    pub(crate) fn change(&self, picture: &Picture) -> Change {
        let before =
            Plane::new(picture.coarse.width, self.pixels.iter().map(|&v| f32::from(v) + 0.5).collect());
        let cells = sums(&before, &picture.coarse, picture.columns, picture.moved.len());
        let count = (CELL * CELL) as f32;
        let least = 2.0 * count * CONTRAST * CONTRAST;
        let moved: Vec<bool> = self.moved.iter().zip(&picture.moved).map(|(a, b)| a | b).collect();
        let tells =
            |at: usize, cell: &Sums| cell.before >= least && moved.get(at).is_some_and(|&moved| !moved);
        let light =
            |cell: &Sums| (cell.light_now / count).max(BLACK) / (cell.light_before / count).max(BLACK);
        let transmission = |cell: &Sums| cell.both / cell.before / light(cell);
        let alike = |cell: &Sums| cell.both > ALIKE * (cell.before * cell.now).sqrt();
        let mut usual: Vec<f32> = Vec::new();
        let mut telling = 0_usize;
        for (at, cell) in cells.iter().enumerate() {
            if tells(at, cell) {
                telling += 1;
                if alike(cell) {
                    usual.push(transmission(cell));
                }
            }
        }
        let share = usual.len() as f32 / telling.max(1) as f32;
        usual.sort_by(f32::total_cmp);
        let usual = usual.get(usual.len() / 2).copied().unwrap_or(1.0);
        // Fog reduces contrast by distance, which is about the same along a row.
        let rows = usual_by_row(&cells, picture.columns, &tells, &transmission, usual);
        let usual = |at: usize| rows.get(at / picture.columns.max(1)).copied().unwrap_or(usual);
        let passes = |at: usize| {
            let beside = beside(at, picture.columns, cells.len()).into_iter().flatten();
            beside.filter_map(|at| picture.moved.get(at)).any(|&moved| moved)
        };
        let lit = is_lit(&cells, count);
        let lost: Vec<bool> = (cells.iter().enumerate())
            .map(|(at, cell)| {
                let left = (cell.now / cell.before).sqrt() / light(cell);
                // The cell has less of its old contrast, and no new contrast has replaced it.
                tells(at, cell)
                    && transmission(cell) < TRANSMITTED * usual(at)
                    && left < REPLACED * usual(at)
                    && shines_through(&cells, at, picture.columns)
                    && !passes(at)
                    && !(lit && cell.light_now - cell.light_before > GLARE * count)
            })
            .collect();
        let passing = Passing::of(&cells, picture.columns, &tells, &transmission);
        let difference = difference(&before, picture, &cells, &moved);
        let whole = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.before, sum.1 + cell.now));
        Change {
            alike: share,
            left: (whole.1 / whole.0.max(1.0)).sqrt(),
            steady: difference.1,
            difference: difference.0,
            passing,
            tells: cells.iter().enumerate().map(|(at, cell)| tells(at, cell)).collect(),
            lost,
            cells,
        }
    }
}

/// Returns the regions of cells that lost contrast, and the share of these cells in all cells with contrast. If few
/// cells have contrast, each cell has less weight. A cell counts as lost under two conditions: it lost contrast
/// compared with every clip in which it had contrast, and it had contrast in at least half of the clips. Otherwise its
/// contrast came from the light.
pub(crate) fn veiled(changes: &[Change], columns: usize) -> (Vec<Vec<usize>>, f32) {
    let Some(first) = changes.first() else { return (Vec::new(), 0.0) };
    let told = |at: usize| changes.iter().filter(|change| change.tells.get(at) == Some(&true)).count();
    let lost: Vec<bool> = (0..first.lost.len())
        .map(|at| {
            let lost = changes.iter().filter(|change| change.lost.get(at) == Some(&true)).count();
            lost > 0 && lost == told(at) && 2 * lost >= changes.len()
        })
        .collect();
    let mut regions = connected(&lost, columns, |_, _| true);
    regions.retain(|region| changes.iter().any(|change| is_veiled(&change.cells, region)));
    let count = regions.iter().map(Vec::len).sum::<usize>() as f32;
    let telling = (0..lost.len()).filter(|&at| told(at) > 0).count() as f32;
    let known = telling.max(LEAST_TELLING * lost.len() as f32).max(1.0);
    (regions, count / known)
}

/// Returns the usual transmission for each row of cells. It is the transmission that seven tenths of the cells do not
/// exceed, of the row itself and of [`ROWS_AROUND`] rows above and below it. Cells without contrast are left out. The
/// result is at most `whole`, the usual transmission of the whole picture.
fn usual_by_row(
    cells: &[Sums],
    columns: usize,
    tells: &impl Fn(usize, &Sums) -> bool,
    transmission: &impl Fn(&Sums) -> f32,
    whole: f32,
) -> Vec<f32> {
    let rows: Vec<Vec<f32>> = (cells.chunks(columns.max(1)).enumerate())
        .map(|(row, cells)| {
            let telling = cells.iter().enumerate().filter(|(at, cell)| tells(row * columns + at, cell));
            telling.map(|(_, cell)| transmission(cell)).collect()
        })
        .collect();
    (0..rows.len())
        .map(|row| {
            let around = rows.iter().take(row + ROWS_AROUND + 1).skip(row.saturating_sub(ROWS_AROUND));
            let mut around: Vec<f32> = around.flatten().copied().collect();
            let clearest = around.len() * 7 / 10;
            if around.len() < LEAST_AROUND {
                return whole;
            }
            around.select_nth_unstable_by(clearest, f32::total_cmp).1.clamp(0.0, whole)
        })
        .collect()
}

/// True if the light still varies from a cell to its neighbours as it did before. Behind dirt the scene is dimmer or
/// blurred, but present; if an object came or left, the light differs.
fn shines_through(cells: &[Sums], at: usize, columns: usize) -> bool {
    let around = [0, 1, 2].into_iter().flat_map(|row| [0, 1, 2].map(|column| row * columns + column));
    let first = at.checked_sub(columns + 1);
    let around = around.filter_map(|offset| cells.get(first? + offset));
    let points: Vec<(f32, f32)> = around.map(|cell| (cell.light_before, cell.light_now)).collect();
    let count = points.len().max(1) as f32;
    let mean =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let products = points.iter().fold((0.0, 0.0, 0.0), |sum, point| {
        let (before, now) = (point.0 - mean.0, point.1 - mean.1);
        (sum.0 + before * before, sum.1 + before * now, sum.2 + now * now)
    });
    products.1 > THROUGH * (products.0 * products.2).sqrt()
}

/// True if a region that lost contrast is behind dirt. The region must be larger than noise, which affects
/// single cells. Its remaining contrast must agree with the earlier contrast; if an object left, the two differ.
fn is_veiled(cells: &[Sums], region: &[usize]) -> bool {
    let region = region.iter().filter_map(|&at| cells.get(at));
    let sums = region.fold((0, 0.0, 0.0, 0.0), |sum, cell| {
        (sum.0 + 1, sum.1 + cell.before, sum.2 + cell.both, sum.3 + cell.now)
    });
    sums.0 >= LEAST_CELLS && sums.2 >= LEFT_OVER * (sums.1 * sums.3).sqrt()
}

fn sums(before: &Plane, now: &Plane, columns: usize, count: usize) -> Vec<Sums> {
    let mut cells = vec![Sums::default(); count];
    let (old, new): (Vec<&[f32]>, Vec<&[f32]>) = (before.rows().collect(), now.rows().collect());
    for (y, (old, new)) in old.windows(2).zip(new.windows(2)).enumerate() {
        let ([old, old_below], [new, new_below]) = (old, new) else { continue };
        let band = cells.iter_mut().skip(y / CELL * columns).take(columns);
        let places = old.windows(2).zip(*old_below).zip(new.windows(2).zip(*new_below));
        let mut places = places;
        for cell in band {
            for ((old, &old_below), (new, &new_below)) in places.by_ref().take(CELL) {
                let ([a, right], [b, new_right]) = (old, new) else { continue };
                let (ax, ay, bx, by) = (right - a, old_below - a, new_right - b, new_below - b);
                cell.before += ax * ax + ay * ay;
                cell.both += ax * bx + ay * by;
                cell.now += bx * bx + by * by;
                cell.light_before += a;
                cell.light_now += b;
            }
        }
    }
    cells
}

/// Returns the picture minus the reference, after the reference is adjusted to the picture's exposure. Pixels are 0
/// where something moved. Also returns the share of the cells whose light agrees with the reference.
fn difference(before: &Plane, picture: &Picture, cells: &[Sums], moved: &[bool]) -> (Plane, f32) {
    let count = (CELL * CELL) as f32;
    let points: Vec<(f32, f32)> = (cells.iter().zip(moved))
        .filter(|&(_, &moved)| !moved)
        .map(|(cell, _)| (cell.light_before / count, cell.light_now / count))
        .collect();
    let (gain, lift) = line(&points);
    let mut off: Vec<f32> = points.iter().map(|(x, y)| (y - gain * x - lift).abs()).collect();
    off.sort_by(f32::total_cmp);
    // The second fit omits the points that changed, such as dirt, shadows and objects.
    let limit = 2.0 * off.get(off.len() / 2).copied().unwrap_or(0.0) + 1.0;
    let usual: Vec<(f32, f32)> =
        points.iter().filter(|(x, y)| (y - gain * x - lift).abs() <= limit).copied().collect();
    let (gain, lift) = line(&usual);
    let steady = points.iter().filter(|(x, y)| (y - gain * x - lift).abs() <= STEADY).count();
    let steady = steady as f32 / points.len().max(1) as f32;
    let now = &picture.coarse;
    let mut values: Vec<f32> =
        now.values.iter().zip(&before.values).map(|(now, before)| now - gain * before - lift).collect();
    for (y, row) in values.chunks_exact_mut(now.width).enumerate() {
        let band = moved.iter().skip(y / CELL * picture.columns).take(picture.columns);
        for (piece, &moved) in row.chunks_mut(CELL).zip(band) {
            if moved {
                piece.fill(0.0);
            }
        }
    }
    (Plane::new(now.width, values), steady)
}

/// Returns the straight line through points: its slope, and its value at 0.
fn line(points: &[(f32, f32)]) -> (f32, f32) {
    let count = points.len().max(1) as f32;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (x, y) = (x / count, y / count);
    let (both, square) = points.iter().fold((0.0, 0.0), |sum, point| {
        let (dx, dy) = (point.0 - x, point.1 - y);
        (sum.0 + dx * dy, sum.1 + dx * dx)
    });
    let slope = if square > 0.0 { (both / square).clamp(0.2, 5.0) } else { 1.0 };
    (slope, y - slope * x)
}
