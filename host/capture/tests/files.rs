//! Files: containers, still pictures, and files that are neither.

#![cfg(test)]

mod media;

use std::{fs, time::Duration};

use easysight_capture::{CaptureConfig, Capturer, ClipRequest, PlaneKind, SampleRange, Source, Stretch};
use media::{IN_FULL, STILL, STRETCH, capture, config, failure, h264, has_ffmpeg, make};

#[tokio::test]
async fn a_stretch_of_a_recording_has_the_frames_that_were_asked_for() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let clip = capture(&Source::File(h264(dir.path(), "a.mp4", 6)), STRETCH).await.unwrap();
    let info = clip.info();
    assert_eq!((info.width, info.height, info.live), (320, 180, false));
    assert_eq!(info.codec.as_deref(), Some("h264"));
    assert_eq!(info.frame_rate, Some(25.0));
    let frames = clip.frames();
    assert!(frames[0].keyframe && frames[0].timestamp.is_zero());
    assert_eq!(frames.iter().filter(|frame| frame.keyframe).count(), 2);
    let last = frames.last().unwrap().timestamp;
    assert!(last >= Duration::from_secs(3) && last < Duration::from_millis(3_300), "{last:?}");
    assert!((15..=18).contains(&frames.len()), "{}", frames.len());
}

#[tokio::test]
async fn every_frame_comes_where_no_interval_is_asked_for() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let every = Stretch { min_frames: 25, interval: Duration::ZERO, span: Duration::from_millis(900) };
    let clip = capture(&Source::File(h264(dir.path(), "a.mp4", 3)), every).await.unwrap();
    assert_eq!(clip.frames().len(), 25);
}

#[tokio::test]
async fn a_second_in_full_and_three_seconds_of_pictures_are_just_that() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let keyframes_alone = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -c:v mjpeg";
    let files = [h264(dir.path(), "a.mp4", 6), make(dir.path(), "b.avi", keyframes_alone)];
    for file in files {
        let request = ClipRequest::from(STRETCH).merge(IN_FULL.into());
        let clip = capture(&Source::File(file.clone()), request).await.unwrap();
        let at: Vec<_> = clip.frames().iter().map(|frame| frame.timestamp.as_millis()).collect();
        let (full, pictures) = at.split_at(26);
        assert_eq!(full, (0..=25).map(|n| 40 * n).collect::<Vec<_>>(), "{file:?}");
        assert_eq!(pictures, (6..=15).map(|n| 200 * n).collect::<Vec<_>>(), "{file:?}");
    }
}

#[tokio::test]
async fn a_slow_source_is_seen_until_there_are_frames_enough() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let slow = "-f lavfi -i testsrc2=size=320x180:rate=10:duration=6 -c:v libx264 -preset ultrafast -g 20";
    let file = make(dir.path(), "a.mp4", slow);
    let clip = capture(&Source::File(file), ClipRequest::from(STRETCH).merge(IN_FULL.into())).await.unwrap();
    let at: Vec<_> = clip.frames().iter().map(|frame| frame.timestamp.as_millis()).collect();
    // Twenty-five frames take 2.4 seconds here. For the rest of the three seconds, only one frame per slot is
    // kept.
    assert_eq!(at, (0..25).map(|n| 100 * n).chain([2_600, 2_800, 3_000]).collect::<Vec<_>>());
}

#[tokio::test]
async fn containers_and_codecs_of_all_sorts_are_read() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=size=322x182:rate=10:duration=4";
    for (name, codec, word) in [
        ("a.mkv", "-c:v libx264 -preset ultrafast", "h264"),
        ("a.ts", "-c:v mpeg2video", "mpeg2video"),
        ("a.avi", "-c:v mjpeg", "mjpeg"),
        ("a.mov", "-c:v mpeg4", "mpeg4"),
        ("a.h264", "-c:v libx264 -preset ultrafast -f h264", "h264"),
        ("a.flv", "-c:v flv1", "flv1"),
    ] {
        let file = make(dir.path(), name, &format!("{source} {codec}"));
        let clip = capture(&Source::File(file), STRETCH).await.unwrap();
        assert_eq!(clip.info().codec.as_deref(), Some(word), "{name}");
        assert_eq!((clip.info().width, clip.info().height), (322, 182), "{name}");
        assert!(clip.frames().last().unwrap().timestamp >= Duration::from_secs(2), "{name}");
    }
}

#[tokio::test]
async fn still_pictures_are_clips_of_one_frame() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i color=c=white:size=63x41,format=rgb24 -frames:v 1";
    for (name, range) in
        [("a.jpg", SampleRange::Full), ("a.png", SampleRange::Limited), ("a.bmp", SampleRange::Limited)]
    {
        let file = make(dir.path(), name, source);
        // Only the first bytes count, not the name.
        let odd = dir.path().join(format!("-i %d;{name}.bin"));
        fs::rename(&file, &odd).unwrap();
        let clip = capture(&Source::File(odd), STRETCH).await.unwrap();
        assert_eq!(clip.frames().len(), 1, "{name}");
        assert_eq!(clip.info().range, range, "{name}");
        assert_eq!(clip.size(PlaneKind::Cb, 0), Some((32, 21)));
        let white = clip.plane(0, PlaneKind::Luma, 0).unwrap()[0];
        assert!(
            if range == SampleRange::Full { white >= 253 } else { (233..=236).contains(&white) },
            "{name}: {white}"
        );
    }
}

#[tokio::test]
async fn what_is_no_recording_is_told_apart() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    assert_eq!(failure(&path("missing.mp4"), STILL).await, "no-such-file");
    assert_eq!(failure(&dir.path().display().to_string(), STILL).await, "file-unreadable");
    fs::write(path("empty.mp4"), "").unwrap();
    assert_eq!(failure(&path("empty.mp4"), STILL).await, "file-unreadable");
    fs::write(path("text.mp4"), "no video at all\n".repeat(100)).unwrap();
    assert_eq!(failure(&path("text.mp4"), STILL).await, "not-media");
    make(dir.path(), "sound.wav", "-f lavfi -i sine=duration=1");
    assert!(["no-video", "not-media"].contains(&failure(&path("sound.wav"), STILL).await));
    make(dir.path(), "sound.mp4", "-f lavfi -i sine=duration=1 -c:a aac");
    assert_eq!(failure(&path("sound.mp4"), STILL).await, "no-video");
}

#[tokio::test]
async fn lists_that_name_other_files_are_not_followed() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let secret = h264(dir.path(), "secret.ts", 1);
    let secret = secret.display();
    for (name, text) in [
        ("list.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")),
        ("list.ffconcat", format!("ffconcat version 1.0\nfile {secret}\n")),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n".into()),
    ] {
        let list = dir.path().join(name);
        fs::write(&list, text).unwrap();
        assert_eq!(failure(&list.display().to_string(), STILL).await, "not-media", "{name}");
    }
}

#[tokio::test]
async fn damage_in_the_stream_is_evidence() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = make(
        dir.path(),
        "a.h264",
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration=4 -c:v libx264 -preset ultrafast -g 25 -f h264",
    );
    let whole = capture(&Source::File(file.clone()), STRETCH).await.unwrap();
    assert_eq!(whole.evidence().corrupt_frames + whole.evidence().concealed_blocks, 0);
    let mut bytes = fs::read(&file).unwrap();
    for at in (4_000..bytes.len()).step_by(3_001) {
        bytes[at] ^= 0xA5;
    }
    fs::write(&file, bytes).unwrap();
    let damaged = capture(&Source::File(file), STRETCH).await.unwrap();
    let evidence = damaged.evidence();
    assert!(evidence.concealed_blocks > 0, "{evidence:?}");
    assert!(!evidence.lines.is_empty() && evidence.lines.len() <= 20);
}

#[tokio::test]
async fn damage_is_evidence_whatever_the_decoder_calls_it() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=4";
    for (name, codec) in [
        ("a.hevc", "-c:v libx265 -preset ultrafast -g 25 -x265-params log-level=none -f hevc"),
        ("a.mjpeg", "-c:v mjpeg -f mjpeg"),
        ("a.m4v", "-c:v mpeg4 -g 25 -f m4v"),
    ] {
        let file = make(dir.path(), name, &format!("{source} {codec}"));
        let whole = capture(&Source::File(file.clone()), STRETCH).await.unwrap();
        assert_eq!(whole.evidence().corrupt_frames, 0, "{name}");
        let mut bytes = fs::read(&file).unwrap();
        for at in (4_000..bytes.len()).step_by(9_001) {
            bytes[at] ^= 0xA5;
        }
        fs::write(&file, bytes).unwrap();
        let damaged = capture(&Source::File(file), STRETCH).await.unwrap();
        assert!(damaged.evidence().corrupt_frames > 0, "{name}: {:?}", damaged.evidence());
    }
}

#[tokio::test]
async fn a_recording_that_begins_in_the_middle_is_not_thereby_damaged() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for codec in ["libx264", "libx265 -x265-params log-level=none"] {
        let source = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=8 -g 50 -preset ultrafast";
        let file = make(dir.path(), "a.ts", &format!("{source} -c:v {codec}"));
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[188 * (bytes.len() / 188 / 16)..]).unwrap();
        let clip = capture(&Source::File(file), STRETCH).await.unwrap();
        assert_eq!(clip.evidence().corrupt_frames, 0, "{codec}: {:?}", clip.evidence());
    }
}

#[tokio::test]
async fn a_stream_that_never_decodes_is_told_so() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = h264(dir.path(), "a.mp4", 2);
    let mut bytes = fs::read(&file).unwrap();
    // All samples are erased, but not the tables that describe them.
    let data = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    let end = bytes.windows(4).position(|four| four == b"moov").unwrap() - 4;
    bytes[data..end].fill(0);
    fs::write(&file, bytes).unwrap();
    assert_eq!(failure(&file.display().to_string(), STRETCH).await, "nothing-decodes");
}

/// Returns a PNG of a few hundred bytes that declares 400 million pixels.
fn huge_png() -> Vec<u8> {
    let size = 20_000_u32.to_be_bytes();
    // Eight bits of grey, not interlaced. The data begin correctly and continue as zeros.
    let header = [&size[..], &size, &[8, 0, 0, 0, 0]].concat();
    let data = [&[0x78, 0x9c, 0xed, 0xc1][..], &[0; 200]].concat();
    let chunk = |name: &[u8], body: &[u8]| {
        let named = [name, body].concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        // The CRC-32 of PNG.
        let crc = named.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        });
        [&length[..], &named, &(!crc).to_be_bytes()].concat()
    };
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &data), chunk(b"IEND", b"")]
        .concat()
}

#[tokio::test]
async fn a_picture_too_large_is_refused_and_a_long_clip_is_cut() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bomb = dir.path().join("bomb.png");
    fs::write(&bomb, huge_png()).unwrap();
    let kind = failure(&bomb.display().to_string(), STILL).await;
    assert!(["too-large", "nothing-decodes"].contains(&kind), "{kind}");

    let file = Source::File(h264(dir.path(), "a.mp4", 4));
    let frame = 320 * 180 * 3 / 2;
    let small = Capturer::new(CaptureConfig { max_bytes: 6 * frame, ..config() });
    let clip = small.capture(&file, &STRETCH.into()).await.unwrap();
    assert_eq!((clip.frames().len(), clip.decoded_bytes()), (6, 6 * frame));
    let tiny = Capturer::new(CaptureConfig { max_bytes: frame - 1, ..config() });
    assert_eq!(tiny.capture(&file, &STRETCH.into()).await.unwrap_err().kind.code(), "too-large");
}

#[tokio::test]
async fn without_ffmpeg_the_person_is_told_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    fs::write(&file, "x").unwrap();
    let capturer = Capturer::new(CaptureConfig { ffmpeg: "no-such-ffmpeg".into(), ..config() });
    let error = capturer.capture(&Source::File(file), &STILL.into()).await.unwrap_err();
    assert_eq!(error.kind.code(), "ffmpeg-missing");
    assert!(!error.is_camera_fault());
    assert!(error.to_string().contains("install"));
}

#[tokio::test]
async fn a_cut_that_hides_the_keyframe_hides_no_picture() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let whole = h264(dir.path(), "a.mp4", 4);
    // The cut is after the keyframe. An edit list tells players to show nothing before the cut.
    let cut = make(dir.path(), "b.mp4", &format!("-ss 0.5 -i {} -c copy", whole.display()));
    assert!(fs::read(&cut).unwrap().windows(4).any(|four| four == b"elst"));
    let clip = capture(&Source::File(cut), STRETCH).await.unwrap();
    assert!(clip.frames()[0].keyframe && clip.frames().last().unwrap().timestamp >= Duration::from_secs(3));
    assert_eq!(clip.evidence().corrupt_frames, 0);
}
