//! Draws pictures for people: a picture of a fault with the places marked, and a picture of the camera's normal
//! view. The pictures are JPEG files, named by digest.

use bytes::Bytes;
use easysight_capture::{Clip, PixelError, PlaneKind};
use easysight_protocol::{Evidence, Finding, Text};
use easysight_sandbox::Digest;
use jpeg_encoder::{ColorType, Encoder, EncodingError};

use crate::{
    Captured,
    canvas::{Canvas, Colour},
};

/// The length in pixels of the longest side of a picture of a fault.
const PICTURE_SIDE: u32 = 1280;
/// The length in pixels of the longest side of a picture of the normal view.
const GOOD_SIDE: u32 = 640;
/// The length in pixels of the longest side of a thumbnail in a list.
const THUMBNAIL_SIDE: u32 = 320;
/// The JPEG quality of a picture, 1 to 100. It is high enough that nobody mistakes JPEG blocks for a fault of the
/// camera.
const PICTURE_QUALITY: u8 = 85;
/// The JPEG quality of a thumbnail, 1 to 100.
const THUMBNAIL_QUALITY: u8 = 75;
/// The length in pixels of the longest side of the level at which successive frames are compared, to find the frame
/// with the largest change.
const GLANCE_SIDE: u32 = 160;
/// The maximum number of letters of a caption.
const MAX_CAPTION: usize = 60;

/// The colour of causes.
const CAUSE: Colour = [200, 30, 30];
/// The colour of consequences.
const CONSEQUENCE: Colour = [170, 110, 0];

/// A JPEG picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The blake3 digest of the bytes, which is the picture's name.
    pub digest: Digest,
    /// The bytes of the JPEG file.
    pub jpeg: Bytes,
}

/// The picture of a fault, and its thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The picture with the places marked.
    pub picture: Picture,
    /// The same picture as a thumbnail.
    pub thumbnail: Picture,
}

impl Seen {
    /// Returns the reference that findings contain.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let (picture, thumbnail) = (self.picture.digest.to_string(), self.thumbnail.digest.to_string());
        Evidence { picture, thumbnail }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The clip does not have the requested pixels.
    #[error("the frame cannot be read: {0}")]
    Pixels(#[from] PixelError),
    /// The picture cannot be encoded as JPEG.
    #[error("the picture cannot be encoded: {0}")]
    Encoding(#[from] EncodingError),
}

/// The pictures of one examination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Illustration {
    /// The picture of a fault, and its thumbnail.
    pub seen: Option<Seen>,
    /// The picture of the normal view.
    pub good: Option<Picture>,
}

/// Draws the picture of a fault, and also the picture of the normal view if `wants_good` is true and no fault was
/// found. If drawing fails, the error is only logged, because no finding depends on the picture.
#[must_use]
pub fn illustrate(captured: &Captured, findings: &[Finding], wants_good: bool) -> Illustration {
    let Ok(clip) = &captured.clip else { return Illustration::default() };
    let drawn = || {
        let seen = evidence(clip, findings)?;
        let good = if wants_good { good_picture(clip, findings)? } else { None };
        Ok::<_, PictureError>(Illustration { seen, good })
    };
    drawn().unwrap_or_else(|error| {
        tracing::warn!(%error, "the picture cannot be made");
        Illustration::default()
    })
}

/// Draws the decisive frame with the places of all findings that are not normal. Returns `None` if all findings are
/// normal.
///
/// # Errors
///
/// [`PictureError`].
pub fn evidence(clip: &Clip, findings: &[Finding]) -> Result<Option<Seen>, PictureError> {
    if !findings.iter().any(Finding::is_abnormal) {
        return Ok(None);
    }
    let frame = decisive_frame(clip, findings)?;
    let draw = |side, quality| {
        let mut canvas = canvas(clip, frame, level_within(clip, side))?;
        mark(&mut canvas.0, findings);
        encode(canvas, quality)
    };
    let picture = draw(PICTURE_SIDE, PICTURE_QUALITY)?;
    Ok(Some(Seen { picture, thumbnail: draw(THUMBNAIL_SIDE, THUMBNAIL_QUALITY)? }))
}

/// Draws the picture of the normal view. Returns `None` if a fault was found, a diagnosis failed, or no diagnosis
/// returned a status.
///
/// # Errors
///
/// [`PictureError`].
pub fn good_picture(clip: &Clip, findings: &[Finding]) -> Result<Option<Picture>, PictureError> {
    let judged = findings.iter().any(|finding| finding.status.is_some());
    if !judged || findings.iter().any(|finding| finding.is_abnormal() || finding.is_failed()) {
        return Ok(None);
    }
    let canvas = canvas(clip, middle(clip), level_within(clip, GOOD_SIDE))?;
    encode(canvas, THUMBNAIL_QUALITY).map(Some)
}

/// Returns the frame that shows the fault best: the last frame if the signal was lost, or the frame with the largest
/// change if the picture is corrupt. All other faults are visible in every frame.
fn decisive_frame(clip: &Clip, findings: &[Finding]) -> Result<u32, PictureError> {
    let is_cause = |id: &str| {
        findings.iter().any(|one| one.diagnosis == id && one.is_abnormal() && one.consequence_of.is_none())
    };
    let frames = u32::try_from(clip.frames().len()).unwrap_or(u32::MAX);
    if is_cause("signal_loss") {
        return Ok(frames.saturating_sub(1));
    }
    if !is_cause("flower_screen") {
        return Ok(middle(clip));
    }
    let level = level_within(clip, GLANCE_SIDE);
    let mut before = clip.plane(0, PlaneKind::Luma, level)?;
    let (mut worst, mut decisive) = (0, middle(clip));
    for frame in 1..frames {
        let luma = clip.plane(frame, PlaneKind::Luma, level)?;
        let change: u64 = luma.iter().zip(before.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        if change > worst {
            (worst, decisive) = (change, frame);
        }
        before = luma;
    }
    Ok(decisive)
}

fn middle(clip: &Clip) -> u32 {
    u32::try_from(clip.frames().len() / 2).unwrap_or(0)
}

/// Returns the largest level whose sides are at most `side`. If no level is small enough, returns the smallest
/// level.
fn level_within(clip: &Clip, side: u32) -> u32 {
    let fits = |level: &u32| {
        clip.size(PlaneKind::Luma, *level).is_some_and(|(width, height)| width.max(height) <= side)
    };
    (0..clip.levels()).find(fits).unwrap_or(clip.levels().saturating_sub(1))
}

/// Returns a frame to draw into, and its size.
fn canvas(clip: &Clip, frame: u32, level: u32) -> Result<(Canvas, (u32, u32)), PictureError> {
    let (width, height) = clip.size(PlaneKind::Luma, level).ok_or(PixelError::NoSuchLevel)?;
    Ok((Canvas::new(clip.rgb(frame, level)?.to_vec(), width, height), (width, height)))
}

/// Draws the regions of the findings and names the causes. Causes are drawn last, so that they are on top.
fn mark(canvas: &mut Canvas, findings: &[Finding]) {
    let mut abnormal: Vec<&Finding> = findings.iter().filter(|finding| finding.is_abnormal()).collect();
    abnormal.sort_by_key(|finding| finding.consequence_of.is_none());
    for finding in &abnormal {
        let colour = if finding.consequence_of.is_none() { CAUSE } else { CONSEQUENCE };
        let mut before = String::new();
        for region in &finding.regions {
            let area = canvas.area_of(region.left, region.top, region.width, region.height);
            canvas.outline(area, colour);
            // If successive boxes have the same words, only the first one gets them, because the words would hide the
            // picture.
            let words = caption(finding, &region.caption);
            if words != before {
                canvas.caption(area, &words, colour);
            }
            before = words;
        }
    }
    let causes = abnormal.iter().filter(|finding| finding.consequence_of.is_none());
    let words: Vec<_> = causes.map(|finding| format!("{}: {}", finding.diagnosis, finding.word())).collect();
    canvas.footer(&words.join("  "));
}

/// Returns the caption of a region in both languages, because a picture is drawn only once, for readers of both
/// languages. The id of the diagnosis replaces an empty caption.
fn caption(finding: &Finding, words: &Text) -> String {
    let words = match (words.zh.trim(), words.en.trim()) {
        ("", "") => finding.diagnosis.clone(),
        ("", one) | (one, "") => one.to_owned(),
        (zh, en) if zh == en => zh.to_owned(),
        (zh, en) => format!("{zh} {en}"),
    };
    words.chars().take(MAX_CAPTION).collect()
}

fn encode((canvas, (width, height)): (Canvas, (u32, u32)), quality: u8) -> Result<Picture, PictureError> {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, quality).encode(
        &canvas.into_pixels(),
        side(width),
        side(height),
        ColorType::Rgb,
    )?;
    Ok(Picture { digest: Digest::of(&jpeg), jpeg: jpeg.into() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use easysight_capture::{ClipInfo, DecoderEvidence, Frame, SampleRange};
    use easysight_protocol::{Region, Status};

    use super::*;

    /// Returns a grey clip whose frames have these luma values.
    fn clip(size: (u32, u32), lumas: &[u8]) -> Clip {
        let frames = lumas.iter().enumerate().map(|(at, luma)| {
            let (luma_len, all) = ((size.0 * size.1) as usize, Frame::bytes_of(size).unwrap());
            let samples = [vec![*luma; luma_len], vec![128; all - luma_len]].concat();
            Frame::new(Duration::from_millis(40 * at as u64), true, size, &samples.into()).unwrap()
        });
        let info = ClipInfo {
            width: size.0,
            height: size.1,
            range: SampleRange::Full,
            frame_rate: None,
            codec: None,
            clock: None,
            live: false,
        };
        Clip::new(info, DecoderEvidence::default(), frames.collect()).unwrap()
    }

    fn found(id: &str, status: Status) -> Finding {
        Finding { status: Some(status), ..Finding::blank(id) }
    }

    /// Returns the width and height of a baseline JPEG, from its frame header.
    fn size_of(jpeg: &[u8]) -> (u32, u32) {
        assert!(jpeg.starts_with(&[0xFF, 0xD8, 0xFF]) && jpeg.ends_with(&[0xFF, 0xD9]));
        let at = jpeg.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        let side = |at: usize| u32::from(u16::from_be_bytes([jpeg[at], jpeg[at + 1]]));
        (side(at + 7), side(at + 5))
    }

    #[test]
    fn what_is_not_normal_has_a_picture_and_a_small_one() {
        let clip = clip((1920, 1080), &[90, 90, 90]);
        let region = Region {
            left: 0.25,
            top: 0.25,
            width: 0.5,
            height: 0.5,
            caption: Text { zh: "遮挡".into(), en: "covered".into() },
        };
        let mut findings = [found("occlusion", Status::Error), found("noise", Status::Normal)];
        let plain = evidence(&clip, &findings).unwrap().unwrap();
        findings[0].regions = vec![region];
        let marked = evidence(&clip, &findings).unwrap().unwrap();
        assert_eq!(size_of(&marked.picture.jpeg), (960, 540));
        assert_eq!(size_of(&marked.thumbnail.jpeg), (240, 135));
        assert!(marked.thumbnail.jpeg.len() < marked.picture.jpeg.len());
        assert_ne!(marked.picture, plain.picture);
        assert_eq!(marked.picture.digest, Digest::of(&marked.picture.jpeg));
        assert_eq!(marked.evidence().picture, marked.picture.digest.to_string());
        // The same findings make the same picture, so it is stored only once.
        assert_eq!(evidence(&clip, &findings).unwrap().unwrap(), marked);
    }

    #[test]
    fn all_that_is_well_has_a_good_picture_and_no_evidence() {
        let clip = clip((640, 360), &[90]);
        let fine = [found("occlusion", Status::Normal)];
        assert_eq!(evidence(&clip, &fine).unwrap(), None);
        assert_eq!(size_of(&good_picture(&clip, &fine).unwrap().unwrap().jpeg), (640, 360));
        assert_eq!(good_picture(&clip, &[found("occlusion", Status::Warning)]).unwrap(), None);
        assert_eq!(good_picture(&clip, &[Finding::blank("occlusion")]).unwrap(), None);
    }

    #[test]
    fn the_frame_that_shows_it_is_chosen() {
        let clip = clip((64, 64), &[90, 91, 200, 90, 16]);
        let of = |id: &str| decisive_frame(&clip, &[found(id, Status::Error)]).unwrap();
        assert_eq!(of("signal_loss"), 4);
        assert_eq!(of("flower_screen"), 3);
        assert_eq!(of("brightness"), 2);
    }

    #[test]
    fn a_picture_of_any_size_can_be_drawn() {
        for size in [(1, 1), (3, 2), (63, 41), (4000, 16), (16, 4000)] {
            let clip = clip(size, &[50, 60]);
            let seen = evidence(&clip, &[found("flower_screen", Status::Critical)]).unwrap().unwrap();
            assert_eq!(
                size_of(&seen.thumbnail.jpeg).0,
                clip.size(PlaneKind::Luma, level_within(&clip, 320)).unwrap().0
            );
        }
    }
}
