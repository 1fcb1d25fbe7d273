//! The colours of one frame: the most frequent colour, the share of grey, and the colour of black.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect, SampleRange};

use crate::Config;

/// The largest width, in pixels, of the chroma plane that is measured.
const WIDTH: u32 = 160;
/// The margin that is ignored at the top and at the bottom is the height divided by this number.
const MARGIN: u32 = 10;
/// The range of luma, in full range, in which a pixel shows its colour. Sensors and encoders leave little colour
/// in the dark, and clipped pixels have lost theirs.
pub(crate) const LIT: std::ops::RangeInclusive<u8> = 40..=235;
/// The smallest share of the picture that must be lit.
const LEAST_LIT: f64 = 0.03;
/// The number of bins of the colour histogram for each of Cb and Cr. A bin is 4 units wide.
const BINS: usize = 64;
/// The largest difference of Cb and of Cr from their neutral value at which a colour counts as grey.
const GREY: i32 = 4;
/// The number of bins on either side of a peak's middle. A peak is 7 bins across.
const PEAK_BINS: usize = 3;
/// The spread below which a colour is even. Grass, earth and bricks vary more. Grey objects under a tint may vary
/// less.
const EVEN: f64 = 4.0;
/// The threshold for a warm and even colour is this multiple of [`Config::cast`]. It is lower than for other warm
/// colours, because surfaces that are warm by nature vary more (see [`EVEN`]). It is higher than [`Config::cast`],
/// because the light of lamps is even too.
const UNSURE: f64 = 1.5;
/// The factor by which the threshold rises for the hues of the sky, because a blue sky is more saturated than
/// anything else that fills a picture.
const SKY: f64 = 2.0;
/// A blue picture is judged by the tint of its lightest pixels ([`Chroma::highlights`]), divided by the peak's distance
/// from grey. If the ratio is at least this value, a lens or a gain colours the light: such a tint is strongest in the
/// lightest parts. If the ratio is lower, the blue may come from the sky: under a blue sky, clouds, sunlit snow and
/// lamps are white. The ratio was measured in pictures that are blue everywhere. It is 0.3 at dusk, 0.73 for snow in
/// the shade, 1.0 to 1.6 with one stop too much blue, and 0.5 and more with two stops.
const LIGHT_TOO: f64 = 0.9;
/// A second, lower limit of the ratio of [`LIGHT_TOO`]. If a channel is clipped, the lightest pixels have only half of
/// the tint. Between the two limits, the threshold is [`Config::natural_cast`].
const PARTLY: f64 = 0.5;
/// If a lens or a gain makes the light blue (see [`LIGHT_TOO`]), the threshold is this multiple of [`Config::cast`].
/// Healthy pictures of canopies below a sky, and of platforms under cold lamps, reach 1.4 times [`Config::cast`].
const BLUE: f64 = 1.9;
/// A darker and a brighter part of the picture are compared (see [`Fading`]). Their tints are evidence for a tint of
/// the light only if the ratio of the darker part's luma to the brighter part's luma is at most this value.
const DARK: f64 = 0.6;
/// Tinted light gives a surface a tint in proportion to its luma. If the light is tinted, the darker part has at least
/// this share of the tint that follows from its luma.
const ITS_PART: f64 = 0.6;
/// The share of the lit pixels that count as the lightest.
const LIGHTEST: f64 = 0.1;
/// The hues, in degrees, from violet to magenta. No lamp, sky or plant has these hues, but infrared light that
/// reaches the sensor causes them.
const UNNATURAL: std::ops::RangeInclusive<f64> = 15.0..=100.0;
/// The hues of surfaces lit by a blue sky: snow and shadows, and the sky itself.
const SKYLIT: std::ops::Range<f64> = -60.0..10.0;
/// The hue, in degrees, up to which a warm colour may be that of plants, which fill a picture with one even colour.
const PLANTS: f64 = -145.0;
/// The ratio of the dark part's luma to the brighter part's luma below which the dark part counts as black. A shadow
/// on a lawn is brighter.
const BLACK: f64 = 0.42;
/// The smallest share of the lit picture that must lean towards the tint, because a tint colours every part. Pictures
/// with blue sky above ground have 0.72 and less. Tinted pictures have 0.9 and more.
const AGREE: f64 = 0.8;
/// A pixel leans towards the tint if its colour in the tint's direction exceeds this share of the tint.
const LEANING: f64 = 0.25;
/// The largest severity of a tint that is not everywhere. 1 is the threshold.
const NO_AGREEMENT: f64 = 0.8;
/// The smallest share of the lit picture that must lean towards an unnatural hue if black is tinted as well. A
/// wrong phase of the colour signal rotates every colour, and adds a colour to grey and black.
const AGREE_WITH_BLACK: f64 = 0.6;
/// Black counts as tinted if it has at least this share of the tint.
const BLACK_TOO: f64 = 0.5;
/// The smallest distance from grey, in units of Cb and Cr, that nine of ten lit pixels must have for a faint tint of
/// an unnatural hue.
const EVERYWHERE: f64 = 2.0;
/// The picture is monochrome if its spread and the distance of its peak from grey are below this value.
const MONOCHROME: f64 = 2.0;

/// The measurements of a frame, in units of Cb and Cr from grey.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chroma {
    /// The most frequent colour: the mean of the densest part of the plane of colours.
    pub(crate) peak: (f64, f64),
    /// The share of the lit pixels that are grey.
    pub(crate) grey_share: f64,
    /// The mean distance of the colours from their mean.
    pub(crate) spread: f64,
    /// The share of the lit pixels that lean towards the peak.
    pub(crate) agreement: f64,
    /// The distance from grey, in the direction of the peak, that nine of ten lit pixels have at least.
    pub(crate) everywhere: f64,
    /// The distance from grey, in the direction of the peak, that three of four of the lightest pixels have at
    /// least.
    pub(crate) highlights: f64,
    /// The relation of the tint to brightness. None if all parts are equally bright.
    fading: Option<Fading>,
}

/// A darker part of the picture, compared with a brighter one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fading {
    /// The ratio of the darker part's luma to the brighter part's.
    luma: f64,
    /// The ratio of the darker part's tint to the brighter part's tint.
    tint: f64,
}

impl Fading {
    fn between(dark: &Sum, bright: &Sum) -> Self {
        let ((dark_luma, dark_cb, dark_cr), (luma, cb, cr)) = (dark.mean(), bright.mean());
        let square = (cb * cb + cr * cr).max(1e-9);
        Self { luma: dark_luma / luma.max(1.0), tint: (dark_cb * cb + dark_cr * cr) / square }
    }

    /// True if the tint probably comes from the signal. Coloured light colours a surface in
    /// proportion to its brightness; a tint of the signal colours black as much as white.
    fn is_of_the_signal(&self) -> bool {
        self.tint > f64::midpoint(1.0, self.luma)
    }

    /// True if the dark part has the tint that coloured light would give to it. A mast in front of the sky has no tint.
    fn is_of_the_light(&self) -> bool {
        self.luma <= DARK && self.tint >= ITS_PART * self.luma
    }
}

/// Sums over some pixels.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: u32,
    luma: u32,
    cb: i32,
    cr: i32,
}

impl Sum {
    fn add(&mut self, luma: u8, cb: i32, cr: i32) {
        self.count += 1;
        self.luma += u32::from(luma);
        self.cb += cb;
        self.cr += cr;
    }

    fn mean(&self) -> (f64, f64, f64) {
        let count = f64::from(self.count.max(1));
        (f64::from(self.luma) / count, f64::from(self.cb) / count, f64::from(self.cr) / count)
    }
}

/// The pixels, row by row: the luma in full range, and the differences of Cb and Cr from grey.
#[derive(Debug, Clone)]
pub(crate) struct Pixels {
    pub(crate) width: usize,
    pub(crate) values: Vec<(u8, i32, i32)>,
}

impl Pixels {
    pub(crate) fn of(clip: &dyn Clip, frame: u32) -> Result<Self, Failure> {
        let info = clip.info();
        // Chroma has half the size of luma on the same level. So chroma is read one level finer than luma, where it has
        // the same size.
        let luma_level = clip.level_within(WIDTH).max(1).min(info.levels.saturating_sub(1));
        let chroma_level = luma_level.saturating_sub(1);
        // The rows where recorders draw coloured captions are ignored, because a tint does not reach captions.
        let area = |plane, level| {
            clip.size(plane, level).map(|(width, height)| {
                let margin = height / MARGIN;
                Rect { x: 0, y: margin, width, height: height - 2 * margin }
            })
        };
        let crop = |plane, level| clip.crop(frame, plane, level, area(plane, level)?);
        let luma = crop(PlaneKind::Luma, luma_level)?;
        let cb = crop(PlaneKind::Cb, chroma_level)?;
        let cr = crop(PlaneKind::Cr, chroma_level)?;
        let full = |luma: u8| match info.range {
            SampleRange::Full => luma,
            SampleRange::Limited => {
                u8::try_from(u32::from(luma.saturating_sub(16)) * 255 / 219).unwrap_or(u8::MAX)
            }
        };
        let values = luma
            .iter()
            .zip(&cb)
            .zip(&cr)
            .map(|((&luma, &cb), &cr)| (full(luma), i32::from(cb) - 128, i32::from(cr) - 128))
            .collect();
        Ok(Self { width: clip.size(PlaneKind::Luma, luma_level)?.0 as usize, values })
    }
}

impl Chroma {
    /// Measures a frame. None if too little is lit.
    pub(crate) fn of(pixels: &[(u8, i32, i32)]) -> Option<Self> {
        let mut plane = vec![0_u32; BINS * BINS];
        let (mut lit, mut grey) = (Sum::default(), 0_u32);
        for &(luma, cb, cr) in pixels.iter().filter(|(luma, ..)| LIT.contains(luma)) {
            lit.add(luma, cb, cr);
            grey += u32::from(cb.abs() <= GREY && cr.abs() <= GREY);
            if let Some(count) = plane.get_mut(bin(cb) * BINS + bin(cr)) {
                *count += 1;
            }
        }
        if f64::from(lit.count) < LEAST_LIT * pixels.len() as f64 {
            return None;
        }
        let (mean_luma, mean_cb, mean_cr) = lit.mean();
        let (at_cb, at_cr) = densest(&plane);
        let within = |value: i32, at: usize| bin(value).abs_diff(at) <= PEAK_BINS;
        let (mut peak, mut distance) = (Sum::default(), 0.0);
        // `dark` sums the dark pixels of the whole picture. `dim` and `bright` sum pixels of the peak alone.
        let (mut dark, mut dim, mut bright) = (Sum::default(), Sum::default(), Sum::default());
        for &(luma, cb, cr) in pixels {
            let value = f64::from(luma);
            if value < mean_luma / 2.0 {
                dark.add(luma, cb, cr);
            }
            if !LIT.contains(&luma) {
                continue;
            }
            distance += (f64::from(cb) - mean_cb).hypot(f64::from(cr) - mean_cr);
            if within(cb, at_cb) && within(cr, at_cr) {
                peak.add(luma, cb, cr);
                if value < 0.85 * mean_luma {
                    dim.add(luma, cb, cr);
                } else if value > 1.1 * mean_luma {
                    bright.add(luma, cb, cr);
                }
            }
        }
        let (_, peak_cb, peak_cr) = peak.mean();
        let Leaning { agreement, everywhere, highlights } = Leaning::of(pixels, peak_cb, peak_cr);
        // Dark and bright parts are compared only if a fiftieth of the picture is dark, or if a twentieth of the
        // peak is dim and a twentieth is bright.
        let fading = if dark.count as usize * 50 >= pixels.len() {
            Some(Fading::between(&dark, &peak))
        } else if dim.count.min(bright.count) * 20 >= peak.count {
            Some(Fading::between(&dim, &bright))
        } else {
            None
        };
        Some(Self {
            peak: (peak_cb, peak_cr),
            grey_share: f64::from(grey) / f64::from(lit.count.max(1)),
            spread: distance / f64::from(lit.count.max(1)),
            agreement,
            everywhere,
            highlights,
            fading,
        })
    }

    /// Returns the distance of the peak from grey. The larger the grey share of the picture is, the more the distance
    /// is reduced. The distance is not reduced for an unnatural tint that is everywhere, because a faint tint of this
    /// kind leaves much of the picture nearly grey.
    pub(crate) fn cast(&self, config: &Config) -> f64 {
        let distance = self.peak.0.hypot(self.peak.1);
        if self.is_unnatural() && self.grey_share < config.grey_share {
            return distance;
        }
        distance * (1.0 - self.grey_share / config.grey_share).clamp(0.0, 1.0)
    }

    /// True if every part leans towards a hue that no natural scene has over the whole picture.
    fn is_unnatural(&self) -> bool {
        UNNATURAL.contains(&hue(self.peak.0, self.peak.1)) && self.everywhere >= EVERYWHERE
    }

    /// Returns the threshold for this picture.
    pub(crate) fn threshold(&self, config: &Config) -> f64 {
        let hue = hue(self.peak.0, self.peak.1);
        let warm = is_warm(self.peak.0, self.peak.1);
        let sky = (-50.0..-28.0).contains(&hue);
        let faint = config.faint_cast.min(config.cast);
        match self.fading {
            _ if self.is_unnatural() => faint,
            // The sky is brighter and paler towards the horizon, and grass has shadows, so only black parts are
            // evidence.
            Some(fading)
                if fading.is_of_the_signal()
                    && (!sky || fading.luma < 0.5)
                    && (!warm || fading.luma < BLACK) =>
            {
                config.cast
            }
            _ if warm && self.spread < EVEN && hue > PLANTS => UNSURE * config.cast,
            _ if warm => config.natural_cast,
            Some(fading) if SKYLIT.contains(&hue) && fading.is_of_the_light() => self.blue_threshold(config),
            Some(_) if SKYLIT.contains(&hue) => SKY * config.natural_cast,
            _ if sky => SKY * config.natural_cast,
            _ => config.cast,
        }
    }

    /// Returns the threshold for the hues of the sky if dark parts have the tint. The threshold depends on
    /// the tint of the lightest parts.
    fn blue_threshold(&self, config: &Config) -> f64 {
        let share = self.highlights / self.peak.0.hypot(self.peak.1).max(1e-9);
        if share >= LIGHT_TOO {
            BLUE * config.cast
        } else if share >= PARTLY {
            config.natural_cast
        } else {
            SKY * config.natural_cast
        }
    }

    /// Returns the cast as a multiple of the threshold.
    pub(crate) fn severity(&self, config: &Config) -> f64 {
        let severity = self.cast(config) / self.threshold(config);
        if self.agreement < self.least_agreement() { severity.min(NO_AGREEMENT) } else { severity }
    }

    fn least_agreement(&self) -> f64 {
        let unnatural = UNNATURAL.contains(&hue(self.peak.0, self.peak.1));
        if unnatural && self.fading.is_some_and(|fading| fading.tint >= BLACK_TOO) {
            AGREE_WITH_BLACK
        } else {
            AGREE
        }
    }

    pub(crate) fn is_monochrome(&self) -> bool {
        self.spread < MONOCHROME && self.peak.0.hypot(self.peak.1) < MONOCHROME
    }
}

/// The extent to which the lit pixels lean towards a colour.
struct Leaning {
    /// The share of the pixels that lean by more than a quarter of the colour's distance from grey.
    agreement: f64,
    /// The distance by which at least nine in ten pixels lean.
    everywhere: f64,
    /// The distance by which at least three in four of the lightest pixels lean.
    highlights: f64,
}

impl Leaning {
    fn of(pixels: &[(u8, i32, i32)], cb: f64, cr: f64) -> Self {
        let length = cb.hypot(cr).max(1e-9);
        // In 256ths, so that the products are integers.
        let (along_cb, along_cr) = ((256.0 * cb / length) as i32, (256.0 * cr / length) as i32);
        let lit = || pixels.iter().filter(|(luma, ..)| LIT.contains(luma));
        let mut lumas = [0_u32; 256];
        for &(luma, ..) in lit() {
            if let Some(count) = lumas.get_mut(usize::from(luma)) {
                *count += 1;
            }
        }
        let light = quantile(&lumas, 1.0 - LIGHTEST);
        let (mut all, mut lightest) = (vec![0_u32; 512], vec![0_u32; 512]);
        for &(luma, cb, cr) in lit() {
            let lean = (cb * along_cb + cr * along_cr) >> 8;
            let at = usize::try_from(lean + 256).unwrap_or_default();
            for counts in [Some(&mut all), (usize::from(luma) >= light).then_some(&mut lightest)] {
                if let Some(count) = counts.and_then(|counts| counts.get_mut(at)) {
                    *count += 1;
                }
            }
        }
        let agree = all.iter().zip(-256_i32..).filter(|(_, lean)| f64::from(*lean) > LEANING * length);
        let agree: u32 = agree.map(|(count, _)| count).sum();
        let lean = |counts: &[u32], share: f64| quantile(counts, share) as f64 - 256.0;
        Self {
            agreement: f64::from(agree) / f64::from(all.iter().sum::<u32>().max(1)),
            everywhere: lean(&all, 0.1),
            highlights: lean(&lightest, 0.25),
        }
    }
}

/// Returns the place in a histogram at which the given share of all counts is reached.
fn quantile(counts: &[u32], share: f64) -> usize {
    let wanted = share * f64::from(counts.iter().sum::<u32>());
    let mut seen = 0_u32;
    let reached = |&count: &u32| {
        seen += count;
        f64::from(seen) >= wanted
    };
    counts.iter().position(reached).unwrap_or_default()
}

/// Returns the hue in degrees: 0 is blue, 90 red, ±180 yellow, −90 green to cyan.
fn hue(cb: f64, cr: f64) -> f64 {
    cr.atan2(cb).to_degrees()
}

/// True for hues from brick red through sodium light and earth to grass.
pub(crate) fn is_warm(cb: f64, cr: f64) -> bool {
    !(-145.0..122.0).contains(&hue(cb, cr))
}

/// True for the hues of daylight: those of a low sun, and those of shade and clouds, which a blue sky lights.
pub(crate) fn is_daylight(cb: f64, cr: f64) -> bool {
    is_warm(cb, cr) || SKYLIT.contains(&hue(cb, cr))
}

/// Returns a tint's name in Chinese and English.
pub(crate) fn hue_name(cb: f64, cr: f64) -> (&'static str, &'static str) {
    match hue(cb, cr) {
        hue if hue < -165.0 => ("黄", "yellow"),
        hue if hue < -105.0 => ("绿", "green"),
        hue if hue < -45.0 => ("青", "cyan"),
        hue if hue < 15.0 => ("蓝", "blue"),
        hue if hue < 95.0 => ("品红", "magenta"),
        hue if hue < 125.0 => ("红", "red"),
        hue if hue < 150.0 => ("橙", "orange"),
        _ => ("黄", "yellow"),
    }
}

/// Returns the bin of a colour difference.
fn bin(value: i32) -> usize {
    usize::try_from((value + 128).clamp(0, 255) / 4).unwrap_or_default()
}

/// Returns the middle of the densest square of 7 × 7 bins.
fn densest(plane: &[u32]) -> (usize, usize) {
    // Sums along rows first, then along columns.
    let along = |line: &[u32]| -> Vec<u32> {
        (0..line.len())
            .map(|at| {
                let from = at.saturating_sub(PEAK_BINS);
                line.iter().skip(from).take(at + PEAK_BINS + 1 - from).sum()
            })
            .collect()
    };
    let rows: Vec<Vec<u32>> = plane.chunks_exact(BINS).map(along).collect();
    let mut best = (0, (BINS / 2, BINS / 2));
    for column in 0..BINS {
        let line: Vec<u32> = rows.iter().map(|row| row.get(column).copied().unwrap_or_default()).collect();
        for (row, count) in along(&line).into_iter().enumerate() {
            if count > best.0 {
                best = (count, (row, column));
            }
        }
    }
    best.1
}
