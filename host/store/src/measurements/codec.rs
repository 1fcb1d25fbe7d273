//! A chunk as bytes: columns, compressed by zstd with a dictionary of the usual names.
//!
//! A value is rounded to 17 significant bits, so its relative error is at most 2⁻¹⁷. Whole numbers up to 131072 are
//! exact, and so are thresholds and times. Rounded values become integers that sort like the values. A column stores
//! the lowest integer and the difference of each integer from it, in as few bits as the largest difference needs.

use std::{cell::RefCell, io};

use uuid::Uuid;
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::CParameter,
};

use super::{
    Corrupt,
    bits::{Reader, Writer},
    chunk::{Check, Chunk, Diagnosis, MAX_BODY, MAX_CHECKS, MAX_COLUMNS, MAX_VALUES, Metric, Said},
    names::DICTIONARY,
};

/// The format that this version writes. It is stored beside the bytes.
pub(super) const FORMAT: i64 = 1;
/// The compression level of zstd.
const LEVEL: i32 = 3;
/// The bits of a fraction that are rounded away.
const ROUNDED: u32 = 36;
/// The code of the largest number.
const LARGEST: i64 = (f64::MAX.to_bits() >> ROUNDED).cast_signed();

/// The metric has values for exactly those checks in which the diagnosis has a result.
const LIKE_WORDS: u8 = 1;
/// The metric has thresholds.
const HAS_THRESHOLDS: u8 = 2;
/// The metric has thresholds for exactly those checks for which it has values.
const LIKE_VALUES: u8 = 4;

/// Writes a chunk.
pub(super) fn write(chunk: &Chunk) -> io::Result<Vec<u8>> {
    thread_local! {
        /// The thread's compressor. Preparing the dictionary takes longer than compressing a chunk.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    let body = body_of(chunk);
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let frame = COMPRESSOR.with_borrow_mut(|known| match known {
        Some(compressor) => compressor.compress(&body),
        None => {
            let mut compressor = Compressor::with_dictionary(LEVEL, &DICTIONARY)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            known.insert(compressor).compress(&body)
        }
    })?;
    Ok([&length.to_le_bytes(), frame.as_slice()].concat())
}

/// Reads a chunk. Returns an error if the bytes are damaged. Never uses more memory than the largest chunk needs.
pub(super) fn read(format: i64, bytes: &[u8]) -> Result<Chunk, Corrupt> {
    chunk_of(&body_from(format, bytes)?, None)
}

/// Reads only one diagnosis of a chunk, which takes a fraction of the time. Damage within the columns of another
/// diagnosis is not always noticed.
pub(super) fn read_only(format: i64, bytes: &[u8], diagnosis: &str) -> Result<Chunk, Corrupt> {
    chunk_of(&body_from(format, bytes)?, Some(diagnosis))
}

fn body_from(format: i64, bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    if format != FORMAT {
        return Err(Corrupt("this version does not know the format"));
    }
    let (length, frame) = bytes.split_first_chunk().ok_or(Corrupt("it ends too early"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_BODY {
        return Err(Corrupt("it is too large"));
    }
    let body = DECOMPRESSOR.with_borrow_mut(|known| match known {
        Some(decompressor) => decompressor.decompress(frame, length),
        None => known.insert(Decompressor::with_dictionary(&DICTIONARY)?).decompress(frame, length),
    });
    let body = body.map_err(|_| Corrupt("the compressed data are damaged"))?;
    if body.len() != length {
        return Err(Corrupt("its length is not the stated one"));
    }
    Ok(body)
}

/// Returns the value that is stored for a finite value.
#[cfg(test)]
fn stored(value: f64) -> f64 {
    value_of(code_of(value)).unwrap_or(value)
}

fn code_of(value: f64) -> i64 {
    let bits = value.abs().to_bits();
    // Half-way values are rounded to the even neighbour.
    let half = (1_u64 << (ROUNDED - 1)) - 1 + (bits >> ROUNDED & 1);
    let code = (bits.saturating_add(half) >> ROUNDED).cast_signed().min(LARGEST);
    if value < 0.0 { -code } else { code }
}

fn value_of(code: i64) -> Result<f64, Corrupt> {
    if code.abs() > LARGEST {
        return Err(Corrupt("a value is not a number"));
    }
    let value = f64::from_bits(code.unsigned_abs() << ROUNDED);
    Ok(if code < 0 { -value } else { value })
}

fn body_of(chunk: &Chunk) -> Vec<u8> {
    let Chunk { checks, words, diagnoses } = chunk;
    let mut to = Writer::default();
    to.count(checks.len());
    to.count(words.len());
    words.iter().for_each(|word| to.text(word));
    to.count(diagnoses.len());
    for diagnosis in diagnoses {
        to.text(&diagnosis.id);
        to.count(diagnosis.metrics.len());
        for metric in &diagnosis.metrics {
            to.text(&metric.name);
            to.text(&metric.unit);
        }
    }
    let mut before = 0;
    for check in checks {
        to.signed(check.at.wrapping_sub(before));
        before = check.at;
    }
    for check in checks {
        let (time, rest) = parts_of(check.job);
        to.signed(check.at.wrapping_sub(time));
        to.0.extend_from_slice(&rest);
    }
    for diagnosis in diagnoses {
        to.bitmap(diagnosis.said.iter().map(|said| said.check), checks.len());
        let code = |said: &Said| i64::from(said.word) << 1 | i64::from(said.explained);
        to.packed(&diagnosis.said.iter().map(code).collect::<Vec<_>>());
    }
    for diagnosis in diagnoses {
        for metric in &diagnosis.metrics {
            write_metric(&mut to, metric, &diagnosis.said, checks.len());
        }
    }
    to.0
}

fn write_metric(to: &mut Writer, metric: &Metric, said: &[Said], checks: usize) {
    let Metric { values, thresholds, .. } = metric;
    let place = |(place, _): &(u32, f64)| *place;
    let like_words = values.iter().map(place).eq(said.iter().map(|said| said.check));
    let like_values = thresholds.iter().map(place).eq(values.iter().map(place));
    let has_thresholds = !thresholds.is_empty();
    to.0.push(
        (u8::from(like_words) * LIKE_WORDS)
            | (u8::from(has_thresholds) * HAS_THRESHOLDS)
            | (u8::from(has_thresholds && like_values) * LIKE_VALUES),
    );
    if !like_words {
        to.bitmap(values.iter().map(place), checks);
    }
    to.packed(&values.iter().map(|(_, value)| code_of(*value)).collect::<Vec<_>>());
    if !has_thresholds {
        return;
    }
    if !like_values {
        to.bitmap(thresholds.iter().map(place), checks);
    }
    // Thresholds rarely change, so each run of equal thresholds is written once, with its length.
    for stretch in thresholds.chunk_by(|(_, a), (_, b)| a.to_bits() == b.to_bits()) {
        to.count(stretch.len());
        let threshold = stretch.first().map_or(0.0, |(_, threshold)| *threshold);
        to.0.extend_from_slice(&threshold.to_le_bytes());
    }
}

fn chunk_of(body: &[u8], only: Option<&str>) -> Result<Chunk, Corrupt> {
    let mut from = Reader(body);
    let count = from.count(MAX_CHECKS)?;
    let mut left = MAX_VALUES;
    let mut columns = MAX_COLUMNS;
    let mut words = Vec::new();
    for _ in 0..from.count(MAX_COLUMNS)? {
        words.push(from.text()?);
    }
    let mut diagnoses = Vec::new();
    for _ in 0..from.count(MAX_COLUMNS)? {
        let mut diagnosis = Diagnosis { id: from.text()?, ..Diagnosis::default() };
        let metrics = from.count(MAX_COLUMNS)?;
        columns = columns.checked_sub(1 + metrics).ok_or(Corrupt("it has too many columns"))?;
        for _ in 0..metrics {
            diagnosis.metrics.push(Metric { name: from.text()?, unit: from.text()?, ..Metric::default() });
        }
        diagnoses.push(diagnosis);
    }
    let mut times = Vec::with_capacity(count);
    let mut at = 0_i64;
    for _ in 0..count {
        at = at.wrapping_add(from.signed()?);
        times.push(at);
    }
    let mut checks = Vec::with_capacity(count);
    for at in times {
        let time = at.wrapping_sub(from.signed()?);
        checks.push(Check { at, job: job_of(time, from.array()?) });
    }
    let is_wanted = |diagnosis: &Diagnosis| only.is_none_or(|only| diagnosis.id == only);
    // The number of words of each diagnosis that is not wanted.
    let mut skipped = vec![0_usize; diagnoses.len()];
    for (diagnosis, skipped) in diagnoses.iter_mut().zip(&mut skipped) {
        if !is_wanted(diagnosis) {
            *skipped = from.skip_bitmap(count, &mut left)?;
            from.skip_packed(*skipped)?;
            continue;
        }
        let places = from.bitmap(count, &mut left)?;
        let codes = from.packed(places.len())?;
        for (check, code) in places.into_iter().zip(codes) {
            let word = u32::try_from(code >> 1).unwrap_or(u32::MAX);
            if word as usize >= words.len() {
                return Err(Corrupt("a word is missing"));
            }
            diagnosis.said.push(Said { check, word, explained: code & 1 == 1 });
        }
    }
    for (diagnosis, skipped) in diagnoses.iter_mut().zip(skipped) {
        let is_wanted = is_wanted(diagnosis);
        for metric in &mut diagnosis.metrics {
            if is_wanted {
                read_metric(&mut from, metric, &diagnosis.said, count, &mut left)?;
            } else {
                skip_metric(&mut from, skipped, count, &mut left)?;
            }
        }
    }
    if !from.0.is_empty() {
        return Err(Corrupt("it is too long"));
    }
    diagnoses.retain(is_wanted);
    Ok(Chunk { checks, words, diagnoses })
}

/// Skips what [`read_metric`] reads.
fn skip_metric(from: &mut Reader<'_>, said: usize, checks: usize, left: &mut usize) -> Result<(), Corrupt> {
    let few = |left: &mut usize, count: usize| -> Result<(), Corrupt> {
        *left = left.checked_sub(count).ok_or(Corrupt("it has too many values"))?;
        Ok(())
    };
    let [flags] = from.array()?;
    let values = if flags & LIKE_WORDS == 0 {
        from.skip_bitmap(checks, left)?
    } else {
        few(left, said)?;
        said
    };
    from.skip_packed(values)?;
    if flags & HAS_THRESHOLDS == 0 {
        return Ok(());
    }
    let mut thresholds = if flags & LIKE_VALUES == 0 {
        from.skip_bitmap(checks, left)?
    } else {
        few(left, values)?;
        values
    };
    while thresholds > 0 {
        let stretch = from.count(thresholds)?;
        let _: [u8; 8] = from.array()?;
        thresholds = match stretch {
            0 => return Err(Corrupt("a threshold is not a number")),
            stretch => thresholds.saturating_sub(stretch),
        };
    }
    Ok(())
}

fn read_metric(
    from: &mut Reader<'_>,
    metric: &mut Metric,
    said: &[Said],
    checks: usize,
    left: &mut usize,
) -> Result<(), Corrupt> {
    let few = |left: &mut usize, count: usize| -> Result<(), Corrupt> {
        *left = left.checked_sub(count).ok_or(Corrupt("it has too many values"))?;
        Ok(())
    };
    let [flags] = from.array()?;
    let places = if flags & LIKE_WORDS == 0 {
        from.bitmap(checks, left)?
    } else {
        few(left, said.len())?;
        said.iter().map(|said| said.check).collect()
    };
    let codes = from.packed(places.len())?;
    let values = places.iter().zip(codes).map(|(place, code)| value_of(code).map(|value| (*place, value)));
    metric.values = values.collect::<Result<_, _>>()?;
    if flags & HAS_THRESHOLDS == 0 {
        return Ok(());
    }
    let places = if flags & LIKE_VALUES == 0 {
        from.bitmap(checks, left)?
    } else {
        few(left, places.len())?;
        places
    };
    let mut places = places.into_iter();
    while places.len() > 0 {
        let stretch = from.count(places.len())?;
        let threshold = f64::from_le_bytes(from.array()?);
        if stretch == 0 || !threshold.is_finite() {
            return Err(Corrupt("a threshold is not a number"));
        }
        metric.thresholds.extend(places.by_ref().take(stretch).map(|place| (place, threshold)));
    }
    Ok(())
}

/// Splits the id of a job: the time in it, which is close to the time of the check, and the rest.
fn parts_of(job: Uuid) -> (i64, [u8; 10]) {
    let [a, b, c, d, e, f, rest @ ..] = *job.as_bytes();
    (i64::from_be_bytes([0, 0, a, b, c, d, e, f]), rest)
}

fn job_of(time: i64, rest: [u8; 10]) -> Uuid {
    let [_, _, a, b, c, d, e, f] = time.to_be_bytes();
    let [g, h, i, j, k, l, m, n, o, p] = rest;
    Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

#[cfg(test)]
mod tests;
