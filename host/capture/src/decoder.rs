//! The ffmpeg command line. It determines what ffmpeg may open, how ffmpeg picks frames, and what ffmpeg reports about
//! these frames.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use url::Url;

use crate::{
    frame::MAX_PIXELS,
    request::{ClipRequest, SLACK, Stretch},
    source::{Source, SourceKind},
};

/// The formats that a file or an HTTP answer may have: containers and elementary streams. Playlists, scripts and
/// device names are not allowed: they would make ffmpeg open other files and addresses on behalf of a person who
/// uploads such a file, or of an attacker who controls a camera.
const FORMATS: &str = "mov,matroska,avi,flv,live_flv,mpegts,mpeg,mpegvideo,h264,hevc,av1,obu,ivf,m4v,\
asf,ogg,mxf,rm,nut,dhav,dv,vc1,wtv,yuv4mpegpipe,mjpeg,mpjpeg,mjpeg_2000,apng,gif";

/// The demuxer of a single JPEG.
pub(crate) const JPEG: &str = "jpeg_pipe";
const TIFF: &str = "tiff_pipe";

/// Picture formats: the bytes that identify a format, the position of these bytes, and the demuxer. The demuxer is
/// named explicitly, because ffmpeg's guess from the file name treats `%d` as the pattern of a series.
const PICTURES: &[(&[u8], usize, &str)] = &[
    (b"\xFF\xD8\xFF", 0, JPEG),
    (b"\x89PNG\r\n\x1A\n", 0, "png_pipe"),
    (b"BM", 0, "bmp_pipe"),
    (b"WEBP", 8, "webp_pipe"),
    (b"II*\0", 0, TIFF),
    (b"MM\0*", 0, TIFF),
    (b"P5\n", 0, "pgm_pipe"),
    (b"P6\n", 0, "ppm_pipe"),
    (b"\xFF\x4F\xFF\x51", 0, "j2k_pipe"),
    (b"\0\0\0\x0CjP  ", 0, "j2k_pipe"),
];
/// The further formats of an HLS stream: the playlist itself, sound and subtitles. Sound and subtitles are not
/// used, but without their formats ffmpeg does not open the stream.
const SEGMENTS: &str = "hls,aac,ac3,eac3,mp3,webvtt";
/// The filters that convert frames to 8-bit planes, and write a line about each frame to the log.
const PLANAR: &str = "format=yuv420p|yuvj420p,showinfo=checksum=0";
/// The number of bytes that [`picture_format`] examines.
pub(crate) const HEAD_BYTES: usize = 16;

/// Returns the demuxer of a picture that begins with these bytes. None if the bytes do not begin a picture.
pub(crate) fn picture_format(head: &[u8]) -> Option<&'static str> {
    PICTURES
        .iter()
        .find(|(magic, at, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        .map(|(_, _, format)| *format)
}

/// Returns whether an HTTP address names a playlist. ffmpeg opens every address that a playlist contains. A
/// playlist is therefore read only if the address itself ends in `.m3u8`: the person who wrote that address trusts
/// the server.
pub(crate) fn is_playlist(url: &Url) -> bool {
    url.path().to_ascii_lowercase().ends_with(".m3u8")
}

/// Returns the arguments of a process that reads pictures from its input, and decodes each picture once: ffmpeg
/// does not probe the stream first. The lowest bit of a picture's timestamp is 1 if the clip needs the frame. It is 0
/// for a picture that is decoded only because other pictures are predicted from it.
pub(crate) fn fed_arguments() -> Vec<OsString> {
    let mut args = beginning();
    let mut add = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    add(&["-protocol_whitelist", "pipe", "-f", "matroska", "-probesize", "32", "-nofind_stream_info"]);
    add(&["-copyts", "-i", "pipe:0"]);
    end(&mut args, &format!("select='mod(pts,2)',{PLANAR}"));
    args
}

/// Returns the arguments of a process that reads a picture or a container of this format from its input. Only a
/// picture has a `length`, in bytes.
pub(crate) fn piped_arguments(format: &str, length: Option<usize>, request: &ClipRequest) -> Vec<OsString> {
    let mut args = beginning();
    args.extend(["-protocol_whitelist", "pipe", "-f", format].map(Into::into));
    args.extend(in_one_piece(format, length));
    args.extend(shown_as_recorded(format).iter().map(Into::into));
    args.extend(["-i", "pipe:0"].map(Into::into));
    end(&mut args, &filters(request));
    args
}

/// Returns the options with which ffmpeg ignores edit lists. Editing programs use these lists to hide the frames
/// before a cut, sometimes including the keyframe that all other frames need.
fn shown_as_recorded(format: &str) -> &'static [&'static str] {
    if format == "mov" { &["-ignore_editlist", "1"] } else { &[] }
}

/// Returns the option with the length of a TIFF in a pipe, because ffmpeg does not find the end of a TIFF.
fn in_one_piece(format: &str, length: Option<usize>) -> Vec<OsString> {
    let length = length.filter(|_| format == TIFF);
    length.map_or_else(Vec::new, |length| vec!["-frame_size".into(), length.to_string().into()])
}

/// Returns the arguments of a process that opens `address` in place of the source's own address.
pub(crate) fn arguments(
    source: &Source,
    address: &OsStr,
    format: Option<&str>,
    request: &ClipRequest,
    connect_timeout: Duration,
) -> Vec<OsString> {
    let mut args = beginning();
    let mut add = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    let timeout = connect_timeout.as_micros().to_string();
    match (source, source.kind()) {
        (Source::Remote(_), SourceKind::Rtsp) => {
            add(&["-protocol_whitelist", "tcp,tls", "-f", "rtsp"]);
            add(&["-rtsp_transport", "tcp", "-allowed_media_types", "video", "-timeout", &timeout]);
        }
        (Source::Remote(url), _) => {
            add(&["-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto", "-rw_timeout", &timeout]);
            if is_playlist(url) {
                add(&["-f", "hls", "-format_whitelist", &format!("{FORMATS},{SEGMENTS}")]);
            } else {
                let pictures: String = PICTURES.iter().map(|(_, _, format)| format!(",{format}")).collect();
                add(&["-format_whitelist", &format!("{FORMATS}{pictures}")]);
            }
        }
        (Source::File(_), _) => {
            add(&["-protocol_whitelist", "file"]);
            match format {
                Some(format) => {
                    add(&["-f", format]);
                    add(shown_as_recorded(format));
                }
                None => add(&["-format_whitelist", FORMATS]),
            }
        }
    }
    add(&["-i"]);
    args.push(address.into());
    end(&mut args, &filters(request));
    args
}

/// Returns the beginning of every command line.
fn beginning() -> Vec<OsString> {
    // Every line of the log has its level, repeated lines are not collapsed, and no progress is printed.
    let mut args: Vec<OsString> =
        ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info"].map(Into::into).into();
    args.extend(["-threads", "1", "-noautorotate", "-max_pixels"].map(Into::into));
    args.push(MAX_PIXELS.to_string().into());
    args
}

/// Adds the end of every command line: ffmpeg writes the samples of the first video stream, after these filters.
fn end(args: &mut Vec<OsString>, filters: &str) {
    args.extend(
        ["-map", "0:V:0", "-an", "-sn", "-dn", "-filter_threads", "1", "-vf", filters].map(Into::into),
    );
    args.extend(["-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"].map(Into::into));
}

/// Adds the protocol to a path, so that no name is mistaken for an option or another protocol.
pub(crate) fn file_address(path: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(path);
    address
}

/// Makes the filters that keep at least the requested frames. Frames are counted and timed from the first keyframe
/// on, where the clip begins. The reader drops surplus frames. A frame that is not kept is neither converted nor
/// sent; it is decoded only because other frames are predicted from it.
fn filters(request: &ClipRequest) -> String {
    let stretches = request.stretches();
    if stretches.last().is_none_or(|longest| longest.slot().is_zero()) {
        return PLANAR.to_owned();
    }
    let wanted: String = stretches.iter().map(|one| format!("+{}", wanted(one))).collect();
    // The variables of the expression: 0 is the time of the first keyframe. 1 is true from the first keyframe on. 2 is
    // the number of frames kept before the first keyframe. 3 is true if the last kept frame is a keyframe. 4 is true
    // if this frame is kept.
    format!(
        "select='if(key*not(ld(1)),st(1,1);st(0,t);st(2,selected_n));\
         st(4,isnan(prev_selected_t)+key*not(ld(3)){wanted});\
         if(ld(4),st(3,key));ld(4)',{PLANAR}"
    )
}

/// Returns the expression that is true for the frames of a stretch: the first frame of each slot, while the
/// stretch runs. Stretches and slots are explained in `request.rs`.
fn wanted(stretch: &Stretch) -> String {
    let slot = stretch.slot().as_secs_f64();
    // The last frame may be the first frame of a slot that begins after the span.
    let end = stretch.span.as_secs_f64() + slot;
    let runs = format!("(lt(prev_t-ld(0),{end:.6})+lt(selected_n-ld(2),{}))", stretch.min_frames);
    if slot == 0.0 {
        return runs;
    }
    let slot_of = |time: &str| format!("floor(({time}-ld(0)+{:.6})/{slot:.6})", SLACK.as_secs_f64());
    format!("{runs}*not(eq({},{}))", slot_of("t"), slot_of("prev_t"))
}
